import { expect, it } from "vitest";

import { readBindings } from "./bindings";

const stored = (text: string | null) => readBindings({ getItem: () => text });

it("is the usual mouse of a PACS until something else is chosen", () => {
  expect(stored(null)).toEqual({ right: "window", middle: "pan", wheel: "scroll" });
  expect(stored('{"right":"zoom","wheel":"zoom"}')).toEqual({ right: "zoom", middle: "pan", wheel: "zoom" });
});

it("takes nothing that it does not know", () => {
  for (const text of ["", "null", "[]", "7", '{"right":"rm","wheel":"pan","middle":{}}']) {
    expect(stored(text)).toEqual({ right: "window", middle: "pan", wheel: "scroll" });
  }
});
