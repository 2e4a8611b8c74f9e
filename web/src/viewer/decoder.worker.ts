/** Decodes frames beside the page, so that talking and scrolling never wait for it. */

import create from "@cornerstonejs/codec-openjph";
import type { Decoder } from "@cornerstonejs/codec-openjph";
import wasmUrl from "@cornerstonejs/codec-openjph/wasm?url";

import type { ColourFrame, DecodeAnswer, DecodedFrame, DecodeRequest, GreyFrame } from "./pixels";

type Samples = Uint8Array | Int16Array | Uint16Array;

let decoder: Promise<Decoder> | undefined;
let complaint = "";

addEventListener("message", ({ data }: MessageEvent<DecodeRequest>) => void answer(data));

async function answer(request: DecodeRequest): Promise<void> {
  let message: DecodeAnswer;
  try {
    message = { id: request.id, frame: await decode(request) };
  } catch {
    message = { id: request.id, failed: true };
  }
  const transfer = "frame" in message ? [message.frame.pixels.buffer] : [];
  postMessage(message, { transfer });
}

async function decode(request: DecodeRequest): Promise<DecodedFrame> {
  switch (request.media) {
    case "image/jphc":
      return htj2k(request, await loadDecoder());
    case "image/jpeg":
      return jpeg(request);
    case "application/octet-stream":
      return plain(request);
    default:
      throw new Error("unknown media type");
  }
}

function loadDecoder(): Promise<Decoder> {
  decoder ??= create({
    locateFile: () => wasmUrl,
    print: () => undefined,
    printErr: (line) => (complaint = line),
  }).then(({ HTJ2KDecoder }) => new HTJ2KDecoder());
  return decoder;
}

function htj2k(request: DecodeRequest, codec: Decoder): DecodedFrame {
  complaint = "";
  codec.getEncodedBuffer(request.bytes.byteLength).set(new Uint8Array(request.bytes));
  codec.readHeader();
  if (complaint) throw new Error(complaint);
  const { width, height, componentCount } = codec.getFrameInfo();
  if (width !== request.columns || height !== request.rows) throw new Error("not the size announced");
  codec.decodeSubResolution(request.level);
  if (complaint) throw new Error(complaint);
  const size = codec.calculateSizeAtDecompositionLevel(request.level);
  // The codec's memory is used again: copy.
  const bytes = codec.getDecodedBuffer().slice();
  return componentCount === 3 ? colour(request, bytes, size) : grey(request, samples(bytes, request), size);
}

function plain(request: DecodeRequest): DecodedFrame {
  const bytes = new Uint8Array(request.bytes);
  const size = { width: request.columns, height: request.rows };
  return request.isColour ? colour(request, bytes, size) : grey(request, samples(bytes, request), size);
}

async function jpeg(request: DecodeRequest): Promise<DecodedFrame> {
  const blob = new Blob([request.bytes], { type: "image/jpeg" });
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const size = { width: bitmap.width, height: bitmap.height };
  const context = new OffscreenCanvas(size.width, size.height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, size.width, size.height);
  if (request.isColour) return { ...request.facts, ...size, level: 0, kind: "colour", pixels: data };
  const reds = new Uint8Array(size.width * size.height);
  for (let i = 0; i < reds.length; i++) reds[i] = data[4 * i] ?? 0;
  return grey(request, reds, size);
}

/** Stored values of the depth and sign that the server told. */
function samples(bytes: Uint8Array<ArrayBuffer>, { facts }: DecodeRequest): Samples {
  if (facts.bits === 8) return bytes;
  const words = bytes.byteLength >> 1;
  return facts.signed ? new Int16Array(bytes.buffer, 0, words) : new Uint16Array(bytes.buffer, 0, words);
}

function grey(request: DecodeRequest, pixels: Samples, size: { width: number; height: number }): GreyFrame {
  if (pixels.length !== size.width * size.height) throw new Error("not the size announced");
  let [min, max] = [Infinity, -Infinity];
  for (const value of pixels) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { ...request.facts, ...size, level: request.level, kind: "grey", pixels, min, max };
}

function colour(request: DecodeRequest, bytes: Uint8Array, size: { width: number; height: number }): ColourFrame {
  const count = size.width * size.height;
  if (bytes.length !== 3 * count) throw new Error("not the size announced");
  const pixels = new Uint8ClampedArray(4 * count);
  for (let i = 0; i < count; i++) {
    pixels[4 * i] = bytes[3 * i] ?? 0;
    pixels[4 * i + 1] = bytes[3 * i + 1] ?? 0;
    pixels[4 * i + 2] = bytes[3 * i + 2] ?? 0;
    pixels[4 * i + 3] = 255;
  }
  return { ...request.facts, ...size, level: request.level, kind: "colour", pixels };
}
