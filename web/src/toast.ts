/** A line at the edge that says what was done and, for ten seconds, offers to undo it. */
import { announce, element } from "./dom";
import { t } from "./text";

const SHOWN_MS = 10_000;

function place(): HTMLElement {
  const there = document.querySelector<HTMLElement>(".toasts");
  if (there) return there;
  const made = element("div", { className: "toasts" });
  document.body.append(made);
  return made;
}

/** Show `text`; `undo`, where given, is called by the button "Hoàn tác". It stays while pointed at or focused. */
export function toast(text: string, undo?: () => void): void {
  const line = element("div", { className: "toast-line" }, element("span", {}, text));
  const remove = (): void => line.remove();
  if (undo) {
    const button = element("button", { type: "button", className: "btn btn-sm" }, t("Hoàn tác"));
    button.addEventListener("click", () => {
      remove();
      undo();
    });
    line.append(button);
  }
  place().append(line);
  announce(text);
  const later = (): void => {
    if (line.matches(":hover, :focus-within")) window.setTimeout(later, 1000);
    else remove();
  };
  window.setTimeout(later, SHOWN_MS);
}

/** The server's own word after a redirect: `<template id="toast" data-undo="form-id">text</template>`. */
export function showWaitingToast(): void {
  const waiting = document.querySelector<HTMLTemplateElement>("template#toast");
  if (!waiting) return;
  const form = document.getElementById(waiting.dataset.undo ?? "");
  toast(waiting.content.textContent.trim(), form instanceof HTMLFormElement ? () => form.requestSubmit() : undefined);
}
