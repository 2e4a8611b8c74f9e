/** The keys of the viewer: one table, from which the key sheet is written too. */

import { element } from "../dom";
import { later, t } from "../text";
import { bindingForm } from "./bindings";
import type { Bindings } from "./bindings";
import type { Tool } from "./gestures";
import type { Layout } from "./hanging";
import { MARK_TOOLS, TOOLS } from "./tools";

/** What keys and buttons can do. */
export interface Commands {
  scrollBy(images: number): void;
  goTo(which: "first" | "last"): void;
  stepSeries(by: 1 | -1): void;
  preset(n: number): void;
  use(tool: Tool): void;
  fit(): void;
  actualSize(): void;
  zoomBy(factor: number): void;
  turn(): void;
  mirror(axis: "horizontal" | "vertical"): void;
  invert(): void;
  play(): void;
  keyImage(): void;
  removeMark(): void;
  undo(): void;
  escape(): void;
  list(): void;
  layout(layout: Layout): void;
  /** Open the choice of layouts. */
  layouts(): void;
  stepCell(by: 1 | -1): void;
  /** Cells scroll together, or each alone. */
  link(): void;
  /** The study before this one beside it. */
  besidePrior(): void;
  /** Coronal and sagittal planes beside the axial ones. */
  threePlanes(): void;
  rejoin(): void;
  help(): void;
}

interface Binding {
  readonly keys: readonly string[];
  /** As written on the sheet. */
  readonly shown: string;
  readonly does: string;
  run(commands: Commands, key: string): void;
}

const BINDINGS: readonly Binding[] = [
  { keys: ["ArrowUp", "ArrowDown"], shown: "↑ ↓", does: later("Ảnh trước, ảnh sau (hoặc lăn chuột)"), run: (c, key) => c.scrollBy(key === "ArrowUp" ? -1 : 1) },
  { keys: ["PageUp", "PageDown"], shown: "PgUp PgDn", does: later("Lùi, tới 10 ảnh"), run: (c, key) => c.scrollBy(key === "PageUp" ? -10 : 10) },
  { keys: ["Home", "End"], shown: "Home End", does: later("Ảnh đầu, ảnh cuối"), run: (c, key) => c.goTo(key === "Home" ? "first" : "last") },
  { keys: ["ArrowLeft", "ArrowRight"], shown: "← →", does: later("Loạt trước, loạt sau"), run: (c, key) => c.stepSeries(key === "ArrowLeft" ? -1 : 1) },
  { keys: ["q"], shown: "Q", does: later("Bố cục: số ô ảnh, ảnh cũ bên cạnh"), run: (c) => c.layouts() },
  { keys: ["\\"], shown: "\\", does: later("Các ô cuộn cùng nhau theo vị trí, hay riêng"), run: (c) => c.link() },
  { keys: ["[", "]"], shown: "[ ]", does: later("Ô trước, ô sau (rồi chọn loạt ảnh cho ô)"), run: (c, key) => c.stepCell(key === "[" ? -1 : 1) },
  { keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"], shown: "1 … 9", does: later("Cửa sổ có sẵn (1: theo tệp)"), run: (c, key) => c.preset(Number(key)) },
  { keys: ["w"], shown: "W", does: later("Chỉnh cửa sổ bằng cách kéo"), run: (c) => c.use("window") },
  { keys: ["s"], shown: "S", does: later("Cuộn ảnh bằng cách kéo"), run: (c) => c.use("scroll") },
  { keys: ["p"], shown: "P", does: later("Di chuyển ảnh bằng cách kéo"), run: (c) => c.use("pan") },
  { keys: ["z"], shown: "Z", does: later("Phóng to, thu nhỏ (hoặc Ctrl + lăn chuột)"), run: (c) => c.use("zoom") },
  { keys: ["y"], shown: "Y", does: later("Kính lúp: kéo trên ảnh"), run: (c) => c.use("lens") },
  { keys: ["+", "=", "-"], shown: "+ −", does: later("Phóng to, thu nhỏ từng nấc"), run: (c, key) => c.zoomBy(key === "-" ? 0.8 : 1.25) },
  ...MARK_TOOLS.map((tool): Binding => {
    const { key, does } = TOOLS[tool];
    return { keys: [key], shown: key.toUpperCase(), does, run: (c) => c.use(tool) };
  }),
  { keys: ["Delete", "Backspace"], shown: "Delete", does: later("Xóa hình đã chọn (bấm vào hình để chọn)"), run: (c) => c.removeMark() },
  { keys: ["Ctrl+z"], shown: "Ctrl Z", does: later("Hoàn tác nét vẽ cuối của mình"), run: (c) => c.undo() },
  { keys: ["Escape"], shown: "Esc", does: later("Bỏ nét đang vẽ, bỏ chọn"), run: (c) => c.escape() },
  { keys: ["j"], shown: "J", does: later("Danh sách hình vẽ"), run: (c) => c.list() },
  { keys: ["f"], shown: "F", does: later("Vừa khung (hoặc nháy đúp)"), run: (c) => c.fit() },
  { keys: ["o"], shown: "O", does: later("Một điểm ảnh một điểm màn hình"), run: (c) => c.actualSize() },
  { keys: ["r"], shown: "R", does: later("Xoay phải 90°"), run: (c) => c.turn() },
  { keys: ["h", "v"], shown: "H V", does: later("Lật ngang, lật dọc"), run: (c, key) => c.mirror(key === "h" ? "horizontal" : "vertical") },
  { keys: ["i"], shown: "I", does: later("Đảo đen trắng"), run: (c) => c.invert() },
  { keys: [" "], shown: later("Phím cách"), does: later("Phát, dừng (↑ ↓: dừng và đi từng khung)"), run: (c) => c.play() },
  { keys: ["k"], shown: "K", does: later("Lưu làm ảnh chính cho biên bản"), run: (c) => c.keyImage() },
  { keys: ["b"], shown: "B", does: later("Về cùng người đang dẫn"), run: (c) => c.rejoin() },
  { keys: ["?"], shown: "?", does: later("Bảng phím này"), run: (c) => c.help() },
];

export const KEYS = BINDINGS.flatMap(({ keys }) => keys);
const BY_KEY = new Map(BINDINGS.flatMap((binding) => binding.keys.map((key) => [key, binding] as const)));
const TYPING = "input, textarea, select, [contenteditable], [role=textbox]";
const CONTROLS = "button, a, summary, dialog";

/** Run the command of a key press. Not while someone types, and a focused button keeps its own keys. */
export function run(event: KeyboardEvent, commands: Commands): void {
  if (event.defaultPrevented || event.altKey) return;
  const focused = event.target instanceof Element ? event.target : null;
  if (focused?.closest(TYPING)) return;
  if (focused?.closest(CONTROLS) && [" ", "Enter"].includes(event.key)) return;
  if (document.querySelector("dialog[open]")) return;
  const plain = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const key = event.ctrlKey || event.metaKey ? `Ctrl+${plain}` : plain;
  const binding = BY_KEY.get(key);
  if (!binding) return;
  event.preventDefault();
  binding.run(commands, key);
}

export function keySheet(bindings: Bindings): HTMLDialogElement {
  const rows = BINDINGS.map(({ shown, does }) =>
    element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, t(shown))), element("td", {}, t(does))),
  );
  const close = element("button", { type: "button", className: "viewer-button" }, t("Đóng"));
  const dialog = element(
    "dialog",
    { className: "viewer-dialog", attributes: { "aria-label": t("Phím tắt khi xem ảnh") } },
    element("h2", {}, t("Phím tắt khi xem ảnh")),
    element("div", { className: "viewer-dialog-body", tabIndex: 0 }, element("table", {}, element("tbody", {}, ...rows)), bindingForm(bindings)),
    element("p", {}, t("Trên màn hình cảm ứng: kéo một ngón để cuộn, hai ngón để phóng và di chuyển.")),
    close,
  );
  close.addEventListener("click", () => dialog.close());
  return dialog;
}
