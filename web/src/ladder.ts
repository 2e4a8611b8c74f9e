/** How much picture to send: down fast, up slowly, voice never touched. Pure; fed from getStats. */

import type { Line } from "./messages";

/** One step of the ladder for our own camera. `bitsPerSecond` 0: no picture at all. */
export interface Rung {
  readonly bitsPerSecond: number;
  readonly framesPerSecond: number;
  readonly scaleDownBy: number;
}

const TOP: Rung = { bitsPerSecond: 800_000, framesPerSecond: 25, scaleDownBy: 1 };
export const RUNGS: readonly Rung[] = [
  TOP,
  { bitsPerSecond: 250_000, framesPerSecond: 15, scaleDownBy: 1.5 },
  { bitsPerSecond: 40_000, framesPerSecond: 10, scaleDownBy: 2 },
  { bitsPerSecond: 0, framesPerSecond: 0, scaleDownBy: 4 },
];
export const VOICE_BITS_PER_SECOND = 60_000; // Opus at 24 kbit/s, sent twice by RED, with headers

/** What the last seconds were like; null where the browser cannot say. */
export interface Sample {
  readonly lossOut: number | null;
  readonly rttMs: number | null;
  readonly availableBitsPerSecond: number | null;
}

export interface Ladder {
  readonly rung: number;
  readonly bad: number;
  readonly good: number;
}

export const BOTTOM = RUNGS.length - 1;
export const START: Ladder = { rung: 0, bad: 0, good: 0 };
const BAD_SAMPLES = 2;
const GOOD_SAMPLES = 8;

export function rung(index: number): Rung {
  return RUNGS[index] ?? TOP;
}

function isBad(sample: Sample, at: number): boolean {
  const needed = rung(at).bitsPerSecond * 0.6 + VOICE_BITS_PER_SECOND;
  return (
    (sample.lossOut ?? 0) > 0.08 ||
    (sample.rttMs ?? 0) > 800 ||
    (at > 0 && at < BOTTOM && (sample.availableBitsPerSecond ?? Infinity) < needed)
  );
}

function isGood(sample: Sample, at: number): boolean {
  const needed = rung(at - 1).bitsPerSecond * 0.3 + VOICE_BITS_PER_SECOND;
  // At the bottom nothing is sent that could be measured: only loss and delay of the voice speak.
  const hasRoom = at === BOTTOM || (sample.availableBitsPerSecond ?? Infinity) > needed;
  return (sample.lossOut ?? 0) < 0.03 && (sample.rttMs ?? 0) < 400 && hasRoom;
}

/** The ladder after one more sample (one every second). */
export function step(ladder: Ladder, sample: Sample): Ladder {
  if (isBad(sample, ladder.rung)) {
    const bad = ladder.bad + 1;
    return bad < BAD_SAMPLES
      ? { ...ladder, bad, good: 0 }
      : { rung: Math.min(BOTTOM, ladder.rung + 1), bad: 0, good: 0 };
  }
  if (ladder.rung > 0 && isGood(sample, ladder.rung)) {
    const good = ladder.good + 1;
    return good < GOOD_SAMPLES ? { ...ladder, bad: 0, good } : { rung: ladder.rung - 1, bad: 0, good: 0 };
  }
  return { ...ladder, bad: 0, good: 0 };
}

/** One word for the line, from where its ladder stands. */
export function lineOf(ladder: Ladder): Line {
  if (ladder.rung === 0) return "good";
  return ladder.rung === 1 ? "fair" : "poor";
}

/** All connections share our one line: the worst of each speaks for it. */
export function worst(samples: readonly Sample[]): Sample {
  const most = (values: (number | null)[]) => Math.max(0, ...values.map((value) => value ?? 0));
  const available = samples.flatMap(({ availableBitsPerSecond: value }) => (value === null ? [] : [value]));
  return {
    lossOut: most(samples.map(({ lossOut }) => lossOut)),
    rttMs: most(samples.map(({ rttMs }) => rttMs)),
    availableBitsPerSecond: available.length ? Math.min(...available) : null,
  };
}
