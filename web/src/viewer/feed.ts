/** The frames of all cells, out of one loader: what is seen first, that of the active cell before the others. */

import type { Cell } from "./grid";
import { type Listener, Loader } from "./loader";
import type { Model } from "./model";
import type { DecodedFrame } from "./pixels";
import type { Slice } from "./stack";

export class Feed {
  readonly loader: Loader;
  private readonly seen = new Map<string, string>(); // the slice of each cell, by the cell's place

  constructor(root: string, onFrame: Listener) {
    this.loader = new Loader(root, onFrame);
  }

  /** The best that is there of what a cell shows. */
  best({ slice }: Model): DecodedFrame | null {
    return slice && (slice.made ? slice.made() : this.loader.best(slice));
  }

  /** Load what is seen; ends with the image of the active cell. Rejects as Loader.show does. */
  async show(active: Cell, cells: readonly Cell[], direction: 1 | -1): Promise<void> {
    for (const name of this.seen.keys()) if (!fileOf(cells[Number(name)])) this.leave(name);
    const shown = this.showCell(active, cells, direction);
    for (const cell of cells) {
      const isNew = this.seen.get(nameOf(cell, cells)) !== fileOf(cell)?.id;
      if (cell !== active && isNew) this.showCell(cell, cells, direction).catch(() => undefined); // told when it is active
    }
    await shown;
  }

  close(): void {
    this.loader.close();
  }

  private async showCell(cell: Cell, cells: readonly Cell[], direction: 1 | -1): Promise<void> {
    const slice = fileOf(cell);
    const name = nameOf(cell, cells);
    if (!slice) return;
    this.seen.set(name, slice.id);
    try {
      await this.loader.show(slice, cell.model.neighbours(direction), name);
    } catch (error) {
      if (this.seen.get(name) === slice.id) this.seen.delete(name); // asked for again at the next occasion
      throw error;
    }
  }

  private leave(name: string): void {
    this.seen.delete(name);
    this.loader.leave(name);
  }
}

function nameOf(cell: Cell, cells: readonly Cell[]): string {
  return String(cells.indexOf(cell));
}

/** What is to be fetched for a cell: a plane that was cut here comes from no file of its own. */
function fileOf(cell: Cell | undefined): Slice | null {
  const slice = cell?.model.slice ?? null;
  return slice?.made ? null : slice;
}
