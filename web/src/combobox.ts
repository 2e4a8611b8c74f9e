/** A text field whose suggestions come from the server, walked by the keyboard (WAI-ARIA combobox with listbox). */
import { announce, element } from "./dom";
import { t } from "./text";

export interface Suggestion {
  code: string;
  text: string;
}

const WAIT_MS = 200;

/** Ask `find` as one types into `input`; `choose` gets what was taken by click or Enter. */
export function combobox(
  input: HTMLInputElement,
  list: HTMLElement,
  find: (words: string, signal: AbortSignal) => Promise<Suggestion[]>,
  choose: (chosen: Suggestion) => void,
): void {
  let shown: Suggestion[] = [];
  let at = -1;
  let timer = 0;
  let asking: AbortController | undefined;

  const close = (): void => {
    asking?.abort();
    window.clearTimeout(timer);
    shown = [];
    at = -1;
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const move = (to: number): void => {
    at = (to + shown.length) % shown.length;
    [...list.children].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === at));
      if (index === at) {
        option.scrollIntoView({ block: "nearest" });
        input.setAttribute("aria-activedescendant", option.id);
      }
    });
  };

  const take = (index: number): void => {
    const chosen = shown[index];
    close();
    if (chosen) choose(chosen);
  };

  const open = (found: Suggestion[]): void => {
    shown = found;
    at = -1;
    list.replaceChildren(
      ...found.map((one, index) => {
        const attributes = { role: "option", "aria-selected": "false" };
        const option = element("li", { id: `${list.id}-${index}`, attributes }, element("b", {}, one.code), ` ${one.text}`);
        // Before the field loses the focus, else the list is gone before the click lands.
        option.addEventListener("mousedown", (event) => {
          event.preventDefault();
          take(index);
        });
        return option;
      }),
    );
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(found.length > 0));
    if (found.length > 0) announce(t("{count} gợi ý, dùng mũi tên để chọn.", { count: found.length }));
  };

  const ask = async (): Promise<void> => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    try {
      const found = await find(input.value.trim(), signal);
      if (!signal.aborted) open(found);
    } catch {
      if (!signal.aborted) close(); // no suggestions without a network: writing goes on
    }
  };

  input.addEventListener("input", () => {
    window.clearTimeout(timer);
    if (input.value.trim().length < 2) close();
    else timer = window.setTimeout(() => void ask(), WAIT_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && shown.length > 0) event.preventDefault();
    if (event.key === "Escape") close();
    if (shown.length === 0) return;
    if (event.key === "ArrowDown") move(at + 1);
    else if (event.key === "ArrowUp") move(at < 0 ? shown.length - 1 : at - 1);
    else if (event.key === "Enter" && at >= 0) take(at);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
}
