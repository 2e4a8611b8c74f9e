import { expect, it } from "vitest";

import { anImage, aSeries } from "./builders";
import { interleaved, next, smallLevel } from "./order";
import type { Standing } from "./order";
import { stackOf } from "./stack";
import type { Slice } from "./stack";

function aStack(count: number, series = 1, size = 512): Slice[] {
  const images = Array.from({ length: count }, (_, i) =>
    anImage({ instance: 100 * series + i, sop: `${series}.${i}`, number: i + 1, rows: size, columns: size }),
  );
  return stackOf(aSeries(images, { series }), 1);
}

function standing(changes: Partial<Standing> & { small?: readonly Slice[]; whole?: readonly Slice[] }): Standing {
  const { small = [], whole = [], ...rest } = changes;
  const isIn = (slices: readonly Slice[]) => (slice: Slice) => slices.some(({ key }) => key === slice.key);
  const all = { cells: [], isSlow: false, isBatchOut: false, batch: 64, room: 100 };
  return { ...all, hasSmall: isIn([...small, ...whole]), hasWhole: isIn(whole), ...rest };
}

const stack = aStack(10);

it("loads the nearest whole first on a quick line, then all small, then all whole", () => {
  const cells = [stack];
  expect(next(standing({ cells }))).toEqual({ kind: "whole", slice: stack[0] });
  const near = stack.slice(0, 4);
  expect(next(standing({ cells, whole: near }))).toEqual({ kind: "small", slices: stack.slice(4), level: 2 });
  expect(next(standing({ cells, whole: near, small: stack }))).toEqual({ kind: "whole", slice: stack[4] });
  expect(next(standing({ cells, whole: stack }))).toBeNull();
});

it("loads all small before any whole one on a slow line", () => {
  const cells = [stack];
  expect(next(standing({ cells, isSlow: true, batch: 3 }))).toEqual({ kind: "small", slices: stack.slice(0, 3), level: 2 });
  expect(next(standing({ cells, isSlow: true, isBatchOut: true }))).toBeNull();
  expect(next(standing({ cells, isSlow: true, small: stack }))).toEqual({ kind: "whole", slice: stack[0] });
});

it("has whole frames come while small ones are under way on a quick line", () => {
  expect(next(standing({ cells: [stack], isBatchOut: true, whole: stack.slice(0, 4) }))).toEqual({ kind: "whole", slice: stack[4] });
});

it("loads no more whole frames than memory takes", () => {
  expect(next(standing({ cells: [stack], room: 5, small: stack, whole: stack.slice(0, 5) }))).toBeNull();
});

it("serves all visible cells, each series with a request of its own", () => {
  const other = aStack(10, 2, 2048);
  const cells = [stack, other];
  expect(interleaved(cells).slice(0, 3)).toEqual([stack[0], other[0], stack[1]]);
  expect(interleaved([stack, stack])).toEqual(stack);
  expect(next(standing({ cells, isSlow: true }))).toEqual({ kind: "small", slices: stack, level: 2 });
  expect(next(standing({ cells, isSlow: true, small: stack }))).toEqual({ kind: "small", slices: other, level: 4 });
});

it.each([
  [64, 1],
  [256, 1],
  [512, 2],
  [2048, 4],
  [9999, 5],
])("halves %i pixels %i times", (size, level) => {
  expect(smallLevel({ rows: 10, columns: size })).toBe(level);
});
