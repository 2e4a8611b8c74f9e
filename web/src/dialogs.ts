/** Native dialogs and menus: a button with data-dialog="ID" opens one, data-close closes it. */
import { on } from "./dom";

export function startDialogs(): void {
  on(document, "click", "[data-dialog]", (button, event) => {
    const dialog = document.getElementById(button.dataset.dialog ?? "");
    if (!(dialog instanceof HTMLDialogElement)) return;
    event.preventDefault();
    dialog.showModal();
  });
  on(document, "click", "[data-print]", () => window.print());
  on(document, "click", "dialog [data-close]", (button) => button.closest("dialog")?.close());
}

/** An open menu closes by Escape, by a click beside it, and when the focus goes elsewhere. */
export function startMenus(): void {
  const close = (except: EventTarget | null): void => {
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
      if (!(except instanceof Node && menu.contains(except))) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => close(event.target));
  document.addEventListener("focusin", (event) => close(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector<HTMLDetailsElement>("details.menu[open]");
    close(null);
    open?.querySelector("summary")?.focus();
  });
}
