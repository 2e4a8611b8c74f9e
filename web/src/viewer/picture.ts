/** Marks as they lie on the screen: drawn, and found again by mouse or finger. */

import type { Matrix } from "./geometry";
import { apply } from "./geometry";
import type { DecodedFrame } from "./pixels";
import { distanceTo } from "./shapes";
import type { Line } from "./shapes";
import type { Slice } from "./stack";
import type { Mark, Point } from "./state";
import { saidOf, TOOLS } from "./tools";

const GRAB_PX = 14;
const TOUCH_GRAB_PX = 26;
const LINE_PX = 20;
const COLOUR = "#ffd23f";
const CHOSEN = "#7df0ff";
const SHADE = "rgba(0, 0, 0, 0.85)";

/** Where the words of a mark lie, in CSS pixels of the stage. */
type Box = readonly [x0: number, y0: number, x1: number, y1: number];
export type Labels = ReadonlyMap<string, Box>;

export interface Drawn {
  readonly marks: readonly Mark[];
  /** The one that is chosen, by uid. */
  readonly chosen: string | null;
  /** Whether its points can be taken. */
  readonly hasHandles: boolean;
}

/** Points that can be moved one by one: not those of a path. */
export function handlesOf({ tool, points }: Mark): readonly Point[] {
  return TOOLS[tool].strokes.includes("path") ? [] : points;
}

export interface Grabbed {
  readonly mark: Mark;
  readonly at: number;
}

/** The point of a mark under a point of the screen, if any. */
export function grab(marks: readonly Mark[], matrix: Matrix, at: Point, isTouch: boolean): Grabbed | null {
  const near = [...marks].reverse().flatMap((mark) =>
    handlesOf(mark).map((point, i) => ({ mark, at: i, way: distanceTo([apply(matrix, point)], at) })),
  );
  const nearest = near.sort((a, b) => a.way - b.way)[0];
  return nearest && nearest.way <= reach(isTouch) ? nearest : null;
}

/** The mark whose lines or words are nearest to a point of the screen, if any is near. */
export function pick(marks: readonly Mark[], labels: Labels, matrix: Matrix, at: Point, isTouch: boolean): Mark | null {
  const near = marks.map((mark) => {
    const lines = outlineOf(mark, matrix).map((line) => distanceTo(line, at));
    return { mark, way: Math.min(...lines, isWithin(labels.get(mark.uid), at) ? 0 : Infinity) };
  });
  const nearest = near.sort((a, b) => a.way - b.way)[0];
  return nearest && nearest.way <= reach(isTouch) ? nearest.mark : null;
}

/** Draw marks in the pixels of the viewport; `ratio` device pixels a CSS pixel. Returns where the words are. */
export function drawMarks(
  context: CanvasRenderingContext2D,
  { marks, chosen, hasHandles }: Drawn,
  slice: Slice,
  frame: DecodedFrame | null,
  matrix: Matrix,
  ratio: number,
): Labels {
  const labels = new Map<string, Box>();
  const scaled = matrix.map((part) => part * ratio) as unknown as Matrix;
  context.lineCap = context.lineJoin = "round";
  context.font = `600 ${15 * ratio}px "Be Vietnam Pro", system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const mark of marks) {
    const isChosen = mark.uid === chosen;
    const colour = isChosen ? CHOSEN : COLOUR;
    strokeTwice(context, colour, ratio, () => trace(context, mark, outlineOf(mark, scaled), ratio));
    if (isChosen && hasHandles) for (const point of handlesOf(mark)) handle(context, apply(scaled, point), ratio);
    const { lines } = saidOf(mark, slice, frame);
    const box = label(context, anchorOf(mark, scaled), lines, colour, ratio);
    if (box) labels.set(mark.uid, box);
  }
  return labels;
}

function reach(isTouch: boolean): number {
  return isTouch ? TOUCH_GRAB_PX : GRAB_PX;
}

function isWithin(box: Box | undefined, [x, y]: Point): boolean {
  return box !== undefined && x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3];
}

function outlineOf({ tool, points }: Mark, matrix: Matrix): Line[] {
  return TOOLS[tool].outline(points).map((line) => line.map((point) => apply(matrix, point)));
}

function strokeTwice(context: CanvasRenderingContext2D, colour: string, ratio: number, trace: () => void): void {
  for (const [style, width] of [[SHADE, 4], [colour, 2]] as const) {
    context.strokeStyle = style;
    context.lineWidth = width * ratio;
    context.beginPath();
    trace();
    context.stroke();
  }
}

function trace(context: CanvasRenderingContext2D, { tool }: Mark, lines: readonly Line[], ratio: number): void {
  for (const line of lines) {
    line.forEach((point, i) => (i === 0 ? context.moveTo(...point) : context.lineTo(...point)));
    const [from, to] = [line[0], line[line.length - 1]];
    if (from && to) ENDS[TOOLS[tool].ends](context, from, to, ratio);
  }
}

type End = (context: CanvasRenderingContext2D, from: Point, to: Point, ratio: number) => void;

const ENDS: Readonly<Record<(typeof TOOLS)[Mark["tool"]]["ends"], End>> = {
  none: () => undefined,
  // Bars across the ends: they hide nothing of what is measured.
  bars: (context, from, to, ratio) => {
    const [x, y] = direction(from, to, 6 * ratio);
    for (const end of [from, to]) segment(context, [end[0] - y, end[1] + x], [end[0] + y, end[1] - x]);
  },
  head: (context, from, to, ratio) => {
    const [x, y] = direction(from, to, 13 * ratio);
    for (const side of [0.5, -0.5]) segment(context, from, [from[0] + x - side * y, from[1] + y + side * x]);
  },
  // Open in the middle, where the pixel is.
  cross: (context, [x, y], _to, ratio) => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]] as const) {
      segment(context, [x + 3 * ratio * dx, y + 3 * ratio * dy], [x + 10 * ratio * dx, y + 10 * ratio * dy]);
    }
  },
};

function direction(from: Point, to: Point, length: number): Point {
  const whole = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  return [((to[0] - from[0]) / whole) * length, ((to[1] - from[1]) / whole) * length];
}

function segment(context: CanvasRenderingContext2D, from: Point, to: Point): void {
  context.moveTo(...from);
  context.lineTo(...to);
}

function handle(context: CanvasRenderingContext2D, at: Point, ratio: number): void {
  strokeTwice(context, CHOSEN, ratio, () => {
    context.moveTo(at[0] + 7 * ratio, at[1]);
    context.arc(...at, 7 * ratio, 0, 2 * Math.PI);
  });
}

/** Words stand at the tail of an arrow, else at the right end. */
function anchorOf(mark: Mark, matrix: Matrix): Point {
  const points = outlineOf(mark, matrix).flat();
  const tail = points[points.length - 1] ?? [0, 0];
  return TOOLS[mark.tool].ends === "head" ? tail : points.reduce((right, point) => (point[0] > right[0] ? point : right), tail);
}

function label(context: CanvasRenderingContext2D, at: Point, lines: readonly string[], colour: string, ratio: number): Box | null {
  if (lines.length === 0) return null;
  const { width, height } = context.canvas;
  const widest = Math.max(...lines.map((line) => context.measureText(line).width));
  const x = Math.max(4 * ratio, Math.min(at[0] + 12 * ratio, width - widest - 8 * ratio));
  const top = Math.max(12 * ratio, Math.min(at[1] + 4 * ratio, height - (lines.length - 0.4) * LINE_PX * ratio));
  lines.forEach((line, i) => {
    const y = top + i * LINE_PX * ratio;
    context.lineWidth = 4 * ratio;
    context.strokeStyle = SHADE;
    context.strokeText(line, x, y);
    context.fillStyle = colour;
    context.fillText(line, x, y);
  });
  const box = [x, top - (LINE_PX / 2) * ratio, x + widest, top + (lines.length - 0.5) * LINE_PX * ratio];
  return box.map((side) => side / ratio) as unknown as Box;
}
