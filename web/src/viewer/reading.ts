/** What the hands, the commands and the studies of a viewer share: what is being read, and how it changes. */

import type { Mark, View, Voi } from "./state";
import type { Size } from "./geometry";
import type { Cine } from "./cine";
import type { Grid } from "./grid";
import type { Layout } from "./hanging";
import type { Loader } from "./loader";
import type { Instance } from "./manifest";
import type { Model } from "./model";
import type { Screen } from "./screen";

export interface Reading {
  readonly grid: Grid;
  /** Of the active cell. */
  readonly model: Model;
  readonly screen: Screen;
  readonly loader: Loader;
  readonly cine: Cine;
  /** Put so many cells side by side: an act. */
  arrange(layout: Layout): void;
  /** Take another cell in hand, counted from 0 and round the end: an act. */
  activate(at: number): void;
  /** Do what the reader asked for, and tell the others if that is for this one to do. */
  act(change: () => unknown): void;
  /** Look at the image from elsewhere: an act. */
  look(change: (image: Instance, view: View, size: Size) => View): void;
  window(voi: Voi): void;
  /** Show the image that a mark is on: an act. */
  jump(mark: Mark): void;
  /** Tell the others what is shown, if that is for this one to do. */
  send(): void;
  /** Another image than before: load it, and everything round it. */
  shown(): void;
  /** Load what is shown, then its neighbours. Rejects as Loader.show does. */
  load(): Promise<void>;
  draw(): void;
}
