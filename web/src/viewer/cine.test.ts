import { expect, it } from "vitest";

import { anImage, aSeries } from "./builders";
import { frameMsOf, hasDrifted } from "./cine";
import { stackOf } from "./stack";

function msOf(changes: Parameters<typeof anImage>[0]): number[] {
  return stackOf(aSeries([anImage(changes)]), 1).map(frameMsOf);
}

it("shows each frame as long as the file says, and slices at ten a second", () => {
  expect(msOf({ frames: 2, frame_ms: 40 })).toEqual([40, 40]);
  expect(msOf({ frames: 3, frame_ms: 75, frame_times: [50, 100] })).toEqual([50, 100, 75]);
  expect(msOf({ frames: 2 })).toEqual([100, 100]);
  expect(msOf({ frames: 1, frame_ms: 40 })).toEqual([100]);
  expect(msOf({ frames: 2, frame_ms: 2 })).toEqual([16, 16]);
});

it("jumps to the presenter only from more than half a second away, round the end too", () => {
  expect(hasDrifted(10, 22, 120, 40)).toBe(false);
  expect(hasDrifted(10, 23, 120, 40)).toBe(true);
  expect(hasDrifted(118, 2, 120, 40)).toBe(false);
  expect(hasDrifted(118, 20, 120, 40)).toBe(true);
});
