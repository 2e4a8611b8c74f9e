/**
 * What to show where a script that comes after the page did not come. Only a new page asks again: browsers
 * remember a failed import (Chromium before 156, Firefox before 154; whatwg/html#10327).
 */
import { announce, element } from "./dom";
import { t } from "./text";

/** `what` did not come: `beside` still does the work; the button loads the page anew. */
export function notLoaded(what: string, ...beside: HTMLElement[]): HTMLElement {
  const again = element("button", { type: "button", className: "btn btn-secondary" }, t("Tải lại trang"));
  again.addEventListener("click", () => location.reload());
  announce(what);
  return element("div", { className: "not-loaded" }, element("p", {}, what), ...beside, again);
}
