/**
 * Where images lie in the patient (PS3.3 C.7.6.2.1.1): positions along a normal, and where planes cross.
 *
 * Patient coordinates in mm. Image points as everywhere here: 0, 0 is the top left corner of the first pixel, whose
 * centre ImagePositionPatient tells.
 */

import type { FrameFacts, Triple } from "./manifest";
import type { Slice } from "./stack";
import type { Point } from "./state";
import { cross, dot, minus } from "./vectors";

export interface Plane {
  /** The centre of the first pixel. */
  readonly origin: Triple;
  /** Along a row, along a column, away from both: of length 1. */
  readonly row: Triple;
  readonly column: Triple;
  readonly normal: Triple;
}

/** mm that a step along a row and along a column is. */
type Spacing = readonly [x: number, y: number];

const PARALLEL = 0.97; // cosine: up to 14° apart is one direction to a reader
const FARTHEST_MM = 15; // farther away is not the same place

export function planeOf({ position, orientation }: Pick<FrameFacts, "position" | "orientation">): Plane | null {
  if (!position || !orientation) return null;
  const row: Triple = [orientation[0], orientation[1], orientation[2]];
  const column: Triple = [orientation[3], orientation[4], orientation[5]];
  return { origin: position, row, column, normal: cross(row, column) };
}

/** The slice of a stack that lies nearest to where another one is; null where they lie across, or too far away. */
export function nearest(stack: readonly Slice[], to: Slice): number | null {
  const plane = planeOf(to.facts);
  const middle = plane && patientPoint(plane, spacingOf(to), [to.image.columns / 2, to.image.rows / 2]);
  if (!plane || !middle) return null;
  let [best, least] = [-1, FARTHEST_MM];
  for (const [i, slice] of stack.entries()) {
    const other = planeOf(slice.facts);
    if (!other || Math.abs(dot(other.normal, plane.normal)) < PARALLEL) continue;
    const away = Math.abs(dot(minus(middle, other.origin), other.normal));
    if (away < least) [best, least] = [i, away];
  }
  return best < 0 ? null : best;
}

/** Where the plane of `other` crosses an image, as far as `other` reaches, in points of that image; null: nowhere. */
export function crossing(image: Slice, other: Slice): readonly [Point, Point] | null {
  const [here, there] = [planeOf(image.facts), planeOf(other.facts)];
  const [spacing, theirs] = [spacingOf(image), spacingOf(other)];
  if (!here || !there || !spacing || !theirs || Math.abs(dot(here.normal, there.normal)) > PARALLEL) return null;
  const { columns, rows } = other.image;
  const corners = ([[0, 0], [columns, 0], [columns, rows], [0, rows]] as const).map((corner) => patientPoint(there, theirs, corner));
  const points = corners.flatMap((from, i) => {
    const to = corners[(i + 1) % 4];
    const point = from && to && throughPlane(from, to, here);
    return point ? [imagePoint(here, spacing, point)] : [];
  });
  const [first, second] = points;
  return first && second ? [first, second] : null;
}

/** The patient's coordinates of an image point; null where the size of a pixel is not known. */
export function patientPoint(plane: Plane, spacing: Spacing | null, [x, y]: Point): Triple | null {
  if (!spacing) return null;
  const [a, b] = [(x - 0.5) * spacing[0], (y - 0.5) * spacing[1]];
  const at = (i: 0 | 1 | 2) => plane.origin[i] + a * plane.row[i] + b * plane.column[i];
  return [at(0), at(1), at(2)];
}

/** Back again, for a point of the plane. */
export function imagePoint(plane: Plane, spacing: Spacing, point: Triple): Point {
  const from = minus(point, plane.origin);
  return [dot(from, plane.row) / spacing[0] + 0.5, dot(from, plane.column) / spacing[1] + 0.5];
}

export function spacingOf({ image: { spacing } }: Slice): Spacing | null {
  return spacing.kind === "pixel" ? [spacing.column_mm, spacing.row_mm] : null;
}

/** Where the way from one point to another goes through a plane. */
function throughPlane(from: Triple, to: Triple, plane: Plane): Triple | null {
  const [a, b] = [from, to].map((point) => dot(minus(point, plane.origin), plane.normal)) as [number, number];
  if (a === b || a > 0 === b > 0) return null;
  const share = a / (a - b);
  const at = (i: 0 | 1 | 2) => from[i] + share * (to[i] - from[i]);
  return [at(0), at(1), at(2)];
}
