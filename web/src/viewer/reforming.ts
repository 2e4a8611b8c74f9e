/** Cells that show planes cut from a stack: the volume behind them, one at a time, its script fetched when it is wanted. */

import { t } from "../text";
import type { Cell } from "./grid";
import type { Volume } from "./mpr";
import type { Reading } from "./reading";
import { PLANES } from "./state";

/** The volume of a series, or the sentence that refused it. */
interface Kept {
  readonly name: string;
  readonly made: Promise<Volume | { readonly refused: string }>;
  readonly abort: AbortController;
}

export class Reforming {
  private kept: Kept | null = null;

  constructor(
    private readonly root: string,
    private readonly reading: Reading,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** The series in hand, its coronal and its sagittal plane, in one layout. */
  async threePlanes(): Promise<void> {
    const { grid, model, screen } = this.reading;
    if (!model.manifest || !model.series) return;
    const volume = await this.volumeOf(grid.active).catch(this.onError);
    if (!volume) return;
    if ("refused" in volume) {
      const close = { name: t("Đóng"), run: () => screen.say("") };
      screen.say(t("Không dựng được mặt cắt khác từ loạt này: {reason}.", { reason: t(volume.refused) }), close);
      return;
    }
    const { manifest, series, voi } = model;
    this.reading.arrange({ rows: 2, columns: 2 });
    this.reading.act(() => {
      const others = grid.cells.filter((cell) => cell.model !== model);
      for (const [i, kind] of PLANES.entries()) {
        const cell = others[i];
        if (!cell) continue;
        cell.model.open(manifest);
        cell.model.chooseSeries(series.series);
        if (voi) cell.model.setVoi(voi);
        cell.model.reform(kind, volume.planes(kind), null);
      }
      others[PLANES.length]?.model.clear();
      this.reading.shown();
    });
  }

  /** Planes that another one shows: cut them here too. */
  async follow(): Promise<void> {
    for (const cell of this.reading.grid.cells) {
      const { wanted, series } = cell.model;
      if (!wanted) continue;
      cell.model.wanted = null;
      const volume = await this.volumeOf(cell).catch(this.onError);
      const isStillWanted = cell.model.series === series && !cell.model.wanted;
      if (!volume || "refused" in volume || !isStillWanted) continue;
      cell.model.reform(wanted.kind, volume.planes(wanted.kind), wanted.at);
      this.reading.shown();
    }
  }

  close(): void {
    this.kept?.abort.abort();
    this.kept = null;
  }

  private volumeOf({ model: { manifest, series, source } }: Cell): Kept["made"] {
    const name = `${manifest?.study}/${series?.series}/${source.length}`;
    if (this.kept?.name === name) return this.kept.made;
    this.close();
    const abort = new AbortController();
    const make = async () => {
      const { fill, regularityOf, Volume } = await import("./mpr");
      const regular = regularityOf(source);
      if ("refused" in regular) return regular;
      const volume = new Volume(regular);
      fill(volume, `${this.root}/studies/${manifest?.study}`, abort.signal, () => this.reading.draw()).catch((error: unknown) => {
        if (this.kept?.abort === abort) this.kept = null; // to be asked for again
        this.onError(error);
      });
      return volume;
    };
    this.kept = { name, made: make(), abort };
    return this.kept.made;
  }
}
