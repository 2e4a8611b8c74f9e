/** Lengths, angles and areas on an image, in the unit that they really have; or why they have none. */

import { t } from "../text";
import { decimal } from "./numbers";
import { scaleOf } from "./scale";
import type { Measured } from "./scale";
import type { Point } from "./state";

export interface Finding {
  /** "64,2 mm": as written beside the drawing. */
  readonly text: string;
  /** What the reader has to know of it; empty where nothing. */
  readonly note: string;
}

export function lengthOf(image: Measured, from: Point, to: Point): Finding {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const scale = scaleOf(image, [from, to]);
  if ("reason" in scale) return inPixels(Math.hypot(dx, dy), scale.reason);
  return { text: t("{n} mm", { n: decimal(Math.hypot(dx * scale.x_mm, dy * scale.y_mm), 1, 1) }), note: scale.note };
}

/** Of what has this many pixels, within the box of `points`. */
export function areaOf(image: Measured, points: readonly Point[], pixels: number): Finding {
  const scale = scaleOf(image, points);
  if ("reason" in scale) return inPixels(pixels, scale.reason);
  return { text: t("{n} mm²", { n: decimal(pixels * scale.x_mm * scale.y_mm, 1, 1) }), note: scale.note };
}

/** At the vertex, 0 to 180°. */
export function angleOf(image: Measured, [end, vertex, other]: readonly [Point, Point, Point]): Finding {
  return between(image, [end, vertex, other], [vertex, end], [vertex, other], (degrees) => degrees);
}

/** Between two lines, whichever way they were drawn: 0 to 90°. */
export function cobbOf(image: Measured, [a, b, c, d]: readonly [Point, Point, Point, Point]): Finding {
  return between(image, [a, b, c, d], [a, b], [c, d], (degrees) => Math.min(degrees, 180 - degrees));
}

type Way = readonly [from: Point, to: Point];

function between(image: Measured, points: readonly Point[], one: Way, other: Way, taken: (degrees: number) => number): Finding {
  const scale = scaleOf(image, points);
  if ("reason" in scale && !scale.isAspectKnown) return { text: t("không đo được góc"), note: scale.reason };
  const [x, y] = "reason" in scale ? [1, image.aspect] : [scale.x_mm, scale.y_mm];
  const [ax, ay, bx, by] = [...along(one, x, y), ...along(other, x, y)] as [number, number, number, number];
  if (Math.hypot(ax, ay) === 0 || Math.hypot(bx, by) === 0) return { text: t("không đo được góc"), note: t("hai điểm trùng nhau") };
  const degrees = (Math.atan2(Math.abs(ax * by - ay * bx), ax * bx + ay * by) * 180) / Math.PI;
  const note = "reason" in scale ? t("góc trên ảnh: {reason}", { reason: scale.reason }) : "";
  return { text: `${decimal(taken(degrees), 1, 1)}°`, note };
}

function along([from, to]: Way, x: number, y: number): [number, number] {
  return [(to[0] - from[0]) * x, (to[1] - from[1]) * y];
}

function inPixels(pixels: number, reason: string): Finding {
  return { text: t("{n} điểm ảnh", { n: Math.round(pixels) }), note: t("không có mm: {reason}", { reason }) };
}
