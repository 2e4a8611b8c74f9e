/** Where image points are on the screen, and which way the patient lies there. */

import type { FrameFacts, Instance } from "./manifest";
import type { Point, View } from "./state";

/** x' = a·x + c·y + e, y' = b·x + d·y + f: as CanvasRenderingContext2D.setTransform takes it. */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

type Shape = Pick<Instance, "rows" | "columns" | "aspect">;

export const WHOLE: (image: Shape) => View = (image) => [image.columns / 2, image.rows / 2, 1, 0, 0, 0];

/** How many screen pixels a column takes when the turned image just fits. */
export function fitScale(image: Shape, rotation: number, viewport: Size): number {
  const height = image.rows * image.aspect;
  const [across, down] = rotation % 180 === 0 ? [image.columns, height] : [height, image.columns];
  return Math.min(viewport.width / across, viewport.height / down);
}

/** From image pixels to the pixels of the viewport. */
export function toScreen(image: Shape, view: View, viewport: Size): Matrix {
  const [cx, cy, scale, rotation, flipH, flipV] = view;
  const factor = scale * fitScale(image, rotation, viewport);
  const [cos, sin] = quarter(rotation);
  const x = factor * (flipH ? -1 : 1);
  const y = factor * (flipV ? -1 : 1) * image.aspect;
  const [a, b, c, d] = [cos * x, sin * x, -sin * y, cos * y];
  return [a, b, c, d, viewport.width / 2 - a * cx - c * cy, viewport.height / 2 - b * cx - d * cy];
}

export function apply([a, b, c, d, e, f]: Matrix, [x, y]: Point): Point {
  return [a * x + c * y + e, b * x + d * y + f];
}

export function invert([a, b, c, d, e, f]: Matrix): Matrix {
  const area = a * d - b * c;
  return [d / area, -b / area, -c / area, a / area, (c * f - d * e) / area, (b * e - a * f) / area];
}

/** The view after dragging by a way on the screen. */
export function panned(image: Shape, view: View, viewport: Size, by: Point): View {
  const [a, b, c, d] = invert(toScreen(image, view, viewport));
  const [, , ...rest] = view;
  return [view[0] - (a * by[0] + c * by[1]), view[1] - (b * by[0] + d * by[1]), ...rest];
}

/** The view at another scale, with the image point under `at` (on the screen) staying there. */
export function zoomed(image: Shape, view: View, viewport: Size, scale: number, at: Point): View {
  const limited = Math.min(40, Math.max(0.1, scale));
  const held = apply(invert(toScreen(image, view, viewport)), at);
  const [cx, cy, , rotation, flipH, flipV] = view;
  const next: View = [cx, cy, limited, rotation, flipH, flipV];
  const now = apply(toScreen(image, next, viewport), held);
  return panned(image, next, viewport, [at[0] - now[0], at[1] - now[1]]);
}

export function turned([cx, cy, scale, rotation, flipH, flipV]: View): View {
  return [cx, cy, scale, NEXT[rotation], flipH, flipV];
}

const NEXT = { 0: 90, 90: 180, 180: 270, 270: 0 } as const;

/** Mirrored left to right as seen on the screen, however the image is turned. */
export function mirrored(view: View, axis: "horizontal" | "vertical"): View {
  const [cx, cy, scale, rotation, flipH, flipV] = view;
  const isAlongRows = (axis === "horizontal") === (rotation % 180 === 0);
  return isAlongRows
    ? [cx, cy, scale, rotation, flipH ? 0 : 1, flipV]
    : [cx, cy, scale, rotation, flipH, flipV ? 0 : 1];
}

export interface Edges {
  readonly left: string;
  readonly right: string;
  readonly top: string;
  readonly bottom: string;
}

/** Letters of the patient's sides (A P R L H F) at the edges of the viewport; null where the image does not say. */
export function edges(facts: Pick<FrameFacts, "orientation">, image: Pick<Instance, "patient_orientation">, view: View): Edges | null {
  const letters = lettersBy(facts, image);
  if (!letters) return null;
  const side = (x: number, y: number) => {
    const [, , , rotation, flipH, flipV] = view;
    const [cos, sin] = quarter(rotation);
    // Back through turning, then mirroring: which way in the image that side of the screen is.
    return letters((cos * x + sin * y) * (flipH ? -1 : 1), (cos * y - sin * x) * (flipV ? -1 : 1));
  };
  return { left: side(-1, 0), right: side(1, 0), top: side(0, -1), bottom: side(0, 1) };
}

type Letters = (x: number, y: number) => string;

const OPPOSITE: Readonly<Record<string, string>> = { A: "P", P: "A", R: "L", L: "R", H: "F", F: "H" };
const LEAST_SHARE = 0.3;

function lettersBy(facts: Pick<FrameFacts, "orientation">, image: Pick<Instance, "patient_orientation">): Letters | null {
  if (facts.orientation) {
    const [a, b, c, d, e, f] = facts.orientation;
    return (x, y) => direction([a * x + d * y, b * x + e * y, c * x + f * y]);
  }
  const [row = "", column = ""] = image.patient_orientation ?? [];
  if (!/^[APRLHF]+$/.test(row) || !/^[APRLHF]+$/.test(column)) return null;
  return (x, y) => (Math.abs(x) > Math.abs(y) ? towards(row, x) : towards(column, y));
}

/** Letters of a direction in the patient's system (PS3.3 C.7.6.2.1.1), the strongest first, two at most. */
export function direction(vector: readonly [number, number, number]): string {
  const names = ["RL", "AP", "FH"] as const;
  return vector
    .map((share, i) => ({ size: Math.abs(share), letter: names[i]?.[share > 0 ? 1 : 0] ?? "" }))
    .filter(({ size }) => size > LEAST_SHARE)
    .sort((a, b) => b.size - a.size)
    .slice(0, 2)
    .map(({ letter }) => letter)
    .join("");
}

function towards(letters: string, sign: number): string {
  return sign > 0 ? letters : letters.replace(/./g, (letter) => OPPOSITE[letter] ?? letter);
}

function quarter(rotation: number): [cos: number, sin: number] {
  const turns = (((Math.round(rotation / 90) % 4) + 4) % 4) as 0 | 1 | 2 | 3;
  return ([[1, 0], [0, 1], [-1, 0], [0, -1]] as const)[turns] as [number, number];
}

/** A hundredth of a pixel is finer than anyone points. */
export function tidy([x, y]: Point): Point {
  return [Math.round(x * 100) / 100, Math.round(y * 100) / 100];
}
