/** Measurements: kept by uid and revision, drawn over the image, found again by touch. */

import type { Matrix } from "./geometry";
import { apply } from "./geometry";
import { lengthOf } from "./length";
import type { Slice } from "./stack";
import { sliceKey } from "./stack";
import type { Mark, Point } from "./state";
import { isNewer } from "./state";

const GRAB_PX = 14;
const TOUCH_GRAB_PX = 26;

export class Marks {
  private readonly all = new Map<string, Mark>();

  /** Take a mark in; false when a newer one is there already. */
  put(mark: Mark): boolean {
    if (!isNewer(mark, this.all.get(mark.uid))) return false;
    this.all.set(mark.uid, mark);
    return true;
  }

  on(study: number, slice: Slice): Mark[] {
    return [...this.all.values()].filter(
      (mark) => !mark.removed && mark.study === study && sliceKey(mark.sop, mark.frame) === slice.key,
    );
  }
}

export interface Grabbed {
  readonly mark: Mark;
  readonly end: 0 | 1;
}

/** The end of a mark under a screen point, if any. */
export function grab(marks: readonly Mark[], matrix: Matrix, at: Point, isTouch: boolean): Grabbed | null {
  const reach = isTouch ? TOUCH_GRAB_PX : GRAB_PX;
  for (const mark of [...marks].reverse()) {
    for (const end of [0, 1] as const) {
      const [x, y] = apply(matrix, mark.points[end]);
      if (Math.hypot(x - at[0], y - at[1]) <= reach) return { mark, end };
    }
  }
  return null;
}

const COLOUR = "#ffd23f";
const SHADE = "rgba(0, 0, 0, 0.85)";

/** Draw marks in the pixels of the viewport; `ratio` device pixels a CSS pixel. */
export function drawMarks(context: CanvasRenderingContext2D, marks: readonly Mark[], slice: Slice, matrix: Matrix, ratio: number): void {
  context.lineCap = "round";
  context.font = `600 ${15 * ratio}px "Be Vietnam Pro", system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const mark of marks) {
    const ends = mark.points.map((point) => scaled(apply(matrix, point), ratio)) as [Point, Point];
    for (const [colour, line] of [[SHADE, 4], [COLOUR, 2]] as const) {
      context.strokeStyle = colour;
      context.lineWidth = line * ratio;
      strokeLine(context, ends, ratio);
    }
    const { text, note } = lengthOf(slice.image, ...mark.points);
    label(context, ends, [text, note].filter((part) => part !== ""), ratio);
  }
}

function strokeLine(context: CanvasRenderingContext2D, [from, to]: [Point, Point], ratio: number): void {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  // Bars across the ends: they hide nothing of what is measured.
  const across = [(-(to[1] - from[1]) / length) * 6 * ratio, ((to[0] - from[0]) / length) * 6 * ratio] as const;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  for (const [x, y] of [from, to]) {
    context.moveTo(x - across[0], y - across[1]);
    context.lineTo(x + across[0], y + across[1]);
  }
  context.stroke();
}

function label(context: CanvasRenderingContext2D, [from, to]: [Point, Point], lines: string[], ratio: number): void {
  const right = from[0] > to[0] ? from : to;
  const widest = Math.max(...lines.map((line) => context.measureText(line).width));
  const x = Math.max(4 * ratio, Math.min(right[0] + 10 * ratio, context.canvas.width - widest - 8 * ratio));
  lines.forEach((line, i) => {
    const y = right[1] + (i * 20 + 4) * ratio;
    context.lineWidth = 4 * ratio;
    context.strokeStyle = SHADE;
    context.strokeText(line, x, y);
    context.fillStyle = COLOUR;
    context.fillText(line, x, y);
  });
}

function scaled([x, y]: Point, ratio: number): Point {
  return [x * ratio, y * ratio];
}

/** A name that no other mark has; browsers give randomUUID over HTTPS alone. */
export function newUid(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
