/**
 * A date field is written by the browser, in the browser's language: 11/12/2026 may be the 11th or the 12th. Where
 * the browser puts the month first, the date that was meant stands below the field in words.
 */
import { element, on } from "./dom";

/** "thứ Bảy, 12 tháng 12, 2026"; "" for no date. `value` is that of a date field: 2026-12-12. */
export function inWords(value: string, language: string): string {
  if (!value) return "";
  const day = new Date(`${value}T12:00:00Z`);
  return new Intl.DateTimeFormat(language, { dateStyle: "full", timeZone: "UTC" }).format(day);
}

export function putsMonthFirst(locale?: string): boolean {
  const parts = new Intl.DateTimeFormat(locale, { day: "numeric", month: "numeric" }).formatToParts(new Date());
  return parts.find(({ type }) => type !== "literal")?.type === "month";
}

function show(field: HTMLInputElement): void {
  const words = field.parentElement?.querySelector(".date-words") ?? element("p", { className: "hint date-words" });
  words.textContent = inWords(field.value, document.documentElement.lang);
  field.after(words);
}

const FIELD = ".field > input[type=date]:not([data-field])"; // rows of a table keep their line

export function startDates(): void {
  if (!putsMonthFirst()) return;
  document.querySelectorAll<HTMLInputElement>(FIELD).forEach(show);
  on(document, "change", FIELD, (field) => show(field as HTMLInputElement));
}
