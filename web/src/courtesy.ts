/**
 * The call comes first: how much may be loaded in the background while people talk.
 *
 * A download that fills a line makes everything behind it wait, and that shows in the round trip of the call
 * before anybody hears it. Fed from getStats once a second; one for the page, as the page has one line.
 */

import type { Line } from "./messages";

/** What one connection of the call is like now; null where the browser cannot say. */
export interface Heard {
  readonly rttMs: number | null;
  readonly lossOut: number | null;
  /** Share of the voice that had to be made up. */
  readonly concealed: number;
  readonly bitsPerSecondIn: number;
}

/** How much may be asked for at a time in the background. `requests` 0: nothing now. */
export interface Allowance {
  readonly requests: number;
  /** How long one answer may keep the line, in ms. */
  readonly answerMs: number;
}

const FREE: Allowance = { requests: 3, answerMs: Infinity };
const CAREFUL: Allowance = { requests: 1, answerMs: 1000 };
const SPARING: Allowance = { requests: 1, answerMs: 400 };
const NOTHING: Allowance = { requests: 0, answerMs: 0 };

const HEARD_FOR_MS = 5000; // no word for so long: nobody talks
const FORGET_BEST_MS = 60_000;
const WAITS_MS = 60; // round trip above its best: the line begins to fill
const FULL_MS = 150;
const SQUEEZED = 0.6; // of what came in at best

interface Talk {
  readonly atMs: number;
  readonly heard: Heard;
  readonly best: { readonly rttMs: number; readonly bits: number; readonly sinceMs: number };
}

export class Courtesy {
  private readonly talks = new Map<string, Talk>();
  private readonly listeners = new Set<() => void>();
  private line: Line = "good";

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** One connection of the call told how it is. */
  heard(peer: string, heard: Heard): void {
    const before = this.talks.get(peer)?.best;
    const isOld = before === undefined || this.now() - before.sinceMs > FORGET_BEST_MS;
    const rttMs = Math.min(heard.rttMs ?? Infinity, isOld ? Infinity : before.rttMs);
    const bits = Math.max(heard.bitsPerSecondIn, isOld ? 0 : before.bits);
    const best = { rttMs, bits, sinceMs: isOld ? this.now() : before.sinceMs };
    this.talks.set(peer, { atMs: this.now(), heard, best });
    this.tell();
  }

  /** What the ladder makes of the line. */
  lineIs(line: Line): void {
    this.line = line;
    this.tell();
  }

  hungUp(): void {
    this.talks.clear();
    this.line = "good";
    this.tell();
  }

  /** For the whole page, and all that it loads unasked. */
  get allowance(): Allowance {
    const talks = [...this.talks.values()].filter(({ atMs }) => this.now() - atMs < HEARD_FOR_MS);
    if (talks.length === 0) return FREE;
    if (this.line === "poor" || talks.some(isFull)) return NOTHING;
    return this.line === "fair" || talks.some(isFilling) ? SPARING : CAREFUL;
  }

  /** Hear whenever the allowance may be another. */
  listen(listener: () => void, signal: AbortSignal): void {
    this.listeners.add(listener);
    signal.addEventListener("abort", () => this.listeners.delete(listener));
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

function waitsMs({ heard, best }: Talk): number {
  return heard.rttMs === null ? 0 : heard.rttMs - best.rttMs;
}

function isFull(talk: Talk): boolean {
  return waitsMs(talk) > FULL_MS || (talk.heard.lossOut ?? 0) > 0.05 || talk.heard.concealed > 0.1;
}

function isFilling(talk: Talk): boolean {
  return waitsMs(talk) > WAITS_MS || talk.heard.bitsPerSecondIn < SQUEEZED * talk.best.bits;
}

export const courtesy = new Courtesy();
