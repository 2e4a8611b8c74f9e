/** Numbers as the language of the page writes them: 2,5 in Vietnamese. */

export function decimal(value: number, most = 1, least = 0): string {
  const language = document.documentElement.lang || "vi";
  return value.toLocaleString(language, { minimumFractionDigits: least, maximumFractionDigits: most, useGrouping: false });
}
