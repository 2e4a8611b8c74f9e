/** The field on the image in which the words of a mark are typed. */

import { element } from "../dom";
import { t } from "../text";
import type { Point } from "./state";
import { TEXT_LIMIT } from "./tools";

const WIDTH_PX = 240;
const HEIGHT_PX = 48;

export class Caption {
  readonly root = element("input", {
    className: "viewer-caption",
    type: "text",
    maxLength: TEXT_LIMIT,
    hidden: true,
    autocomplete: "off",
    spellcheck: false,
    placeholder: t("Viết chữ, Enter để xong"),
    attributes: { "aria-label": t("Chữ trên ảnh"), enterkeyhint: "done" },
  });
  private done: ((text: string | null) => void) | null = null;

  constructor() {
    this.root.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      this.finish(event.key === "Escape" ? null : this.root.value);
    });
    this.root.addEventListener("blur", () => this.end());
  }

  /** Ask for words at a point of the stage; `done` hears them once, null when they were given up. */
  ask(at: Point, stage: HTMLElement, done: (text: string | null) => void): void {
    this.end();
    this.done = done;
    this.root.value = "";
    this.root.hidden = false;
    const [left, top] = [Math.min(at[0] + 8, stage.clientWidth - WIDTH_PX), Math.min(at[1] - 8, stage.clientHeight - HEIGHT_PX)];
    Object.assign(this.root.style, { left: `${Math.max(4, left)}px`, top: `${Math.max(4, top)}px` });
    this.root.focus();
  }

  /** What is typed so far counts. */
  end(): void {
    this.finish(this.root.value);
  }

  private finish(text: string | null): void {
    const { done } = this;
    if (!done) return;
    this.done = null; // hiding it blurs it
    const hadFocus = document.activeElement === this.root;
    this.root.hidden = true;
    if (hadFocus) this.root.parentElement?.focus({ preventScroll: true });
    done(text === null ? null : plain(text));
  }
}

/** One line of plain text, as the server takes it. */
export function plain(text: string): string {
  const line = text.normalize("NFC").replace(/[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/gu, " ");
  return Array.from(line).slice(0, TEXT_LIMIT).join("").trim();
}
