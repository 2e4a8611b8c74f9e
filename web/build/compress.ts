/** A .br and a .gz beside every text that the server sends: pressed once, at build, as hard as it goes. */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import type { Plugin } from "vite";

const TEXTS = /\.(js|css|svg|json|wasm)$/;
const TOO_SMALL_BYTES = 512;

export function compress(): Plugin {
  return {
    name: "hoichan-compress",
    apply: "build",
    writeBundle(options, bundle) {
      const folder = options.dir ?? "dist";
      for (const name of Object.keys(bundle).filter((file) => TEXTS.test(file) && !file.startsWith("."))) {
        const plain = readFileSync(resolve(folder, name));
        if (plain.length < TOO_SMALL_BYTES) continue;
        const hint = { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
        writeFileSync(resolve(folder, `${name}.br`), brotliCompressSync(plain, { params: hint }));
        writeFileSync(resolve(folder, `${name}.gz`), gzipSync(plain, { level: 9 }));
      }
    },
  };
}
