/** From stored values to the grey that is shown: rescale, then window (PS3.3 C.11.1, C.11.2), by a table. */

import { later } from "../text";
import type { FrameFacts, Instance, VoiLut, WindowPreset } from "./manifest";
import type { Slice } from "./stack";
import type { Point, Voi } from "./state";

/** Grey of 0 to 255 of a value after rescale. */
export type Curve = (value: number) => number;

interface Table {
  readonly first: number;
  readonly greys: Uint8Array;
}

const tables = new WeakMap<VoiLut, Table>();

/** Linear as PS3.3 C.11.2.1.2.1 has it, with its −0.5 and −1; the others as in C.11.2.1.3. */
export function curveOf(voiFunction: string, center: number, width: number): Curve {
  switch (voiFunction) {
    case "SIGMOID":
      return (value) => rounded(255 / (1 + Math.exp((-4 * (value - center)) / width)));
    case "LINEAR_EXACT":
      return (value) => {
        if (value <= center - width / 2) return 0;
        if (value > center + width / 2) return 255;
        return rounded(((value - center) / width + 0.5) * 255);
      };
    default: {
      const middle = center - 0.5;
      const span = width - 1;
      return (value) => {
        if (value <= middle - span / 2) return 0;
        if (value > middle + span / 2) return 255;
        return rounded(((value - middle) / span + 0.5) * 255);
      };
    }
  }
}

/**
 * The curve of an image: its own VOI LUT, if there is one, stretched to the window, so that dragging goes on from
 * what is seen. With windows in the file as well, the LUT is used at its own range alone.
 */
export function curveFor(slice: Slice, luts: Readonly<Record<string, VoiLut>>, voi: Voi): Curve {
  const [center, width] = voi;
  const lut = lutOf(slice.image, luts);
  const [ownCenter, ownWidth] = lut ? rangeOf(lut) : [NaN, NaN];
  const isOwn = center === ownCenter && width === ownWidth;
  if (!lut || (slice.facts.windows.length > 0 && !isOwn)) return curveOf(slice.facts.voi_function, center, width);
  const { first, greys } = tableOf(lut);
  const last = greys.length - 1;
  return (value) => {
    const place = isOwn ? value - first : ((value - (center - width / 2)) / width) * greys.length;
    return greys[Math.min(last, Math.max(0, Math.floor(place)))] ?? 0;
  };
}

/**
 * The window after a drag of so many CSS pixels, in steps that can be read, and what is left until the next step: a slow
 * hand gets as far as a quick one.
 */
export function draggedVoi(voi: Voi, [dx, dy]: Point, rest: Point): { readonly voi: Voi; readonly rest: Point } {
  const [center, width, inverted] = voi;
  // A drag across a wide window is to move it faster than one across a narrow one.
  const perPx = Math.max(0.05, width / 400);
  const stepped = (value: number) => (width > 20 ? Math.round(value) : Math.round(value * 10) / 10);
  const [c, w] = [center + dy * perPx + rest[0], width + dx * perPx + rest[1]];
  return { voi: [stepped(c), Math.max(1, stepped(w)), inverted], rest: [c - stepped(c), w - stepped(w)] };
}

/** Grey of every stored value from `min` to `max`. Padding is black, whatever the window. */
export function greyTable(slice: Slice, luts: Readonly<Record<string, VoiLut>>, voi: Voi, min: number, max: number): Uint8Array {
  const curve = curveFor(slice, luts, voi);
  const { slope, intercept } = slice.facts.rescale;
  const isInverted = (voi[2] === 1) !== (slice.image.photometric === "MONOCHROME1");
  const greys = new Uint8Array(max - min + 1);
  for (let stored = min; stored <= max; stored++) {
    const grey = curve(stored * slope + intercept);
    greys[stored - min] = isInverted ? 255 - grey : grey;
  }
  const padding = slice.image.padding;
  if (padding) greys.fill(0, Math.max(0, padding[0] - min), Math.max(0, padding[1] - min + 1));
  return greys;
}

/** The window an image is first shown with. `low` and `high`: stored values that nearly all of it lies between. */
export function defaultVoi(slice: Slice, luts: Readonly<Record<string, VoiLut>>, low: number, high: number): Voi {
  if (slice.image.photometric === "RGB") return [128, 256, 0];
  const lut = lutOf(slice.image, luts);
  if (lut) return [...rangeOf(lut), 0];
  const preset = slice.facts.windows[0];
  return preset ? [preset.center, preset.width, 0] : fullVoi(slice.facts, low, high);
}

/** The window that spreads `low` to `high` from black to white. */
export function fullVoi(facts: FrameFacts, low: number, high: number): Voi {
  const { slope, intercept } = facts.rescale;
  const ends = [low * slope + intercept, high * slope + intercept];
  const [from, to] = [Math.min(...ends), Math.max(...ends)];
  return [(from + to + 1) / 2, Math.max(1, to - from + 1), 0];
}

/** The file's own window, so many times as wide: where values have no unit of their own. */
export interface Widened {
  readonly name: string;
  readonly times: number;
}

const BY_CONTRAST: readonly Widened[] = [
  { name: later("tương phản mạnh"), times: 0.5 },
  { name: later("tương phản nhẹ"), times: 2 },
];

/** What a reader expects; names are Vietnamese as spoken. */
const CT_PRESETS: readonly WindowPreset[] = [
  { name: later("bụng"), center: 40, width: 400 },
  { name: later("phổi"), center: -600, width: 1500 },
  { name: later("xương"), center: 400, width: 1800 },
  { name: later("não"), center: 40, width: 80 },
  { name: later("trung thất"), center: 50, width: 350 },
];

/** By Modality; one that is not here has its file's windows alone. */
export const PRESETS: Readonly<Record<string, readonly (WindowPreset | Widened)[]>> = {
  CT: CT_PRESETS,
  CR: BY_CONTRAST,
  DX: BY_CONTRAST,
  MG: BY_CONTRAST,
  MR: BY_CONTRAST,
  NM: BY_CONTRAST,
  RF: BY_CONTRAST,
  XA: BY_CONTRAST,
};

function lutOf(image: Instance, luts: Readonly<Record<string, VoiLut>>): VoiLut | undefined {
  return image.voi_lut === null ? undefined : luts[image.voi_lut];
}

function rangeOf(lut: VoiLut): [center: number, width: number] {
  const { first, greys } = tableOf(lut);
  return [first + greys.length / 2, greys.length];
}

function tableOf(lut: VoiLut): Table {
  let table = tables.get(lut);
  if (!table) {
    const bytes = Uint8Array.from(atob(lut.data), (letter) => letter.charCodeAt(0));
    const words = new DataView(bytes.buffer);
    const most = 2 ** lut.bits - 1;
    const greys = Uint8Array.from({ length: bytes.length / 2 }, (_, i) =>
      rounded((Math.min(words.getUint16(2 * i, true), most) / most) * 255),
    );
    table = { first: lut.first, greys };
    tables.set(lut, table);
  }
  return table;
}

function rounded(grey: number): number {
  return Math.floor(grey + 0.5);
}
