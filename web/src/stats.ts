/** What getStats says, in the few numbers that we use. */

import type { Sample } from "./ladder";

export interface Summary extends Sample {
  readonly atMs: number;
  readonly framesDecoded: number;
  readonly framesPerSecond: number;
  readonly packetsHeard: number;
  /** 0 to 1, of the remote voice now. */
  readonly level: number;
  /** Share of the voice that had to be made up in the last second. */
  readonly concealed: number;
  readonly bitsPerSecondIn: number;
  readonly bitsPerSecondOut: number;
  readonly localKind: string;
  readonly remoteKind: string;
  readonly totals: Totals;
}

interface Totals {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly samples: number;
  readonly concealedSamples: number;
}

type Row = Readonly<Record<string, unknown>>;

function numberOf(row: Row | undefined, name: string): number {
  const value = row?.[name];
  return typeof value === "number" ? value : 0;
}

function wordOf(row: Row | undefined, name: string): string {
  const value = row?.[name];
  return typeof value === "string" ? value : "";
}

/** Read one connection; `before` is its last summary, for what is counted by the second. */
export async function loadSummary(pc: RTCPeerConnection, before: Summary | null): Promise<Summary> {
  const report = await pc.getStats();
  const rows: Row[] = [];
  report.forEach((row: unknown) => rows.push(row as Row));
  return summarise(rows, before, Date.now());
}

export function summarise(rows: readonly Row[], before: Summary | null, atMs: number): Summary {
  const find = (type: string, kind?: string) =>
    rows.find((row) => row.type === type && (kind === undefined || row.kind === kind));
  const byId = (id: unknown) => rows.find((row) => row.id === id);
  const transport = find("transport");
  const pair = byId(transport?.selectedCandidatePairId) ?? rows.find((row) => row.nominated === true);
  const video = find("inbound-rtp", "video");
  const audio = find("inbound-rtp", "audio");
  const remote = rows.filter((row) => row.type === "remote-inbound-rtp");
  const totals: Totals = {
    bytesIn: numberOf(pair, "bytesReceived"),
    bytesOut: numberOf(pair, "bytesSent"),
    samples: numberOf(audio, "totalSamplesReceived"),
    concealedSamples: numberOf(audio, "concealedSamples") - numberOf(audio, "silentConcealedSamples"),
  };
  const seconds = before ? Math.max(0.001, (atMs - before.atMs) / 1000) : 1;
  const was = before?.totals ?? totals;
  const heard = totals.samples - was.samples;
  const available = pair?.availableOutgoingBitrate;
  return {
    atMs,
    totals,
    lossOut: remote.length ? Math.max(...remote.map((row) => numberOf(row, "fractionLost"))) : null,
    rttMs: pair?.currentRoundTripTime === undefined ? null : numberOf(pair, "currentRoundTripTime") * 1000,
    availableBitsPerSecond: typeof available === "number" ? available : null,
    framesDecoded: numberOf(video, "framesDecoded"),
    framesPerSecond: numberOf(video, "framesPerSecond"),
    packetsHeard: numberOf(audio, "packetsReceived"),
    level: numberOf(audio, "audioLevel"),
    concealed: heard > 0 ? Math.max(0, (totals.concealedSamples - was.concealedSamples) / heard) : 0,
    bitsPerSecondIn: ((totals.bytesIn - was.bytesIn) * 8) / seconds,
    bitsPerSecondOut: ((totals.bytesOut - was.bytesOut) * 8) / seconds,
    localKind: wordOf(byId(pair?.localCandidateId), "candidateType"),
    remoteKind: wordOf(byId(pair?.remoteCandidateId), "candidateType"),
  };
}
