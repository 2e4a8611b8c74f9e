/** Plays a stack at its own rate, and waits for a frame that is not there yet rather than showing black. */

import type { Slice } from "./stack";

const STACK_FPS = 10; // of slices, which have no time of their own
const LEAST_FRAME_MS = 16;
const DRIFT_MS = 500;

export class Cine {
  isPlaying = false;
  private due = 0;

  /** `advance` shows the next frame and says whether it was ready; `shown` gives the frame that is shown. */
  constructor(
    private readonly advance: () => boolean,
    private readonly shown: () => Slice | null,
  ) {}

  toggle(): void {
    if (this.isPlaying) this.stop();
    else this.start();
  }

  start(): void {
    if (this.isPlaying) return;
    this.isPlaying = true;
    this.due = performance.now() + this.frameMs();
    this.next();
  }

  stop(): void {
    this.isPlaying = false;
  }

  private next(): void {
    requestAnimationFrame((now) => {
      if (!this.isPlaying) return;
      if (now >= this.due) {
        const wasReady = this.advance();
        // Late frames are not made up for: that would be faster than the heart beat.
        this.due = wasReady && now - this.due < this.frameMs() ? this.due + this.frameMs() : now + this.frameMs();
      }
      this.next();
    });
  }

  private frameMs(): number {
    return frameMsOf(this.shown());
  }
}

/** How long a frame is shown; the last one as long as the others in the mean. */
export function frameMsOf(slice: Slice | null): number {
  if (!slice || slice.image.frames < 2) return 1000 / STACK_FPS;
  const { frame_ms, frame_times } = slice.image;
  return Math.max(LEAST_FRAME_MS, frame_times?.[slice.frame - 1] ?? frame_ms ?? 1000 / STACK_FPS);
}

/** Whether a player at `at` of `length` frames is so far from where another one is that it has to jump there. */
export function hasDrifted(at: number, to: number, length: number, frameMs: number): boolean {
  const apart = Math.abs(at - to);
  return Math.min(apart, length - apart) * frameMs > DRIFT_MS;
}
