import { expect, it } from "vitest";

import { anImage, aSeries } from "./builders";
import type { Triple } from "./manifest";
import { stackOf } from "./stack";

const AXIAL = [1, 0, 0, 0, 1, 0] as const;

function slice(number: number | null, z: number, changes = {}) {
  return anImage({ instance: number ?? 99, sop: `1.${z}.${number ?? "x"}`, number, orientation: AXIAL, position: [0, 0, z], ...changes });
}

function order(...images: ReturnType<typeof slice>[]): (number | null)[] {
  return stackOf(aSeries(images), 1).map(({ image }) => image.number);
}

it("goes through the body, whatever order the files came in", () => {
  expect(order(slice(3, 30), slice(1, 10), slice(2, 20))).toEqual([1, 2, 3]);
});

it("starts at the end where the numbers start", () => {
  expect(order(slice(1, 30), slice(2, 20), slice(3, 10))).toEqual([1, 2, 3]);
});

it("believes places more than numbers", () => {
  expect(order(slice(1, 10), slice(2, 30), slice(3, 20), slice(4, 40))).toEqual([1, 3, 2, 4]);
});

it("keeps to the numbers where times share a place, or planes differ, or places are not known", () => {
  expect(order(slice(1, 10), slice(2, 20), slice(3, 10), slice(4, 20))).toEqual([1, 2, 3, 4]);
  expect(order(slice(2, 5, { orientation: [0, 1, 0, 0, 0, -1] }), slice(1, 30), slice(3, 10))).toEqual([1, 2, 3]);
  expect(order(slice(2, 1, { position: null }), slice(1, 2))).toEqual([1, 2]);
});

it("puts what has no number last", () => {
  expect(order(slice(null, 1, { position: null }), slice(2, 2), slice(1, 3))).toEqual([1, 2, null]);
});

it("counts frames from 1, each with its own facts", () => {
  const position = (z: number): { position: Triple } => ({ position: [0, 0, z] });
  const cine = anImage({ sop: "1.9", frames: 3, orientation: AXIAL, per_frame: [position(3), position(2), position(1)] });
  const stack = stackOf(aSeries([cine]), 1);
  expect(stack.map(({ frame }) => frame)).toEqual([1, 2, 3]);
  expect(stack.map(({ facts }) => facts.position?.[2])).toEqual([3, 2, 1]);
  expect(stack[1]?.key).toBe("1.9/2");
});

it("knows each frame's place in the manifest's order, whatever order it shows them in", () => {
  const stack = stackOf(aSeries([slice(1, 10), slice(2, 30), slice(3, 20, { frames: 2 })], { series: 7 }), 5);
  expect(stack.map(({ study, series, place, image, frame }) => [study, series, place, image.number, frame])).toEqual([
    [5, 7, 1, 1, 1],
    [5, 7, 2, 2, 1],
    [5, 7, 3, 3, 1],
    [5, 7, 4, 3, 2],
  ]);
  const moved = stackOf(aSeries([slice(1, 10), slice(2, 30), slice(3, 20)]), 5);
  expect(moved.map(({ place }) => place)).toEqual([1, 3, 2]);
});
