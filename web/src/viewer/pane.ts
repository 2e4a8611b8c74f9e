/** One cell on the page: the image, what lies over it, and its own small texts. */

import { element } from "../dom";
import { t } from "../text";
import { Corners } from "./corners";
import { apply, toScreen } from "./geometry";
import type { Matrix, Size } from "./geometry";
import { Lens } from "./lens";
import { drawCrossing, drawMarks } from "./picture";
import type { Drawn, Labels } from "./picture";
import type { Model } from "./model";
import { Painter } from "./paint";
import type { DecodedFrame } from "./pixels";
import type { Point } from "./state";

const MOST_PIXEL_RATIO = 2; // more costs a phone its battery, and shows nothing more of these images

type Crossing = readonly [Point, Point] | null;

export class Pane {
  readonly stage = element("div", { className: "viewer-stage", tabIndex: 0, attributes: { role: "group" } });
  readonly lens = new Lens();
  /** Where the words of the marks lie. */
  labels: Labels = new Map();
  private readonly canvas = canvas();
  private readonly layer = canvas();
  private readonly corners = new Corners();
  private readonly thumb = element("div", {});
  private readonly track = element("div", { className: "viewer-track", attributes: { "aria-hidden": "true" } }, this.thumb);
  private readonly empty = element("p", { className: "viewer-empty", hidden: true }, t("Ô trống. Chọn hoặc kéo một loạt ảnh vào đây."));
  private readonly painter = new Painter(this.canvas);

  constructor() {
    this.stage.append(this.canvas, this.layer, this.corners.root, this.lens.canvas, this.track, this.empty);
  }

  /** Of the stage, in CSS pixels. */
  get size(): Size {
    return { width: Math.max(1, this.stage.clientWidth), height: Math.max(1, this.stage.clientHeight) };
  }

  /** From image pixels to CSS pixels of the stage; null while there is no image. */
  matrix({ slice, view }: Model): Matrix | null {
    return slice ? toScreen(slice.image, view, this.size) : null;
  }

  /** Say where it stands among `of` cells, and whether tools and keys act on it. */
  place(at: number, of: number, isActive: boolean): void {
    const name = of < 2 ? t("Ảnh: mũi tên để cuộn, dấu hỏi để xem các phím") : t("Ô ảnh {n}/{all}", { n: at + 1, all: of });
    this.stage.setAttribute("aria-label", name);
    this.stage.toggleAttribute("data-active", of > 1 && isActive);
  }

  /** `crossing`: where the active image crosses this one. Returns what is there of the image: "" for nothing yet. */
  draw(model: Model, frame: DecodedFrame | null, drawn: Drawn, crossing: Crossing): "full" | "quick" | "" {
    const { slice, manifest, voi, view } = model;
    const ratio = Math.min(MOST_PIXEL_RATIO, devicePixelRatio);
    const { width, height } = this.size;
    const pixels = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    this.painter.paint(frame, slice, manifest?.luts ?? {}, voi, view, pixels);
    this.lens.show(frame, slice, manifest?.luts ?? {}, voi, view, this.size);
    this.drawLayer(model, frame, drawn, crossing, pixels, ratio);
    const loaded = frame === null ? "" : frame.level === 0 ? "full" : "quick";
    this.corners.show(model, this.size, loaded);
    this.showTrack(model);
    this.empty.hidden = slice !== null;
    Object.assign(this.stage.dataset, { sop: slice?.image.sop ?? "", frame: String(slice?.frame ?? ""), loaded });
    return loaded;
  }

  /** Where someone else points on the image; null: nowhere. */
  point(model: Model, at: Point | null, name: string): void {
    const matrix = this.matrix(model);
    this.corners.point(at && matrix ? apply(matrix, at) : null, t("{name} đang chỉ", { name }));
  }

  private drawLayer(model: Model, frame: DecodedFrame | null, drawn: Drawn, crossing: Crossing, pixels: Size, ratio: number): void {
    const context = this.layer.getContext("2d");
    if (!context) return;
    if (this.layer.width !== pixels.width || this.layer.height !== pixels.height) {
      this.layer.width = pixels.width;
      this.layer.height = pixels.height;
    }
    context.clearRect(0, 0, pixels.width, pixels.height);
    const matrix = this.matrix(model);
    if (crossing && matrix) drawCrossing(context, crossing.map((point) => apply(matrix, point)), ratio);
    if (model.slice && matrix) this.labels = drawMarks(context, drawn, model.slice, frame, matrix, ratio);
  }

  private showTrack({ stack, at }: Model): void {
    this.track.hidden = stack.length < 2;
    if (stack.length < 2) return;
    const share = Math.max(0.04, 1 / stack.length);
    this.thumb.style.height = `${share * 100}%`;
    this.thumb.style.top = `${(at / (stack.length - 1)) * (1 - share) * 100}%`;
  }
}

function canvas(): HTMLCanvasElement {
  return element("canvas", { className: "viewer-canvas", attributes: { "aria-hidden": "true" } });
}
