/** Decoded frames, as the decoder gives them and as the loader keeps them. */

/** From the header `Frame-Facts`: see `dicom/pyramid.py`. `cuts[k]` bytes show the frame halved k times. */
export interface CodedFacts {
  readonly cuts: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly bits: number;
  readonly signed: boolean;
}

/** A frame, or the first part of one, as it comes over the line. */
export interface Coded {
  readonly media: string;
  readonly facts: CodedFacts;
  readonly bytes: ArrayBuffer;
}

interface Frame extends CodedFacts {
  /** Of what was decoded: halved `level` times, rounded up. */
  readonly width: number;
  readonly height: number;
  readonly level: number;
}

export interface GreyFrame extends Frame {
  readonly kind: "grey";
  readonly pixels: Uint8Array | Int16Array | Uint16Array;
  /** The smallest and largest of the pixels. */
  readonly min: number;
  readonly max: number;
}

export interface ColourFrame extends Frame {
  readonly kind: "colour";
  /** Red, green, blue, 255. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

export type DecodedFrame = GreyFrame | ColourFrame;

export interface DecodeRequest {
  readonly id: number;
  readonly media: string;
  readonly bytes: ArrayBuffer;
  readonly facts: CodedFacts;
  readonly level: number;
  readonly rows: number;
  readonly columns: number;
  readonly isColour: boolean;
}

export type DecodeAnswer =
  | { readonly id: number; readonly frame: DecodedFrame }
  | { readonly id: number; readonly failed: true };

export function bytesOf(frame: DecodedFrame): number {
  return frame.pixels.byteLength;
}
