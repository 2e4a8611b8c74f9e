/** The request form: saved as one types, filled by the citizen card, sent when nothing needed is missing. */
import "./app";

import { Autosave, type SaveState } from "../autosave";
import { readCard } from "../card";
import { combobox, type Suggestion } from "../combobox";
import { startDocuments, startFilms } from "../documents";
import { announce, element, getJson } from "../dom";
import { clear, isTyped, mark } from "../forms";
import { mountPacs } from "../pacs";
import { type Rows, rows, valuesOf } from "../rows";
import { startStudies } from "../studies";
import { t } from "../text";
import { mountCaseUpload } from "../uploads";

interface Saved {
  version: number;
  saved_at: string;
  hints: { field: string; text: string; is_needed: boolean }[];
  doubts: Record<string, string>;
  warnings: string[];
  differences: Record<string, string>; // by study: what in it names another patient
}

/** The element `id`, which the template holds; of the kind `Kind` where more than an element is needed. */
function need<Kind extends HTMLElement = HTMLElement>(id: string, kind?: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!found || (kind && !(found instanceof kind))) throw new Error(`no #${id} on the page`);
  return found as Kind;
}

const form = need("request", HTMLFormElement);
const here = (form.dataset.save ?? "").replace(/\/request$/, "");
const state = need("save-state");
let version = Number(form.dataset.version);
let isSamePatient = false; // said for the next save alone

// --- what is saved ---

const NUMBERS = new Set(["sex", "target_hospital_id"]);
const DATES = new Set(["admitted_on", "treated_until"]);

function typed(name: string, value: string): string | number | null {
  if (NUMBERS.has(name)) return value ? Number(value) : null;
  if (DATES.has(name)) return value || null;
  return value;
}

function draft(): Record<string, unknown> {
  const fields = [...new FormData(form)].filter((pair): pair is [string, string] => typeof pair[1] === "string");
  return {
    version,
    same_patient: isSamePatient,
    ...Object.fromEntries(fields.map(([name, value]) => [name, typed(name, value)])),
    questions: valuesOf(questions.list).map((row) => row.text ?? ""),
    labs: valuesOf(labs.list).map((row) => ({ ...row, taken_on: row.taken_on === "" ? null : row.taken_on })),
  };
}

function show(now: SaveState): void {
  state.classList.toggle("is-failed", now.kind === "failed");
  switch (now.kind) {
    case "typing": // saved in a moment: "Đã lưu" would no longer be true
    case "saving":
      state.textContent = t("Đang lưu…");
      return;
    case "failed":
      state.textContent = now.willRetry
        ? t("Chưa lưu được, đang tự thử lại. Những gì bạn viết vẫn còn trên trang này.")
        : `${t("Chưa lưu được.")} ${now.sentence}`;
      clear(form);
      for (const [name, text] of Object.entries(now.fields)) mark(form, name, text);
      if (now.code === "other-patient") state.append(" ", samePatient());
      announce(state.textContent);
      return;
    case "saved":
      showSaved(now.answer as Saved);
  }
}

/** The images name another patient than a sent request would: only a person can say that it is the same one. */
function samePatient(): HTMLElement {
  const button = element("button", { type: "button", className: "btn btn-sm btn-outline-danger" }, t("Đúng người bệnh"));
  button.addEventListener("click", () => {
    isSamePatient = true;
    void autosave.flush().finally(() => (isSamePatient = false));
  });
  return button;
}

function showDifferences(differences: Record<string, string>): void {
  for (const place of form.querySelectorAll<HTMLElement>("[data-differences]")) {
    const text = differences[place.dataset.differences ?? ""];
    place.hidden = text === undefined;
    const line = place.querySelector("p");
    if (line && text !== undefined) line.textContent = text;
  }
}

function showSaved(saved: Saved): void {
  version = saved.version;
  showDifferences(saved.differences);
  state.textContent = t("Đã lưu {time}", { time: saved.saved_at });
  clear(form);
  for (const [name, text] of Object.entries(saved.doubts)) {
    if (form.querySelector(`[name="${name}"]`) !== document.activeElement) mark(form, name, text);
  }
  need("warnings").replaceChildren(...saved.warnings.map((text) => element("p", { className: "field-warning" }, text)));
  need("nothing-missing").hidden = saved.hints.some((hint) => hint.is_needed);
  need("missing").replaceChildren(
    ...saved.hints.map((hint) => {
      const needed = hint.is_needed && element("span", { className: "muted small" }, ` (${t("cần có")})`);
      return element("li", {}, element("a", { href: `#${hint.field}` }, hint.text), needed);
    }),
  );
}

const autosave = new Autosave(form.dataset.save ?? "", draft, show);
const touched = (): void => autosave.touch();
form.addEventListener("input", touched);
form.addEventListener("change", touched);
form.addEventListener("submit", (event) => event.preventDefault()); // Enter in a field saves, it does not send
form.addEventListener("focusout", () => void autosave.flush());

// Send only what is saved.
need("send", HTMLFormElement).addEventListener("submit", (event) => {
  const send = event.currentTarget as HTMLFormElement;
  if (send.dataset.saved !== undefined) {
    delete send.dataset.saved;
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  void autosave.flush().then((isSaved) => {
    if (!isSaved) return;
    send.dataset.saved = "";
    // In a task of its own: while this event is still under way, the browser ignores a second submit.
    window.setTimeout(() => send.requestSubmit());
  });
});

function renew(): void {
  void autosave.flush().then((isSaved) => {
    if (isSaved) window.location.reload();
  });
}

// --- fields that help ---

const labs: Rows = rows(need("lab-rows"), need("lab-row", HTMLTemplateElement), need("add-lab"), touched);
const questions: Rows = rows(need("question-rows"), need("question-row", HTMLTemplateElement), need("add-question"), touched);

const idNumber = need("id_number", HTMLInputElement);
function takeCard(): void {
  const card = readCard(idNumber.value);
  if (!card) return;
  for (const name of ["id_number", "patient_name", "birth_text", "address"] as const) {
    need(name, HTMLInputElement).value = card[name];
  }
  need("sex", HTMLSelectElement).value = card.sex;
  need("id_kind", HTMLSelectElement).value = "cccd";
  announce(t("Đã điền từ thẻ căn cước."));
  touched();
}
idNumber.addEventListener("change", takeCard);

const codes = need("icd10", HTMLInputElement);

function showCodes(): void {
  need("chosen-codes").replaceChildren(
    ...codes.value.split(" ").filter(Boolean).map((code, index) => {
      const label = t("Bỏ mã {code}", { code });
      const button = element("button", { type: "button", className: "btn btn-sm btn-outline-secondary", ariaLabel: label });
      button.append(index === 0 ? `${code} · ${t("mã chính")} ✕` : `${code} ✕`);
      button.addEventListener("click", () => {
        codes.value = codes.value.split(" ").filter((other) => other !== code).join(" ");
        showCodes();
        touched();
        need("diagnosis").focus();
      });
      return element("li", {}, button);
    }),
  );
}

async function findCodes(words: string, signal: AbortSignal): Promise<Suggestion[]> {
  return (await getJson(`/icd10?q=${encodeURIComponent(words)}`, { signal })) as Suggestion[];
}

const diagnosis = need("diagnosis", HTMLInputElement);
combobox(diagnosis, need("diagnosis-list"), findCodes, ({ code, text }) => {
  // A few searched letters become the name of the disease; a written diagnosis stays as it is written.
  if (diagnosis.value.length <= text.length) diagnosis.value = text;
  codes.value = [...new Set([...codes.value.split(" ").filter(Boolean), code])].join(" ");
  showCodes();
  touched();
});
showCodes();

startStudies(here, renew);
startDocuments(renew);
startFilms(renew);
void mountCaseUpload(renew);
void mountPacs(renew);

// What was typed while this script was still on its way.
takeCard();
if (isTyped(form)) touched();
