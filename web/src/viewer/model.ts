/** What is looked at now: study, series, image, window, view. Knows nothing of the page and draws nothing. */

import { WHOLE } from "./geometry";
import type { Manifest, Series } from "./manifest";
import type { DecodedFrame } from "./pixels";
import { sliceKey, stackOf } from "./stack";
import type { Slice } from "./stack";
import type { KeyImage, PlaneAt, PlaneKind, Shown, View, Voi } from "./state";
import { defaultVoi } from "./window";

/** How a series was left, for when one comes back to it. */
interface Left {
  readonly at: number;
  readonly voi: Voi | null;
  readonly isVoiChosen: boolean;
  readonly view: View | null;
}

const FRESH: Left = { at: 0, voi: null, isVoiChosen: false, view: null };

export class Model {
  manifest: Manifest | null = null;
  series: Series | null = null;
  stack: readonly Slice[] = [];
  at = 0;
  /** Null until the first frame came, when the file names no window. */
  voi: Voi | null = null;
  view: View = [0, 0, 1, 0, 0, 0];

  /** The planes of the series that are shown in place of its images. */
  plane: PlaneKind | null = null;
  /** A plane that is to be shown once it can be cut. */
  wanted: PlaneAt | null = null;

  private isVoiChosen = false;
  private stacks = new Map<number, readonly Slice[]>();
  private places = new Map<string, { series: Series; at: number; order: number }>();
  private left = new Map<number, Left>();

  get slice(): Slice | null {
    return this.stack[this.at] ?? null;
  }

  /** Take a study, or the same one with more images; what was looked at stays where it can. */
  open(manifest: Manifest): void {
    const seen = manifest.study === this.manifest?.study ? (this.plane ? this.source[0] : this.slice)?.key : undefined;
    this.plane = this.wanted = null;
    if (seen === undefined) this.left.clear();
    this.manifest = manifest;
    this.stacks = new Map(manifest.series.map((series) => [series.series, stackOf(series, manifest.study)]));
    this.places.clear();
    for (const series of manifest.series) {
      for (const [at, { key }] of (this.stacks.get(series.series) ?? []).entries()) this.places.set(key, { series, at, order: this.places.size });
    }
    const place = seen === undefined ? undefined : this.places.get(seen);
    if (place) {
      this.series = place.series;
      this.stack = this.stacks.get(place.series.series) ?? [];
      this.at = place.at;
      return;
    }
    this.series = null;
    this.stack = [];
    const first = manifest.series[0];
    if (first) this.chooseSeries(first.series);
  }

  chooseSeries(id: number): boolean {
    const series = this.manifest?.series.find((candidate) => candidate.series === id);
    if (!series || (series === this.series && this.plane === null)) return false;
    this.leave();
    const { at, voi, isVoiChosen, view } = this.left.get(id) ?? FRESH;
    this.series = series;
    this.plane = this.wanted = null;
    this.stack = this.stacks.get(id) ?? [];
    this.at = at;
    this.isVoiChosen = isVoiChosen;
    this.voi = voi;
    if (this.slice) this.view = view ?? WHOLE(this.slice.image);
    this.takeFileWindow();
    return true;
  }

  /** The series before or after this one. */
  stepSeries(by: number): boolean {
    const all = this.manifest?.series ?? [];
    const next = all[all.findIndex((series) => series === this.series) + by];
    return next !== undefined && this.chooseSeries(next.series);
  }

  goTo(at: number): boolean {
    const target = Math.min(this.stack.length - 1, Math.max(0, at));
    if (target === this.at || this.stack.length === 0) return false;
    const before = this.slice;
    this.at = target;
    const { image } = this.stack[target] ?? {};
    if (image && (image.rows !== before?.image.rows || image.columns !== before.image.columns)) this.view = WHOLE(image);
    this.takeFileWindow();
    return true;
  }

  setVoi(voi: Voi): void {
    this.voi = voi;
    this.isVoiChosen = true;
  }

  /** Back to what each image's file says. */
  resetVoi(frame: DecodedFrame | null): void {
    this.isVoiChosen = false;
    this.voi = null;
    this.takeFileWindow();
    if (frame && this.slice) this.arrived(this.slice, frame);
  }

  /** A frame came: now there is a window even where the file names none. */
  arrived(slice: Slice, frame: DecodedFrame): void {
    if (this.voi === null && slice.key === this.slice?.key && this.manifest) {
      this.voi = defaultVoi(slice, this.manifest.luts, frame.low, frame.high);
    }
  }

  /** Null while there is no image, or no window for it yet. */
  shown(): Shown | null {
    const { manifest, slice, voi, view } = this;
    if (!manifest || !slice || !voi) return null;
    const [first] = this.source;
    const { image: { sop }, frame } = this.plane && first ? first : slice;
    const plane = this.plane && { kind: this.plane, at: this.at };
    return { study: manifest.study, sop, frame, voi, view, plane };
  }

  /** Of an image as it was made: a plane that was cut here cannot be drawn again from the file alone. */
  keyImage(): KeyImage | null {
    const shown = this.shown();
    if (!shown || shown.plane) return null;
    const { study, sop, frame, voi, view } = shown;
    return { study, sop, frame, voi, view };
  }

  /** The images of the series, whatever is cut from them. */
  get source(): readonly Slice[] {
    return this.stacks.get(this.series?.series ?? -1) ?? [];
  }

  /** Show planes cut from the series; `at` null: the middle one, whole. */
  reform(kind: PlaneKind, planes: readonly Slice[], at: number | null): void {
    this.leave();
    this.plane = kind;
    this.wanted = null;
    this.stack = planes;
    this.at = Math.max(0, Math.min(planes.length - 1, at ?? Math.floor(planes.length / 2)));
    if (at === null && this.slice) this.view = WHOLE(this.slice.image);
  }

  /** Show nothing. */
  clear(): void {
    this.manifest = this.series = this.voi = this.plane = this.wanted = null;
    this.stack = [];
    this.at = 0;
    this.left.clear();
  }

  /** Show what another one shows. False: that image is not known here. */
  adopt(state: Shown): boolean {
    if (state.study !== this.manifest?.study) return false;
    const place = this.places.get(sliceKey(state.sop, state.frame));
    if (!place) return false;
    const isSamePlane = this.plane === (state.plane?.kind ?? null);
    if (place.series !== this.series || !isSamePlane) {
      this.leave();
      this.series = place.series;
      this.plane = null;
      this.stack = this.source;
    }
    this.wanted = state.plane && this.plane === null ? state.plane : null;
    this.at = this.plane && state.plane ? Math.min(state.plane.at, this.stack.length - 1) : place.at;
    this.voi = state.voi;
    this.isVoiChosen = true;
    this.view = state.view;
    return true;
  }

  /** Where a slice of this study is, by its key. */
  find(key: string): { series: Series; slice: Slice; at: number; of: number } | null {
    const place = this.places.get(key);
    const stack = place && this.stacks.get(place.series.series);
    const slice = place && stack?.[place.at];
    return slice ? { series: place.series, slice, at: place.at, of: stack.length } : null;
  }

  /** To sort by: series after series, image after image; what is not here comes last. */
  orderOf(key: string): number {
    return this.places.get(key)?.order ?? Infinity;
  }

  /** Show the slice with this key; false when it is shown already, or not here. */
  show(key: string): boolean {
    const place = this.places.get(key);
    if (!place || key === this.slice?.key) return false;
    this.chooseSeries(place.series.series);
    this.goTo(place.at);
    return true;
  }

  /** The other images of the stack, nearest first, those ahead in the direction of travel before those behind. */
  neighbours(direction: 1 | -1): Slice[] {
    const found: Slice[] = [];
    for (let distance = 1; distance < this.stack.length; distance++) {
      for (const at of [this.at + distance * direction, this.at - distance * direction]) {
        const slice = this.stack[at];
        if (slice) found.push(slice);
      }
    }
    return found;
  }

  private leave(): void {
    if (this.series && this.plane === null) {
      const { at, voi, isVoiChosen, view } = this;
      this.left.set(this.series.series, { at, voi, isVoiChosen, view });
    }
  }

  private takeFileWindow(): void {
    const { slice, manifest } = this;
    if (this.isVoiChosen || !slice || !manifest) return;
    const says = slice.facts.windows.length > 0 || slice.image.voi_lut !== null || slice.image.photometric === "RGB";
    if (says) this.voi = defaultVoi(slice, manifest.luts, 0, 0);
  }
}
