/** Many frames in one answer: its records, as `dicom/web/joined.py` documents them, and how to ask for them. */

import type { Coded, CodedFacts } from "./pixels";

export interface FrameRecord {
  /** Our number of the instance. */
  readonly instance: number;
  /** From 1. */
  readonly frame: number;
  /** Null where the frame cannot be shown, or has no smaller form. */
  readonly coded: Coded | null;
}

type Head = CodedFacts & { readonly instance: number; readonly frame: number; readonly media?: string };

const LENGTHS = 8;

/** Cuts a body that comes in pieces into records; what is half there waits for its other half. */
export class Records {
  private pieces: Uint8Array[] = [];
  private held = 0;

  push(piece: Uint8Array): FrameRecord[] {
    this.pieces.push(piece);
    this.held += piece.byteLength;
    const found: FrameRecord[] = [];
    for (let next = this.take(); next; next = this.take()) found.push(next);
    return found;
  }

  private take(): FrameRecord | null {
    const start = this.atLeast(LENGTHS);
    if (!start) return null;
    const lengths = new DataView(start.buffer, start.byteOffset, LENGTHS);
    const head = lengths.getUint32(0);
    const end = LENGTHS + head + lengths.getUint32(4);
    if (this.held < end) return null;
    const all = together(this.pieces, this.held);
    this.pieces = [all.subarray(end)];
    this.held -= end;
    const text = new TextDecoder().decode(all.subarray(LENGTHS, LENGTHS + head));
    const { instance, frame, media, ...facts } = JSON.parse(text) as Head;
    const bytes = all.slice(LENGTHS + head, end).buffer;
    return { instance, frame, coded: media === undefined || bytes.byteLength === 0 ? null : { media, facts, bytes } };
  }

  /** The first piece, made to hold so many bytes. */
  private atLeast(count: number): Uint8Array | null {
    if (this.held < count) return null;
    const [first] = this.pieces;
    if (first && first.byteLength >= count) return first;
    const all = together(this.pieces, this.held);
    this.pieces = [all];
    return all;
  }
}

/** The first `length` bytes of the pieces, in one. */
export function together(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const [first] = pieces;
  if (pieces.length === 1 && first?.byteLength === length && first.buffer instanceof ArrayBuffer) {
    return first as Uint8Array<ArrayBuffer>;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    if (at >= length) break;
    const part = piece.subarray(0, length - at);
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/** Places of a series as the runs that the server reads: 5, 6, 7, 4, 3 as "5-7,4-3". */
export function runsOf(places: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const place of places) {
    const run = runs[runs.length - 1];
    const step = run ? Math.sign(run[1] - run[0]) : 0;
    if (run && Math.abs(place - run[1]) === 1 && (step === 0 || place - run[1] === step)) run[1] = place;
    else runs.push([place, place]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
