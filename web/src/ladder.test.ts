import { describe, expect, test } from "vitest";

import { BOTTOM, type Ladder, lineOf, type Sample, START, step, worst } from "./ladder";

const GOOD: Sample = { lossOut: 0, rttMs: 40, availableBitsPerSecond: 2_000_000 };
const after = (ladder: Ladder, ...samples: Sample[]): Ladder => samples.reduce(step, ladder);
const times = (count: number, sample: Sample): Sample[] => Array.from({ length: count }, () => sample);

describe("the ladder", () => {
  test("one bad second changes nothing, two do", () => {
    const bad = { ...GOOD, lossOut: 0.2 };
    expect(after(START, bad).rung).toBe(0);
    expect(after(START, bad, GOOD, bad).rung).toBe(0);
    expect(after(START, bad, bad).rung).toBe(1);
  });

  test("walks down to the voice alone and no further", () => {
    const ladder = after(START, ...times(40, { lossOut: 0.3, rttMs: 900, availableBitsPerSecond: 50_000 }));
    expect(ladder.rung).toBe(BOTTOM);
    expect(lineOf(ladder)).toBe("poor");
  });

  test("walks up slowly, all the way", () => {
    const bottom: Ladder = { rung: BOTTOM, bad: 0, good: 0 };
    expect(after(bottom, ...times(7, GOOD)).rung).toBe(BOTTOM);
    expect(after(bottom, ...times(8, GOOD)).rung).toBe(BOTTOM - 1);
    expect(after(bottom, ...times(8 * BOTTOM, GOOD))).toEqual({ rung: 0, bad: 0, good: 0 });
  });

  test("a narrow line holds its rung instead of going up and down", () => {
    const narrow = { ...GOOD, availableBitsPerSecond: 220_000 };
    expect(after({ rung: 1, bad: 0, good: 0 }, ...times(30, narrow)).rung).toBe(1);
  });

  test("a browser that measures nothing keeps the full picture", () => {
    expect(after(START, ...times(20, { lossOut: null, rttMs: null, availableBitsPerSecond: null })).rung).toBe(0);
  });

  test("the worst of several connections speaks for the line that they share", () => {
    const far = { lossOut: 0.1, rttMs: 300, availableBitsPerSecond: null };
    expect(worst([GOOD, far])).toEqual({ lossOut: 0.1, rttMs: 300, availableBitsPerSecond: 2_000_000 });
    expect(worst([far])).toEqual(far);
  });
});
