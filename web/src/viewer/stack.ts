/** The images of a series in the order they are scrolled through: by place in the body where that is known. */

import type { FrameFacts, Instance, Series, Triple } from "./manifest";
import type { DecodedFrame } from "./pixels";
import { cross, dot } from "./vectors";

/** One frame with the facts that hold for it. */
export interface Slice {
  /** Told to the others: SOP Instance UID and frame. */
  readonly key: string;
  /** The same within the study: two hospitals may have sent other bytes under one UID. */
  readonly id: string;
  /** Our numbers of the study and the series. */
  readonly study: number;
  readonly series: number;
  /** Among the frames of its series in the manifest's order, from 1: what a joined request asks for. */
  readonly place: number;
  readonly image: Instance;
  readonly frame: number;
  readonly facts: FrameFacts;
  /** Of a plane that was cut from others: its pixels, null until some came. */
  readonly made?: () => DecodedFrame | null;
  /** Of such a plane: how often its source was halved, and how many images of it came. */
  readonly halved?: number;
  readonly filled?: () => number;
}

export function sliceKey(sop: string, frame: number): string {
  return `${sop}/${frame}`;
}

export function stackOf(series: Series, study: number): Slice[] {
  const slices = inOrder(series, study).sort((a, b) => byNumber(a.image, b.image) || a.frame - b.frame);
  const places = placesAlongNormal(slices);
  if (places === null) return slices;
  // The direction in which the images are numbered is the one that readers know.
  const rises = (places[0] ?? 0) <= (places[places.length - 1] ?? 0);
  return slices
    .map((slice, i) => ({ slice, i, place: (places[i] ?? 0) * (rises ? 1 : -1) }))
    .sort((a, b) => (Math.abs(a.place - b.place) > SAME_PLACE_MM ? a.place - b.place : a.i - b.i))
    .map(({ slice }) => slice);
}

const SAME_PLACE_MM = 0.01;

function byNumber(a: Instance, b: Instance): number {
  return (a.number ?? Infinity) - (b.number ?? Infinity) || a.instance - b.instance;
}

function inOrder(series: Series, study: number): Slice[] {
  let place = 0;
  return series.instances.flatMap((image) =>
    Array.from({ length: image.frames }, (_, i) => ({
      key: sliceKey(image.sop, i + 1),
      id: `${study}/${sliceKey(image.sop, i + 1)}`,
      study,
      series: series.series,
      place: ++place,
      image,
      frame: i + 1,
      facts: { ...image, ...image.per_frame?.[i] },
    })),
  );
}

/** How far along the common normal each slice lies; null where there is none, or times and phases share places. */
function placesAlongNormal(slices: readonly Slice[]): number[] | null {
  const normals = slices.map(({ facts }) => normalOf(facts.orientation));
  const first = normals[0];
  if (!first || slices.length < 2) return null;
  const places: number[] = [];
  for (const [i, slice] of slices.entries()) {
    const normal = normals[i];
    if (!normal || !slice.facts.position || dot(normal, first) < 0.999) return null;
    places.push(dot(slice.facts.position, first));
  }
  const distinct = new Set(places.map((place) => Math.round(place / SAME_PLACE_MM)));
  return distinct.size === places.length ? places : null;
}

function normalOf(orientation: FrameFacts["orientation"]): Triple | null {
  if (!orientation) return null;
  const [a, b, c, d, e, f] = orientation;
  return cross([a, b, c], [d, e, f]);
}
