/** Every expected value here was worked out by hand. */

import { expect, it } from "vitest";

import { anImage, aSeries } from "./builders";
import type { Triple } from "./manifest";
import { crossing, nearest } from "./planes";
import { stackOf } from "./stack";
import type { Slice } from "./stack";

const AXIAL = [1, 0, 0, 0, 1, 0] as const;
const SAGITTAL = [0, 1, 0, 0, 0, -1] as const;
const CORONAL = [1, 0, 0, 0, 0, -1] as const;
const spacing = (mm: number) => ({ kind: "pixel" as const, row_mm: mm, column_mm: mm, calibrated: false });

/** 100 columns, 200 rows; its first pixel's centre at `position`. */
function plane(orientation: typeof AXIAL | typeof SAGITTAL | typeof CORONAL, position: Triple, mm = 1, sop = "1"): Slice {
  const [slice] = stackOf(aSeries([anImage({ sop, orientation, position, spacing: spacing(mm) })]), 1);
  if (!slice) throw new Error("no slice");
  return slice;
}

const stack = (zs: readonly number[], mm = 1) => zs.map((z, i) => plane(AXIAL, [0, 0, z], mm, `1.${i}`));

it("finds the slice at the same place, whatever the distances and pixels are", () => {
  const thick = stack([0, 5, 10, 15], 0.5);
  expect(nearest(thick, plane(AXIAL, [30, 40, 7.4]))).toBe(1);
  expect(nearest(thick, plane(AXIAL, [0, 0, 7.6]))).toBe(2);
  expect(nearest(thick, plane(AXIAL, [0, 0, 29.9]))).toBe(3); // 14.9 mm beyond the last
  expect(nearest(thick, plane(AXIAL, [0, 0, 31]))).toBeNull();
  expect(nearest(thick, plane(SAGITTAL, [0, 0, 5]))).toBeNull();
});

it("goes by the middle of a tilted slice", () => {
  // 8° about x, cosine .990268, sine .139173. Its middle is 99.5 rows of 1 mm down: 13.848 mm higher than its corner.
  const tilted: Slice = { ...plane(AXIAL, [0, 0, 0]), facts: { ...plane(AXIAL, [0, 0, 0]).facts, orientation: [1, 0, 0, 0, 0.990268, 0.139173] } };
  expect(nearest(stack([0, 5, 10, 15, 20]), tilted)).toBe(3);
});

it("draws a sagittal plane on an axial image from its first to its last row", () => {
  // The sagittal one lies at x = 30, its rows along y from 9.5 to 109.5 (edges of its 100 columns, first centre at 10).
  const line = crossing(plane(AXIAL, [0, 0, -50], 0.5), plane(SAGITTAL, [30, 10, 0]));
  // x = 30 mm / 0.5 + 0.5 = 60.5; y = 9.5 / 0.5 + 0.5 = 19.5 and 109.5 / 0.5 + 0.5 = 219.5.
  expect(line?.map(([x, y]) => [x, Math.round(y * 1000) / 1000]).sort((a, b) => (a[1] ?? 0) - (b[1] ?? 0))).toEqual([[60.5, 19.5], [60.5, 219.5]]);
});

it("draws an axial plane on a coronal image as a level line", () => {
  // 30 mm below the first row: row 30.5. From the left edge of the axial one, x = -0.5: column 0, to 99.5: column 100.
  const line = crossing(plane(CORONAL, [0, 50, 0]), plane(AXIAL, [0, 0, -30]));
  expect([...(line ?? [])].sort((a, b) => a[0] - b[0])).toEqual([[0, 30.5], [100, 30.5]]);
});

it("draws nothing where planes lie alongside, or do not reach each other, or the pixel's size is not known", () => {
  expect(crossing(plane(AXIAL, [0, 0, 0]), plane(AXIAL, [0, 0, 5]))).toBeNull();
  expect(crossing(plane(AXIAL, [0, 0, 5]), plane(SAGITTAL, [30, 0, 0]))).toBeNull(); // it reaches from 0.5 down
  const unknown = { ...plane(AXIAL, [0, 0, -5]), image: anImage() };
  expect(crossing(unknown, plane(SAGITTAL, [30, 0, 0]))).toBeNull();
});
