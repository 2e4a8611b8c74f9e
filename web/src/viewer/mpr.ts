/**
 * Coronal and sagittal planes out of an axial stack, when it is regular: one spacing, no tilt (PS3.3 C.7.6.2.1.1).
 *
 * The volume is one array of 16-bit numbers as stored, rows and columns halved until it fits its limit. It is loaded
 * with the page of its own request: nothing of this is in the room's first script.
 */

import { later } from "../text";
import { Decoders } from "./decoders";
import { get } from "./manifest";
import type { FrameFacts, Instance, Triple } from "./manifest";
import type { CodedFacts, DecodedFrame, GreyFrame } from "./pixels";
import { planeOf, spacingOf } from "./planes";
import type { Slice } from "./stack";
import type { PlaneKind } from "./state";
import { dot, minus } from "./vectors";

const VOLUME_BYTES = 96 * 2 ** 20; // beside the loader's own, and all of it under 400 MB
const LEAST_SLICES = 8;
const AT_ONCE = 3;
const SAME_SPACING = 0.02; // of a step
const SAME_PLACE = 0.5; // of a pixel, over the whole stack
const SAME_WAY = 1e-3;
const AXIAL = 0.9; // cosine: up to 25° off is axial still

/** What has to hold, each with the sentence that is said where it does not. */
const REFUSALS = {
  few: later("loạt này có quá ít ảnh"),
  colour: later("loạt này là ảnh màu"),
  unknown: later("ảnh không ghi vị trí trong cơ thể hoặc kích thước điểm ảnh"),
  sizes: later("các ảnh trong loạt khác cỡ, khác hướng hoặc khác thang trị số"),
  direction: later("loạt này không phải cắt ngang"),
  spacing: later("khoảng cách giữa các lát không đều, hoặc thiếu lát"),
  tilt: later("loạt chụp nghiêng giàn"),
} as const;

/** A stack that planes can be cut from, its slices from the head down. */
export interface Regular {
  readonly slices: readonly Slice[];
  /** mm of a step along rows, columns and downwards. */
  readonly steps: Triple;
  readonly down: Triple;
}

export interface Refusal {
  readonly refused: string;
}

/** Whether a stack is regular, or the sentence that says why not. */
export function regularityOf(stack: readonly Slice[]): Regular | Refusal {
  const refused = (why: keyof typeof REFUSALS) => ({ refused: REFUSALS[why] });
  const [first] = stack;
  if (!first || stack.length < LEAST_SLICES) return refused("few");
  if (stack.some(({ image }) => image.photometric === "RGB")) return refused("colour");
  const [plane, spacing] = [planeOf(first.facts), spacingOf(first)];
  if (!plane || !spacing || stack.some((slice) => !planeOf(slice.facts) || !spacingOf(slice))) return refused("unknown");
  if (stack.some((slice) => !isAlike(slice, first))) return refused("sizes");
  if (Math.abs(plane.normal[2]) < AXIAL || Math.abs(plane.row[0]) < AXIAL) return refused("direction");
  const down = plane.normal[2] > 0 ? scaled(plane.normal, -1) : plane.normal;
  const places = stack
    .map((slice) => ({ slice, origin: originOf(slice) }))
    .sort((a, b) => dot(a.origin, down) - dot(b.origin, down));
  const [top, bottom] = [places[0]?.origin, places.at(-1)?.origin];
  if (!top || !bottom) return refused("few");
  const whole = minus(bottom, top);
  const step = dot(whole, down) / (stack.length - 1);
  const isEven = places.every(({ origin }, i) => Math.abs(dot(minus(origin, top), down) - i * step) <= SAME_SPACING * step);
  if (step <= 0 || !isEven) return refused("spacing");
  const aside = minus(whole, scaled(down, dot(whole, down)));
  if (Math.hypot(...aside) > SAME_PLACE * Math.min(...spacing)) return refused("tilt");
  return { slices: places.map(({ slice }) => slice), steps: [spacing[0], spacing[1], step], down };
}

function isAlike({ image, facts }: Slice, to: Slice): boolean {
  const [a, b] = [facts.orientation ?? [], to.facts.orientation ?? []];
  const isSameWay = a.every((part, i) => Math.abs(part - (b[i] ?? 0)) < SAME_WAY);
  const values = ({ rescale }: FrameFacts) => JSON.stringify(rescale);
  const shape = ({ rows, columns, spacing, photometric }: Instance) => JSON.stringify([rows, columns, spacing, photometric]);
  return isSameWay && shape(image) === shape(to.image) && values(facts) === values(to.facts);
}

/** How often rows and columns are halved, so that the volume fits. */
export function levelFor(rows: number, columns: number, slices: number, most = VOLUME_BYTES): number {
  let level = 0;
  while (2 * slices * Math.ceil(rows / 2 ** level) * Math.ceil(columns / 2 ** level) > most) level += 1;
  return level;
}

/** The numbers of a regular stack, filled as its frames come. */
export class Volume {
  readonly level: number;
  readonly width: number;
  readonly height: number;
  filled = 0;
  private pixels: Int16Array | Uint16Array | null = null;
  private coded: CodedFacts | null = null;
  private readonly cuts = new Map<PlaneKind, { at: number; filled: number; frame: GreyFrame }>(); // those that are shown
  private min = Infinity;
  private max = -Infinity;

  constructor(readonly of: Regular, mostBytes = VOLUME_BYTES) {
    const { rows, columns } = this.image;
    this.level = levelFor(rows, columns, this.depth, mostBytes);
    this.width = Math.ceil(columns / 2 ** this.level);
    this.height = Math.ceil(rows / 2 ** this.level);
  }

  get depth(): number {
    return this.of.slices.length;
  }

  /** Take the frame of a slice, counted from the head; of a finer level it is thinned out. */
  put(at: number, frame: DecodedFrame): void {
    if (frame.kind !== "grey") return;
    this.coded ??= frame;
    const { pixels, width, height } = this;
    const size = width * height;
    const all = pixels ?? new (frame.signed ? Int16Array : Uint16Array)(size * this.depth).fill(frame.min);
    this.pixels = all;
    [this.min, this.max] = [Math.min(this.min, frame.min), Math.max(this.max, frame.max)];
    if (frame.width === width) all.set(frame.pixels, at * size);
    else {
      const step = 2 ** (this.level - frame.level);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) all[at * size + y * width + x] = frame.pixels[y * step * frame.width + x * step] ?? frame.min;
      }
    }
    this.filled += 1;
  }

  /** All planes of a kind, from front to back or from right to left, as images like any other. */
  planes(kind: PlaneKind): Slice[] {
    const { image } = this;
    const { steps, down } = this.of;
    const first = this.of.slices[0];
    const plane = first && planeOf(first.facts);
    if (!first || !plane) return [];
    const isCoronal = kind === "coronal";
    const count = isCoronal ? this.height : this.width;
    const halved = 2 ** this.level;
    const [across, away] = isCoronal ? [plane.row, plane.column] : [plane.column, plane.row];
    const [acrossMm, awayMm] = isCoronal ? [steps[0], steps[1]] : [steps[1], steps[0]];
    const middle = (i: number) => (i + 0.5) * halved - 0.5; // of a halved pixel, in whole ones
    return Array.from({ length: count }, (_, i) => {
      const start = add(add(plane.origin, scaled(across, middle(0) * acrossMm)), scaled(away, middle(i) * awayMm));
      const facts = { ...first.facts, position: start, orientation: [...across, ...down] as unknown as FrameFacts["orientation"] };
      const made: Instance = {
        ...image,
        ...facts,
        frames: 1,
        rows: this.depth,
        columns: isCoronal ? this.width : this.height,
        spacing: { kind: "pixel", row_mm: steps[2], column_mm: acrossMm * halved, calibrated: false },
        aspect: steps[2] / (acrossMm * halved),
        patient_orientation: null,
        thickness_mm: awayMm * halved,
        per_frame: null,
        frame_times: null,
      };
      const key = `${kind}/${this.level}/${i}/${first.key}`;
      const { study, series } = first;
      return { key, id: `${study}/${key}`, study, series, place: 0, image: made, frame: 1, facts, halved: this.level, filled: () => this.filled, made: () => this.cut(kind, i) };
    });
  }

  /** One plane, its first row from the head. Null until something came. */
  private cut(kind: PlaneKind, at: number): GreyFrame | null {
    const { pixels, width, height, depth, coded: facts } = this;
    if (!pixels || !facts) return null;
    const known = this.cuts.get(kind);
    if (known?.at === at && known.filled === this.filled) return known.frame;
    const across = kind === "coronal" ? width : height;
    const cut = new (pixels.constructor as Int16ArrayConstructor)(across * depth);
    for (let z = 0; z < depth; z++) {
      const from = z * width * height;
      if (kind === "coronal") cut.set(pixels.subarray(from + at * width, from + (at + 1) * width), z * width);
      else for (let y = 0; y < height; y++) cut[z * height + y] = pixels[from + y * width + at] ?? 0;
    }
    const { bits, signed, low, high } = facts;
    const is = { kind: "grey", cuts: [0], bits, signed, low, high, level: 0 } as const;
    const frame: GreyFrame = { ...is, width: across, height: depth, pixels: cut, min: this.min, max: this.max };
    this.cuts.set(kind, { at, filled: this.filled, frame });
    return frame;
  }

  private get image(): Instance {
    const [first] = this.of.slices;
    if (!first) throw new Error("an empty stack");
    return first.image;
  }
}

/** Fill a volume from the server, from the middle outwards; `onFrame` hears of each slice. Rejects as `get` does. */
export async function fill(volume: Volume, frames: string, signal: AbortSignal, onFrame: () => void): Promise<void> {
  const middle = volume.depth / 2;
  const order = volume.of.slices.map((slice, at) => ({ slice, at })).sort((a, b) => Math.abs(b.at - middle) - Math.abs(a.at - middle));
  const decoders = new Decoders(1);
  const one = async (): Promise<void> => {
    for (let next = order.pop(); next; next = order.pop()) {
      const { image, frame } = next.slice;
      const query = volume.level > 0 ? `?level=${volume.level}` : "";
      const response = await get(`${frames}/instances/${image.instance}/frames/${frame}${query}`, signal);
      const facts = JSON.parse(response.headers.get("Frame-Facts") ?? "{}") as CodedFacts;
      const { rows, columns } = image;
      const level = Math.min(volume.level, facts.cuts.length - 1);
      const media = response.headers.get("Content-Type") ?? "";
      volume.put(next.at, await decoders.decode({ media, bytes: await response.arrayBuffer(), facts, level, rows, columns, isColour: false }));
      onFrame();
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  } finally {
    decoders.close();
  }
}

function originOf({ facts }: Slice): Triple {
  return facts.position ?? [0, 0, 0];
}

function scaled([a, b, c]: Triple, by: number): Triple {
  return [a * by, b * by, c * by];
}

function add(a: Triple, b: Triple): Triple {
  return minus(a, scaled(b, -1));
}
