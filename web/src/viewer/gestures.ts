/** Mouse, wheel and fingers on the image, as what they mean. Points are CSS pixels of the stage. */

import type { Bindings, Way } from "./bindings";
import type { MarkTool, Point } from "./state";
import { isMarkTool } from "./tools";

export type Tool = Way | MarkTool;

export interface Gestures {
  readonly tool: Tool;
  readonly bindings: Bindings;
  scrollBy(steps: number): void;
  windowBy(dx: number, dy: number): void;
  pan(by: Point): void;
  /** Zoom by a factor; the image point at `at` stays. */
  zoom(factor: number, at: Point): void;
  /** Whether the press is for drawing; then `drawTo` and `drawn` follow, or `interrupt`. */
  press(at: Point, isTouch: boolean): boolean;
  drawTo(at: Point): void;
  drawn(at: Point, isTouch: boolean): void;
  interrupt(): void;
  /** A press that went nowhere, with a tool that draws nothing. */
  click(at: Point, isTouch: boolean): void;
  hover(at: Point | null): void;
  fit(): void;
  /** Hold the glass there; null puts it away. */
  magnify(at: Point | null): void;
  /** How many screen pixels of dragging are one image. */
  pixelsPerImage(): number;
}

const WHEEL_STEP = 40; // a notch of a mouse wheel gives 100 or more, a touch pad a stream of small ones
const ZOOM_PER_PX = 0.006;
const CLICK_PX = 4;

/** `take` takes the stage in hand, `isTaken` says whether it is. */
export function listen(stage: HTMLElement, gestures: Gestures, take: () => void, isTaken: () => boolean): void {
  new Listener(stage, gestures, take, isTaken);
}

class Listener {
  private readonly fingers = new Map<number, Point>();
  private dragging: Way | "draw" | null = null;
  private pressedAt: Point | null = null; // while this can still become a click
  private rest = 0; // of dragging or wheel that made no whole step yet
  private wheeled = 0;

  constructor(
    private readonly stage: HTMLElement,
    private readonly gestures: Gestures,
    private readonly take: () => void,
    private readonly isTaken: () => boolean,
  ) {
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const type of ["pointerup", "pointercancel"] as const) stage.addEventListener(type, (event) => this.up(event));
    stage.addEventListener("pointerleave", () => {
      if (isTaken()) gestures.hover(null);
    });
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("dblclick", () => {
      if (!isMarkTool(gestures.tool)) gestures.fit();
    });
    stage.addEventListener("contextmenu", (event) => event.preventDefault()); // the right button is for the window
  }

  private at(event: MouseEvent): Point {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private down(event: PointerEvent): void {
    if (event.target instanceof Element && event.target.closest("button, select, a, summary, input")) return;
    this.take();
    const at = this.at(event);
    this.stage.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, at);
    this.rest = 0;
    if (this.fingers.size > 1) {
      this.gestures.magnify(null);
      if (this.dragging === "draw") this.gestures.interrupt();
      this.dragging = this.pressedAt = null;
      return;
    }
    if (event.button === 1) event.preventDefault(); // no autoscroll
    this.pressedAt = event.button === 0 ? at : null;
    this.dragging = this.meant(event, at);
    if (this.dragging === "lens") this.gestures.magnify(at);
  }

  private meant({ button, pointerType }: PointerEvent, at: Point): Way | "draw" | null {
    if (button !== 0) return button === 2 ? this.gestures.bindings.right : this.gestures.bindings.middle;
    const isForDrawing = this.gestures.press(at, pointerType === "touch");
    const { tool } = this.gestures;
    return isForDrawing ? "draw" : isMarkTool(tool) ? null : tool;
  }

  private move(event: PointerEvent): void {
    const at = this.at(event);
    const before = this.fingers.get(event.pointerId);
    if (event.pointerType === "mouse" && this.isTaken()) this.gestures.hover(at);
    if (!before) return;
    if (this.pressedAt && Math.hypot(at[0] - this.pressedAt[0], at[1] - this.pressedAt[1]) > CLICK_PX) this.pressedAt = null;
    if (this.fingers.size === 2) this.pinch(event.pointerId, before, at);
    else if (this.dragging) this.drag(this.dragging, before, at);
    this.fingers.set(event.pointerId, at);
  }

  private up(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    if (this.fingers.size > 0) return;
    this.gestures.magnify(null);
    const [at, isTouch] = [this.at(event), event.pointerType === "touch"];
    if (this.dragging === "draw") {
      if (event.type === "pointerup") this.gestures.drawn(at, isTouch);
      else this.gestures.interrupt();
    } else if (this.pressedAt && event.type === "pointerup") this.gestures.click(at, isTouch);
    this.dragging = this.pressedAt = null;
  }

  private drag(tool: Way | "draw", before: Point, at: Point): void {
    const [dx, dy] = [at[0] - before[0], at[1] - before[1]];
    switch (tool) {
      case "window":
        this.gestures.windowBy(dx, dy);
        break;
      case "pan":
        this.gestures.pan([dx, dy]);
        break;
      case "zoom":
        this.gestures.zoom(Math.exp(-dy * ZOOM_PER_PX), [this.stage.clientWidth / 2, this.stage.clientHeight / 2]);
        break;
      case "lens":
        this.gestures.magnify(at);
        break;
      case "draw":
        this.gestures.drawTo(at);
        break;
      case "scroll": {
        this.rest += dy / this.gestures.pixelsPerImage();
        const steps = Math.trunc(this.rest);
        this.rest -= steps;
        if (steps !== 0) this.gestures.scrollBy(steps);
        break;
      }
      default:
        tool satisfies never;
    }
  }

  private pinch(moved: number, before: Point, at: Point): void {
    const [other] = [...this.fingers].filter(([id]) => id !== moved).map(([, point]) => point);
    if (!other) return;
    const apart = (point: Point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    const middle: Point = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    this.gestures.pan([(at[0] - before[0]) / 2, (at[1] - before[1]) / 2]);
    if (apart(before) > 20) this.gestures.zoom(apart(at) / apart(before), middle);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    this.take();
    const dy = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * WHEEL_STEP;
    if ((event.ctrlKey || event.metaKey) !== (this.gestures.bindings.wheel === "zoom")) {
      this.gestures.zoom(Math.exp(-dy * 0.0025), this.at(event));
      return;
    }
    if (Math.sign(dy) !== Math.sign(this.wheeled)) this.wheeled = 0;
    this.wheeled += dy;
    // One notch is one image, however large a browser makes it.
    const steps = Math.abs(dy) >= WHEEL_STEP ? Math.sign(dy) : Math.trunc(this.wheeled / WHEEL_STEP);
    if (steps === 0) return;
    this.wheeled = 0;
    this.gestures.scrollBy(steps);
  }
}
