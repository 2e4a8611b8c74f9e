/** What the pixels under a drawing say: exact values after the modality LUT, of the full frame alone. */

import { t } from "../text";
import { decimal } from "./numbers";
import type { DecodedFrame, GreyFrame } from "./pixels";
import type { Slice } from "./stack";
import type { Point } from "./state";

/** `sd` of all that is inside, not of a sample: as numpy.std. */
export interface Statistics {
  readonly count: number;
  readonly mean: number;
  readonly sd: number;
  readonly min: number;
  readonly max: number;
}

/** A drawing's inside, asked for the centre of each pixel in the box of two corners. */
export interface Area {
  readonly corners: readonly [Point, Point];
  readonly isInside: (x: number, y: number) => boolean;
}

/** Values there are, or the sentence that is said in their place. `isWaiting`: they are still on their way. */
export type Values<T> = { readonly values: T } | { readonly instead: string; readonly isWaiting: boolean };

export function rectangle(a: Point, b: Point): Area {
  const [x0, y0, x1, y1] = boxOf(a, b);
  return { corners: [a, b], isInside: (x, y) => x >= x0 && x <= x1 && y >= y0 && y <= y1 };
}

export function ellipse(a: Point, b: Point): Area {
  const [cx, cy, rx, ry] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, Math.abs(b[0] - a[0]) / 2, Math.abs(b[1] - a[1]) / 2];
  return { corners: [a, b], isInside: (x, y) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1 };
}

export function statisticsOf(slice: Slice, frame: DecodedFrame | null, area: Area): Values<Statistics> {
  const grey = readable(frame);
  if ("instead" in grey) return grey;
  let [count, sum, squares, min, max] = [0, 0, 0, Infinity, -Infinity];
  visit(slice, grey.values, area, (stored) => {
    count += 1;
    sum += stored;
    min = Math.min(min, stored);
    max = Math.max(max, stored);
  });
  if (count === 0) return { instead: t("không có điểm ảnh nào bên trong"), isWaiting: false };
  const mean = sum / count;
  // Once more through all: squares of large values would lose the small differences.
  visit(slice, grey.values, area, (stored) => (squares += (stored - mean) ** 2));
  const { slope, intercept } = slice.facts.rescale;
  const ends = [min * slope + intercept, max * slope + intercept];
  return {
    values: {
      count,
      mean: mean * slope + intercept,
      sd: Math.sqrt(squares / count) * Math.abs(slope),
      min: Math.min(...ends),
      max: Math.max(...ends),
    },
  };
}

/** Of the pixel that a point is in. */
export function valueAt(slice: Slice, frame: DecodedFrame | null, [x, y]: Point): Values<number> {
  const grey = readable(frame);
  if ("instead" in grey) return grey;
  const { pixels, width, height } = grey.values;
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const stored = column >= 0 && column < width && row >= 0 && row < height ? pixels[row * width + column] : undefined;
  if (stored === undefined || isPadding(slice, stored)) return { instead: t("ngoài vùng chụp"), isWaiting: false };
  return { values: stored * slice.facts.rescale.slope + slice.facts.rescale.intercept };
}

/** A value as the image has it: whole where it can only be whole; `finer` for what is counted from many. */
export function written(slice: Slice, value: number, finer: 0 | 1 = 0): string {
  const { slope, intercept } = slice.facts.rescale;
  const isWhole = Number.isInteger(slope) && Number.isInteger(intercept);
  const digits = isWhole ? 0 : Math.min(6, Math.max(1, 1 - Math.floor(Math.log10(Math.abs(slope)))));
  return decimal(value, digits + finer, finer);
}

/** " HU", or nothing where the image does not say. */
export function unitOf({ facts }: Slice): string {
  const { units } = facts.rescale;
  return units === "" || units === "US" ? "" : ` ${units}`; // US: unspecified (PS3.3 C.11.1.1.2)
}

function readable(frame: DecodedFrame | null): Values<GreyFrame> {
  if (frame === null || frame.level > 0) return { instead: t("đang tải…"), isWaiting: true };
  return frame.kind === "grey" ? { values: frame } : { instead: t("ảnh màu: không có trị số"), isWaiting: false };
}

/** Each pixel whose centre is inside, by its stored value; not padding (PS3.3 C.7.5.1.1.2), which measures nothing. */
function visit(slice: Slice, { pixels, width, height }: GreyFrame, { corners, isInside }: Area, take: (stored: number) => void): void {
  const [x0, y0, x1, y1] = boxOf(...corners);
  const [left, right] = [Math.max(0, Math.floor(x0)), Math.min(width - 1, Math.floor(x1))];
  const [top, bottom] = [Math.max(0, Math.floor(y0)), Math.min(height - 1, Math.floor(y1))];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const stored = pixels[row * width + column];
      if (stored !== undefined && isInside(column + 0.5, row + 0.5) && !isPadding(slice, stored)) take(stored);
    }
  }
}

function isPadding({ image: { padding } }: Slice, stored: number): boolean {
  return padding !== null && stored >= padding[0] && stored <= padding[1];
}

function boxOf(a: Point, b: Point): [x0: number, y0: number, x1: number, y1: number] {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
}
