/** The marks of the study that is open: what, who, on which image; a click leads there. */

import { element } from "../dom";
import { t } from "../text";
import type { Loader } from "./loader";
import type { Kept } from "./marks";
import type { Model } from "./model";
import { sliceKey } from "./stack";
import type { Mark } from "./state";
import { saidOf, TOOLS } from "./tools";

export interface MarkListPorts {
  jump(mark: Mark): void;
  remove(uid: string): void;
  undo(): void;
  close(): void;
}

interface Entry {
  readonly kept: Kept;
  readonly place: string;
  readonly says: string;
}

export class MarkList {
  readonly root = element("section", { className: "viewer-marks", hidden: true, attributes: { "aria-label": t("Hình vẽ trên các ảnh") } });
  private readonly title = element("h2", {});
  private readonly list = element("ol", {});
  private readonly undo: HTMLButtonElement;
  private written = "";

  constructor(private readonly ports: MarkListPorts) {
    this.undo = button(t("Hoàn tác"), () => ports.undo());
    const head = element("header", {}, this.title, this.undo, button(t("Đóng"), () => ports.close()));
    this.root.append(head, this.list);
  }

  show(model: Model, loader: Loader, marks: readonly Kept[], canUndo: boolean): void {
    if (this.root.hidden) return;
    this.undo.disabled = !canUndo;
    const entries = marks
      .map((kept) => ({ kept, order: model.orderOf(keyOf(kept.mark)) }))
      .sort((a, b) => a.order - b.order)
      .map(({ kept }) => entryOf(model, loader, kept));
    const now = JSON.stringify(entries.map(({ kept, place, says }) => [kept.mark.uid, kept.mark.rev, place, says]));
    if (now === this.written) return;
    this.written = now;
    this.title.textContent = t("Đo, vẽ ({n})", { n: entries.length });
    const focused = this.focused();
    this.list.replaceChildren(...entries.map((entry) => this.row(entry)));
    if (focused) this.list.querySelectorAll("button")[Math.min(focused.at, focused.of - 1)]?.focus();
  }

  private focused(): { at: number; of: number } | null {
    const all = [...this.list.querySelectorAll("button")];
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    return at < 0 ? null : { at, of: all.length };
  }

  private row({ kept: { mark, by, mayChange }, place, says }: Entry): HTMLElement {
    const jump = button("", () => this.ports.jump(mark));
    jump.append(
      element("strong", {}, [t(TOOLS[mark.tool].name), says].filter((part) => part !== "").join(": ")),
      element("span", {}, [place, by.isMe ? t("bạn") : by.name].filter((part) => part !== "").join(" · ")),
    );
    jump.disabled = place === "";
    const remove = mayChange && button(t("Xóa"), () => this.ports.remove(mark.uid));
    if (remove) remove.setAttribute("aria-label", t("Xóa {name}", { name: t(TOOLS[mark.tool].name) }));
    return element("li", {}, jump, remove);
  }
}

function keyOf(mark: Mark): string {
  return sliceKey(mark.sop, mark.frame);
}

function entryOf(model: Model, loader: Loader, kept: Kept): Entry {
  const found = model.find(keyOf(kept.mark));
  if (!found) return { kept, place: "", says: t("ảnh không còn ở đây") };
  const { series, slice, at, of } = found;
  const { lines, isWaiting } = saidOf(kept.mark, slice, loader.peek(slice));
  const says = isWaiting ? t("mở ảnh để tính") : lines.join(" · ");
  const image = t("Ảnh {n}/{all}", { n: at + 1, all: of });
  return { kept, says, place: [image, series.description || series.modality].filter((part) => part !== "").join(" · ") };
}

function button(text: string, onClick: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", className: "viewer-button" }, text);
  made.addEventListener("click", onClick);
  return made;
}
