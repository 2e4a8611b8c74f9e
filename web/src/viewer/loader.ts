/**
 * Frames by demand: the one that is shown first, then its neighbours, and no more than memory has room for.
 *
 * The shown frame is drawn from its prefix while the rest is on the way; on a slow line neighbours are fetched
 * as prefixes first. What is no longer wanted is given up.
 */

import { Decoders } from "./decoders";
import { Line } from "./line";
import { get } from "./manifest";
import { bytesOf } from "./pixels";
import type { CodedFacts, DecodedFrame } from "./pixels";
import type { Slice } from "./stack";

const MEMORY_BYTES = 150 * 2 ** 20;
const PREFETCHES = 3; // a browser opens six connections to a server; the others are for the shown frame and the call
const SLOW_FRAME_MS = 250;
const PREVIEW_AFTER_MS = 100;
const PREVIEW_LEVEL = 2;
const AHEAD_FULL_SLOW = 4;

/** One frame on its way. */
interface Job {
  readonly slice: Slice;
  readonly level: number;
  readonly abort: AbortController;
  /** From when on a prefix is drawn, in performance.now() time. */
  previewAt: number;
  done: Promise<void>;
}

type Listener = (slice: Slice, frame: DecodedFrame) => void;

export class Loader {
  private readonly decoders = new Decoders();
  private readonly line = new Line();
  private readonly kept = new Map<string, DecodedFrame>();
  private readonly jobs = new Map<string, Job>();
  private keptBytes = 0;
  private frameBytes = 150_000;
  private shown: Job | null = null;
  private wanted: readonly Slice[] = [];

  /** `onFrame` hears of every frame that is decoded, in whatever resolution. */
  constructor(
    private readonly root: string,
    private readonly study: () => number,
    private readonly onFrame: Listener,
  ) {}

  /** The best that is there of a slice now. */
  best(slice: Slice): DecodedFrame | null {
    const frame = this.kept.get(slice.key);
    if (!frame) return null;
    this.kept.delete(slice.key);
    this.kept.set(slice.key, frame); // used last: goes last
    return frame;
  }

  /** The same without counting as use. */
  peek(slice: Slice): DecodedFrame | null {
    return this.kept.get(slice.key) ?? null;
  }

  isFull(slice: Slice): boolean {
    return this.kept.get(slice.key)?.level === 0;
  }

  /** Load the slice in full. Rejects with NotLoaded, NotDecoded or AbortError. */
  async show(slice: Slice, neighbours: readonly Slice[]): Promise<void> {
    this.wanted = neighbours;
    const keys = new Set([slice.key, ...neighbours.map(({ key }) => key)]);
    for (const job of this.jobs.values()) {
      if (!keys.has(job.slice.key) || (job === this.shown && job.slice.key !== slice.key)) job.abort.abort();
    }
    this.shown = null;
    if (!this.isFull(slice)) {
      const job = this.jobNow(slice);
      this.shown = job;
      try {
        await job.done;
      } finally {
        if (this.shown === job) this.shown = null;
      }
    }
    this.prefetch();
  }

  close(): void {
    this.wanted = [];
    for (const { abort } of this.jobs.values()) abort.abort();
    this.decoders.close();
    this.kept.clear();
  }

  /** The slice in full, at once; what is already on its way as a neighbour is made the first. */
  private jobNow(slice: Slice): Job {
    const previewAt = performance.now() + PREVIEW_AFTER_MS;
    const known = this.jobs.get(slice.key);
    if (known?.level === 0 && !known.abort.signal.aborted) {
      known.previewAt = Math.min(known.previewAt, previewAt);
      return known;
    }
    known?.abort.abort();
    return this.start(slice, 0, previewAt);
  }

  private start(slice: Slice, level: number, previewAt = Infinity): Job {
    const job: Job = { slice, level, abort: new AbortController(), previewAt, done: Promise.resolve() };
    this.jobs.set(slice.key, job);
    job.done = this.load(job).finally(() => {
      if (this.jobs.get(slice.key) === job) this.jobs.delete(slice.key);
    });
    return job;
  }

  private prefetch(): void {
    while (this.jobs.size < PREFETCHES && !this.shown) {
      const next = this.next();
      if (!next) return;
      const job = this.start(next.slice, next.level);
      job.done
        .catch(() => {
          // A neighbour that does not come is asked for again when it is shown, and the reader is told then.
          if (!job.abort.signal.aborted) this.wanted = this.wanted.filter(({ key }) => key !== next.slice.key);
        })
        .finally(() => this.prefetch());
    }
  }

  /** Nearest first. Slow line: prefixes of all before the whole of most. */
  private next(): { slice: Slice; level: number } | null {
    const room = Math.floor(MEMORY_BYTES / Math.max(1, this.averageBytes())) - 2;
    const near = this.wanted.slice(0, Math.max(4, room)).filter(({ key }) => !this.jobs.has(key));
    const isSlow = (this.line.msFor(this.frameBytes) ?? 0) > SLOW_FRAME_MS;
    if (isSlow) {
      const unseen = near.find(({ key }) => !this.kept.has(key));
      const soon = near.slice(0, AHEAD_FULL_SLOW).find((slice) => !this.isFull(slice));
      if (unseen) return { slice: unseen, level: PREVIEW_LEVEL };
      if (soon) return { slice: soon, level: 0 };
    }
    const slice = near.find((candidate) => !this.isFull(candidate));
    return slice ? { slice, level: 0 } : null;
  }

  private async load(job: Job): Promise<void> {
    const { image, frame } = job.slice;
    const query = job.level > 0 ? `?level=${job.level}` : "";
    const url = `${this.root}/studies/${this.study()}/instances/${image.instance}/frames/${frame}${query}`;
    const response = await get(url, job.abort.signal);
    const beganAt = performance.now(); // how long the server took to begin says nothing of the line
    const facts = JSON.parse(response.headers.get("Frame-Facts") ?? "{}") as CodedFacts;
    const media = response.headers.get("Content-Type") ?? "";
    const bytes = await readAll(
      response,
      previewer(job, facts, (prefix, level) => {
        void this.decode(job.slice, media, prefix, facts, level).catch(() => undefined);
      }),
    );
    this.line.arrived(bytes.byteLength, performance.now() - beganAt);
    const level = Math.min(job.level, facts.cuts.length - 1);
    if (level === 0) this.frameBytes = 0.7 * this.frameBytes + 0.3 * bytes.byteLength;
    await this.decode(job.slice, media, bytes, facts, level);
  }

  private async decode(slice: Slice, media: string, bytes: ArrayBuffer, facts: CodedFacts, level: number): Promise<void> {
    const { rows, columns, photometric } = slice.image;
    const request = { media, bytes, facts, level, rows, columns, isColour: photometric === "RGB" };
    const frame = await this.decoders.decode(request);
    const known = this.kept.get(slice.key);
    if (known && known.level <= frame.level) return;
    this.keep(slice, frame);
    this.onFrame(slice, frame);
  }

  private keep(slice: Slice, frame: DecodedFrame): void {
    this.drop(slice.key);
    this.kept.set(slice.key, frame);
    this.keptBytes += bytesOf(frame);
    for (const key of this.kept.keys()) {
      if (this.keptBytes <= MEMORY_BYTES || key === slice.key) break;
      this.drop(key);
    }
  }

  private drop(key: string): void {
    const frame = this.kept.get(key);
    if (!frame) return;
    this.kept.delete(key);
    this.keptBytes -= bytesOf(frame);
  }

  private averageBytes(): number {
    return this.kept.size === 0 ? 2 ** 20 : this.keptBytes / this.kept.size;
  }
}

type Preview = (chunks: readonly Uint8Array[], received: number) => void;

/** Hands out the best prefix that is complete, when the frame takes longer than it should. */
function previewer(job: Job, facts: CodedFacts, show: (prefix: ArrayBuffer, level: number) => void): Preview {
  let shown = Infinity;
  return (chunks, received) => {
    if (performance.now() < job.previewAt || facts.cuts.length < 2) return;
    const level = facts.cuts.findIndex((cut, k) => k > 0 && cut <= received);
    if (level < 0 || level >= shown) return;
    shown = level;
    show(joined(chunks, facts.cuts[level] ?? 0), level);
  };
}

async function readAll(response: Response, onProgress: Preview): Promise<ArrayBuffer> {
  if (!response.body) return response.arrayBuffer();
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let received = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks, received);
    chunks.push(value);
    received += value.byteLength;
    onProgress(chunks, received);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): ArrayBuffer {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    if (at >= length) break;
    const part = chunk.subarray(0, length - at);
    all.set(part, at);
    at += part.byteLength;
  }
  return all.buffer;
}
