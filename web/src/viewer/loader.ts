/**
 * Frames by demand: those that are shown first, then what `order.ts` puts next, and no more than memory has room
 * for, nor than the call leaves of the line.
 *
 * A shown frame is drawn from its first bytes while the rest is on the way. What is no longer wanted is given up.
 */

import { courtesy } from "../courtesy";
import { Decoders, NotDecoded } from "./decoders";
import { together } from "./joined";
import type { FrameRecord } from "./joined";
import { Kept } from "./kept";
import { NotLoaded } from "./manifest";
import { next, smallLevel } from "./order";
import type { Next } from "./order";
import type { Coded, CodedFacts, DecodedFrame } from "./pixels";
import { Source } from "./source";
import type { Progress } from "./source";
import type { Slice } from "./stack";

const WHOLE_BYTES = 64 * 2 ** 20; // with all else a tab under 400 MB: bench/memory.py
const SMALL_BYTES = 40 * 2 ** 20;
const SLOW_FRAME_MS = 250;
const PREVIEW_AFTER_MS = 100;
const SETTLE_MS = 120; // whoever scrolls on within this time did not stop to look
const BATCH = 64;
const RETRY_MS = 5000;
const SMALL_FRAME_BYTES = 15_000; // before any came

/** One whole frame on its way. */
interface Job {
  readonly slice: Slice;
  readonly abort: AbortController;
  /** From when on its first part is drawn, in performance.now() time. */
  previewAt: number;
  done: Promise<void>;
}

interface Cell {
  readonly slice: Slice;
  wanted: readonly Slice[];
  job: Job | null;
}

interface Batch {
  readonly ids: ReadonlySet<string>;
  readonly abort: AbortController;
}

export type Listener = (slice: Slice, frame: DecodedFrame) => void;

export class Loader {
  private readonly decoders = new Decoders();
  private readonly source: Source;
  private readonly kept = new Kept(WHOLE_BYTES, SMALL_BYTES);
  private readonly cells = new Map<string, Cell>();
  private readonly jobs = new Map<string, Job>();
  private batch: Batch | null = null;
  private readonly decoding = new Set<string>();
  /** Have no smaller form, or cannot be shown: only asked for when they are looked at. */
  private readonly noSmaller = new Set<string>();
  /** Did not come, or cannot be shown: not asked for unasked, the first until `retry`, the others never. */
  private readonly lost = new Set<string>();
  private readonly hopeless = new Set<string>();
  private retry: ReturnType<typeof setTimeout> | undefined;
  private wholeBytes = 150_000;
  private smallBytes = SMALL_FRAME_BYTES;
  private readonly closing = new AbortController();

  /** `onFrame` hears of every frame that is decoded, in whatever resolution. */
  constructor(
    root: string,
    private readonly onFrame: Listener,
  ) {
    this.source = new Source(root);
    courtesy.listen(() => this.heed(), this.closing.signal);
  }

  /** The best that is there of a slice now. */
  best(slice: Slice): DecodedFrame | null {
    return this.kept.best(slice.id);
  }

  /** The same without counting as use. */
  peek(slice: Slice): DecodedFrame | null {
    return this.kept.peek(slice.id);
  }

  isFull(slice: Slice): boolean {
    return this.peek(slice)?.level === 0;
  }

  /**
   * Load the slice in full, for one of the visible cells, and then its neighbours (the others of its stack,
   * nearest first). Rejects with NotLoaded, NotDecoded or AbortError.
   */
  async show(slice: Slice, neighbours: readonly Slice[], cell = ""): Promise<void> {
    const shown: Cell = { slice, wanted: neighbours, job: null };
    this.cells.set(cell, shown);
    this.giveUp();
    if (!this.isFull(slice)) {
      if (this.isSlow && this.peek(slice)) await this.settled(shown, cell);
      shown.job = this.jobNow(slice);
      this.batch?.abort.abort(); // the line is for what is looked at
      try {
        await shown.job.done;
      } finally {
        shown.job = null;
      }
    }
    this.prefetch();
  }

  /** A cell is not visible any more. */
  leave(cell: string): void {
    this.cells.delete(cell);
    this.giveUp();
    this.prefetch();
  }

  close(): void {
    this.closing.abort();
    clearTimeout(this.retry);
    this.cells.clear();
    this.giveUp();
    this.decoders.close();
    this.kept.clear();
  }

  private get isSlow(): boolean {
    return (this.source.line.msFor(this.wholeBytes) ?? 0) > SLOW_FRAME_MS;
  }

  private get isShowing(): boolean {
    return [...this.cells.values()].some(({ job }) => job !== null);
  }

  /** Wait until the reader stays; meanwhile the small picture is there. Rejects with AbortError when he does not. */
  private async settled(shown: Cell, cell: string): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    if (this.cells.get(cell) !== shown) throw new DOMException("scrolled on", "AbortError");
  }

  /** Stop what nobody looks at nor will look at next. */
  private giveUp(): void {
    const cells = [...this.cells.values()];
    const wanted = new Set(cells.flatMap(({ slice, wanted }) => [slice.id, ...wanted.map(({ id }) => id)]));
    const shown = new Set(cells.map(({ slice }) => slice.id));
    for (const job of this.jobs.values()) {
      const wasShown = job.previewAt !== Infinity;
      if (!wanted.has(job.slice.id) || (wasShown && !shown.has(job.slice.id))) job.abort.abort();
    }
    if (this.batch && ![...this.batch.ids].some((id) => wanted.has(id))) this.batch.abort.abort();
  }

  /** The call's line has changed: go on, or make way. */
  private heed(): void {
    if (courtesy.allowance.requests > 0) {
      this.prefetch();
      return;
    }
    for (const job of this.jobs.values()) if (job.previewAt === Infinity) job.abort.abort();
    this.batch?.abort.abort();
  }

  /** The slice in full, at once; what is already on its way as a neighbour is made the first. */
  private jobNow(slice: Slice): Job {
    const previewAt = performance.now() + PREVIEW_AFTER_MS;
    const known = this.jobs.get(slice.id);
    if (!known || known.abort.signal.aborted) return this.start(slice, previewAt);
    known.previewAt = Math.min(known.previewAt, previewAt);
    return known;
  }

  private start(slice: Slice, previewAt = Infinity): Job {
    const job: Job = { slice, abort: new AbortController(), previewAt, done: Promise.resolve() };
    this.jobs.set(slice.id, job);
    job.done = this.load(job).finally(() => {
      if (this.jobs.get(slice.id) === job) this.jobs.delete(slice.id);
    });
    return job;
  }

  private prefetch(): void {
    if (this.closing.signal.aborted) return;
    for (;;) {
      const out = this.jobs.size + (this.batch ? 1 : 0);
      const { requests, answerMs } = courtesy.allowance;
      if (out >= requests || this.isShowing) return;
      const found = next({
        cells: [...this.cells.values()].map(({ wanted }) => wanted),
        isSlow: this.isSlow,
        isBatchOut: this.batch !== null,
        batch: this.batchFor(answerMs),
        room: this.kept.room,
        hasSmall: (slice) => this.hasSmall(slice) || this.isOut(slice, this.decoding, this.noSmaller),
        hasWhole: (slice) => this.isFull(slice) || this.isOut(slice),
      });
      if (!found) return;
      this.follow(found);
    }
  }

  /** What was drawn of a frame that was scrolled past may be coarser than that. */
  private hasSmall(slice: Slice): boolean {
    const there = this.peek(slice);
    return there !== null && there.level <= smallLevel(slice.image);
  }

  /** On its way, or not worth another try now. */
  private isOut({ id }: Slice, ...others: ReadonlySet<string>[]): boolean {
    return [this.jobs, this.lost, this.hopeless, ...others].some((ids) => ids.has(id));
  }

  private follow(found: Next): void {
    if (found.kind === "small") {
      void this.startBatch(found.slices, found.level).finally(() => this.prefetch());
      return;
    }
    const job = this.start(found.slice);
    job.done.catch((error: unknown) => this.lose(job.abort.signal, [found.slice], isVerdict(error) ? this.hopeless : this.lost)).finally(() => this.prefetch());
  }

  private async startBatch(slices: readonly Slice[], level: number): Promise<void> {
    const batch: Batch = { ids: new Set(slices.map(({ id }) => id)), abort: new AbortController() };
    this.batch = batch;
    const byName = new Map(slices.map((slice) => [nameOf(slice.image.instance, slice.frame), slice]));
    let count = 0;
    const take = ({ instance, frame, coded }: FrameRecord): void => {
      const slice = byName.get(nameOf(instance, frame));
      if (!slice) return;
      count++;
      if (!coded) this.noSmaller.add(slice.id);
      else {
        this.smallBytes = 0.9 * this.smallBytes + 0.1 * coded.bytes.byteLength;
        const at = Math.min(level, coded.facts.cuts.length - 1);
        this.decode(slice, coded, at).catch(() => this.noSmaller.add(slice.id));
      }
    };
    try {
      await this.source.joined(slices, level, batch.abort.signal, take);
      if (count === 0) this.lose(batch.abort.signal, slices, this.lost);
    } catch (error) {
      this.lose(batch.abort.signal, slices, isVerdict(error) ? this.noSmaller : this.lost);
    } finally {
      if (this.batch === batch) this.batch = null;
    }
  }

  /** What goes into `lost` is asked for again a little later, for the line may be back; or when it is looked at. */
  private lose(signal: AbortSignal, slices: readonly Slice[], into: Set<string>): void {
    if (signal.aborted) return;
    for (const { id } of slices) into.add(id);
    if (into !== this.lost) return;
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      this.lost.clear();
      this.prefetch();
    }, RETRY_MS);
  }

  private batchFor(answerMs: number): number {
    if (answerMs === Infinity) return BATCH;
    const ms = this.source.line.msFor(this.smallBytes) ?? 100;
    return Math.min(BATCH, Math.max(1, Math.floor(answerMs / Math.max(1, ms))));
  }

  private async load(job: Job): Promise<void> {
    const stored = await this.source.stored(job.slice);
    if (stored?.level === 0) return this.decode(job.slice, stored, 0);
    if (stored && !this.peek(job.slice)) this.decode(job.slice, stored, stored.level).catch(() => undefined);
    job.abort.signal.throwIfAborted();
    const coded = await this.source.frame(job.slice, job.abort.signal, this.previewer(job));
    this.wholeBytes = 0.7 * this.wholeBytes + 0.3 * coded.bytes.byteLength;
    await this.decode(job.slice, coded, 0);
  }

  /** Draws the best part that is complete, when the frame takes longer than it should. */
  private previewer(job: Job): Progress {
    let shown = Infinity;
    return (media, facts, pieces, received) => {
      if (performance.now() < job.previewAt || facts.cuts.length < 2) return;
      const level = bestWithin(facts, received);
      if (level < 1 || level >= shown) return;
      shown = level;
      const bytes = together(pieces, facts.cuts[level] ?? 0).slice().buffer;
      this.decode(job.slice, { media, facts, bytes }, level).catch(() => undefined);
    };
  }

  private async decode(slice: Slice, coded: Coded, level: number): Promise<void> {
    const { rows, columns, photometric } = slice.image;
    this.decoding.add(slice.id);
    try {
      const frame = await this.decoders.decode({ ...coded, level, rows, columns, isColour: photometric === "RGB" });
      if (this.kept.put(slice.id, frame)) this.onFrame(slice, frame);
    } finally {
      this.decoding.delete(slice.id);
    }
  }
}

/** Whether another try would end alike. */
function isVerdict(error: unknown): boolean {
  return error instanceof NotDecoded || (error instanceof NotLoaded && error.status >= 400 && error.status < 500);
}

/** The least halving whose bytes are all there; -1 for none. */
function bestWithin({ cuts }: CodedFacts, received: number): number {
  return cuts.findIndex((cut, level) => level > 0 && cut <= received);
}

function nameOf(instance: number, frame: number): string {
  return `${instance}/${frame}`;
}
