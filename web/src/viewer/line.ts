/** How fast the line is, from what came over it lately; images kept by the browser do not count. */

const FASTEST_MS = 4; // less is no line, but the browser's own cache
const SHARE_OF_NEWEST = 0.3;

export class Line {
  private bytesPerMs: number | null = null;

  arrived(bytes: number, tookMs: number): void {
    if (tookMs < FASTEST_MS || bytes < 2000) return;
    const speed = bytes / tookMs;
    this.bytesPerMs = this.bytesPerMs === null ? speed : this.bytesPerMs * (1 - SHARE_OF_NEWEST) + speed * SHARE_OF_NEWEST;
  }

  /** How long so many bytes will take; null before anything came. */
  msFor(bytes: number): number | null {
    return this.bytesPerMs === null ? null : bytes / this.bytesPerMs;
  }
}
