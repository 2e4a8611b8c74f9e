/** The row of controls below the image: with words, all by keyboard too. */

import { element } from "../dom";
import { later, t } from "../text";
import type { Tool } from "./gestures";
import type { Commands } from "./keys";
import type { WindowPreset } from "./manifest";
import type { Model } from "./model";
import { CT_PRESETS } from "./window";

const TOOLS: readonly (readonly [Tool, string])[] = [
  ["window", later("Cửa sổ")],
  ["scroll", later("Cuộn")],
  ["pan", later("Di chuyển")],
  ["zoom", later("Phóng")],
  ["length", later("Đo")],
];

/** `voi` null: as the file says; "full": from the darkest to the brightest. */
export interface Preset {
  readonly name: string;
  readonly window: WindowPreset | "file" | "full";
}

/** Windows to choose from, in the order of the keys 1 to 9. */
export function presetsOf({ series, slice }: Model): Preset[] {
  if (!series || !slice || slice.image.photometric === "RGB") return [];
  const ofFile = slice.facts.windows.slice(1).map((window, i) => ({
    name: window.name || t("theo tệp, số {n}", { n: i + 2 }),
    window,
  }));
  const ofCt = series.modality === "CT" ? CT_PRESETS.map((window) => ({ name: t(window.name), window })) : [];
  const presets: Preset[] = [{ name: t("theo tệp"), window: "file" }, ...ofCt, ...ofFile, { name: t("toàn dải"), window: "full" }];
  return presets.slice(0, 9);
}

export class Toolbar {
  readonly root = element("div", { className: "viewer-toolbar", attributes: { role: "toolbar", "aria-label": t("Công cụ xem ảnh") } });
  private readonly presets = element("select", { className: "viewer-select", attributes: { "aria-label": t("Cửa sổ có sẵn") } });
  private readonly tools = new Map<Tool, HTMLButtonElement>();
  private readonly cine: HTMLButtonElement;
  private readonly remove: HTMLButtonElement;
  private readonly invert: HTMLButtonElement;
  private readonly more = element("details", { className: "viewer-more" });
  private presetNames = "";

  /** `signal` ends listening to the page. */
  constructor(commands: Commands, signal: AbortSignal) {
    this.presets.addEventListener("change", () => {
      commands.preset(Number(this.presets.value));
      this.presets.value = "";
      this.presets.blur(); // so that the arrow keys scroll again
    });
    this.cine = button(t("▶ Phát"), () => commands.play());
    this.remove = button(t("Xóa đo"), () => commands.removeMark());
    this.invert = button(t("Đảo đen trắng"), () => commands.invert());
    const tools = TOOLS.map(([tool, name]) => {
      const made = button(t(name), () => commands.use(tool));
      if (tool === "pan" || tool === "zoom") made.classList.add("viewer-by-fingers");
      this.tools.set(tool, made);
      return made;
    });
    const menu = element(
      "div",
      { className: "viewer-menu" },
      button(t("Một điểm ảnh một điểm màn hình"), () => commands.actualSize()),
      button(t("Xoay phải"), () => commands.turn()),
      button(t("Lật ngang"), () => commands.mirror("horizontal")),
      button(t("Lật dọc"), () => commands.mirror("vertical")),
      this.invert,
      button(t("Phím tắt (?)"), () => commands.help()),
    );
    this.more.append(element("summary", { className: "viewer-button" }, t("Thêm")), menu);
    menu.addEventListener("click", () => (this.more.open = false));
    this.more.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.more.open = false;
    });
    const keyImage = button(t("Ảnh chính"), () => commands.keyImage());
    keyImage.title = t("Lưu làm ảnh chính cho biên bản: phím K");
    const fit = button(t("Vừa khung"), () => commands.fit());
    this.root.append(this.presets, group(t("Kéo chuột để"), ...tools), this.remove, this.cine, fit, keyImage, this.more);
    document.addEventListener(
      "pointerdown",
      ({ target }) => {
        if (this.more.open && !(target instanceof Node && this.more.contains(target))) this.more.open = false;
      },
      { signal },
    );
  }

  show(model: Model, tool: Tool, isPlaying: boolean, hasMarks: boolean): void {
    for (const [name, made] of this.tools) made.setAttribute("aria-pressed", String(name === tool));
    this.cine.hidden = model.stack.length < 2;
    this.cine.textContent = isPlaying ? t("⏸ Dừng") : t("▶ Phát");
    this.cine.setAttribute("aria-pressed", String(isPlaying));
    this.invert.setAttribute("aria-pressed", String(model.voi?.[2] === 1));
    this.remove.hidden = !hasMarks;
    this.showPresets(presetsOf(model));
  }

  private showPresets(presets: readonly Preset[]): void {
    const names = presets.map(({ name }) => name).join("|");
    this.presets.hidden = presets.length === 0;
    if (names === this.presetNames) return;
    this.presetNames = names;
    this.presets.replaceChildren(
      element("option", { value: "", selected: true, disabled: true, hidden: true }, t("Cửa sổ có sẵn")),
      ...presets.map(({ name }, i) => element("option", { value: String(i + 1) }, `${i + 1}  ${name}`)),
    );
  }
}

function button(text: string, onClick: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", className: "viewer-button" }, text);
  made.addEventListener("click", onClick);
  return made;
}

function group(label: string, ...children: HTMLElement[]): HTMLElement {
  return element("div", { className: "viewer-group", attributes: { role: "group", "aria-label": label } }, ...children);
}
