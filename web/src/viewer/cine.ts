/** Plays a stack at its own rate, and waits for a frame that is not there yet rather than showing black. */

import type { Slice } from "./stack";

const STACK_FPS = 10; // of slices, which have no time of their own
const LEAST_FRAME_MS = 16;

export class Cine {
  isPlaying = false;
  private due = 0;

  /** `advance` shows the next frame and says whether it was ready; `rate` gives the frame that is shown. */
  constructor(
    private readonly advance: () => boolean,
    private readonly shown: () => Slice | null,
  ) {}

  toggle(): void {
    if (this.isPlaying) {
      this.stop();
      return;
    }
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

export function frameMsOf(slice: Slice | null): number {
  const own = slice && slice.image.frames > 1 ? slice.image.frame_ms : null;
  return Math.max(LEAST_FRAME_MS, own ?? 1000 / STACK_FPS);
}
