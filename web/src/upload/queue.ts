/** Many files, a few at a time. Knows no document: the page draws what `onChange` finds here. */
import type { Outcome, RefusedFile, Transfer } from "./transfer";

export type ItemState = "waiting" | "sending" | "done" | "failed";

/** The code of a refusal that is the line's: it may be tried again. */
export const NOT_SENT = "not-sent";

export interface Item {
  readonly file: File;
  state: ItemState;
  sentBytes: number;
  /** Why it failed; "" otherwise. */
  sentence: string;
}

export interface Totals {
  files: number;
  finished: number;
  failed: number;
  instances: number;
  sentBytes: number;
  totalBytes: number;
}

export interface QueueOptions {
  /** Files on their way at once; more gain nothing on a thin line and starve others. */
  streams: number;
  begin(file: File, onProgress: (sentBytes: number) => void): Transfer;
  /** Something to draw has changed. */
  onChange(): void;
  /** All files are done or failed. */
  onIdle(studies: number[]): void;
}

export class Queue {
  readonly items: Item[] = [];
  readonly refused: RefusedFile[] = [];
  refusedCount = 0;
  isPaused = false;
  #running = new Map<Item, Transfer>();
  #studies = new Set<number>();
  #instances = 0;

  constructor(private readonly options: QueueOptions) {}

  get isIdle(): boolean {
    return this.items.every((item) => item.state === "done" || item.state === "failed");
  }

  get sending(): Item[] {
    return [...this.#running.keys()];
  }

  get totals(): Totals {
    const totals: Totals = {
      files: this.items.length,
      finished: 0,
      failed: 0,
      instances: this.#instances,
      sentBytes: 0,
      totalBytes: 0,
    };
    for (const item of this.items) {
      totals.finished += Number(item.state === "done");
      totals.failed += Number(item.state === "failed");
      totals.sentBytes += item.sentBytes;
      totals.totalBytes += item.state === "failed" ? item.sentBytes : item.file.size;
    }
    return totals;
  }

  /** Take files in; `sent` says of a file that an earlier page sent it, and into which studies. */
  add(files: File[], sent: ReadonlyMap<File, number[]> = new Map()): void {
    for (const file of files) {
      const studies = sent.get(file);
      for (const study of studies ?? []) this.#studies.add(study);
      this.items.push({ file, state: studies ? "done" : "waiting", sentBytes: studies ? file.size : 0, sentence: "" });
    }
    this.#settled();
  }

  /** A file that is not even tried. */
  refuse(file: File, code: string, sentence: string): void {
    this.refused.push({ name: file.name, code, sentence });
    this.refusedCount += 1;
    this.options.onChange();
  }

  pause(): void {
    this.isPaused = true;
    for (const transfer of this.#running.values()) transfer.pause();
    this.options.onChange();
  }

  goOn(): void {
    this.isPaused = false;
    for (const transfer of this.#running.values()) transfer.start();
    this.#pump();
  }

  /** Try again what did not get through. */
  retry(): void {
    for (const item of this.items) {
      if (item.state === "failed" && item.sentence) Object.assign(item, { state: "waiting", sentBytes: 0, sentence: "" });
    }
    const stay = this.refused.filter((refused) => refused.code !== NOT_SENT);
    this.refusedCount -= this.refused.length - stay.length;
    this.refused.splice(0, this.refused.length, ...stay);
    this.#pump();
  }

  /** Stop, and forget what is not done. What is done stays on the server. */
  cancel(): void {
    for (const transfer of this.#running.values()) transfer.cancel();
    this.#running.clear();
    this.items.splice(0, this.items.length, ...this.items.filter((item) => item.state === "done"));
    this.isPaused = false;
    this.#settled();
  }

  #pump(): void {
    for (const item of this.items) {
      if (this.isPaused || this.#running.size >= this.options.streams) break;
      if (item.state === "waiting") this.#begin(item);
    }
    this.options.onChange();
  }

  #begin(item: Item): void {
    const transfer = this.options.begin(item.file, (sentBytes) => {
      item.sentBytes = sentBytes;
      this.options.onChange();
    });
    item.state = "sending";
    this.#running.set(item, transfer);
    transfer.outcome.then(
      (outcome) => this.#done(item, outcome),
      (error: unknown) => this.#failed(item, error),
    );
    transfer.start();
  }

  #done(item: Item, outcome: Outcome): void {
    if (!this.#running.delete(item)) return;
    item.sentBytes = item.file.size;
    item.state = outcome.instances > 0 ? "done" : "failed";
    this.#instances += outcome.instances;
    for (const study of outcome.studies) this.#studies.add(study);
    // The server does not learn the name of a single file: here it is known.
    for (const refused of outcome.refused) this.refused.push({ ...refused, name: refused.name || item.file.name });
    this.refusedCount += outcome.refusedCount;
    this.#settled();
  }

  #failed(item: Item, error: unknown): void {
    if (!this.#running.delete(item)) return;
    item.state = "failed";
    item.sentBytes = 0;
    item.sentence = error instanceof Error ? error.message : String(error);
    this.refused.push({ name: item.file.name, code: NOT_SENT, sentence: item.sentence });
    this.refusedCount += 1;
    this.#settled();
  }

  #settled(): void {
    this.#pump();
    if (this.items.length > 0 && this.isIdle) this.options.onIdle([...this.#studies].sort((a, b) => a - b));
  }
}
