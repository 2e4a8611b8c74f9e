/**
 * One style sheet from two: the kit (Bootstrap, cut down to what the templates name) and our own on top of it.
 * Only the kit is purged: our own sheet is written by hand and small.
 */
import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import postcss, { type Root } from "postcss";
import { PurgeCSS } from "purgecss";
import type { Plugin } from "vite";

const WEB = resolve(import.meta.dirname, "..");
const KIT = resolve(WEB, "node_modules/bootstrap/dist/css/bootstrap.css");
const OURS = resolve(WEB, "styles/app.css");
const NAMED_IN = ["templates/**/*.html", "src/**/*.ts"];
const DARK = "[data-bs-theme=dark]";
const AUTO = "[data-bs-theme=auto]";

function files(): string[] {
  return NAMED_IN.flatMap((pattern) => globSync(pattern, { cwd: WEB })).map((file) => resolve(WEB, file));
}

async function kit(): Promise<string> {
  const [purged] = await new PurgeCSS().purge({
    content: files(),
    css: [{ raw: readFileSync(KIT, "utf8") }],
    safelist: [/^data-bs-theme/],
    variables: true,
    keyframes: true,
    fontFace: true,
  });
  return (purged?.css ?? "").replace(/\/\*[^]*?\*\//g, "").replace('@charset "UTF-8";', "");
}

/** Our own sheets in one: app.css is a list of imports, and an import may not stand behind the kit's rules. */
function own(list: string): string {
  const names = [...list.matchAll(/@import "\.\/([\w-]+\.css)";/g)].map((found) => found[1] ?? "");
  return names.map((name) => readFileSync(resolve(WEB, "styles", name), "utf8")).join("\n");
}

/** Every rule of the dark theme once more, for people whose system is dark and who chose nothing. */
function followTheSystem(sheet: Root): void {
  sheet.walkRules((rule) => {
    const dark = rule.selectors.filter((selector) => selector.includes(DARK));
    if (dark.length === 0) return;
    const copy = rule.clone({ selectors: dark.map((selector) => selector.replaceAll(DARK, AUTO)) });
    rule.after(`@media (prefers-color-scheme: dark) { ${copy.toString()} }`);
  });
}

export function styles(): Plugin {
  return {
    name: "hoichan-styles",
    enforce: "pre",
    async transform(list, id) {
      if (id.split("?")[0] !== OURS) return undefined;
      files().forEach((file) => { this.addWatchFile(file); });
      const sheet = postcss.parse(`${await kit()}\n${own(list)}`, { from: OURS });
      followTheSystem(sheet);
      return { code: sheet.toString(), map: null };
    },
  };
}
