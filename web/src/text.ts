/**
 * Texts on the screen. The msgid is the Vietnamese sentence itself, so Vietnamese needs no catalogue;
 * for another language the page carries one as JSON (`<script type="application/json" id="texts">`).
 */

let catalogue: Readonly<Record<string, string>> | undefined;

function load(): Readonly<Record<string, string>> {
  const source = document.getElementById("texts")?.textContent;
  return source ? (JSON.parse(source) as Record<string, string>) : {};
}

/** Mark a text of a table for the catalogue; `t` says it where it is shown. */
export function later(vietnamese: string): string {
  return vietnamese;
}

/** The text in the language of the page; `{name}` in it is replaced by `values.name`. */
export function t(vietnamese: string, values: Record<string, string | number> = {}): string {
  catalogue ??= load();
  const text = catalogue[vietnamese] ?? vietnamese;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
