import { readdirSync } from "node:fs";
import { resolve } from "node:path";

import { defineConfig } from "vite";

import { compress } from "./build/compress.ts";
import { styles } from "./build/styles.ts";

const entries = resolve(import.meta.dirname, "src/entries");

/** One entry a page: src/entries/room.ts becomes the script that the room's template names. */
export default defineConfig({
  base: "/static/",
  plugins: [styles(), compress()],
  build: {
    outDir: "dist",
    manifest: true,
    target: ["es2021", "chrome109", "firefox115", "safari16.4"],
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: Object.fromEntries(
        readdirSync(entries).map((file) => [file.replace(/\.ts$/, ""), resolve(entries, file)]),
      ),
    },
  },
  worker: { format: "es" },
});
