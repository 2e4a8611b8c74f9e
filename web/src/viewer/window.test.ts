import { describe, expect, it } from "vitest";

import type { VoiLut } from "./manifest";
import { Model } from "./model";
import { aFrame, aManifest, anImage, aSeries, aSlice } from "./builders";
import { renderNative } from "./paint";
import type { Point, Voi } from "./state";
import { defaultVoi, draggedVoi, fullVoi, greyTable } from "./window";
import cases from "./window.fixture.json";

interface WindowCase {
  function: string;
  center: number;
  width: number;
  slope: number;
  intercept: number;
  stored: number[];
  greys: number[];
}

interface LutCase {
  lut: VoiLut;
  stored: number[];
  greys: number[];
}

function greys(slice: ReturnType<typeof aSlice>, luts: Record<string, VoiLut>, voi: [number, number, 0 | 1], stored: number[]): number[] {
  const min = Math.min(...stored);
  const table = greyTable(slice, luts, voi, min, Math.max(...stored));
  return stored.map((value) => table[value - min] ?? NaN);
}

describe("the window", () => {
  it("gives the greys that pydicom computes, for every function, rescale and width", () => {
    const windows = cases.filter((item): item is WindowCase => "function" in item);
    expect(windows.length).toBeGreaterThan(50);
    for (const { function: voi_function, center, width, slope, intercept, stored, greys: expected } of windows) {
      const slice = aSlice({ voi_function, rescale: { slope, intercept, units: "" } });
      expect(greys(slice, {}, [center, width, 0], stored), `${voi_function} ${center}/${width} ${slope} ${intercept}`).toEqual(expected);
    }
  });

  it("gives the greys that pydicom looks up in a VOI LUT, which comes before windows", () => {
    for (const { lut, stored, greys: expected } of cases.filter((item): item is LutCase => "lut" in item)) {
      const slice = aSlice({ voi_lut: "a", windows: [{ center: 5, width: 10, name: "" }] });
      const voi = defaultVoi(slice, { a: lut }, 0, 0);
      expect(voi).toEqual([50, 300, 0]);
      expect(greys(slice, { a: lut }, [voi[0], voi[1], 0], stored)).toEqual(expected);
    }
  });

  it("stretches a VOI LUT as one drags, and never jumps", () => {
    const lut = (cases as unknown as LutCase[]).find((item) => "lut" in item)?.lut;
    if (!lut) throw new Error("no case");
    const slice = aSlice({ voi_lut: "a" });
    const [before, after] = [300, 302].map((width) => greys(slice, { a: lut }, [50, width, 0], [-50, 0, 50, 100]));
    before?.forEach((grey, i) => expect(Math.abs(grey - (after?.[i] ?? NaN))).toBeLessThan(4));
  });

  it("shows padding black, on a light background and inverted too", () => {
    const slice = aSlice({ padding: [-2000, -1900], photometric: "MONOCHROME1" });
    expect(greys(slice, {}, [0, 100, 0], [-2000, -1950, -1900, -1899])).toEqual([0, 0, 0, 255]);
    expect(greys(slice, {}, [0, 100, 1], [-2000, 1000])).toEqual([0, 255]);
  });

  it("turns MONOCHROME1 round, and inverting turns it back", () => {
    const slice = aSlice({ photometric: "MONOCHROME1" });
    expect(greys(slice, {}, [128, 256, 0], [0, 255])).toEqual([255, 0]);
    expect(greys(slice, {}, [128, 256, 1], [0, 255])).toEqual([0, 255]);
  });

  it("is a step where it is one wide", () => {
    expect(greys(aSlice(), {}, [10, 1, 0], [9, 10, 11])).toEqual([0, 255, 255]);
  });

  it("spreads what is there where the file names none", () => {
    const slice = aSlice({ rescale: { slope: 2, intercept: -10, units: "" } });
    const voi = fullVoi(slice.facts, 5, 105);
    expect(greys(slice, {}, [voi[0], voi[1], 0], [5, 105])).toEqual([0, 255]);
  });
});

describe("a frame drawn at its own size", () => {
  it("has the greys of its window, opaque", () => {
    const image = renderNative(aFrame([0, 128, 255]), aSlice(), {}, [128, 256, 0]);
    expect([...image.data]).toEqual([0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255]);
  });

  it("leaves colours as they are until a window is chosen", () => {
    const pixels = Uint8ClampedArray.from([10, 20, 30, 255]);
    const frame = { kind: "colour", cuts: [4], low: 0, high: 255, bits: 8, signed: false, level: 0, width: 1, height: 1, pixels } as const;
    const slice = aSlice({ photometric: "RGB" });
    expect([...renderNative(frame, slice, {}, [128, 256, 0]).data]).toEqual([10, 20, 30, 255]);
    expect([...renderNative(frame, slice, {}, [128, 256, 1]).data]).toEqual([245, 235, 225, 255]);
  });
});

describe("the window as one scrolls", () => {
  const image = (number: number, center: number) =>
    anImage({ instance: number, sop: `1.${number}`, number, windows: [{ center, width: 100, name: "" }] });

  it("is the one of each image's file, until the reader chooses", () => {
    const model = new Model();
    model.open(aManifest([aSeries([image(1, 10), image(2, 20), image(3, 30)])]));
    expect(model.voi).toEqual([10, 100, 0]);
    model.goTo(1);
    expect(model.voi).toEqual([20, 100, 0]);
    model.setVoi([5, 50, 0]);
    model.goTo(2);
    expect(model.voi).toEqual([5, 50, 0]);
    model.resetVoi(null);
    expect(model.voi).toEqual([30, 100, 0]);
  });
});

describe("dragging the window", () => {
  const drag = (voi: Voi, moves: number, by: Point): Voi => {
    let rest: Point = [0, 0];
    for (let i = 0; i < moves; i++) ({ voi, rest } = draggedVoi(voi, by, rest));
    return voi;
  };

  it("gets as far in small moves as in one", () => {
    const start: Voi = [40, 80, 0];
    const [center, width] = drag(start, 1, [60, 30]);
    expect([center, width]).toEqual([46, 92]);
    const [slowCenter, slowWidth] = drag(start, 60, [1, 0.5]);
    expect(Math.abs(slowCenter - center)).toBeLessThanOrEqual(1);
    expect(slowWidth).toBeGreaterThanOrEqual(width); // its steps grow with the width
    expect(slowWidth).toBeLessThanOrEqual(width + 2);
  });

  it("keeps steps that can be read, and a width of at least one", () => {
    expect(drag([5, 10, 1], 3, [0.7, 0])).toEqual([5, 10.1, 1]);
    expect(drag([40, 80, 0], 50, [-20, 0])[1]).toBe(1);
    expect(drag(drag([40, 80, 0], 50, [-20, 0]), 40, [1, 0])[1]).toBeGreaterThan(1);
  });
});
