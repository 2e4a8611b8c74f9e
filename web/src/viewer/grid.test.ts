import { expect, it } from "vitest";

import { aManifest, anImage, aSeries } from "./builders";
import { Grid, studiesOf } from "./grid";
import { Model } from "./model";
import { Pane } from "./pane";
import type { ViewState } from "./state";

const window = { windows: [{ center: 40, width: 400, name: "" }] };

function study(id: number, ...counts: number[]) {
  const series = counts.map((count, s) =>
    aSeries(
      Array.from({ length: count }, (_, i) => anImage({ ...window, instance: 100 * s + i, sop: `${id}.${s}.${i}`, number: i })),
      { series: 10 * id + s },
    ),
  );
  return aManifest(series, { study: id });
}

function aGrid(): Grid {
  // A pane needs a canvas, and no test here looks at one.
  return new Grid(() => ({ model: new Model(), pane: Object.create(Pane.prototype) as Pane }));
}

function stateOf(grid: Grid): ViewState {
  const shown = grid.active.model.shown();
  if (!shown) throw new Error("nothing is shown");
  return { ...shown, pointer: null, playing: false, layout: grid.shared() };
}

const sops = (grid: Grid) => grid.cells.map(({ model }) => model.slice?.image.sop ?? null);

it("keeps the active cell when cells go, and fills those that come", () => {
  const grid = aGrid();
  grid.hang(study(1, 5, 5, 5), { layout: { rows: 1, columns: 1 }, cells: [{ series: 10, at: 2 }] });
  grid.arrange({ rows: 2, columns: 2 });
  expect(sops(grid)).toEqual(["1.0.2", "1.1.0", "1.2.0", null]);
  grid.activate(2);
  grid.arrange({ rows: 1, columns: 2 });
  expect([sops(grid), grid.at]).toEqual([["1.2.0", "1.0.2"], 0]);
  expect(grid.activate(2)).toBe(false);
});

it("is the same for one who comes late, from the last state alone", () => {
  const [current, prior] = [study(1, 5, 5), study(2, 4)];
  const presenter = aGrid();
  presenter.hang(current, { layout: { rows: 1, columns: 1 }, cells: [{ series: 11, at: 3 }] });
  presenter.beside(prior);
  presenter.activate(1);
  presenter.active.model.setVoi([-600, 1500, 0]);
  const state = JSON.parse(JSON.stringify(stateOf(presenter))) as ViewState;
  expect(studiesOf(state)).toEqual([2, 1]);
  const late = aGrid();
  expect(late.adopt(state, new Map([[1, current]]))).toBe(false);
  expect(late.adopt(state, new Map([[1, current], [2, prior]]))).toBe(true);
  expect([sops(late), late.at, stateOf(late)]).toEqual([sops(presenter), 1, state]);
  expect(late.adopt({ ...state, layout: null }, new Map([[2, prior]]))).toBe(true);
  expect(sops(late)).toEqual(["2.0.0"]);
});

it("goes on where it was when more images come", () => {
  const grid = aGrid();
  grid.hang(study(1, 5, 5), { layout: { rows: 1, columns: 2 }, cells: [{ series: 10, at: 2 }, { series: 11, at: 4 }] });
  grid.renew(study(1, 6, 6));
  expect(sops(grid)).toEqual(["1.0.2", "1.1.4"]);
});

