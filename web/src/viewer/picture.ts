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
const LINE_PX = 19;
const NARROW_PX = 500;
const PAD_PX = 4;
const AWAY_PX = 60; // farther, and one would not know whose words they are
const COLOUR = "#ffd23f";
const CHOSEN = "#7df0ff";
const REFERENCE = "#8cf28c";
const SHADE = "rgba(0, 0, 0, 0.85)";
const BEHIND = "rgba(0, 0, 0, 0.3)"; // words are read on bone as on air, and hide little

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
  const scaled = matrix.map((part) => part * ratio) as unknown as Matrix;
  context.lineCap = context.lineJoin = "round";
  context.font = `600 ${(context.canvas.width < NARROW_PX * ratio ? 13 : 15) * ratio}px "Be Vietnam Pro", system-ui, sans-serif`;
  context.textBaseline = "middle";
  const colourOf = (mark: Mark) => (mark.uid === chosen ? CHOSEN : COLOUR);
  for (const mark of marks) {
    strokeTwice(context, colourOf(mark), ratio, () => trace(context, mark, outlineOf(mark, scaled), ratio));
    if (mark.uid === chosen && hasHandles) for (const point of handlesOf(mark)) handle(context, apply(scaled, point), ratio);
  }
  // Words come last, so that no line goes through them; those of the chosen one get their place first and lie on top.
  const labels = new Map<string, Box>();
  const spoken = marks.map((mark) => ({ mark, lines: saidOf(mark, slice, frame).lines })).filter(({ lines }) => lines.length > 0);
  spoken.sort((a, b) => Number(b.mark.uid === chosen) - Number(a.mark.uid === chosen));
  for (const { mark, lines } of spoken) {
    labels.set(mark.uid, placeFor(context, anchorOf(mark, scaled), lines, [...labels.values()], ratio));
  }
  for (const { mark, lines } of spoken.reverse()) {
    const box = labels.get(mark.uid);
    if (box) write(context, box, lines, colourOf(mark), ratio);
  }
  return new Map([...labels].map(([uid, box]) => [uid, box.map((side) => side / ratio) as unknown as Box]));
}

/** A reference line, between points in CSS pixels of the stage. */
export function drawCrossing(context: CanvasRenderingContext2D, points: readonly Point[], ratio: number): void {
  strokeTwice(context, REFERENCE, ratio, () => points.forEach(([x, y], i) => (i === 0 ? context.moveTo(x * ratio, y * ratio) : context.lineTo(x * ratio, y * ratio))));
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

/** Words stand at the tail of an arrow, else at the right end; `below` all of it where there is no room for them. */
function anchorOf(mark: Mark, matrix: Matrix): { beside: Point; below: number } {
  const points = outlineOf(mark, matrix).flat();
  const tail = points[points.length - 1] ?? [0, 0];
  const isArrow = TOOLS[mark.tool].ends === "head";
  const beside = isArrow ? tail : points.reduce((right, point) => (point[0] > right[0] ? point : right), tail);
  return { beside, below: Math.max(...points.map(([, y]) => y)) };
}

/** Beside its mark, within the picture; where something is written already, above or below that if it is near. */
function placeFor(
  context: CanvasRenderingContext2D,
  { beside, below }: ReturnType<typeof anchorOf>,
  lines: readonly string[],
  taken: readonly Box[],
  ratio: number,
): Box {
  const { width, height } = context.canvas;
  const across = Math.max(...lines.map((line) => context.measureText(line).width)) + 2 * PAD_PX * ratio;
  const down = lines.length * LINE_PX * ratio;
  const [right, level] = [beside[0] + 8 * ratio, beside[1] - 6 * ratio];
  const x = Math.max(0, Math.min(right, width - across));
  const within = (y: number) => Math.max(0, Math.min(y, height - down));
  const boxAt = (y: number): Box => [x, y, x + across, y + down];
  const wanted = within(x < right ? below + 8 * ratio : level);
  const near = taken.flatMap(([, y0, , y1]) => [y1, y0 - down]).filter((y) => Math.abs(y - wanted) <= AWAY_PX * ratio);
  near.sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted));
  const free = [wanted, ...near].find((y) => y === within(y) && !taken.some((other) => overlap(boxAt(y), other)));
  return boxAt(free ?? wanted);
}

function overlap(a: Box, b: Box): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

function write(context: CanvasRenderingContext2D, [x0, y0, x1, y1]: Box, lines: readonly string[], colour: string, ratio: number): void {
  context.fillStyle = BEHIND;
  context.fillRect(x0, y0, x1 - x0, y1 - y0);
  context.lineWidth = 3 * ratio;
  context.strokeStyle = SHADE;
  context.fillStyle = colour;
  lines.forEach((line, i) => {
    const at = [x0 + PAD_PX * ratio, y0 + (i + 0.5) * LINE_PX * ratio] as const;
    context.strokeText(line, ...at);
    context.fillText(line, ...at);
  });
}
