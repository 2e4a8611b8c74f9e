import { describe, expect, it } from "vitest";

import { span } from "./clocks";

describe("a span of time", () => {
  it.each([
    [-3, "0 giây"],
    [45.9, "45 giây"],
    [80, "1 phút 20 giây"],
    [7500, "2 giờ 5 phút"],
    [86400, "1 ngày"],
    [3 * 86400 + 3600, "3 ngày 1 giờ"],
  ])("of %d seconds reads %s", (seconds, text) => {
    expect(span(seconds)).toBe(text);
  });
});
