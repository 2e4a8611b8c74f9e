/** Frames from the server: one by one, with what came so far, or many small ones in one answer. */

import { Records, runsOf, together } from "./joined";
import type { FrameRecord } from "./joined";
import { Line } from "./line";
import { get } from "./manifest";
import type { Coded, CodedFacts } from "./pixels";
import type { Slice } from "./stack";

/** What came of a frame so far. */
export type Progress = (media: string, facts: CodedFacts, pieces: readonly Uint8Array[], received: number) => void;

export class Source {
  readonly line = new Line();

  constructor(private readonly root: string) {}

  /** One frame, whole. Rejects with NotLoaded or AbortError. */
  async frame(slice: Slice, signal: AbortSignal, onProgress: Progress = () => undefined): Promise<Coded> {
    const response = await get(`${this.root}/studies/${slice.study}/instances/${slice.image.instance}/frames/${slice.frame}`, signal);
    const facts = JSON.parse(response.headers.get("Frame-Facts") ?? "{}") as CodedFacts;
    const media = response.headers.get("Content-Type") ?? "";
    const pieces: Uint8Array[] = [];
    const received = await this.read(response, (piece, soFar) => {
      pieces.push(piece);
      onProgress(media, facts, pieces, soFar);
    });
    return { media, facts, bytes: together(pieces, received).buffer };
  }

  /**
   * Frames of one series, halved `level` times, as they come. The server may end before the last: those are to
   * be asked for again. Rejects with NotLoaded or AbortError; what came before that stands.
   */
  async joined(slices: readonly Slice[], level: number, signal: AbortSignal, onRecord: (record: FrameRecord) => void): Promise<void> {
    const [first] = slices;
    if (!first) return;
    const runs = runsOf(slices.map(({ place }) => place));
    const response = await get(`${this.root}/studies/${first.study}/series/${first.series}/frames?level=${level}&frames=${runs}`, signal);
    const records = new Records();
    await this.read(response, (piece) => {
      for (const record of records.push(piece)) onRecord(record);
    });
  }

  /** Read a body to its end; how long the server took to begin says nothing of the line. */
  private async read(response: Response, onPiece: (piece: Uint8Array, received: number) => void): Promise<number> {
    const beganAt = performance.now();
    let received = 0;
    const take = (piece: Uint8Array): void => {
      received += piece.byteLength;
      onPiece(piece, received);
    };
    if (response.body) {
      const reader = response.body.getReader();
      for (let { done, value } = await reader.read(); !done && value; { done, value } = await reader.read()) take(value);
    } else take(new Uint8Array(await response.arrayBuffer()));
    this.line.arrived(received, performance.now() - beganAt);
    return received;
  }
}
