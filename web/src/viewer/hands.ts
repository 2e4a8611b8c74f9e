/** What mouse and fingers do to what is read: see Gestures. */

import { readBindings } from "./bindings";
import { apply, invert, panned, tidy, zoomed } from "./geometry";
import type { Drawing } from "./drawing";
import type { Gestures, Tool } from "./gestures";
import type { Reading } from "./reading";
import type { Point } from "./state";
import { draggedVoi } from "./window";

export class Hands implements Gestures {
  tool: Tool = matchMedia("(pointer: coarse)").matches ? "scroll" : "window";
  readonly bindings = readBindings(storage());
  /** Where this reader points, on the image. */
  pointer: Point | null = null;
  /** Where scrolling goes: images that way are loaded first. */
  direction: 1 | -1 = 1;
  private windowRest: Point = [0, 0]; // of dragging that made no whole step yet

  constructor(
    private readonly reading: Reading,
    private readonly drawing: Drawing,
  ) {}

  scrollBy(steps: number): void {
    const { model } = this.reading;
    this.direction = steps < 0 ? -1 : 1;
    this.reading.cine.stop(); // a step is for looking at one frame
    this.reading.act(() => model.goTo(model.at + steps) && this.reading.shown());
  }

  windowBy(dx: number, dy: number): void {
    const { voi } = this.reading.model;
    if (!voi) return;
    const dragged = draggedVoi(voi, [dx, dy], this.windowRest);
    this.windowRest = dragged.rest;
    this.reading.act(() => this.reading.window(dragged.voi));
  }

  pan(by: Point): void {
    this.reading.look((image, view, size) => panned(image, view, size, by));
  }

  zoom(factor: number, at: Point): void {
    this.reading.look((image, view, size) => zoomed(image, view, size, view[2] * factor, at));
  }

  fit(): void {
    this.reading.look((image, [, , , ...turning]) => [image.columns / 2, image.rows / 2, 1, ...turning]);
  }

  magnify(at: Point | null): void {
    const { lens } = this.reading.screen;
    if (lens.at === null && at === null) return;
    lens.at = at;
    this.reading.draw();
  }

  pixelsPerImage(): number {
    const { screen, model } = this.reading;
    return Math.max(3, Math.min(24, screen.size.height / Math.max(1, model.stack.length)));
  }

  hover(at: Point | null): void {
    const { screen, model } = this.reading;
    if (at) this.drawing.move(at);
    const matrix = screen.matrix(model);
    const image = model.slice?.image;
    const point = at && matrix && apply(invert(matrix), at);
    const isOn = point && image && point[0] >= 0 && point[1] >= 0 && point[0] <= image.columns && point[1] <= image.rows;
    const next = isOn ? tidy(point) : null;
    if (next === null && this.pointer === null) return;
    this.pointer = next;
    this.reading.send();
  }

  press(at: Point, isTouch: boolean): boolean {
    return this.drawing.press(this.tool, at, isTouch);
  }

  drawTo(at: Point): void {
    this.drawing.move(at);
  }

  drawn(at: Point, isTouch: boolean): void {
    this.drawing.release(at, isTouch);
  }

  interrupt(): void {
    this.drawing.interrupt();
  }

  click(at: Point, isTouch: boolean): void {
    this.drawing.choose(at, isTouch);
  }
}

/** Asking for it may be forbidden; then nothing was kept. */
function storage(): Pick<Storage, "getItem"> {
  try {
    return localStorage;
  } catch {
    return { getItem: () => null };
  }
}
