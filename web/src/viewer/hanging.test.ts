import { expect, it } from "vitest";

import { aManifest, anImage, aSeries } from "./builders";
import { hang, unseen } from "./hanging";

function study(modality: string, ...counts: number[]) {
  return aManifest(
    counts.map((count, s) =>
      aSeries(
        Array.from({ length: count }, (_, i) => anImage({ instance: 100 * s + i, sop: `1.${s}.${i}`, number: i })),
        { series: s + 1, modality },
      ),
    ),
  );
}

it.each([
  ["CT", [2, 30, 40], "1x2", [[2, 0], [3, 0]]], // the scout comes last
  ["CT", [30], "1x1", [[1, 0]]],
  ["MR", [20, 20, 20, 20, 3], "2x2", [[1, 0], [2, 0], [3, 0], [4, 0]]],
  ["MR", [20, 20, 20], "1x2", [[1, 0], [2, 0]]],
  ["CR", [2], "1x2", [[1, 0], [1, 1]]],
  ["CR", [1, 1, 1], "1x2", [[1, 0], [2, 0]]],
  ["MG", [1, 1, 1, 1], "2x2", [[1, 0], [2, 0], [3, 0], [4, 0]]],
  ["US", [5, 5], "1x1", [[1, 0]]],
])("hangs %s of %j as %s", (modality, counts, layout, cells) => {
  const hung = hang(study(modality, ...counts), 1000);
  expect(`${hung.layout.rows}x${hung.layout.columns}`).toBe(layout);
  expect(hung.cells.map(({ series, at }) => [series, at])).toEqual(cells);
});

it("hangs one image alone where there is no room for two", () => {
  expect(hang(study("CT", 30, 40), 380).layout).toEqual({ rows: 1, columns: 1 });
});

it("fills new cells with what is not shown yet", () => {
  expect(unseen(study("CT", 2, 30, 40), new Set([2])).map(({ series }) => series)).toEqual([3, 1]);
});
