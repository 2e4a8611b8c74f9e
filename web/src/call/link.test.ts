import { expect, test } from "vitest";

import { isPolite } from "./link";

test("of two peers exactly one gives way", () => {
  expect(isPolite("aaaa", "bbbb")).toBe(!isPolite("bbbb", "aaaa"));
});
