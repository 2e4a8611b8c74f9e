/** Every expected value here was worked out by hand. */

import { expect, it } from "vitest";

import { aFrame, anImage, aSeries } from "./builders";
import type { Instance, Triple } from "./manifest";
import { levelFor, regularityOf, Volume } from "./mpr";
import type { Regular } from "./mpr";
import { stackOf } from "./stack";

const AXIAL = [1, 0, 0, 0, 1, 0] as const;
const spacing = { kind: "pixel" as const, row_mm: 0.5, column_mm: 0.5, calibrated: false };

/** 8 slices of 4 columns and 2 rows, 3 mm apart, numbered from the feet. */
function stack(change: (i: number) => Partial<Instance> = () => ({})) {
  const images = Array.from({ length: 8 }, (_, i) =>
    anImage({ instance: i, sop: `1.${i}`, number: i, rows: 2, columns: 4, orientation: AXIAL, position: [10, 20, 3 * i], spacing, ...change(i) }),
  );
  return stackOf(aSeries(images), 1);
}

function regular(): Regular {
  const found = regularityOf(stack());
  if ("refused" in found) throw new Error(found.refused);
  return found;
}

it("takes a stack of one spacing, from the head down", () => {
  const { slices, steps, down } = regular();
  expect(slices.map(({ image }) => image.instance)).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
  expect([steps, down.map((part) => part + 0)]).toEqual([[0.5, 0.5, 3], [0, 0, -1]]);
  expect(regularityOf(stack((i) => ({ position: [10, 20, 3 * i + (i === 3 ? 0.05 : 0)] })))).not.toHaveProperty("refused"); // rounded
});

const at = (i: number, aside = 0): Triple => [10, 20 + aside, 3 * i];
it.each<[string, (i: number) => Partial<Instance>]>([
  ["loạt này là ảnh màu", () => ({ photometric: "RGB" })],
  ["ảnh không ghi vị trí trong cơ thể hoặc kích thước điểm ảnh", () => ({ position: null })],
  ["ảnh không ghi vị trí trong cơ thể hoặc kích thước điểm ảnh", () => ({ spacing: { kind: null, reason: "no-spacing" } })],
  ["các ảnh trong loạt khác cỡ, khác hướng hoặc khác thang trị số", (i) => ({ rows: i === 7 ? 3 : 2 })],
  ["các ảnh trong loạt khác cỡ, khác hướng hoặc khác thang trị số", (i) => ({ rescale: { slope: i + 1, intercept: 0, units: "" } })],
  ["loạt này không phải cắt ngang", (i) => ({ orientation: [0, 1, 0, 0, 0, -1], position: [3 * i, 0, 0] })],
  ["khoảng cách giữa các lát không đều, hoặc thiếu lát", (i) => ({ position: at(i === 7 ? 8 : i) })],
  ["khoảng cách giữa các lát không đều, hoặc thiếu lát", () => ({ position: at(0) })],
  ["loạt chụp nghiêng giàn", (i) => ({ position: at(i, 0.2 * i) })], // 1.4 mm over the stack, 0.25 are allowed
])("refuses: %s", (reason, change) => {
  expect(regularityOf(stack(change))).toEqual({ refused: reason });
});

it("refuses a few images", () => {
  expect(regularityOf(stack().slice(0, 7))).toEqual({ refused: "loạt này có quá ít ảnh" });
});

it("halves rows and columns until the volume fits", () => {
  expect(levelFor(512, 512, 180)).toBe(0); // 90 MiB
  expect(levelFor(512, 512, 300)).toBe(1); // 150 MiB, so 37.5
  expect(levelFor(5, 5, 2, 36)).toBe(1); // 100 bytes; 3 × 3: 36
});

it("cuts planes with the head on top, right and front first, and says where they lie", () => {
  const volume = new Volume(regular());
  // Stored: 100 a slice from the head, 10 a row, 1 a column.
  for (let z = 0; z < 8; z++) volume.put(z, { ...aFrame([0, 1, 2, 3, 10, 11, 12, 13].map((value) => value + 100 * z)), width: 4, height: 2 });
  const [, coronal] = volume.planes("coronal");
  expect([coronal?.image.rows, coronal?.image.columns, coronal?.image.aspect]).toEqual([8, 4, 6]);
  expect([...(coronal?.made?.()?.pixels ?? [])].slice(0, 9)).toEqual([10, 11, 12, 13, 110, 111, 112, 113, 210]);
  // Row 1 of the topmost slice at z = 21: y = 20 + 0.5.
  expect([coronal?.facts.position, coronal?.facts.orientation?.map((part) => part + 0)]).toEqual([[10, 20.5, 21], [1, 0, 0, 0, 0, -1]]);
  const sagittal = volume.planes("sagittal")[2];
  expect([sagittal?.image.rows, sagittal?.image.columns]).toEqual([8, 2]);
  expect([...(sagittal?.made?.()?.pixels ?? [])].slice(0, 5)).toEqual([2, 12, 102, 112, 202]);
  expect([sagittal?.facts.position, sagittal?.facts.orientation?.map((part) => part + 0)]).toEqual([[11, 20, 21], [0, 1, 0, 0, 0, -1]]);
});

it("thins out frames that come finer than the volume is", () => {
  const volume = new Volume(regular(), 2 * 8 * 2);
  expect([volume.level, volume.width, volume.height]).toEqual([1, 2, 1]);
  for (let z = 0; z < 8; z++) volume.put(z, { ...aFrame([0, 1, 2, 3, 10, 11, 12, 13].map((value) => value + 100 * z)), width: 4, height: 2 });
  const [coronal] = volume.planes("coronal");
  expect([...(coronal?.made?.()?.pixels ?? [])].slice(0, 4)).toEqual([0, 2, 100, 102]);
  expect(coronal?.image.spacing).toMatchObject({ row_mm: 3, column_mm: 1 });
  // The middle of two rows of 0.5 mm lies a quarter of a millimetre behind the centre of the first.
  expect(coronal?.facts.position).toEqual([10.25, 20.25, 21]);
});
