/**
 * The tools that draw and measure, one row each: toolbar, keys, pen, drawing, list and key sheet all read this table.
 * How many points a mark holds the server has in a table of its own (`signaling/fields.py`), a test holds both.
 */

import { later, t } from "../text";
import { angleOf, areaOf, cobbOf, lengthOf } from "./measures";
import type { Finding } from "./measures";
import type { DecodedFrame } from "./pixels";
import { chain, oval, pairs, square } from "./shapes";
import type { Outline } from "./shapes";
import type { Slice } from "./stack";
import type { AnyMark, Mark, MarkTool, Point } from "./state";
import { suvAt, suvOf } from "./suv";
import { ellipse, rectangle, statisticsOf, unitOf, valueAt, written } from "./values";
import type { Area } from "./values";

/** One press, way and release: a point, two points, or all points of a path. */
export type Stroke = 1 | 2 | "path";

/** What is written beside a mark. `isWaiting`: values are still on their way. */
export interface Said {
  readonly lines: readonly string[];
  readonly isWaiting: boolean;
}

interface Subject {
  readonly slice: Slice;
  /** The best that is there of it now. */
  readonly frame: DecodedFrame | null;
  readonly text: string;
}

interface Row {
  readonly name: string;
  readonly key: string;
  readonly does: string;
  readonly strokes: readonly Stroke[];
  readonly text: "none" | "may" | "must";
  /** Lines to draw, in image pixels; of an unfinished mark too. */
  readonly outline: Outline;
  readonly ends: "bars" | "head" | "cross" | "none";
  readonly says: (subject: Subject, points: readonly Point[]) => Said;
}

export const PATH_LIMIT = 64;
export const TEXT_LIMIT = 80;

export const TOOLS: Readonly<Record<MarkTool, Row>> = {
  length: {
    name: later("Độ dài"),
    key: "l",
    does: later("Đo độ dài"),
    strokes: [2],
    text: "none",
    outline: pairs,
    ends: "bars",
    says: ({ slice }, points) => found(isFull(points, 2) && lengthOf(slice.image, ...points)),
  },
  angle: {
    name: later("Góc"),
    key: "g",
    does: later("Đo góc: kéo một cạnh tới đỉnh, rồi chọn đầu cạnh kia"),
    strokes: [2, 1],
    text: "none",
    outline: chain,
    ends: "none",
    says: ({ slice }, points) => found(isFull(points, 3) && angleOf(slice.image, points)),
  },
  cobb: {
    name: later("Góc Cobb"),
    key: "x",
    does: later("Đo góc Cobb: kéo hai đường"),
    strokes: [2, 2],
    text: "none",
    outline: pairs,
    ends: "none",
    says: ({ slice }, points) => found(isFull(points, 4) && cobbOf(slice.image, points)),
  },
  ellipse: {
    name: later("Elip"),
    key: "e",
    does: later("Trị số và diện tích trong elip"),
    strokes: [2],
    text: "none",
    outline: oval,
    ends: "none",
    says: (subject, points) => regionSays(subject, points, ellipse, Math.PI / 4),
  },
  rectangle: {
    name: later("Chữ nhật"),
    key: "u",
    does: later("Trị số và diện tích trong hình chữ nhật"),
    strokes: [2],
    text: "none",
    outline: square,
    ends: "none",
    says: (subject, points) => regionSays(subject, points, rectangle, 1),
  },
  probe: {
    name: later("Trị số"),
    key: "d",
    does: later("Trị số tại một điểm"),
    strokes: [1],
    text: "none",
    outline: chain,
    ends: "cross",
    says: ({ slice, frame }, [point]) => {
      if (!point) return nothing;
      const value = valueAt(slice, frame, point);
      if ("instead" in value) return { lines: [value.instead], isWaiting: value.isWaiting };
      return { lines: [...suvAt(slice, value.values), `${written(slice, value.values)}${unitOf(slice)}`], isWaiting: false };
    },
  },
  arrow: {
    name: later("Mũi tên"),
    key: "a",
    does: later("Mũi tên, có thể kèm chữ: bắt đầu từ chỗ cần chỉ"),
    strokes: [2],
    text: "may",
    outline: pairs,
    ends: "head",
    says: ({ text }) => words(text),
  },
  text: {
    name: later("Chữ"),
    key: "t",
    does: later("Viết chữ lên ảnh"),
    strokes: [1],
    text: "must",
    outline: chain,
    ends: "none",
    says: ({ text }) => words(text),
  },
  freehand: {
    name: later("Vẽ tay"),
    key: "n",
    does: later("Vẽ tay"),
    strokes: ["path"],
    text: "none",
    outline: chain,
    ends: "none",
    says: () => nothing,
  },
};

export const MARK_TOOLS = Object.keys(TOOLS) as readonly MarkTool[];

export function isMarkTool(tool: string): tool is MarkTool {
  return Object.hasOwn(TOOLS, tool);
}

/** The fewest and the most points of a finished mark. */
export function pointsOf(tool: MarkTool): readonly [least: number, most: number] {
  const { strokes } = TOOLS[tool];
  if (strokes.includes("path")) return [2, PATH_LIMIT];
  const sum = strokes.reduce<number>((all, stroke) => all + (stroke === "path" ? 0 : stroke), 0);
  return [sum, sum];
}

/** A mark that this page can draw. */
export function isKnown(mark: AnyMark): mark is Mark {
  if (!isMarkTool(mark.tool)) return false;
  const [least, most] = pointsOf(mark.tool);
  return mark.points.length >= least && mark.points.length <= most;
}

const said = new WeakMap<Mark, Said>();

/** What a mark says; worked out once, when everything for it is there. */
export function saidOf(mark: Mark, slice: Slice, frame: DecodedFrame | null): Said {
  const known = said.get(mark);
  if (known) return known;
  const says = TOOLS[mark.tool].says({ slice, frame, text: mark.text }, mark.points);
  if (!says.isWaiting) said.set(mark, says);
  return says;
}

const nothing: Said = { lines: [], isWaiting: false };

interface Counts {
  2: readonly [Point, Point];
  3: readonly [Point, Point, Point];
  4: readonly [Point, Point, Point, Point];
}

function isFull<N extends keyof Counts>(points: readonly Point[], count: N): points is Counts[N] {
  return points.length === count;
}

function found(finding: Finding | false): Said {
  return finding ? { lines: [finding.text, finding.note].filter((line) => line !== ""), isWaiting: false } : nothing;
}

function words(text: string): Said {
  return { lines: text === "" ? [] : [text], isWaiting: false };
}

/** `share`: how much of its box the shape fills. */
function regionSays({ slice, frame }: Subject, points: readonly Point[], shape: (a: Point, b: Point) => Area, share: number): Said {
  if (!isFull(points, 2)) return nothing;
  const [a, b] = points;
  const area = areaOf(slice.image, points, share * Math.abs((b[0] - a[0]) * (b[1] - a[1])));
  const below = [t("diện tích {area}", { area: area.text }), area.note].filter((line) => line !== "");
  const result = statisticsOf(slice, frame, shape(a, b));
  if ("instead" in result) return { lines: [result.instead, ...below], isWaiting: result.isWaiting };
  const { mean, sd, min, max } = result.values;
  const unit = unitOf(slice);
  return {
    lines: [
      ...suvOf(slice, result.values),
      t("TB {mean}{unit} · ĐLC {sd}", { mean: written(slice, mean, 1), sd: written(slice, sd, 1), unit }),
      t("nhỏ nhất {min} · lớn nhất {max}", { min: written(slice, min), max: written(slice, max) }),
      ...below,
    ],
    isWaiting: false,
  };
}
