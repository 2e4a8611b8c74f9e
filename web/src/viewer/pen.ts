/** Drawing with mouse or finger, a stroke at a time: a new mark, or a point of one that is there. */

import { apply, invert, tidy } from "./geometry";
import type { Matrix } from "./geometry";
import { newUid } from "./marks";
import type { Grabbed } from "./picture";
import { distanceTo, simplified } from "./shapes";
import type { Slice } from "./stack";
import type { Mark, MarkTool, Point } from "./state";
import { PATH_LIMIT, pointsOf, TOOLS } from "./tools";
import type { Stroke } from "./tools";

const LEAST_PX = 4; // shorter was a click
const PATH_STEP_PX = 2;
const PATH_MOST = 1000; // while it is drawn

export class Pen {
  /** The mark as it is while being drawn or changed. */
  mark: Mark | null = null;
  private placed: readonly Point[] = []; // by strokes that are done
  private stroke: Stroke = 1;
  private moving: number | null = null; // null: between two strokes
  private isNew = true;
  private takenAt: Point = [0, 0];
  private hasMoved = false;

  /** More strokes are to come. */
  get isUnfinished(): boolean {
    return this.mark !== null && this.moving === null;
  }

  /** Take a point of a mark that is there. */
  take({ mark, at: index }: Grabbed, at: Point): void {
    this.mark = { ...mark, rev: mark.rev + 1 };
    this.moving = index;
    this.takenAt = at;
    this.stroke = 1;
    this.isNew = this.hasMoved = false;
  }

  /** The first stroke of a new mark, or the next of an unfinished one; `at` is on the screen, as is what `matrix` leads to. */
  press(tool: MarkTool, study: number, slice: Slice, matrix: Matrix, at: Point): void {
    if (!this.isUnfinished) {
      const { sop } = slice.image;
      this.mark = { uid: newUid(), rev: 1, study, sop, frame: slice.frame, tool, points: [], text: "", removed: false };
      this.placed = [];
    }
    this.isNew = true;
    this.hasMoved = false;
    this.stroke = this.next(tool);
    const point = onImage(slice, matrix, at);
    this.set([...this.placed, ...(this.stroke === 2 ? [point, point] : [point])]);
    this.moving = this.placed.length + (this.stroke === 2 ? 1 : 0);
  }

  move(slice: Slice, matrix: Matrix, at: Point): void {
    const { mark, moving } = this;
    if (!mark) return;
    const point = onImage(slice, matrix, at);
    if (moving === null) {
      // Between strokes the next point is shown where it would be.
      if (this.next(mark.tool) === 1) this.set([...this.placed, point]);
      return;
    }
    this.hasMoved ||= this.isNew || distanceTo([this.takenAt], at) > LEAST_PX;
    if (!this.hasMoved) return;
    if (this.stroke === "path") this.lengthen(point, matrix);
    else this.set(mark.points.map((known, i) => (i === moving ? point : known)));
  }

  /** The finished mark; null for what is not finished yet, and for what was a click. */
  release(matrix: Matrix): Mark | null {
    const { mark } = this;
    if (!mark) return null;
    const wasMoving = this.moving;
    this.moving = null;
    if (!this.isNew) {
      this.mark = null;
      return this.hasMoved ? mark : null;
    }
    if (wasMoving !== null && this.isClick(matrix)) {
      this.undoStroke();
      return null;
    }
    this.placed = mark.points;
    const isFull = this.stroke === "path" || mark.points.length >= pointsOf(mark.tool)[1];
    if (!isFull) return null;
    this.mark = null;
    return this.stroke === "path" ? { ...mark, points: simplified(mark.points, PATH_LIMIT) } : mark;
  }

  /** Give up the stroke that is being drawn. */
  undoStroke(): void {
    this.moving = null;
    if (this.isNew && this.placed.length > 0) this.set(this.placed);
    else this.mark = null;
  }

  cancel(): void {
    this.mark = null;
    this.moving = null;
    this.placed = [];
  }

  /** Two points that are one, or a path that goes nowhere. */
  private isClick(matrix: Matrix): boolean {
    const drawn = this.mark?.points.slice(this.placed.length).map((point) => apply(matrix, point)) ?? [];
    const [from] = drawn;
    return this.stroke !== 1 && (!from || drawn.every((point) => distanceTo([from], point) <= LEAST_PX));
  }

  private next(tool: MarkTool): Stroke {
    let before = 0;
    for (const stroke of TOOLS[tool].strokes) {
      if (before >= this.placed.length) return stroke;
      before += stroke === "path" ? PATH_LIMIT : stroke;
    }
    return 1;
  }

  private lengthen(point: Point, matrix: Matrix): void {
    const { points } = this.mark ?? { points: [] };
    const last = points[points.length - 1];
    if (last && distanceTo([apply(matrix, last)], apply(matrix, point)) < PATH_STEP_PX) return;
    this.set(simplifiedIfLong([...points, point]));
  }

  private set(points: readonly Point[]): void {
    if (this.mark) this.mark = { ...this.mark, points };
  }
}

function simplifiedIfLong(points: readonly Point[]): readonly Point[] {
  return points.length > PATH_MOST ? simplified(points, PATH_MOST / 2) : points;
}

/** The image point under a point of the screen; outside the image the nearest that is on it. */
function onImage({ image }: Slice, matrix: Matrix, at: Point): Point {
  const [x, y] = apply(invert(matrix), at);
  return tidy([Math.min(image.columns, Math.max(0, x)), Math.min(image.rows, Math.max(0, y))]);
}
