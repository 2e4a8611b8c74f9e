/** The frames of all cells: a loader for each study, what is seen first, then its neighbours in turn. */

import type { Cell } from "./grid";
import { Loader } from "./loader";
import type { Model } from "./model";
import type { DecodedFrame } from "./pixels";
import type { Slice } from "./stack";

const STUDIES_KEPT = 2; // in memory; more when more are seen at once

export class Feed {
  private readonly loaders = new Map<number, Loader>();

  constructor(
    private readonly root: string,
    private readonly onFrame: (study: number, slice: Slice, frame: DecodedFrame) => void,
  ) {}

  of(study: number): Loader {
    const known = this.loaders.get(study);
    if (known) return known;
    const made = new Loader(this.root, () => study, (slice, frame) => this.onFrame(study, slice, frame));
    this.loaders.set(study, made);
    return made;
  }

  /** The best that is there of what a cell shows. */
  best({ manifest, slice }: Model): DecodedFrame | null {
    if (slice?.made) return slice.made();
    return manifest && slice ? this.of(manifest.study).best(slice) : null;
  }

  /** Load what is seen; ends with the image of the active cell. Rejects as Loader.show does. */
  async show(active: Cell, cells: readonly Cell[], direction: 1 | -1): Promise<void> {
    const inOrder = [active, ...cells.filter((cell) => cell !== active)].map(({ model }) => model);
    const studies = [...new Set(inOrder.flatMap(({ manifest }) => (manifest ? [manifest.study] : [])))];
    this.keep(studies);
    for (const study of studies.slice(1)) this.showStudy(study, inOrder, direction).catch(() => undefined); // told when it is active
    if (studies[0] !== undefined) await this.showStudy(studies[0], inOrder, direction);
  }

  close(): void {
    for (const loader of this.loaders.values()) loader.close();
    this.loaders.clear();
  }

  private async showStudy(study: number, models: readonly Model[], direction: 1 | -1): Promise<void> {
    const here = models.filter(({ manifest, slice }) => manifest?.study === study && slice && !slice.made);
    const [first, ...others] = here.flatMap(({ slice }) => (slice ? [slice] : []));
    if (first) await this.of(study).show(first, [...others, ...inTurn(here.map((model) => model.neighbours(direction)))]);
  }

  /** Studies that are seen no more go, the oldest first. */
  private keep(seen: readonly number[]): void {
    for (const [study, loader] of this.loaders) {
      if (this.loaders.size <= Math.max(STUDIES_KEPT, seen.length)) return;
      if (seen.includes(study)) continue;
      loader.close();
      this.loaders.delete(study);
    }
  }
}

/** The first of each list, then the second of each, each item once. */
export function inTurn<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return [...new Set(Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat())];
}
