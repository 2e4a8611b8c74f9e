/** The parts of the viewer on the page, and what is drawn on them. */

import { element } from "../dom";
import { t } from "../text";
import { Corners, spoken } from "./corners";
import { apply, toScreen } from "./geometry";
import type { Matrix, Size } from "./geometry";
import { Lens } from "./lens";
import { drawMarks } from "./picture";
import type { Drawn, Labels } from "./picture";
import type { Model } from "./model";
import { Painter } from "./paint";
import type { DecodedFrame } from "./pixels";
import type { Point, Presenter } from "./state";

const MOST_PIXEL_RATIO = 2; // more costs a phone its battery, and shows nothing more of these images
const SPEAK_AFTER_MS = 700; // not every image that is scrolled past

/** What others make and the screen places. */
type Parts = Readonly<Record<"strip" | "toolbar" | "marks" | "caption" | "remove" | "help", HTMLElement>>;

export class Screen {
  readonly root = element("section", { className: "viewer", attributes: { "aria-label": t("Xem ảnh") } });
  readonly stage = element("div", {
    className: "viewer-stage",
    tabIndex: 0,
    attributes: { role: "group", "aria-label": t("Ảnh: mũi tên để cuộn, dấu hỏi để xem các phím") },
  });
  private readonly canvas = canvas();
  private readonly layer = canvas();
  private readonly corners = new Corners();
  private readonly thumb = element("div", {});
  private readonly track = element("div", { className: "viewer-track", attributes: { "aria-hidden": "true" } }, this.thumb);
  private readonly notice = element("div", { className: "viewer-notice", hidden: true, attributes: { role: "status" } });
  private readonly leader = element("div", { className: "viewer-leader" });
  private readonly live = element("p", { className: "viewer-live", attributes: { "aria-live": "polite" } });
  private readonly painter = new Painter(this.canvas);
  readonly lens = new Lens();
  /** Where the words of the marks lie. */
  labels: Labels = new Map();
  private speaking: ReturnType<typeof setTimeout> | undefined;

  constructor(host: HTMLElement, { strip, toolbar, marks, caption, remove, help }: Parts) {
    this.stage.append(this.canvas, this.layer, this.corners.root, this.lens.canvas, this.track, this.leader, this.notice, remove, caption);
    const body = element("div", { className: "viewer-body" }, strip, this.stage, marks, toolbar);
    this.root.append(body, this.live, help);
    host.replaceChildren(this.root);
  }

  /** Of the stage, in CSS pixels. */
  get size(): Size {
    return { width: Math.max(1, this.stage.clientWidth), height: Math.max(1, this.stage.clientHeight) };
  }

  get middle(): Point {
    return [this.stage.clientWidth / 2, this.stage.clientHeight / 2];
  }

  /** From image pixels to CSS pixels of the stage; null while there is no image. */
  matrix({ slice, view }: Model): Matrix | null {
    return slice ? toScreen(slice.image, view, this.size) : null;
  }

  draw(model: Model, frame: DecodedFrame | null, drawn: Drawn): void {
    const { slice, manifest, voi, view } = model;
    const ratio = Math.min(MOST_PIXEL_RATIO, devicePixelRatio);
    const { width, height } = this.size;
    const pixels = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    this.painter.paint(frame, slice, manifest?.luts ?? {}, voi, view, pixels);
    this.lens.show(frame, slice, manifest?.luts ?? {}, voi, view, this.size);
    this.drawLayer(model, frame, drawn, pixels, ratio);
    const loaded = frame === null ? "" : frame.level === 0 ? "full" : "quick";
    this.corners.show(model, this.size, loaded);
    this.showTrack(model);
    this.root.dataset.study = String(manifest?.study ?? "");
    this.root.dataset.sop = slice?.image.sop ?? "";
    this.root.dataset.frame = String(slice?.frame ?? "");
    this.root.dataset.loaded = loaded;
  }

  /** Where someone else points on the image; null: nowhere. */
  point(model: Model, at: Point | null, name: string): void {
    const matrix = this.matrix(model);
    this.corners.point(at && matrix ? apply(matrix, at) : null, t("{name} đang chỉ", { name }));
  }

  lead(presenter: Presenter | null, isApart: boolean, onRejoin: () => void): void {
    if (presenter && isApart) {
      const back = element("button", { type: "button", className: "viewer-button viewer-rejoin" }, t("Về cùng {name}", { name: presenter.name }));
      back.addEventListener("click", onRejoin);
      this.leader.replaceChildren(back);
      return;
    }
    const text = presenter && (presenter.isMe ? t("Bạn đang dẫn") : t("{name} đang dẫn", { name: presenter.name }));
    this.leader.replaceChildren(...(text ? [element("span", {}, text)] : []));
  }

  /** A sentence over the image, with what one can do; "" takes it away. */
  say(text: string, action?: { name: string; run: () => void }): void {
    this.notice.hidden = text === "";
    this.notice.replaceChildren();
    if (text === "") return;
    this.notice.append(element("p", {}, text));
    if (!action) return;
    const button = element("button", { type: "button", className: "viewer-button" }, action.name);
    button.addEventListener("click", action.run);
    this.notice.append(button);
  }

  get isSaying(): boolean {
    return !this.notice.hidden;
  }

  /** Tell a screen reader what is shown, once it stays. */
  speak(model: Model): void {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => (this.live.textContent = spoken(model)), SPEAK_AFTER_MS);
  }

  /** Tell a screen reader at once. */
  hear(text: string): void {
    clearTimeout(this.speaking);
    this.live.textContent = text;
  }

  close(): void {
    clearTimeout(this.speaking);
    this.root.remove();
  }

  private drawLayer(model: Model, frame: DecodedFrame | null, drawn: Drawn, pixels: Size, ratio: number): void {
    const context = this.layer.getContext("2d");
    if (!context) return;
    if (this.layer.width !== pixels.width || this.layer.height !== pixels.height) {
      this.layer.width = pixels.width;
      this.layer.height = pixels.height;
    }
    context.clearRect(0, 0, pixels.width, pixels.height);
    const matrix = this.matrix(model);
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
