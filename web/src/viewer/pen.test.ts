import { beforeEach, expect, it } from "vitest";

import { aSlice } from "./builders";
import type { Matrix } from "./geometry";
import { Pen } from "./pen";
import type { Mark, MarkTool, Point } from "./state";

const slice = aSlice({ rows: 200, columns: 100 });
const matrix: Matrix = [2, 0, 0, 2, 0, 0]; // a pixel is two of the screen
let pen: Pen;

beforeEach(() => {
  pen = new Pen();
});

function stroke(tool: MarkTool, ...way: Point[]): Mark | null {
  const [from = [0, 0]] = way;
  pen.press(tool, 1, slice, matrix, from);
  for (const at of way.slice(1)) pen.move(slice, matrix, at);
  return pen.release(matrix);
}

it("a line is one stroke, in image pixels", () => {
  expect(stroke("length", [20, 40], [60, 41])).toMatchObject({ rev: 1, tool: "length", points: [[10, 20], [30, 20.5]], removed: false });
  expect(pen.mark).toBeNull();
});

it("an angle is a stroke and a point, which is shown before it is placed", () => {
  expect(stroke("angle", [20, 40], [60, 40])).toBeNull();
  expect(pen.isUnfinished).toBe(true);
  pen.move(slice, matrix, [60, 80]);
  expect(pen.mark?.points).toEqual([[10, 20], [30, 20], [30, 40]]);
  expect(stroke("angle", [62, 80], [64, 80])?.points).toEqual([[10, 20], [30, 20], [32, 40]]);
});

it("an angle of Cobb is two strokes", () => {
  expect(stroke("cobb", [0, 0], [40, 0])).toBeNull();
  pen.move(slice, matrix, [50, 50]);
  expect(pen.mark?.points).toHaveLength(2);
  expect(stroke("cobb", [0, 40], [40, 60])?.points).toEqual([[0, 0], [20, 0], [0, 20], [20, 30]]);
});

it("one point is a click, two are not", () => {
  expect(stroke("probe", [20, 40])?.points).toEqual([[10, 20]]);
  expect(stroke("length", [20, 40], [22, 41])).toBeNull();
  expect(pen.mark).toBeNull();
  expect(stroke("freehand", [20, 40], [22, 41])).toBeNull();
});

it("a click instead of the second stroke leaves the first", () => {
  stroke("cobb", [0, 0], [40, 0]);
  expect(stroke("cobb", [9, 9], [10, 9])).toBeNull();
  expect(pen.mark?.points).toEqual([[0, 0], [20, 0]]);
  expect(stroke("cobb", [0, 40], [40, 60])?.points).toHaveLength(4);
});

it("a path has its corners and 64 points at the most", () => {
  expect(stroke("freehand", [0, 0], [10, 0], [20, 0], [20, 10], [20, 20])?.points).toEqual([[0, 0], [10, 0], [10, 10]]);
  const round = Array.from({ length: 3000 }, (_, i): Point => [100 + 80 * Math.cos(i / 20), 200 + 80 * Math.sin(i / 33)]);
  expect(stroke("freehand", ...round)?.points.length).toBeLessThanOrEqual(64);
});

it("stays on the image", () => {
  expect(stroke("rectangle", [-30, 300], [500, 900])?.points).toEqual([[0, 150], [100, 200]]);
});

it("moves a point of a mark that is there, by more than a click, as its next version", () => {
  const mark = stroke("length", [20, 40], [60, 40]);
  if (!mark) throw new Error("no mark");
  pen.take({ mark, at: 1 }, [60, 40]);
  pen.move(slice, matrix, [62, 41]);
  expect(pen.release(matrix)).toBeNull();
  pen.take({ mark, at: 1 }, [60, 40]);
  pen.move(slice, matrix, [80, 40]);
  expect(pen.release(matrix)).toEqual({ ...mark, rev: 2, points: [[10, 20], [40, 20]] });
});

it("a second finger gives up the stroke, not what was drawn before it", () => {
  stroke("angle", [20, 40], [60, 40]);
  pen.press("angle", 1, slice, matrix, [60, 80]);
  pen.undoStroke();
  expect(pen.mark?.points).toEqual([[10, 20], [30, 20]]);
  pen.cancel();
  expect(pen.mark).toBeNull();
  pen.press("length", 1, slice, matrix, [60, 80]);
  pen.undoStroke();
  expect(pen.mark).toBeNull();
});
