/** The cells: which there are, which one is active, what each shows; and the same from what another one shows. */

import { LAYOUTS, unseen } from "./hanging";
import type { Hanging, Hung, Layout } from "./hanging";
import type { Manifest, Series } from "./manifest";
import type { Model } from "./model";
import type { Pane } from "./pane";
import { crossing, nearest } from "./planes";
import type { Point, SharedLayout, Shown, ViewState } from "./state";

export interface Cell {
  readonly model: Model;
  readonly pane: Pane;
}

export class Grid {
  layout: Layout = { rows: 1, columns: 1 };
  cells: readonly [Cell, ...Cell[]];
  at = 0;
  /** The reader chose the layout, or the presenter did: nothing is hung over it. */
  isChosen = false;
  /** Cells scroll together by place. */
  isLinked = true;

  constructor(private readonly make: () => Cell) {
    this.cells = [make()];
  }

  get active(): Cell {
    return this.cells[this.at] ?? this.cells[0];
  }

  /** Studies that are shown, that of the active cell first. */
  get studies(): number[] {
    const all = [this.active, ...this.cells].map(({ model }) => model.manifest?.study);
    return [...new Set(all.filter((study) => study !== undefined))];
  }

  activate(at: number): boolean {
    if (at === this.at || at < 0 || at >= this.cells.length) return false;
    this.at = at;
    return true;
  }

  /** More cells or fewer; the active one stays, new ones take the series that are not shown yet. */
  arrange(layout: Layout): void {
    const before = this.cells.length;
    this.resize(layout);
    const { manifest } = this.active.model;
    if (!manifest) return;
    const shown = new Set(this.cells.map(({ model }) => model.series?.series ?? -1));
    const next = unseen(manifest, shown);
    for (const { model } of this.cells.slice(before)) {
      const hung = next.shift();
      if (hung) show(model, manifest, hung);
    }
  }

  hang(manifest: Manifest, { layout, cells }: Hanging): void {
    this.at = 0;
    this.resize(layout);
    for (const [i, { model }] of this.cells.entries()) {
      const hung = cells[i];
      if (hung) show(model, manifest, hung);
      else if (i > 0) model.clear();
      else model.open(manifest);
    }
  }

  /** What is active on the left, another study on the right: the series of the same modality and place, if there is one. */
  beside(manifest: Manifest): void {
    const { model } = this.active;
    const like = likest(manifest, model.series);
    const { active } = this;
    this.cells = [active, ...this.cells.filter((cell) => cell !== active)];
    this.at = 0;
    this.resize({ rows: 1, columns: 2 });
    this.isChosen = true;
    const right = this.cells[1];
    if (right && like) show(right.model, manifest, { series: like.series, at: 0 });
  }

  /** Bring the other cells to where the active one is in the patient. False: none moved. */
  link(): boolean {
    const { slice, series } = this.active.model;
    if (!slice || !series?.frame_of_reference) return false;
    const others = this.cells.filter(({ model }) => model !== this.active.model && model.series?.frame_of_reference === series.frame_of_reference);
    return others.filter(({ model }) => model.goTo(nearest(model.stack, slice) ?? model.at)).length > 0;
  }

  /** Where the active image crosses that of a cell; null: nowhere, or they do not lie in one space. */
  crossing({ model }: Cell): readonly [Point, Point] | null {
    const { slice, series } = this.active.model;
    const isOneSpace = series?.frame_of_reference && model.series?.frame_of_reference === series.frame_of_reference;
    return isOneSpace && slice && model.slice ? crossing(model.slice, slice) : null;
  }

  /** More images of a study came: wherever it is shown, what is looked at stays. */
  renew(manifest: Manifest): void {
    for (const { model } of this.cells) if (model.manifest?.study === manifest.study) model.open(manifest);
  }

  /** What is shown, for the others; null for a single cell. */
  shared(): SharedLayout | null {
    if (this.cells.length === 1) return null;
    const cells = this.cells.map(({ model }, i) => (i === this.at ? null : model.shown()));
    return { ...this.layout, active: this.at, cells };
  }

  /** Show what another one shows. False: some image of it is not known here. */
  adopt(state: ViewState, manifests: ReadonlyMap<number, Manifest>): boolean {
    const { layout } = state;
    this.at = layout?.active ?? 0;
    this.resize(LAYOUTS.find((one) => one.rows === layout?.rows && one.columns === layout.columns) ?? { rows: 1, columns: 1 });
    this.isChosen = layout !== null;
    const known = this.cells.map(({ model }, i) => {
      const wanted = i === this.at ? state : layout?.cells[i];
      if (wanted) return put(model, wanted, manifests);
      model.clear();
      return true;
    });
    return known.every(Boolean);
  }

  private resize(layout: Layout): void {
    const wanted = layout.rows * layout.columns;
    const [first, ...others] = this.at < wanted ? this.cells : ([this.active, ...this.cells] as const);
    if (this.at >= wanted) this.at = 0;
    this.layout = layout;
    const kept = others.slice(0, wanted - 1);
    this.cells = [first, ...kept, ...Array.from({ length: wanted - 1 - kept.length }, () => this.make())];
  }
}

function show(model: Model, manifest: Manifest, { series, at }: Hung): void {
  model.open(manifest);
  model.chooseSeries(series);
  model.goTo(at);
}

/** The series most like another one: of its modality, then with its words, then of its part of the body. */
function likest({ series }: Manifest, to: Series | null): Series | undefined {
  const points = (one: Series) =>
    (one.modality === to?.modality ? 4 : 0) + (one.description === to?.description ? 2 : 0) + (one.body_part === to?.body_part ? 1 : 0);
  return [...series].sort((a, b) => points(b) - points(a))[0];
}

function put(model: Model, wanted: Shown, manifests: ReadonlyMap<number, Manifest>): boolean {
  const manifest = manifests.get(wanted.study);
  if (!manifest) return false;
  if (model.manifest !== manifest) model.open(manifest);
  return model.adopt(wanted);
}

/** The studies that a state needs. */
export function studiesOf(state: ViewState): number[] {
  const cells = state.layout?.cells ?? [];
  return [...new Set([state.study, ...cells.flatMap((cell) => (cell ? [cell.study] : []))])];
}
