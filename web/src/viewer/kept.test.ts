import { expect, it } from "vitest";

import { aFrame } from "./builders";
import { Kept } from "./kept";

const whole = aFrame([1, 2, 3, 4]); // eight bytes
const small = aFrame([1], { level: 2 });

it("gives the best that came, and takes nothing worse", () => {
  const kept = new Kept(100, 100);
  expect(kept.put("a", small)).toBe(true);
  expect(kept.best("a")).toBe(small);
  expect(kept.put("a", whole)).toBe(true);
  expect(kept.put("a", small)).toBe(false);
  expect(kept.best("a")).toBe(whole);
});

it("leaves the small picture of a whole one that had to go", () => {
  const kept = new Kept(20, 100);
  kept.put("a", small);
  for (const key of ["a", "b", "c"]) kept.put(key, aFrame([1, 2, 3, 4]));
  expect(kept.best("a")).toBe(small);
  expect(kept.best("c")?.level).toBe(0);
});

it("lets go first what was not used for longest", () => {
  const kept = new Kept(20, 100);
  for (const key of ["a", "b"]) kept.put(key, aFrame([1, 2, 3, 4]));
  kept.best("a");
  kept.put("c", aFrame([1, 2, 3, 4]));
  expect([kept.peek("a"), kept.peek("b")].map((frame) => frame !== null)).toEqual([true, false]);
});

it("keeps a frame that is larger than the whole room while it is the newest", () => {
  const kept = new Kept(4, 4);
  kept.put("a", whole);
  expect(kept.peek("a")).toBe(whole);
});

it("knows how many frames of this size fit", () => {
  const kept = new Kept(80, 80);
  kept.put("a", whole);
  expect(kept.room).toBe(8);
});
