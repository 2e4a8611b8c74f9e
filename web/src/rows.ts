/** Rows that one adds and takes away: laboratory values, questions. Templates hold an empty one. */
import { on } from "./dom";

export interface Rows {
  readonly list: HTMLElement;
  add(): HTMLElement | null;
}

/** `changed` is called after a row came or went. Buttons with data-remove-row take their row away. */
export function rows(list: HTMLElement, template: HTMLTemplateElement, add: HTMLElement, changed: () => void): Rows {
  const renumber = (): void => {
    [...list.querySelectorAll(":scope > * > [data-number]")].forEach((mark, index) => {
      mark.textContent = String(index + 1);
    });
  };
  const made: Rows = {
    list,
    add() {
      list.append(template.content.cloneNode(true));
      renumber();
      const row = list.lastElementChild;
      row?.querySelector<HTMLElement>("input, textarea")?.focus();
      return row instanceof HTMLElement ? row : null;
    },
  };
  add.addEventListener("click", () => made.add());
  on(list, "click", "[data-remove-row]", (button) => {
    const row = [...list.children].find((child) => child.contains(button));
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    row?.remove();
    renumber();
    (next?.querySelector<HTMLElement>("input, textarea") ?? add).focus();
    changed();
  });
  return made;
}

/** The values of the inputs named `data-field` in each row. */
export function valuesOf(list: HTMLElement): Record<string, string>[] {
  return [...list.children].map((row) =>
    Object.fromEntries(
      [...row.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("[data-field]")].map((input) => [
        input.dataset.field ?? "",
        input.value.trim(),
      ]),
    ),
  );
}
