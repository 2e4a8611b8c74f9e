import { describe, expect, test } from "vitest";

import { median, verdict } from "./linecheck";

describe("the line check", () => {
  const line = { rttMs: 60, downBitsPerSecond: 4e6, upBitsPerSecond: 4e6, relay: null };

  test("says it in three words", () => {
    expect(verdict(line)).toBe("good");
    expect(verdict({ ...line, upBitsPerSecond: 512_000 })).toBe("fair");
    expect(verdict({ ...line, rttMs: 700 })).toBe("voice");
    expect(verdict({ ...line, downBitsPerSecond: 100_000 })).toBe("voice");
  });

  test("takes the middle of the times, not one that was held up", () => {
    expect(median([5, 900, 6])).toBe(6);
  });
});
