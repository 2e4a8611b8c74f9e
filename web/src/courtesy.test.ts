import { expect, it } from "vitest";

import { Courtesy } from "./courtesy";
import type { Heard } from "./courtesy";

const GOOD: Heard = { rttMs: 80, lossOut: 0, concealed: 0, bitsPerSecondIn: 500_000 };

function talking(...heard: Partial<Heard>[]): { courtesy: Courtesy; clock: { ms: number } } {
  const clock = { ms: 0 };
  const courtesy = new Courtesy(() => clock.ms);
  for (const one of [{}, ...heard]) {
    courtesy.heard("a", { ...GOOD, ...one });
    clock.ms += 1000;
  }
  return { courtesy, clock };
}

it("leaves the line to the images while nobody talks", () => {
  expect(new Courtesy().allowance).toEqual({ requests: 3, answerMs: Infinity });
  const { courtesy, clock } = talking();
  clock.ms += 10_000;
  expect(courtesy.allowance.requests).toBe(3);
});

it("loads one thing at a time while people talk", () => {
  expect(talking().courtesy.allowance).toEqual({ requests: 1, answerMs: 1000 });
});

it.each([
  ["the round trip grows", { rttMs: 160 }, 400],
  ["less of the call arrives", { bitsPerSecondIn: 200_000 }, 400],
])("asks for less when %s", (_, heard, answerMs) => {
  expect(talking(heard).courtesy.allowance.answerMs).toBe(answerMs);
});

it.each([
  ["the line is full", { rttMs: 300 }],
  ["packets get lost", { lossOut: 0.1 }],
  ["the voice has gaps", { concealed: 0.2 }],
])("loads nothing unasked when %s, and goes on when that is over", (_, heard) => {
  const { courtesy } = talking(heard);
  expect(courtesy.allowance.requests).toBe(0);
  courtesy.heard("a", GOOD);
  expect(courtesy.allowance.requests).toBe(1);
});

it("listens to the ladder, and to the worst of all connections", () => {
  const { courtesy } = talking();
  courtesy.lineIs("poor");
  expect(courtesy.allowance.requests).toBe(0);
  courtesy.lineIs("good");
  courtesy.heard("b", GOOD);
  courtesy.heard("b", { ...GOOD, lossOut: 0.2 });
  expect(courtesy.allowance.requests).toBe(0);
  courtesy.hungUp();
  expect(courtesy.allowance.requests).toBe(3);
});

it("takes a line that has become longer for what it is after a minute", () => {
  const { courtesy, clock } = talking();
  for (let s = 0; s < 70; s++) {
    clock.ms += 1000;
    courtesy.heard("a", { ...GOOD, rttMs: 300 });
  }
  expect(courtesy.allowance.requests).toBe(1);
});

it("tells who listens, until they do not any more", () => {
  const { courtesy } = talking();
  const closing = new AbortController();
  let told = 0;
  courtesy.listen(() => told++, closing.signal);
  courtesy.heard("a", GOOD);
  closing.abort();
  courtesy.heard("a", GOOD);
  expect(told).toBe(1);
});
