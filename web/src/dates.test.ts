import { describe, expect, it } from "vitest";

import { inWords, putsMonthFirst } from "./dates";

describe("a date field", () => {
  it("is said in words, in the language of the page", () => {
    expect(inWords("2026-11-12", "vi")).toMatch(/12 tháng 11/);
    expect(inWords("2026-11-12", "en")).toBe("Thursday, November 12, 2026");
    expect(inWords("", "vi")).toBe("");
  });

  it("needs words only where the browser puts the month first", () => {
    expect(putsMonthFirst("en-US")).toBe(true);
    expect(putsMonthFirst("vi-VN")).toBe(false);
    expect(putsMonthFirst("en-GB")).toBe(false);
  });
});
