/** Every expected value here was worked out by hand. */

import { expect, it } from "vitest";

import { aSlice } from "./builders";
import type { DecodedFrame, GreyFrame } from "./pixels";
import type { Point } from "./state";
import { ellipse, rectangle, statisticsOf, unitOf, valueAt, written } from "./values";

/** 4 columns, 3 rows. */
const PIXELS = [
  -1000, -10, 0, 10,
  20, 30, 40, 50,
  60, 70, 80, 3000,
];
const hounsfield = aSlice({ rows: 3, columns: 4, rescale: { slope: 1, intercept: 0, units: "HU" } });

function frame(pixels = PIXELS, changes: Partial<GreyFrame> = {}): GreyFrame {
  return {
    kind: "grey", width: 4, height: 3, level: 0, cuts: [1], bits: 16, signed: true, low: 0, high: 0,
    pixels: Int16Array.from(pixels), min: Math.min(...pixels), max: Math.max(...pixels), ...changes,
  };
}

function stats(area: ReturnType<typeof rectangle>, slice = hounsfield, of: DecodedFrame | null = frame()) {
  const found = statisticsOf(slice, of, area);
  if ("instead" in found) throw new Error(found.instead);
  return found.values;
}

it("a rectangle takes the pixels whose centres are inside, signed values too", () => {
  // Columns 1 and 2, rows 0 and 1: -10, 0, 30, 40. Mean 15; squares 625 + 225 + 225 + 625 over 4: 425.
  const values = stats(rectangle([1, 0], [3, 2]));
  expect(values).toMatchObject({ count: 4, mean: 15, min: -10, max: 40 });
  expect(values.sd).toBeCloseTo(Math.sqrt(425), 12);
  expect(stats(rectangle([3, 2], [1, 0]))).toEqual(values); // drawn the other way
  expect(stats(rectangle([1.5, 0.5], [2.5, 1.5])).count).toBe(4); // a centre on the edge is inside
  expect(stats(rectangle([1.51, 0.5], [2.5, 1.5])).count).toBe(2);
});

it("an ellipse leaves the corners out", () => {
  // Over the whole: centre 2 | 1.5, radii 2 and 1.5. The corner centres are at (0.75)² + (0.667)² > 1.
  const values = stats(ellipse([0, 0], [4, 3]));
  expect(values).toMatchObject({ count: 8, mean: (-10 + 0 + 20 + 30 + 40 + 50 + 70 + 80) / 8, min: -10, max: 80 });
});

it("what lies beyond the edge of the image is not counted", () => {
  expect(stats(rectangle([2, 1], [400, 300]))).toMatchObject({ count: 4, min: 40, max: 3000 });
  expect(stats(rectangle([-5, -5], [1, 1]))).toMatchObject({ count: 1, mean: -1000, sd: 0 });
  expect(statisticsOf(hounsfield, frame(), rectangle([4, 0], [9, 3]))).toMatchObject({ isWaiting: false });
  expect(statisticsOf(hounsfield, frame(), ellipse([1, 1], [1, 1]))).toMatchObject({ instead: "không có điểm ảnh nào bên trong" });
});

it("rescales as the modality LUT says, with a falling one too", () => {
  const slice = aSlice({ rows: 3, columns: 4, rescale: { slope: -2, intercept: 100, units: "" } });
  // -10, 0, 30, 40 become 120, 100, 40, 20.
  const values = stats(rectangle([1, 0], [3, 2]), slice);
  expect(values).toMatchObject({ mean: 70, min: 20, max: 120 });
  expect(values.sd).toBeCloseTo(2 * Math.sqrt(425), 12);
});

it("padding is no measurement", () => {
  const slice = aSlice({ rows: 3, columns: 4, padding: [-1000, -1000] });
  expect(stats(rectangle([0, 0], [2, 1]), slice)).toMatchObject({ count: 1, mean: -10 });
  expect(valueAt(slice, frame(), [0.5, 0.5])).toMatchObject({ instead: "ngoài vùng chụp" });
});

it("a point reads the pixel that it is in", () => {
  const at = (x: number, y: number) => valueAt(hounsfield, frame(), [x, y]);
  expect([at(0, 0), at(0.99, 0.99), at(1, 0), at(3.99, 2.99)]).toEqual([-1000, -1000, -10, 3000].map((values) => ({ values })));
  for (const outside of [[-0.01, 0], [4, 0], [0, 3]] as Point[]) expect(valueAt(hounsfield, frame(), outside)).toMatchObject({ isWaiting: false });
});

it("waits for the full frame, and has no values for colours", () => {
  for (const early of [null, frame(PIXELS, { level: 1 })]) {
    expect(valueAt(hounsfield, early, [1, 1])).toEqual({ instead: "đang tải…", isWaiting: true });
    expect(statisticsOf(hounsfield, early, rectangle([0, 0], [2, 2]))).toMatchObject({ isWaiting: true });
  }
  const colours: DecodedFrame = { ...frame(), kind: "colour", pixels: new Uint8ClampedArray(48) };
  expect(valueAt(hounsfield, colours, [1, 1])).toMatchObject({ isWaiting: false });
});

it("large values lose nothing: the mean of 65,534 and 65,535 a hundred thousand times", () => {
  const side = 448;
  const pixels = Uint16Array.from({ length: side * side }, (_, i) => 65534 + (i % 2));
  const big = { ...frame(), width: side, height: side, pixels };
  const values = stats(rectangle([0, 0], [side, side]), aSlice({ rows: side, columns: side }), big);
  expect([values.mean, values.sd]).toEqual([65534.5, 0.5]);
});

it("is written whole where it can only be whole, and with as many digits as the slope gives", () => {
  expect([written(hounsfield, -12), written(hounsfield, -12.34, 1)]).toEqual(["-12", "-12,3"]);
  const fine = aSlice({ rescale: { slope: 0.004, intercept: 0, units: "BQML" } });
  expect(written(fine, 1.2344)).toBe("1,2344");
  expect([unitOf(hounsfield), unitOf(fine), unitOf(aSlice()), unitOf(aSlice({ rescale: { slope: 1, intercept: 0, units: "US" } }))]).toEqual([" HU", " BQML", "", ""]);
});
