/** How a study is hung when it is opened: rules by modality, as readers know them from the light box. */

import type { Manifest, Series } from "./manifest";

export interface Layout {
  readonly rows: number;
  readonly columns: number;
}

/** Which series a cell shows, and which of its images first. */
export interface Hung {
  readonly series: number;
  readonly at: number;
}

interface Rule {
  /** What a cell holds: a series to scroll through, or an image of its own. */
  readonly of: "series" | "images";
  /** By how many there are, the largest that can be filled. */
  readonly layouts: readonly Layout[];
}

export const LAYOUTS: readonly Layout[] = [
  { rows: 1, columns: 1 },
  { rows: 1, columns: 2 },
  { rows: 2, columns: 1 },
  { rows: 2, columns: 2 },
  { rows: 2, columns: 3 },
];
const SINGLE: Layout = { rows: 1, columns: 1 };
const PAIR: Layout = { rows: 1, columns: 2 };
const FOUR: Layout = { rows: 2, columns: 2 };

/** One that is not here is shown alone: US, XA, photos of film. */
const RULES: Readonly<Record<string, Rule>> = {
  CT: { of: "series", layouts: [SINGLE, PAIR] },
  MR: { of: "series", layouts: [SINGLE, PAIR, FOUR] },
  PT: { of: "series", layouts: [SINGLE, PAIR] },
  CR: { of: "images", layouts: [SINGLE, PAIR] },
  DX: { of: "images", layouts: [SINGLE, PAIR] },
  MG: { of: "images", layouts: [SINGLE, PAIR, FOUR] },
};
const LEAST_OF_STACK = 4; // fewer are scouts: they are hung last
const LEAST_WIDE_PX = 700; // narrower, and an image beside another is too small to read

export interface Hanging {
  readonly layout: Layout;
  readonly cells: readonly Hung[];
}

/** How to hang a study in `width` CSS pixels. */
export function hang({ series }: Manifest, width: number): Hanging {
  const rule = RULES[series[0]?.modality ?? ""];
  const layouts = rule && width >= LEAST_WIDE_PX ? rule.layouts : [SINGLE];
  const all = rule?.of === "images" ? series.flatMap(eachImage) : stacksFirst(series).map((one) => ({ series: one.series, at: 0 }));
  const layout = layouts.filter(({ rows, columns }) => rows * columns <= all.length).at(-1) ?? SINGLE;
  return { layout, cells: all.slice(0, layout.rows * layout.columns) };
}

/** Series that are not shown yet, for cells that are new. */
export function unseen({ series }: Manifest, shown: ReadonlySet<number>): Hung[] {
  return stacksFirst(series)
    .filter((one) => !shown.has(one.series))
    .map((one) => ({ series: one.series, at: 0 }));
}

function stacksFirst(series: readonly Series[]): Series[] {
  const isStack = (one: Series) => imagesOf(one) >= LEAST_OF_STACK;
  return [...series.filter(isStack), ...series.filter((one) => !isStack(one))];
}

function eachImage(series: Series): Hung[] {
  return Array.from({ length: imagesOf(series) }, (_, at) => ({ series: series.series, at }));
}

function imagesOf({ instances }: Series): number {
  return instances.reduce((sum, { frames }) => sum + frames, 0);
}
