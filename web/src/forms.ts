/**
 * Forms that lose nothing: a POST form is sent behind the page, so what was typed stays when the server refuses;
 * its sentences appear beside the fields. `data-plain` forms go the browser's own way.
 */
import { announce, element, Refused } from "./dom";
import { t } from "./text";

interface Refusal {
  detail?: string;
  fields?: Record<string, string>;
}

export function startForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
    const button = event.submitter instanceof HTMLButtonElement ? event.submitter : null;
    if (form.dataset.sent !== undefined) event.preventDefault();
    else if (form.dataset.plain === undefined) {
      event.preventDefault();
      void send(form, button);
    } else busy(form, button);
  });
  // Back from the page that followed: the browser shows this page as it was left.
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) rest(form);
  });
  document.querySelector<HTMLElement>(".is-invalid")?.focus();
}

function busy(form: HTMLFormElement, button: HTMLButtonElement | null): void {
  form.dataset.sent = "";
  button?.setAttribute("aria-busy", "true");
}

function rest(form: HTMLFormElement): void {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
}

async function send(form: HTMLFormElement, button: HTMLButtonElement | null): Promise<void> {
  const data = new FormData(form, button);
  const body = new URLSearchParams([...data].filter((pair): pair is [string, string] => typeof pair[1] === "string"));
  clear(form);
  busy(form, button);
  try {
    const target = button?.hasAttribute("formaction") ? button.formAction : form.action;
    const response = await fetch(target, { method: "POST", body, headers: { Accept: "application/json" } });
    const answer = (await response.json().catch(() => ({}))) as { href?: string } & Refusal;
    if (response.ok) follow(answer.href ?? window.location.pathname);
    else refuse(form, answer, response.status);
  } catch {
    tell(form, t("Chưa gửi được vì mất kết nối. Những gì bạn viết vẫn còn đây; hãy bấm gửi lại khi có mạng."));
    rest(form);
  }
}

/** Go on to `href`; when only the part after # differs, the page itself has changed too. */
function follow(href: string): void {
  const there = new URL(href, window.location.href);
  const here = new URL(window.location.href);
  if (there.pathname === here.pathname && there.search === here.search) window.location.reload();
  else window.location.assign(there);
}

function refuse(form: HTMLFormElement, refusal: Refusal, status: number): void {
  rest(form);
  const fields = Object.entries(refusal.fields ?? {});
  // The button may stand in a form of its own, apart from the fields.
  const home = document.getElementById(form.dataset.fields ?? "");
  const marked = home instanceof HTMLFormElement ? home : form;
  const unplaced = fields.filter(([name, text]) => !mark(marked, name, text));
  const sentence = refusal.detail ?? t("Chưa gửi được (lỗi {status}). Hãy thử lại.", { status });
  tell(form, [sentence, ...unplaced.map(([, text]) => text)].join(" "));
  (marked.querySelector<HTMLElement>("[aria-invalid=true]") ?? form.querySelector<HTMLElement>(".form-refusal"))?.focus();
}

/** Somebody changed a field since the page was made: on a weak line people type before the scripts are there. */
export function isTyped(form: HTMLFormElement): boolean {
  return [...form.elements].some((field) => {
    if (field instanceof HTMLSelectElement) {
      const first = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(first, 0);
    }
    if (field instanceof HTMLInputElement && (field.type === "checkbox" || field.type === "radio")) {
      return field.checked !== field.defaultChecked;
    }
    return (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) && field.value !== field.defaultValue;
  });
}

/** Put `text` under the field `name`; false when the form has no such field. */
export function mark(form: HTMLFormElement, name: string, text: string): boolean {
  const named = form.elements.namedItem(name);
  const control = named instanceof RadioNodeList ? named[0] : named;
  if (!(control instanceof HTMLElement) || control.getAttribute("type") === "hidden") return false;
  const id = `${control.id || name}-refused`;
  control.classList.add("is-invalid");
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", `${control.getAttribute("aria-describedby") ?? ""} ${id}`.trim());
  const place = control.closest(".field") ?? control.parentElement;
  place?.append(element("p", { className: "field-error", id }, text));
  return true;
}

export function clear(form: HTMLFormElement): void {
  for (const line of form.querySelectorAll(".field-error, .form-refusal")) line.remove();
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.classList.remove("is-invalid");
  }
}

function tell(form: HTMLFormElement, sentence: string): void {
  form.querySelector(".form-refusal")?.remove();
  const line = element("div", { className: "alert alert-danger form-refusal", tabIndex: -1 }, sentence);
  form.prepend(line);
  announce(sentence);
}

/** The sentence of a failed call for the screen. */
export function sentenceOf(error: unknown): string {
  if (error instanceof Refused && error.message) return error.message;
  return t("Mất kết nối với máy chủ. Hãy kiểm tra mạng rồi thử lại.");
}
