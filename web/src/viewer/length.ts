/** What a line on an image measures, in the unit that it really has; or why it has none. */

import { t } from "../text";
import type { Instance, UsRegion } from "./manifest";
import { decimal } from "./numbers";
import type { Point } from "./state";

export interface Length {
  /** "64,2 mm": as written beside the line. */
  readonly text: string;
  /** What the reader has to know of it; empty where it is a plain length in the body. */
  readonly note: string;
}

type Measured = Pick<Instance, "spacing" | "us_regions" | "aspect">;

const CM = 3;
const TWO_DIMENSIONAL = 1;

export function lengthOf(image: Measured, from: Point, to: Point): Length {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const { spacing } = image;
  switch (spacing.kind) {
    case "pixel":
    case "imager": {
      const text = inMm(Math.hypot(dx * spacing.column_mm, dy * spacing.row_mm));
      if (spacing.kind === "imager") return { text, note: t("mm trên tấm nhận ảnh, lớn hơn trong cơ thể") };
      return { text, note: spacing.calibrated ? t("theo hiệu chỉnh của máy") : "" };
    }
    case "us-region":
      return inRegion(image.us_regions, from, to) ?? inPixels(dx, dy, t("hai điểm phải cùng trong một vùng siêu âm 2D"));
    case null:
      return inPixels(dx, dy, reasonFor(spacing.reason));
    default:
      return spacing satisfies never;
  }
}

function inRegion(regions: readonly UsRegion[], from: Point, to: Point): Length | null {
  const region = regions
    .filter(({ box }) => isInside(box, from) && isInside(box, to))
    .sort((a, b) => area(a) - area(b))[0];
  if (region?.format !== TWO_DIMENSIONAL || region.units.some((unit) => unit !== CM)) return null;
  const mm = 10 * Math.hypot((to[0] - from[0]) * region.step[0], (to[1] - from[1]) * region.step[1]);
  return { text: inMm(mm), note: "" };
}

function isInside([x0, y0, x1, y1]: UsRegion["box"], [x, y]: Point): boolean {
  return x >= x0 && x <= x1 + 1 && y >= y0 && y <= y1 + 1;
}

function area({ box: [x0, y0, x1, y1] }: UsRegion): number {
  return (x1 - x0) * (y1 - y0);
}

function inMm(mm: number): string {
  return `${decimal(mm, 1, 1)} mm`;
}

function inPixels(dx: number, dy: number, reason: string): Length {
  return {
    text: t("{n} điểm ảnh", { n: Math.round(Math.hypot(dx, dy)) }),
    note: t("không có mm: {reason}", { reason }),
  };
}

function reasonFor(reason: "no-spacing" | "no-us-region" | "capture"): string {
  switch (reason) {
    case "no-spacing":
      return t("ảnh không ghi kích thước điểm ảnh");
    case "no-us-region":
      return t("ảnh siêu âm không ghi vùng đo");
    case "capture":
      return t("ảnh chụp lại, không có tỉ lệ thật");
    default:
      return reason satisfies never;
  }
}
