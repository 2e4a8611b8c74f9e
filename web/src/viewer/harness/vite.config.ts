import { resolve } from "node:path";

import { defineConfig, mergeConfig } from "vite";

import product from "../../../vite.config.ts";

/** The product's own build, with the harness as its only page. Call with --outDir. */
const { build, ...rest } = product;
// eslint-disable-next-line no-restricted-syntax -- the form that Vite asks for
export default defineConfig(
  mergeConfig(rest, {
    build: { ...build, rolldownOptions: { input: { harness: resolve(import.meta.dirname, "main.ts") } } },
  }),
);
