import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, it } from "vitest";

import { aFrame, aSlice } from "./builders";
import { plain } from "./caption";
import { KEYS } from "./keys";
import { distanceTo, oval, pairs, simplified, square } from "./shapes";
import type { Mark, MarkTool, Point } from "./state";
import { MARK_TOOLS, pointsOf, saidOf, TEXT_LIMIT, TOOLS } from "./tools";

const slice = aSlice({
  rows: 1, columns: 4, spacing: { kind: "pixel", row_mm: 1, column_mm: 0.5, calibrated: false }, aspect: 2,
  rescale: { slope: 1, intercept: -1024, units: "HU" },
});

function says(tool: MarkTool, points: Point[], text = "", frame = aFrame([1000, 1010, 1020, 1064])): readonly string[] {
  const mark: Mark = { uid: "a", rev: 1, study: 1, sop: "1.2", frame: 1, tool, points, text, removed: false };
  return saidOf(mark, slice, frame).lines;
}

it("has the tools, points and words that the protocol has", () => {
  const protocol = readFileSync(resolve(import.meta.dirname, "../../../signaling/PROTOCOL.md"), "utf8");
  const section = /### mark\n([^]*?)\n### /.exec(protocol)?.[1] ?? "";
  const rows = [...section.matchAll(/^\| `(\w+)` \| (\d+)(?: to (\d+))? \| (none|may|must) \|/gm)];
  const told = rows.map(([, tool, least, most, text]) => [tool, [Number(least), Number(most ?? least)], text]);
  expect(MARK_TOOLS.map((tool) => [tool, pointsOf(tool), TOOLS[tool].text])).toEqual(told);
  expect(section).toContain(`at most ${TEXT_LIMIT} characters`);
});

it("gives everything a key of its own, and none that the room has", () => {
  expect(new Set(KEYS).size).toBe(KEYS.length);
  expect(KEYS.filter((key) => ["m", "c"].includes(key))).toEqual([]); // microphone, camera
  for (const tool of MARK_TOOLS) expect(KEYS).toContain(TOOLS[tool].key);
});

it("says what each tool is for", () => {
  expect(says("length", [[0, 0], [4, 0]])).toEqual(["2,0 mm"]);
  expect(says("angle", [[4, 0], [0, 0], [2, 1]])).toEqual(["45,0°"]);
  expect(says("cobb", [[0, 0], [4, 0], [0, 0], [0, 1]])).toEqual(["90,0°"]);
  expect(says("probe", [[1.5, 0.5]])).toEqual(["-14 HU"]);
  expect(says("rectangle", [[0, 0], [2, 1]])).toEqual(["TB -19,0 HU · ĐLC 5,0", "nhỏ nhất -24 · lớn nhất -14", "diện tích 1,0 mm²"]);
  expect(says("ellipse", [[0, 0], [4, 1]])).toEqual(["TB -0,5 HU · ĐLC 24,4", "nhỏ nhất -24 · lớn nhất 40", "diện tích 1,6 mm²"]);
  expect(says("arrow", [[0, 0], [1, 1]])).toEqual([]);
  expect(says("arrow", [[0, 0], [1, 1]], "Nốt")).toEqual(["Nốt"]);
  expect(says("text", [[0, 0]], "Nốt 8 mm")).toEqual(["Nốt 8 mm"]);
  expect(says("freehand", [[0, 0], [1, 1]])).toEqual([]);
});

it("says SUV of a PET image beside its values, or why there is none", () => {
  const pet = (suv: Parameters<typeof aSlice>[0]) => aSlice({ rows: 1, columns: 4, rescale: { slope: 2, intercept: 0, units: "BQML" }, ...suv });
  const mark = (tool: MarkTool, points: Point[]): Mark => ({ uid: "p", rev: 1, study: 1, sop: "1.2", frame: 1, tool, points, text: "", removed: false });
  const frame = aFrame([1000, 2000, 3000, 4000]);
  // 2000 stored, slope 2: 4000 Bq/ml; by 0.0005: 2. Both first: 2000 and 4000: mean 3000, half their difference 1000.
  expect(saidOf(mark("probe", [[1.5, 0.5]]), pet({ suv: { factor: 0.0005 } }), frame).lines).toEqual(["SUV 2,00 (theo cân nặng)", "4000 BQML"]);
  expect(saidOf(mark("rectangle", [[0, 0], [2, 1]]), pet({ suv: { factor: 0.0005 } }), frame).lines.slice(0, 2)).toEqual([
    "SUV TB 1,50 · ĐLC 0,50",
    "SUV nhỏ nhất 1,00 · lớn nhất 2,00",
  ]);
  expect(saidOf(mark("probe", [[1.5, 0.5]]), pet({ suv: { reason: "weight" } }), frame).lines[0]).toBe("không có SUV: tệp không ghi cân nặng");
});

it("says that values are on their way until the whole frame is there, and the area already", () => {
  const preview = aFrame([1000], { level: 1 });
  expect(says("probe", [[1.5, 0.5]], "", preview)).toEqual(["đang tải…"]);
  expect(says("rectangle", [[0, 0], [2, 1]], "", preview)).toEqual(["đang tải…", "diện tích 1,0 mm²"]);
});

it("says nothing of a mark that is not finished", () => {
  expect(MARK_TOOLS.filter((tool) => tool !== "text" && says(tool, []).length > 0)).toEqual([]);
  expect(says("angle", [[0, 0], [1, 1]])).toEqual([]);
});

it("draws boxes and ovals between their corners, and lines by twos", () => {
  expect(square([[1, 2], [5, 4]])).toEqual([[[1, 2], [5, 2], [5, 4], [1, 4], [1, 2]]]);
  const [round = []] = oval([[0, 0], [4, 2]]);
  for (const [x, y] of round) expect(((x - 2) / 2) ** 2 + (y - 1) ** 2).toBeCloseTo(1, 9);
  expect(pairs([[0, 0], [1, 1], [2, 2]])).toEqual([[[0, 0], [1, 1]], [[2, 2]]]);
  expect(distanceTo([[0, 0], [10, 0]], [5, 3])).toBe(3);
  expect(distanceTo([[0, 0], [10, 0]], [13, 4])).toBe(5);
});

it("keeps a path's ends and its look with few points", () => {
  const circle = Array.from({ length: 800 }, (_, i): Point => [100 + 50 * Math.cos(i / 127), 100 + 50 * Math.sin(i / 127)]);
  const fewer = simplified(circle, 64);
  expect(fewer.length).toBeLessThanOrEqual(64);
  expect([fewer[0], fewer[fewer.length - 1]]).toEqual([circle[0], circle[799]]);
  expect(Math.max(...circle.map((point) => distanceTo(fewer, point)))).toBeLessThan(1);
  expect(simplified([[0, 0], [1, 0], [2, 0], [3, 0]], 64)).toEqual([[0, 0], [3, 0]]);
});

it("takes words as one plain line", () => {
  expect(plain("  Nốt\tmờ\u202e ")).toBe("Nốt mờ");
  expect(plain("nửa chữ \ud83d")).toBe("nửa chữ");
  expect(plain("e\u0302\u0301".repeat(100))).toBe("ế".repeat(80));
});
