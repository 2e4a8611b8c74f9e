/** How far an upload is and how long it will take, from what was sent in the last seconds. */

const WINDOW_MS = 15_000;

export interface Reading {
  sentBytes: number;
  totalBytes: number;
  /** 0 to 1. */
  share: number;
  /** Bytes a second over the last seconds; 0 while nothing is known. */
  rate: number;
  /** Seconds to go; null while nothing is known. */
  leftSeconds: number | null;
}

export class Meter {
  #samples: { at: number; sent: number }[] = [];

  /** Forget the pace: after a pause it says nothing. */
  restart(): void {
    this.#samples = [];
  }

  read(sentBytes: number, totalBytes: number, nowMs: number): Reading {
    const newest = this.#samples.at(-1);
    // A piece that is sent again takes bytes back: the pace starts anew.
    if (newest && sentBytes < newest.sent) this.restart();
    this.#samples.push({ at: nowMs, sent: sentBytes });
    this.#samples = this.#samples.filter((sample) => nowMs - sample.at <= WINDOW_MS);
    const oldest = this.#samples[0];
    const seconds = oldest ? (nowMs - oldest.at) / 1000 : 0;
    const rate = oldest && seconds >= 1 ? (sentBytes - oldest.sent) / seconds : 0;
    return {
      sentBytes,
      totalBytes,
      share: totalBytes > 0 ? Math.min(1, sentBytes / totalBytes) : 0,
      rate,
      leftSeconds: rate > 0 ? Math.max(0, totalBytes - sentBytes) / rate : null,
    };
  }
}

/** "12,4 MB", in the units that people read on their disks. */
export function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return `${value.toLocaleString("vi-VN", { maximumFractionDigits: value < 10 ? 1 : 0 })} MB`;
}
