/** What two viewers share. All in image pixels: the top left corner of the image is 0, 0; frames count from 1. */

export type Point = readonly [x: number, y: number];

/** Center and width in the units of the image (HU for CT), then whether black and white are swapped. */
export type Voi = readonly [center: number, width: number, inverted: 0 | 1];

/**
 * What is in the middle of the viewport and how large: the image point there, the scale (1: the image just fits),
 * degrees clockwise (0, 90, 180, 270), and mirrored flags. Mirroring comes first, then turning.
 */
export type View = readonly [
  cx: number,
  cy: number,
  scale: number,
  rotation: 0 | 90 | 180 | 270,
  flipH: 0 | 1,
  flipV: 0 | 1,
];

export const PLANES = ["coronal", "sagittal"] as const;
export type PlaneKind = (typeof PLANES)[number];

/** A plane cut from the series that an image belongs to, counted from 0. */
export interface PlaneAt {
  readonly kind: PlaneKind;
  readonly at: number;
}

/** What one cell shows. */
export interface Shown {
  readonly study: number;
  readonly sop: string;
  readonly frame: number;
  readonly voi: Voi;
  readonly view: View;
  readonly plane: PlaneAt | null;
}

/** Cells row by row. That of `active` is null: it is what the state itself tells; any other null is an empty one. */
export interface SharedLayout {
  readonly rows: number;
  readonly columns: number;
  readonly active: number;
  readonly cells: readonly (Shown | null)[];
}

/** The whole of what is looked at: message `share-view`. Absolute, so that a late joiner needs only the last one. */
export interface ViewState extends Shown {
  readonly pointer: Point | null;
  /** Goes on from here by itself, at its own rate. */
  readonly playing: boolean;
  /** Null: one image alone. */
  readonly layout: SharedLayout | null;
}

export type MarkTool = "length" | "angle" | "cobb" | "ellipse" | "rectangle" | "probe" | "arrow" | "text" | "freehand";

/** One version of one drawing: message `mark`. The highest `rev` of a `uid` counts. */
export interface Mark {
  readonly uid: string;
  readonly rev: number;
  readonly study: number;
  readonly sop: string;
  readonly frame: number;
  readonly tool: MarkTool;
  readonly points: readonly Point[];
  /** Plain text, of the tools that have words. */
  readonly text: string;
  readonly removed: boolean;
}

/** As it came: perhaps of a tool that only a newer page knows. */
export type AnyMark = Omit<Mark, "tool"> & { readonly tool: string };

export interface Author {
  readonly name: string;
  readonly isMe: boolean;
}

/** What the minutes keep of an image: enough to draw it again. */
export type KeyImage = Omit<Shown, "plane">;

export interface Presenter {
  readonly isMe: boolean;
  readonly name: string;
}

/** `newer` replaces `known` unless it is older; who comes second with the same number loses nothing but that. */
export function isNewer(newer: Mark, known: Mark | undefined): boolean {
  return known === undefined || newer.rev > known.rev;
}

export function isSameView(a: ViewState, b: ViewState): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
