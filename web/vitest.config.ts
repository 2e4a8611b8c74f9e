import { mergeConfig } from "vite";
import { defineConfig } from "vitest/config";

import built from "./vite.config.ts";

/** Beside the build's own: `make run` builds without what tests need. */
export default mergeConfig(built, defineConfig({ test: { environment: "happy-dom", include: ["src/**/*.test.ts"] } }));
