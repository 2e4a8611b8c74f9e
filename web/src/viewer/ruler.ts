/** Measuring with mouse or finger: a new line, or an end of one that is there. */

import { apply, invert } from "./geometry";
import type { Matrix } from "./geometry";
import { grab, newUid } from "./marks";
import type { Slice } from "./stack";
import type { Mark, Point } from "./state";

const LEAST_PX = 4; // shorter was a click

export class Ruler {
  /** The mark as it is while being drawn. */
  mark: Mark | null = null;
  private end: 0 | 1 = 1;

  /** `marks` are those on the slice; `at` is on the screen, as is what `matrix` leads to. */
  start(study: number, slice: Slice, marks: readonly Mark[], matrix: Matrix, at: Point, isTouch: boolean): void {
    const grabbed = grab(marks, matrix, at, isTouch);
    this.end = grabbed?.end ?? 1;
    if (grabbed) {
      this.mark = { ...grabbed.mark, rev: grabbed.mark.rev + 1 };
      return;
    }
    const point = tidy(apply(invert(matrix), at));
    const { sop } = slice.image;
    this.mark = { uid: newUid(), rev: 1, study, sop, frame: slice.frame, tool: "length", points: [point, point], removed: false };
  }

  move(matrix: Matrix, at: Point): void {
    if (!this.mark) return;
    const point = tidy(apply(invert(matrix), at));
    const [from, to] = this.mark.points;
    this.mark = { ...this.mark, points: this.end === 0 ? [point, to] : [from, point] };
  }

  /** The finished mark; null for what was no line. */
  stop(matrix: Matrix): Mark | null {
    const { mark } = this;
    this.mark = null;
    if (!mark) return null;
    const [from, to] = mark.points.map((point) => apply(matrix, point)) as [Point, Point];
    return Math.hypot(from[0] - to[0], from[1] - to[1]) > LEAST_PX ? mark : null;
  }
}

/** A hundredth of a pixel is finer than anyone points. */
export function tidy([x, y]: Point): Point {
  return [Math.round(x * 100) / 100, Math.round(y * 100) / 100];
}
