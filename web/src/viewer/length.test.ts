import { expect, it } from "vitest";

import { anImage } from "./builders";
import { lengthOf } from "./length";
import type { Spacing, UsRegion } from "./manifest";

const mm = (kind: "pixel" | "imager", row_mm: number, column_mm: number, calibrated = false): Spacing => ({ kind, row_mm, column_mm, calibrated });
const region = (box: UsRegion["box"], changes: Partial<UsRegion> = {}): UsRegion => ({ box, step: [0.05, 0.05], units: [3, 3], format: 1, ...changes });
const us = (...us_regions: UsRegion[]) => anImage({ spacing: { kind: "us-region" }, us_regions });

it("is in mm of the body where pixels have a size there, along rows and columns alike", () => {
  expect(lengthOf(anImage({ spacing: mm("pixel", 0.5, 0.5) }), [10, 10], [40, 50])).toEqual({ text: "25,0 mm", note: "" });
  expect(lengthOf(anImage({ spacing: mm("pixel", 2, 0.5) }), [0, 0], [10, 0]).text).toBe("5,0 mm");
  expect(lengthOf(anImage({ spacing: mm("pixel", 2, 0.5) }), [0, 0], [0, 10]).text).toBe("20,0 mm");
});

it("says when it is on the detector, or by the device's calibration", () => {
  expect(lengthOf(anImage({ spacing: mm("imager", 0.1, 0.1) }), [0, 0], [100, 0])).toEqual({
    text: "10,0 mm",
    note: "mm trên tấm nhận ảnh, lớn hơn trong cơ thể",
  });
  expect(lengthOf(anImage({ spacing: mm("pixel", 0.1, 0.1, true) }), [0, 0], [100, 0]).note).toBe("theo hiệu chỉnh của máy");
});

it("takes the ultrasound region that both ends are in, the smallest one", () => {
  const whole = region([0, 0, 99, 99]);
  const inset = region([10, 10, 49, 49], { step: [0.1, 0.1] });
  expect(lengthOf(us(whole), [0, 0], [60, 80]).text).toBe("50,0 mm");
  expect(lengthOf(us(whole, inset), [10, 10], [20, 10]).text).toBe("10,0 mm");
  expect(lengthOf(us(whole, inset), [5, 10], [20, 10]).text).toBe("7,5 mm");
});

it("refuses mm across regions, in a Doppler region, or in other units than cm", () => {
  const refused = (image: ReturnType<typeof us>) => lengthOf(image, [5, 5], [5, 105]);
  for (const image of [
    us(region([0, 0, 99, 49]), region([0, 50, 99, 199])),
    us(region([0, 0, 99, 199], { format: 3 })),
    us(region([0, 0, 99, 199], { units: [4, 3] })),
    us(),
  ]) {
    expect(refused(image)).toEqual({ text: "100 điểm ảnh", note: "không có mm: hai điểm phải cùng trong một vùng siêu âm 2D" });
  }
});

it("gives pixels and the reason where no size is known", () => {
  const note = (reason: "no-spacing" | "no-us-region" | "capture") => lengthOf(anImage({ spacing: { kind: null, reason } }), [0, 0], [3, 4]);
  expect(note("no-spacing")).toEqual({ text: "5 điểm ảnh", note: "không có mm: ảnh không ghi kích thước điểm ảnh" });
  expect(note("no-us-region").note).toContain("siêu âm");
  expect(note("capture").note).toContain("chụp lại");
});
