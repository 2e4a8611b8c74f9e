/** Frames from the shelf or the server: one by one, with what came so far, or many small ones in one answer. */

import { shelf } from "../shelf";
import type { FrameName, Stored } from "../shelf";
import { Records, runsOf, together } from "./joined";
import type { FrameRecord } from "./joined";
import { Line } from "./line";
import { get } from "./manifest";
import type { Coded, CodedFacts } from "./pixels";
import type { Slice } from "./stack";

/** What came of a frame so far. */
export type Progress = (media: string, facts: CodedFacts, pieces: readonly Uint8Array[], received: number) => void;

export class Source {
  readonly line = new Line();

  constructor(private readonly root: string) {}

  /** What lies on the shelf of a frame. */
  async stored(slice: Slice): Promise<Stored | null> {
    return (await (await shelf())?.get(nameOf(slice))) ?? null;
  }

  /** One frame, whole. Rejects with NotLoaded or AbortError. */
  async frame(slice: Slice, signal: AbortSignal, onProgress: Progress = () => undefined): Promise<Coded> {
    const kept = await shelf();
    const url = `${this.root}/studies/${slice.study}/instances/${slice.image.instance}/frames/${slice.frame}`;
    const response = await get(url, signal, kept ? "no-store" : "default");
    const facts = JSON.parse(response.headers.get("Frame-Facts") ?? "{}") as CodedFacts;
    const media = response.headers.get("Content-Type") ?? "";
    const pieces: Uint8Array[] = [];
    const received = await this.read(response, (piece, soFar) => {
      pieces.push(piece);
      onProgress(media, facts, pieces, soFar);
    });
    const coded = { media, facts, bytes: together(pieces, received).buffer };
    void kept?.put(nameOf(slice), coded, 0);
    return coded;
  }

  /**
   * Frames of one series, halved `level` times, as they come. The server may end before the last: those are to
   * be asked for again. Rejects with NotLoaded or AbortError; what came before that stands.
   */
  async joined(slices: readonly Slice[], level: number, signal: AbortSignal, onRecord: (record: FrameRecord) => void): Promise<void> {
    const kept = await shelf();
    const [first] = slices;
    if (!first) return;
    const lacking = kept ? await this.fromShelf(slices, level, onRecord) : slices;
    if (lacking.length === 0 || signal.aborted) return;
    const runs = runsOf(lacking.map(({ place }) => place));
    const url = `${this.root}/studies/${first.study}/series/${first.series}/frames?level=${level}&frames=${runs}`;
    const response = await get(url, signal, kept ? "no-store" : "default");
    const records = new Records();
    await this.read(response, (piece) => {
      for (const record of records.push(piece)) {
        const { instance, frame, coded } = record;
        if (coded) void kept?.put(`${first.study}/${instance}/${frame}`, coded, Math.min(level, coded.facts.cuts.length - 1));
        onRecord(record);
      }
    });
  }

  /** Hand out what the shelf has; gives what it lacks. */
  private async fromShelf(slices: readonly Slice[], level: number, onRecord: (record: FrameRecord) => void): Promise<Slice[]> {
    const found = await Promise.all(slices.map((slice) => this.stored(slice)));
    return slices.filter((slice, i) => {
      const stored = found[i];
      if (!stored || stored.level > level) return true;
      onRecord({ instance: slice.image.instance, frame: slice.frame, coded: stored });
      return false;
    });
  }

  /** Read a body to its end; how long the server took to begin says nothing of the line. */
  private async read(response: Response, onPiece: (piece: Uint8Array, received: number) => void): Promise<number> {
    const beganAt = performance.now();
    let received = 0;
    const take = (piece: Uint8Array): void => {
      received += piece.byteLength;
      onPiece(piece, received);
    };
    if (response.body) {
      const reader = response.body.getReader();
      for (let { done, value } = await reader.read(); !done && value; { done, value } = await reader.read()) take(value);
    } else take(new Uint8Array(await response.arrayBuffer()));
    this.line.arrived(received, performance.now() - beganAt);
    return received;
  }
}

/** How the shelf calls it. */
export function nameOf({ study, image, frame }: Slice): FrameName {
  return `${study}/${image.instance}/${frame}`;
}
