/** The row of controls below the image: with words, all by keyboard too. */

import { element } from "../dom";
import { t } from "../text";
import { WAYS } from "./bindings";
import type { Way } from "./bindings";
import type { Tool } from "./gestures";
import { LAYOUTS } from "./hanging";
import type { Layout } from "./hanging";
import type { Commands } from "./keys";
import type { WindowPreset } from "./manifest";
import type { Model } from "./model";
import type { MarkTool } from "./state";
import { suvPresets } from "./suv";
import { isMarkTool, MARK_TOOLS, TOOLS } from "./tools";
import { PRESETS } from "./window";
import type { Widened } from "./window";

const SHOWN_WAYS: readonly Way[] = ["window", "scroll", "pan", "zoom"];

/** What there is to do with marks. */
export interface MarkState {
  readonly canRemove: boolean;
  readonly canUndo: boolean;
  /** Of the study. */
  readonly count: number;
  readonly isListOpen: boolean;
}

/** What is on the screen. */
interface Shown {
  readonly model: Model;
  readonly layout: Layout;
  readonly isLinked: boolean;
  readonly hasPrior: boolean;
}

/** "file": as the file says; "full": from the darkest to the brightest. */
export interface Preset {
  readonly name: string;
  readonly window: WindowPreset | Widened | "file" | "full";
}

/** Windows to choose from, in the order of the keys 1 to 9. */
export function presetsOf({ series, slice }: Model): Preset[] {
  if (!series || !slice || slice.image.photometric === "RGB") return [];
  const ofFile = slice.facts.windows.slice(1).map((window, i) => ({
    name: window.name || t("theo tệp, số {n}", { n: i + 2 }),
    window,
  }));
  const ofModality = (PRESETS[series.modality] ?? []).map((window) => ({ name: t(window.name), window }));
  const presets: Preset[] = [{ name: t("theo tệp"), window: "file" }, ...ofModality, ...suvPresets(slice).map((window) => ({ name: window.name, window })), ...ofFile, { name: t("toàn dải"), window: "full" }];
  return presets.slice(0, 9);
}

export class Toolbar {
  readonly root = element("div", { className: "viewer-toolbar", attributes: { role: "toolbar", "aria-label": t("Công cụ xem ảnh") } });
  private readonly presets = element("select", { className: "viewer-select", attributes: { "aria-label": t("Cửa sổ có sẵn") } });
  private readonly tools = new Map<Tool, HTMLButtonElement>();
  private readonly cine: HTMLButtonElement;
  private readonly pen: HTMLButtonElement;
  /** Stands on the image, not in a row that may scroll. */
  readonly remove: HTMLButtonElement;
  private readonly undo: HTMLButtonElement;
  private readonly list: HTMLButtonElement;
  private readonly invert: HTMLButtonElement;
  private readonly layouts: HTMLDetailsElement;
  private readonly link: HTMLButtonElement;
  private readonly planes: HTMLButtonElement;
  private readonly keyImage: HTMLButtonElement;
  private readonly prior: HTMLButtonElement;
  private readonly menus: HTMLDetailsElement[] = [];
  private readonly byLayout = new Map<Layout, HTMLButtonElement>();
  private penTool: MarkTool = "length";
  private presetNames = "";

  /** `signal` ends listening to the page. */
  constructor(commands: Commands, signal: AbortSignal) {
    this.presets.addEventListener("change", () => {
      commands.preset(Number(this.presets.value));
      this.presets.value = "";
      this.presets.blur(); // so that the arrow keys scroll again
    });
    this.cine = button(t("▶ Phát"), () => commands.play());
    this.remove = button(t("Xóa hình"), () => commands.removeMark());
    this.remove.classList.add("viewer-remove");
    this.undo = button(t("Hoàn tác"), () => commands.undo());
    this.list = button("", () => commands.list());
    this.list.title = t("Danh sách hình vẽ: phím J");
    this.invert = button(t("Đảo đen trắng"), () => commands.invert());
    this.pen = button("", () => commands.use(this.penTool));
    this.link = button(t("Cuộn cùng nhau"), () => commands.link());
    this.planes = button(t("Ba mặt phẳng (MPR)"), () => commands.threePlanes());
    this.prior = button(t("Ảnh cũ bên cạnh"), () => commands.besidePrior());
    this.keyImage = button(t("Ảnh chính"), () => commands.keyImage());
    this.keyImage.title = t("Lưu làm ảnh chính cho biên bản: phím K");
    const more = this.menu(t("Thêm"), t("Thêm"), ...[
      this.tool("lens", t(WAYS.lens), commands),
      button(t("Vừa khung"), () => commands.fit()),
      button(t("Một điểm ảnh một điểm màn hình"), () => commands.actualSize()),
      button(t("Xoay phải"), () => commands.turn()),
      button(t("Lật ngang"), () => commands.mirror("horizontal")),
      button(t("Lật dọc"), () => commands.mirror("vertical")),
      this.invert,
      button(t("Phím tắt (?)"), () => commands.help()),
    ]);
    this.layouts = this.menu(t("Bố cục"), t("Bố cục: số ô ảnh"), ...LAYOUTS.map((layout) => this.layoutButton(layout, commands)), this.link, this.prior, this.planes);
    this.layouts.classList.add("viewer-layouts");
    const ways = SHOWN_WAYS.map((way) => this.tool(way, t(WAYS[way]), commands));
    const pens = this.menu("▾", t("Chọn công cụ đo, vẽ"), ...MARK_TOOLS.map((tool) => this.tool(tool, t(TOOLS[tool].name), commands)), this.undo);
    pens.classList.add("viewer-pens");
    const dragging = group(t("Kéo chuột để"), ...ways, this.pen, pens);
    this.root.append(this.presets, dragging, this.layouts, this.list, this.cine, this.keyImage, more);
    document.addEventListener("pointerdown", ({ target }) => this.closeMenus(target), { signal });
  }

  private tool(tool: Tool, name: string, commands: Commands): HTMLButtonElement {
    const made = button(name, () => commands.use(tool));
    if (isMarkTool(tool)) made.append(element("kbd", {}, TOOLS[tool].key.toUpperCase()));
    if (tool === "pan" || tool === "zoom") made.classList.add("viewer-by-fingers");
    this.tools.set(tool, made);
    return made;
  }

  private layoutButton(layout: Layout, commands: Commands): HTMLButtonElement {
    const made = button(`${layout.rows}x${layout.columns}`, () => commands.layout(layout));
    made.setAttribute("aria-label", t("{rows} hàng, {columns} cột", { ...layout }));
    this.byLayout.set(layout, made);
    return made;
  }

  /** By key: the choice opens, and its first button has the focus. */
  openLayouts(): void {
    this.layouts.open = true;
    this.layouts.querySelector("button")?.focus();
  }

  private menu(text: string, name: string, ...buttons: HTMLElement[]): HTMLDetailsElement {
    const summary = element("summary", { className: "viewer-button", title: name, attributes: { "aria-label": name } }, text);
    const inside = element("div", { className: "viewer-menu" }, ...buttons);
    const made = element("details", { className: "viewer-more" }, summary, inside);
    inside.addEventListener("click", () => (made.open = false));
    made.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !made.open) return;
      event.preventDefault();
      made.open = false;
      summary.focus();
    });
    this.menus.push(made);
    return made;
  }

  /** All but the one that was pressed. */
  private closeMenus(pressed: EventTarget | null): void {
    for (const menu of this.menus) {
      if (menu.open && !(pressed instanceof Node && menu.contains(pressed))) menu.open = false;
    }
  }

  show({ model, layout, isLinked, hasPrior }: Shown, tool: Tool, isPlaying: boolean, marks: MarkState): void {
    if (isMarkTool(tool)) this.penTool = tool;
    for (const [name, made] of this.tools) made.setAttribute("aria-pressed", String(name === tool));
    for (const [one, made] of this.byLayout) {
      made.setAttribute("aria-pressed", String(one.rows === layout.rows && one.columns === layout.columns));
    }
    this.link.setAttribute("aria-pressed", String(isLinked));
    this.planes.disabled = model.stack.length < 2 || model.plane !== null;
    this.keyImage.disabled = model.plane !== null;
    this.prior.disabled = !hasPrior;
    this.cine.hidden = model.stack.length < 2;
    this.cine.textContent = isPlaying ? t("⏸ Dừng") : t("▶ Phát");
    this.cine.setAttribute("aria-pressed", String(isPlaying));
    this.invert.setAttribute("aria-pressed", String(model.voi?.[2] === 1));
    this.pen.textContent = t(TOOLS[this.penTool].name);
    this.pen.setAttribute("aria-pressed", String(isMarkTool(tool)));
    this.remove.hidden = !marks.canRemove;
    this.undo.disabled = !marks.canUndo;
    this.list.hidden = marks.count === 0 && !marks.isListOpen;
    this.list.textContent = t("Đo, vẽ ({n})", { n: marks.count });
    this.list.setAttribute("aria-expanded", String(marks.isListOpen));
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
