/** The lines that marks are drawn with, in image pixels: each a list of points to go through. */

import type { Point } from "./state";

export type Line = readonly Point[];
export type Outline = (points: readonly Point[]) => readonly Line[];

const OVAL_SIDES = 72;

export const chain: Outline = (points) => [points];

/** Each two points are a line. */
export const pairs: Outline = (points) => points.flatMap((_, i) => (i % 2 === 0 ? [points.slice(i, i + 2)] : []));

export const square: Outline = ([a, b]) => (a && b ? [[a, [b[0], a[1]], b, [a[0], b[1]], a]] : []);

export const oval: Outline = ([a, b]) => {
  if (!a || !b) return [];
  const [cx, cy, rx, ry] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (b[0] - a[0]) / 2, (b[1] - a[1]) / 2];
  return [
    Array.from({ length: OVAL_SIDES + 1 }, (_, i): Point => {
      const turn = (2 * Math.PI * i) / OVAL_SIDES;
      return [cx + rx * Math.cos(turn), cy + ry * Math.sin(turn)];
    }),
  ];
};

/** How far `at` is from a line. */
export function distanceTo(line: Line, at: Point): number {
  const [first] = line;
  if (!first) return Infinity;
  return line.slice(1).reduce((least, to, i) => Math.min(least, toPiece(line[i] ?? first, to, at)), away(first, at));
}

/** The path with as few points as look the same (Douglas and Peucker), `most` at the most. */
export function simplified(path: Line, most: number): Line {
  for (let tolerance = 0.25; ; tolerance *= 1.5) {
    const fewer = within(path, tolerance);
    if (fewer.length <= most) return fewer;
  }
}

function within(path: Line, tolerance: number): Line {
  const [first, last] = [path[0], path[path.length - 1]];
  if (!first || !last || path.length < 3) return path;
  const ways = path.map((point) => toPiece(first, last, point));
  const farthest = ways.indexOf(Math.max(...ways));
  if ((ways[farthest] ?? 0) <= tolerance) return [first, last];
  return [...within(path.slice(0, farthest + 1), tolerance).slice(0, -1), ...within(path.slice(farthest), tolerance)];
}

function away(a: Point, b: Point): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

function toPiece(from: Point, to: Point, at: Point): number {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const square = dx * dx + dy * dy;
  const share = square === 0 ? 0 : Math.min(1, Math.max(0, ((at[0] - from[0]) * dx + (at[1] - from[1]) * dy) / square));
  return away([from[0] + share * dx, from[1] + share * dy], at);
}
