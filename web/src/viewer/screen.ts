/** The parts of the viewer on the page, and the cells that images are shown in. */

import { element } from "../dom";
import { t } from "../text";
import { spoken } from "./corners";
import type { Matrix, Size } from "./geometry";
import type { Lens } from "./lens";
import type { Labels } from "./picture";
import type { Model } from "./model";
import { Pane } from "./pane";
import type { Point, Presenter } from "./state";

const SPEAK_AFTER_MS = 700; // not every image that is scrolled past

/** What others make and the screen places. */
type Parts = Readonly<Record<"strip" | "toolbar" | "marks" | "caption" | "remove" | "help", HTMLElement>>;

export class Screen {
  readonly root = element("section", { className: "viewer", attributes: { "aria-label": t("Xem ảnh") } });
  readonly grid = element("div", { className: "viewer-grid" });
  /** The cell that tools, keys and the pointer act on. */
  private active = new Pane();
  private readonly onImage: readonly HTMLElement[];
  private readonly notice = element("div", { className: "viewer-notice", hidden: true, attributes: { role: "status" } });
  private readonly leader = element("div", { className: "viewer-leader" });
  private readonly live = element("p", { className: "viewer-live", attributes: { "aria-live": "polite" } });
  private speaking: ReturnType<typeof setTimeout> | undefined;

  constructor(host: HTMLElement, { strip, toolbar, marks, caption, remove, help }: Parts) {
    this.onImage = [remove, caption];
    const middle = element("div", { className: "viewer-middle" }, this.grid, this.leader, this.notice);
    const body = element("div", { className: "viewer-body" }, strip, middle, marks, toolbar);
    this.root.append(body, this.live, help);
    host.replaceChildren(this.root);
  }

  /** Put the cells in rows and columns; `active` is one of them. */
  place(panes: readonly Pane[], rows: number, columns: number, active: Pane): void {
    const stages = panes.map(({ stage }) => stage);
    if (stages.some((stage, i) => this.grid.children[i] !== stage) || this.grid.children.length !== stages.length) {
      this.grid.replaceChildren(...stages);
    }
    this.grid.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
    this.active = active;
    if (this.onImage.some((part) => part.parentElement !== active.stage)) active.stage.append(...this.onImage);
    for (const [i, pane] of panes.entries()) pane.place(i, panes.length, pane === active);
  }

  get stage(): HTMLElement {
    return this.active.stage;
  }

  get size(): Size {
    return this.active.size;
  }

  get middle(): Point {
    return [this.stage.clientWidth / 2, this.stage.clientHeight / 2];
  }

  get labels(): Labels {
    return this.active.labels;
  }

  get lens(): Lens {
    return this.active.lens;
  }

  /** From image pixels to CSS pixels of the active cell; null while there is no image. */
  matrix(model: Model): Matrix | null {
    return this.active.matrix(model);
  }

  /** For tests: what the active cell shows. */
  tell({ manifest, slice }: Model, loaded: string): void {
    const study = String(manifest?.study ?? "");
    Object.assign(this.root.dataset, { study, sop: slice?.image.sop ?? "", frame: String(slice?.frame ?? ""), loaded });
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
    this.root.classList.toggle("is-told", text !== "");
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
}
