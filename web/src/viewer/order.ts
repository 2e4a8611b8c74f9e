/**
 * What to load next, behind the frames that are shown: their nearest neighbours, then every frame of the shown
 * series small, then whole ones, nearest first. Pure.
 */

import type { Instance } from "./manifest";
import type { Slice } from "./stack";

/** How things stand. Frames that are on their way count as there. */
export interface Standing {
  /** For each visible cell the other frames of its stack, nearest first. */
  readonly cells: readonly (readonly Slice[])[];
  readonly isSlow: boolean;
  /** A request for small frames is under way. */
  readonly isBatchOut: boolean;
  /** How many small frames to ask for at once. */
  readonly batch: number;
  /** How many whole frames memory takes. */
  readonly room: number;
  hasSmall(slice: Slice): boolean;
  hasWhole(slice: Slice): boolean;
}

export type Next =
  | { readonly kind: "whole"; readonly slice: Slice }
  | { readonly kind: "small"; readonly slices: readonly Slice[]; readonly level: number };

const NEAR = 4;
const SMALL_PX = 200; // of the longer side: 128 of 512, enough to see where one is
const MOST_LEVEL = 5;

export function next(standing: Standing): Next | null {
  const { isSlow, isBatchOut, room } = standing;
  const wanted = interleaved(standing.cells);
  const near = wanted.slice(0, NEAR * standing.cells.length);
  const whole = (slices: readonly Slice[]): Next | null => {
    const slice = slices.find((candidate) => !standing.hasWhole(candidate));
    return slice ? { kind: "whole", slice } : null;
  };
  const first = isSlow ? null : whole(near);
  if (first) return first;
  const small = isBatchOut ? null : smallOnes(standing, wanted);
  if (small) return small;
  // On a slow line one after the other: whole frames would halve what the small ones get.
  if (isBatchOut && isSlow) return null;
  return whole(near) ?? whole(wanted.slice(0, room));
}

/** How often to halve an image to see it small. */
export function smallLevel({ rows, columns }: Pick<Instance, "rows" | "columns">): number {
  const level = Math.ceil(Math.log2(Math.max(rows, columns) / SMALL_PX));
  return Math.min(MOST_LEVEL, Math.max(1, level));
}

/** The nearest of each first, then the second nearest of each. */
export function interleaved(cells: readonly (readonly Slice[])[]): Slice[] {
  const found = new Map<string, Slice>();
  const longest = Math.max(0, ...cells.map(({ length }) => length));
  for (let at = 0; at < longest; at++) {
    for (const cell of cells) {
      const slice = cell[at];
      if (slice && !found.has(slice.id)) found.set(slice.id, slice);
    }
  }
  return [...found.values()];
}

/** Frames of one series and level, so that one request can ask for them. */
function smallOnes(standing: Standing, wanted: readonly Slice[]): Next | null {
  const lacking = wanted.filter((slice) => !standing.hasSmall(slice));
  const [first] = lacking;
  if (!first) return null;
  const level = smallLevel(first.image);
  const alike = (slice: Slice): boolean =>
    slice.study === first.study && slice.series === first.series && smallLevel(slice.image) === level;
  return { kind: "small", slices: lacking.filter(alike).slice(0, standing.batch), level };
}
