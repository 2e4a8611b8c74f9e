/** How large the pixels between some points of an image really are; or why nobody knows. */

import { t } from "../text";
import type { Instance, UsRegion } from "./manifest";
import type { Point } from "./state";

/** Of one pixel, along a row and along a column. */
export interface Scale {
  readonly x_mm: number;
  readonly y_mm: number;
  /** What the reader has to know of it; empty where it is a plain length in the body. */
  readonly note: string;
}

/** No scale, and why. `isAspectKnown`: the shape of a pixel is known all the same, so angles are. */
export interface NoScale {
  readonly reason: string;
  readonly isAspectKnown: boolean;
}

export type Measured = Pick<Instance, "spacing" | "us_regions" | "aspect">;

const CM = 3;
const TWO_DIMENSIONAL = 1;

/** Holds for what lies between `points`, all of them. */
export function scaleOf({ spacing, us_regions }: Measured, points: readonly Point[]): Scale | NoScale {
  switch (spacing.kind) {
    case "pixel":
      return { x_mm: spacing.column_mm, y_mm: spacing.row_mm, note: spacing.calibrated ? t("theo hiệu chỉnh của máy") : "" };
    case "imager":
      return { x_mm: spacing.column_mm, y_mm: spacing.row_mm, note: t("mm trên tấm nhận ảnh, lớn hơn trong cơ thể") };
    case "us-region":
      return inRegion(us_regions, points) ?? { reason: t("mọi điểm phải cùng trong một vùng siêu âm 2D"), isAspectKnown: false };
    case null:
      return { reason: reasonFor(spacing.reason), isAspectKnown: spacing.reason !== "no-us-region" };
    default:
      return spacing satisfies never;
  }
}

function inRegion(regions: readonly UsRegion[], points: readonly Point[]): Scale | null {
  const region = regions
    .filter(({ box }) => points.every((point) => isInside(box, point)))
    .sort((a, b) => area(a) - area(b))[0];
  if (region?.format !== TWO_DIMENSIONAL || region.units.some((unit) => unit !== CM)) return null;
  return { x_mm: 10 * region.step[0], y_mm: 10 * region.step[1], note: "" };
}

function isInside([x0, y0, x1, y1]: UsRegion["box"], [x, y]: Point): boolean {
  return x >= x0 && x <= x1 + 1 && y >= y0 && y <= y1 + 1;
}

function area({ box: [x0, y0, x1, y1] }: UsRegion): number {
  return (x1 - x0) * (y1 - y0);
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
