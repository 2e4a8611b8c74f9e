/** A magnifying glass: the image around a point, larger, above the finger or mouse that points. */

import { element } from "../dom";
import { apply, fitScale, invert, toScreen } from "./geometry";
import type { Matrix, Size } from "./geometry";
import type { VoiLut } from "./manifest";
import { Painter } from "./paint";
import type { DecodedFrame } from "./pixels";
import type { Slice } from "./stack";
import type { Point, View, Voi } from "./state";

const SIDE_PX = 200;
const TIMES = 2.5;
const GLASS: Size = { width: SIDE_PX, height: SIDE_PX };

export class Lens {
  readonly canvas = element("canvas", { className: "viewer-lens", hidden: true, attributes: { "aria-hidden": "true" } });
  /** In CSS pixels of the stage; null: put away. */
  at: Point | null = null;
  private readonly painter = new Painter(this.canvas);

  show(frame: DecodedFrame | null, slice: Slice | null, luts: Readonly<Record<string, VoiLut>>, voi: Voi | null, view: View, stage: Size): void {
    this.canvas.hidden = this.at === null || !slice;
    if (!this.at || !slice) return;
    const [x, y] = this.at;
    this.painter.paint(frame, slice, luts, voi, magnified(slice.image, view, stage, this.at), GLASS);
    const left = Math.max(0, Math.min(stage.width - SIDE_PX, x - SIDE_PX / 2));
    // Not under the finger: above it, and below where there is no room above.
    const above = y - SIDE_PX - 24;
    this.canvas.style.transform = `translate(${left}px, ${above < 0 ? Math.min(stage.height - SIDE_PX, y + 24) : above}px)`;
  }
}

/** The view of a glass whose middle is the image point under `at` of the stage. */
export function magnified(image: Slice["image"], view: View, stage: Size, at: Point, glass = GLASS, times = TIMES): View {
  const matrix: Matrix = toScreen(image, view, stage);
  const [, , scale, rotation, flipH, flipV] = view;
  const pixels = scale * fitScale(image, rotation, stage) * times;
  return [...apply(invert(matrix), at), pixels / fitScale(image, rotation, glass), rotation, flipH, flipV];
}
