/** Draws a decoded frame: first through the window at its own size, then onto the screen. */

import type { Size } from "./geometry";
import { toScreen } from "./geometry";
import type { VoiLut } from "./manifest";
import type { DecodedFrame } from "./pixels";
import type { Slice } from "./stack";
import type { View, Voi } from "./state";
import { curveFor, greyTable } from "./window";

type Luts = Readonly<Record<string, VoiLut>>;

/** The frame through the window, one pixel for a pixel: the same numbers on every machine. */
export function renderNative(frame: DecodedFrame, slice: Slice, luts: Luts, voi: Voi): ImageData {
  const image = new ImageData(frame.width, frame.height);
  if (frame.kind === "grey") paintGrey(image, frame.pixels, frame.min, greyTable(slice, luts, voi, frame.min, frame.max));
  else paintColour(image, frame.pixels, colourTable(slice, luts, voi));
  return image;
}

function paintGrey(image: ImageData, pixels: ArrayLike<number>, min: number, greys: Uint8Array): void {
  const packed = new Uint32Array(greys.length);
  for (let i = 0; i < greys.length; i++) packed[i] = 0xff000000 | ((greys[i] ?? 0) * 0x010101);
  const target = new Uint32Array(image.data.buffer);
  for (let i = 0; i < target.length; i++) target[i] = packed[(pixels[i] ?? 0) - min] ?? 0xff000000;
}

/** Each of red, green, blue through the same curve; the window 128/256 changes nothing. */
function colourTable(slice: Slice, luts: Luts, voi: Voi): Uint8Array {
  const curve = curveFor(slice, luts, voi);
  return Uint8Array.from({ length: 256 }, (_, value) => (voi[2] ? 255 - curve(value) : curve(value)));
}

function paintColour(image: ImageData, pixels: Uint8ClampedArray, table: Uint8Array): void {
  if (table.every((value, i) => value === i)) {
    image.data.set(pixels);
    return;
  }
  for (let i = 0; i < pixels.length; i++) image.data[i] = i % 4 === 3 ? 255 : (table[pixels[i] ?? 0] ?? 0);
}

export class Painter {
  private readonly context: CanvasRenderingContext2D;
  private readonly native = document.createElement("canvas");
  private painted: { frame: DecodedFrame; voi: string; slice: Slice } | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = contextOf(canvas, { alpha: false });
  }

  /** `viewport` in device pixels; null clears. */
  paint(frame: DecodedFrame | null, slice: Slice | null, luts: Luts, voi: Voi | null, view: View, viewport: Size): void {
    const { context, canvas } = this;
    if (canvas.width !== viewport.width || canvas.height !== viewport.height) {
      canvas.width = viewport.width;
      canvas.height = viewport.height;
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!frame || !slice || !voi) return;
    this.renderOnce(frame, slice, luts, voi);
    const { rows, columns } = slice.image;
    const matrix = toScreen(slice.image, view, viewport);
    context.setTransform(...matrix);
    // Smaller than it is: means, or thin lines would go. Larger: linear, so that no detail is invented.
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = Math.hypot(matrix[0], matrix[1]) < 1 ? "high" : "low";
    const halvings = 2 ** frame.level;
    context.drawImage(this.native, 0, 0, columns / halvings, rows / halvings, 0, 0, columns, rows);
  }

  private renderOnce(frame: DecodedFrame, slice: Slice, luts: Luts, voi: Voi): void {
    const key = voi.join();
    if (this.painted?.frame === frame && this.painted.voi === key && this.painted.slice === slice) return;
    this.painted = { frame, voi: key, slice };
    this.native.width = frame.width;
    this.native.height = frame.height;
    contextOf(this.native, { alpha: false }).putImageData(renderNative(frame, slice, luts, voi), 0, 0);
  }
}

function contextOf(canvas: HTMLCanvasElement, settings: CanvasRenderingContext2DSettings): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("this browser draws no canvas");
  return context;
}
