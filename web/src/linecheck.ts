/** The line to our own server, measured: time there and back, room both ways, and whether the relay answers. */

import { type IceServer } from "./messages";

export type Verdict = "good" | "fair" | "voice";

export interface LineFigures {
  readonly rttMs: number;
  readonly downBitsPerSecond: number;
  readonly upBitsPerSecond: number;
  /** null: no relay is configured, nothing to try. */
  readonly relay: boolean | null;
}

const ECHOES = 8;
const UP_BYTES = 256 * 1024;
const CHUNK_BYTES = 16 * 1024;
const RELAY_MS = 5000;
const LIMIT_MS = 20_000;

/** Three words for a line. What counts is the narrower way: a doctor must be heard as well as hear. */
export function verdict({ rttMs, downBitsPerSecond, upBitsPerSecond }: LineFigures): Verdict {
  const narrow = Math.min(downBitsPerSecond, upBitsPerSecond);
  if (narrow >= 1_500_000 && rttMs <= 200) return "good";
  return narrow >= 300_000 && rttMs <= 600 ? "fair" : "voice";
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The frames of a socket, one `await` each. */
class Frames {
  private readonly waiting: ((event: MessageEvent | null) => void)[] = [];
  private readonly come: (MessageEvent | null)[] = [];

  constructor(readonly socket: WebSocket) {
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this.push(event);
    socket.onclose = () => this.push(null);
  }

  private push(event: MessageEvent | null): void {
    const next = this.waiting.shift();
    if (next) next(event);
    else this.come.push(event);
  }

  async next(): Promise<unknown> {
    const event = this.come.length
      ? this.come.shift()
      : await new Promise<MessageEvent | null>((done) => this.waiting.push(done));
    if (!event) throw new Error("closed");
    return event.data as unknown;
  }

  async word(): Promise<Record<string, unknown>> {
    for (;;) {
      const data = await this.next();
      if (typeof data === "string") return JSON.parse(data) as Record<string, unknown>;
    }
  }

  say(t: string): void {
    this.socket.send(JSON.stringify({ t }));
  }
}

/** Measure through the socket at `url`. Rejects where the server is not reached. */
export async function measureLine(url: string): Promise<LineFigures> {
  const socket = new WebSocket(url, "hoichan.check.v1");
  const limit = setTimeout(() => socket.close(), LIMIT_MS);
  try {
    const frames = new Frames(socket);
    const ready = await frames.word();
    const relay = tryRelay((ready.ice_servers ?? []) as IceServer[]);
    const rttMs = await measureEcho(frames);
    const downBitsPerSecond = await measureDown(frames);
    const upBitsPerSecond = await measureUp(frames);
    return { rttMs, downBitsPerSecond, upBitsPerSecond, relay: await relay };
  } finally {
    clearTimeout(limit);
    socket.close();
  }
}

async function measureEcho(frames: Frames): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < ECHOES; n += 1) {
    const begun = performance.now();
    frames.say("echo");
    await frames.word();
    times.push(performance.now() - begun);
  }
  return median(times);
}

async function measureDown(frames: Frames): Promise<number> {
  const begun = performance.now();
  frames.say("down");
  const { bytes } = await frames.word();
  return (Number(bytes) * 8000) / Math.max(1, performance.now() - begun);
}

async function measureUp(frames: Frames): Promise<number> {
  const chunk = crypto.getRandomValues(new Uint8Array(CHUNK_BYTES));
  const begun = performance.now();
  for (let sent = 0; sent < UP_BYTES; sent += CHUNK_BYTES) frames.socket.send(chunk);
  frames.say("up-done");
  const { bytes } = await frames.word();
  return (Number(bytes) * 8000) / Math.max(1, performance.now() - begun);
}

/** Does the relay give us an address? */
async function tryRelay(servers: readonly IceServer[]): Promise<boolean | null> {
  const relays = servers.filter(({ urls }) => urls.some((url) => url.startsWith("turn")));
  if (!relays.length) return null;
  const iceServers = relays.map(({ urls, username, credential }) => ({
    urls: [...urls],
    username: username ?? "",
    credential: credential ?? "",
  }));
  const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
  try {
    return await new Promise<boolean>((done) => {
      const timer = setTimeout(() => done(false), RELAY_MS);
      pc.onicecandidate = ({ candidate }) => {
        if (candidate?.type !== "relay") return;
        clearTimeout(timer);
        done(true);
      };
      pc.createDataChannel("check");
      void pc.setLocalDescription();
    });
  } finally {
    pc.close();
  }
}
