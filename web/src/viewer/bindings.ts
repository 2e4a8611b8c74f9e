/** What the buttons of the mouse and its wheel do, as this reader chose; kept in this browser. */

import { element } from "../dom";
import { later, t } from "../text";

/** What a drag does that draws nothing. */
export type Way = "window" | "scroll" | "pan" | "zoom" | "lens";

/** The left button always does what the tool in hand does. */
export interface Bindings {
  right: Way;
  middle: Way;
  /** The other one is with Ctrl. */
  wheel: "scroll" | "zoom";
}

const USUAL: Bindings = { right: "window", middle: "pan", wheel: "scroll" };
const KEY = "hoichan.viewer.mouse";

export const WAYS: Readonly<Record<Way, string>> = {
  window: later("Cửa sổ"),
  scroll: later("Cuộn"),
  pan: later("Di chuyển"),
  zoom: later("Phóng"),
  lens: later("Kính lúp"),
};

interface Row {
  readonly name: string;
  readonly choices: readonly Way[];
}

const ROWS: Readonly<Record<keyof Bindings, Row>> = {
  right: { name: later("Chuột phải"), choices: ["window", "pan", "zoom", "scroll", "lens"] },
  middle: { name: later("Chuột giữa"), choices: ["pan", "window", "zoom", "scroll", "lens"] },
  wheel: { name: later("Lăn chuột"), choices: ["scroll", "zoom"] },
};
const PARTS = Object.keys(ROWS) as readonly (keyof Bindings)[];

/** What was kept; anything odd in it is as usual. */
export function readBindings(storage: Pick<Storage, "getItem">): Bindings {
  let kept: Partial<Record<string, unknown>> = {};
  try {
    kept = Object(JSON.parse(storage.getItem(KEY) ?? "{}")) as typeof kept;
  } catch {
    // Storage may be shut off, or hold what another page wrote.
  }
  const bindings: Record<keyof Bindings, Way> = { ...USUAL };
  for (const part of PARTS) bindings[part] = ROWS[part].choices.find((way) => way === kept[part]) ?? USUAL[part];
  return bindings as Bindings;
}

function keep(bindings: Bindings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(bindings));
  } catch {
    // For this visit alone, then.
  }
}

/** The choices, as a part of the key sheet. */
export function bindingForm(bindings: Bindings): HTMLElement {
  const rows = PARTS.map((part) => {
    const { name, choices } = ROWS[part];
    const select = element(
      "select",
      { className: "viewer-select" },
      ...choices.map((way) => element("option", { value: way, selected: bindings[part] === way }, t(WAYS[way]))),
    );
    select.addEventListener("change", () => {
      Object.assign(bindings, { [part]: select.value });
      keep(bindings);
    });
    return element("label", {}, t(name), select);
  });
  return element(
    "fieldset",
    { className: "viewer-bindings" },
    element("legend", {}, t("Chuột, trên máy này")),
    element("p", {}, t("Chuột trái: công cụ đang chọn. Giữ Ctrl khi lăn: việc còn lại của con lăn.")),
    ...rows,
  );
}
