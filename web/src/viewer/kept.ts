/** Decoded frames in memory: small ones and whole ones apart, so that a whole one that has to go leaves its small one. */

import { bytesOf } from "./pixels";
import type { DecodedFrame } from "./pixels";

/** The frames used last, up to a number of bytes; the newest always stays. */
class Pile {
  private readonly frames = new Map<string, DecodedFrame>();
  private bytes = 0;

  constructor(private readonly most: number) {}

  get size(): number {
    return this.frames.size;
  }

  get averageBytes(): number {
    return this.frames.size === 0 ? 2 ** 20 : Math.max(1, this.bytes / this.frames.size);
  }

  peek(key: string): DecodedFrame | null {
    return this.frames.get(key) ?? null;
  }

  use(key: string): DecodedFrame | null {
    const frame = this.frames.get(key);
    if (!frame) return null;
    this.frames.delete(key);
    this.frames.set(key, frame); // used last: goes last
    return frame;
  }

  put(key: string, frame: DecodedFrame): void {
    this.drop(key);
    this.frames.set(key, frame);
    this.bytes += bytesOf(frame);
    for (const oldest of this.frames.keys()) {
      if (this.bytes <= this.most || oldest === key) break;
      this.drop(oldest);
    }
  }

  drop(key: string): void {
    const frame = this.frames.get(key);
    if (!frame) return;
    this.frames.delete(key);
    this.bytes -= bytesOf(frame);
  }

  clear(): void {
    this.frames.clear();
    this.bytes = 0;
  }
}

export class Kept {
  private readonly whole: Pile;
  private readonly small: Pile;

  constructor(
    private readonly wholeBytes: number,
    smallBytes: number,
  ) {
    this.whole = new Pile(wholeBytes);
    this.small = new Pile(smallBytes);
  }

  /** The best that is there; that counts as use. */
  best(key: string): DecodedFrame | null {
    return this.whole.use(key) ?? this.small.use(key);
  }

  peek(key: string): DecodedFrame | null {
    return this.whole.peek(key) ?? this.small.peek(key);
  }

  /** False where a better one was there already. */
  put(key: string, frame: DecodedFrame): boolean {
    const known = this.peek(key);
    if (known && known.level <= frame.level) return false;
    (frame.level === 0 ? this.whole : this.small).put(key, frame);
    return true;
  }

  /** How many whole frames fit, as large as they are on average. */
  get room(): number {
    return Math.max(4, Math.floor(this.wholeBytes / this.whole.averageBytes) - 2);
  }

  clear(): void {
    this.whole.clear();
    this.small.clear();
  }
}
