/** The workers that decode, and who waits for which answer. */

import type { DecodeAnswer, DecodedFrame, DecodeRequest } from "./pixels";

interface Waiting {
  readonly worker: number;
  readonly resolve: (frame: DecodedFrame) => void;
  readonly reject: (error: Error) => void;
}

/** The bytes of a frame could not be decoded. */
export class NotDecoded extends Error {}

export class Decoders {
  private readonly workers: Worker[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;

  /** One worker on a weak machine, two on others: more would take from the call. */
  constructor(count = (navigator.hardwareConcurrency || 2) > 2 ? 2 : 1) {
    for (let i = 0; i < count; i++) {
      const worker = new Worker(new URL("./decoder.worker.ts", import.meta.url), { type: "module" });
      worker.addEventListener("message", ({ data }: MessageEvent<DecodeAnswer>) => this.settle(data));
      worker.addEventListener("error", () => this.fail(i));
      this.workers.push(worker);
    }
  }

  /** Decode; `bytes` are handed over and gone. Rejects with NotDecoded. */
  decode(request: Omit<DecodeRequest, "id">): Promise<DecodedFrame> {
    const id = ++this.last;
    const worker = this.leastBusy();
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { worker, resolve, reject });
      this.workers[worker]?.postMessage({ ...request, id } satisfies DecodeRequest, [request.bytes]);
    });
  }

  close(): void {
    for (const worker of this.workers) worker.terminate();
    for (const { reject } of this.waiting.values()) reject(new NotDecoded());
    this.waiting.clear();
  }

  private settle(answer: DecodeAnswer): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ("frame" in answer) waiting?.resolve(answer.frame);
    else waiting?.reject(new NotDecoded());
  }

  /** The worker's script could not be loaded, or it died: nobody is to wait for it. */
  private fail(worker: number): void {
    for (const [id, waiting] of this.waiting) {
      if (waiting.worker !== worker) continue;
      this.waiting.delete(id);
      waiting.reject(new NotDecoded());
    }
  }

  private leastBusy(): number {
    const jobs = this.workers.map(() => 0);
    for (const { worker } of this.waiting.values()) jobs[worker] = (jobs[worker] ?? 0) + 1;
    return jobs.indexOf(Math.min(...jobs));
  }
}
