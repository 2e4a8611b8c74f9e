/** What keys and buttons do to what is read: see Commands. */

import type { Drawing } from "./drawing";
import { fitScale, mirrored, turned } from "./geometry";
import type { Hands } from "./hands";
import type { Commands } from "./keys";
import type { Reading } from "./reading";
import type { KeyImage } from "./state";
import { presetsOf } from "./toolbar";
import { fullVoi } from "./window";

/** What they ask of others than the image. */
export interface Around {
  keyImage(image: KeyImage): void;
  rejoin(): void;
  help(): void;
  list(): void;
  layouts(): void;
  besidePrior(): void;
  threePlanes(): void;
}

export function commandsFor(reading: Reading, hands: Hands, drawing: Drawing, around: Around): Commands {
  return {
    scrollBy: (images) => hands.scrollBy(images),
    goTo: (which) => reading.act(() => reading.model.goTo(which === "first" ? 0 : Infinity) && reading.shown()),
    stepSeries: (by) => reading.act(() => reading.model.stepSeries(by) && reading.shown()),
    preset: (n) => preset(reading, n),
    use: (tool) => {
      drawing.leave();
      hands.tool = tool;
      reading.draw();
    },
    fit: () => hands.fit(),
    actualSize: () =>
      reading.look((image, [cx, cy, , rotation, ...flips], size) => [cx, cy, 1 / fitScale(image, rotation, size), rotation, ...flips]),
    zoomBy: (factor) => hands.zoom(factor, reading.screen.middle),
    turn: () => reading.look((_, view) => turned(view)),
    mirror: (axis) => reading.look((_, view) => mirrored(view, axis)),
    invert: () => reading.act(() => reading.model.voi && reading.window([reading.model.voi[0], reading.model.voi[1], reading.model.voi[2] ? 0 : 1])),
    play: () => {
      if (reading.model.stack.length > 1) reading.act(() => reading.cine.toggle());
      reading.draw();
    },
    keyImage: () => {
      const image = reading.model.keyImage();
      if (image) around.keyImage(image);
    },
    removeMark: () => drawing.remove(),
    undo: () => drawing.undo(),
    escape: () => drawing.escape(),
    list: () => around.list(),
    layout: (layout) => reading.arrange(layout),
    layouts: () => around.layouts(),
    stepCell: (by) => reading.activate(reading.grid.at + by),
    link: () => {
      reading.grid.isLinked = !reading.grid.isLinked;
      reading.draw();
    },
    threePlanes: () => around.threePlanes(),
    besidePrior: () => around.besidePrior(),
    rejoin: () => around.rejoin(),
    help: () => around.help(),
  };
}

function preset(reading: Reading, n: number): void {
  const { model } = reading;
  const { slice, voi } = model;
  const chosen = presetsOf(model)[n - 1]?.window;
  if (!chosen || !slice) return;
  const frame = slice.made ? slice.made() : reading.loader.best(slice);
  reading.act(() => {
    if (chosen === "file") model.resetVoi(frame);
    else if (chosen === "full") {
      if (frame) model.setVoi(fullVoi(slice.facts, frame.low, frame.high));
    } else if ("times" in chosen) {
      model.resetVoi(frame);
      if (model.voi) model.setVoi([model.voi[0], Math.max(1, Math.round(model.voi[1] * chosen.times)), voi?.[2] ?? 0]);
    } else model.setVoi([chosen.center, chosen.width, voi?.[2] ?? 0]);
    reading.draw();
  });
}
