import { expect, it } from "vitest";

import { anImage } from "./builders";
import type { Spacing, UsRegion } from "./manifest";
import { angleOf, areaOf, cobbOf, lengthOf } from "./measures";

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
    expect(refused(image)).toEqual({ text: "100 điểm ảnh", note: "không có mm: mọi điểm phải cùng trong một vùng siêu âm 2D" });
  }
});

it("gives pixels and the reason where no size is known", () => {
  const note = (reason: "no-spacing" | "no-us-region" | "capture") => lengthOf(anImage({ spacing: { kind: null, reason } }), [0, 0], [3, 4]);
  expect(note("no-spacing")).toEqual({ text: "5 điểm ảnh", note: "không có mm: ảnh không ghi kích thước điểm ảnh" });
  expect(note("no-us-region").note).toContain("siêu âm");
  expect(note("capture").note).toContain("chụp lại");
});

it("takes angles in mm, not in pixels: a pixel twice as high as wide makes 45° of 2 across and 1 down", () => {
  const tall = anImage({ spacing: mm("pixel", 1, 0.5), aspect: 2 });
  expect(angleOf(tall, [[20, 10], [10, 10], [12, 11]])).toEqual({ text: "45,0°", note: "" });
  expect(angleOf(anImage({ spacing: mm("pixel", 1, 1) }), [[20, 10], [10, 10], [12, 11]]).text).toBe("26,6°");
  expect(angleOf(tall, [[0, 10], [10, 10], [12, 11]]).text).toBe("135,0°");
  expect(angleOf(tall, [[10, 0], [10, 10], [20, 10]]).text).toBe("90,0°");
  expect(angleOf(tall, [[0, 10], [10, 10], [30, 10]]).text).toBe("180,0°");
});

it("takes the angle between two lines as 90° at the most, whichever way they were drawn", () => {
  const image = anImage({ spacing: mm("imager", 0.2, 0.2) });
  expect(cobbOf(image, [[0, 0], [10, 0], [0, 50], [10, 60]])).toEqual({ text: "45,0°", note: "" });
  expect(cobbOf(image, [[0, 0], [10, 0], [10, 60], [0, 50]]).text).toBe("45,0°");
  expect(cobbOf(image, [[0, 0], [10, 0], [0, 50], [-10, 60]]).text).toBe("45,0°");
});

it("gives angles by the shape of the pixels where only that is known, with the reason, and none across ultrasound regions", () => {
  const points = [[20, 10], [10, 10], [12, 11]] as const;
  const unknown = anImage({ spacing: { kind: null, reason: "no-spacing" }, aspect: 2 });
  expect(angleOf(unknown, points)).toEqual({ text: "45,0°", note: "góc trên ảnh: ảnh không ghi kích thước điểm ảnh" });
  expect(angleOf(us(region([0, 0, 99, 99], { step: [0.05, 0.1] })), points)).toEqual({ text: "45,0°", note: "" });
  for (const image of [us(region([0, 0, 15, 99])), us(region([0, 0, 99, 99], { format: 3 })), anImage({ spacing: { kind: null, reason: "no-us-region" } })]) {
    expect(angleOf(image, points).text).toBe("không đo được góc");
    expect(angleOf(image, points).note).not.toBe("");
  }
});

it("has no angle where an arm has no length", () => {
  expect(angleOf(anImage({ spacing: mm("pixel", 1, 1) }), [[5, 5], [5, 5], [9, 9]]).text).toBe("không đo được góc");
});

it("takes areas in mm² by both sides of a pixel, or in pixels with the reason", () => {
  const points = [[0, 0], [10, 20]] as const;
  expect(areaOf(anImage({ spacing: mm("pixel", 2, 0.5) }), points, 200)).toEqual({ text: "200,0 mm²", note: "" });
  expect(areaOf(anImage({ spacing: mm("imager", 0.1, 0.1) }), points, 200)).toEqual({ text: "2,0 mm²", note: "mm trên tấm nhận ảnh, lớn hơn trong cơ thể" });
  expect(areaOf(us(region([0, 0, 99, 99])), points, 200).text).toBe("50,0 mm²");
  expect(areaOf(us(region([0, 0, 5, 99])), points, 200)).toEqual({ text: "200 điểm ảnh", note: "không có mm: mọi điểm phải cùng trong một vùng siêu âm 2D" });
});
