import { describe, expect, it } from "vitest";

import { anImage } from "./builders";
import { apply, direction, edges, fitScale, invert, mirrored, panned, toScreen, turned, WHOLE, zoomed } from "./geometry";
import type { Point, View } from "./state";

const AXIAL = [1, 0, 0, 0, 1, 0] as const;
const CORONAL = [1, 0, 0, 0, 0, -1] as const;
const SAGITTAL = [0, 1, 0, 0, 0, -1] as const;
const SIZE = { width: 400, height: 400 };
const image = anImage(); // 100 wide, 200 high
const straight: View = [50, 100, 1, 0, 0, 0];

const sides = (view: View, orientation: readonly number[]) => {
  const found = edges({ orientation: orientation as typeof AXIAL }, { patient_orientation: null }, view);
  return found && [found.left, found.top, found.right, found.bottom].join(" ");
};

describe("orientation letters", () => {
  it("stand where radiologists expect them", () => {
    expect(sides(straight, AXIAL)).toBe("R A L P");
    expect(sides(straight, CORONAL)).toBe("R H L F");
    expect(sides(straight, SAGITTAL)).toBe("A H P F");
  });

  it("go round with the image, clockwise", () => {
    const once = turned(straight);
    expect(sides(once, AXIAL)).toBe("P R A L");
    expect(sides(turned(once), AXIAL)).toBe("L P R A");
    expect(sides(turned(turned(once)), AXIAL)).toBe("A L P R");
    expect(turned(turned(turned(once)))).toEqual(straight);
  });

  it("change sides in a mirror, as seen on the screen, however the image is turned", () => {
    for (const view of [straight, turned(straight), turned(turned(straight))]) {
      const [left, top, right, bottom] = sides(view, AXIAL)?.split(" ") ?? [];
      expect(sides(mirrored(view, "horizontal"), AXIAL)).toBe([right, top, left, bottom].join(" "));
      expect(sides(mirrored(view, "vertical"), AXIAL)).toBe([left, bottom, right, top].join(" "));
      expect(mirrored(mirrored(view, "horizontal"), "horizontal")).toEqual(view);
    }
  });

  it("name oblique directions with the strongest first", () => {
    expect(direction([0.9, 0.43, 0])).toBe("LP");
    expect(direction([0.2, -0.6, 0.77])).toBe("HA");
    expect(direction([0, 0, -1])).toBe("F");
  });

  it("come from PatientOrientation where there is no plane, and are left out where it says nothing", () => {
    const film = (patient_orientation: string[] | null, view = straight) => edges({ orientation: null }, { patient_orientation }, view);
    expect(film(["L", "F"])).toEqual({ left: "R", right: "L", top: "H", bottom: "F" });
    expect(film(["P", "F"], mirrored(straight, "horizontal"))).toEqual({ left: "P", right: "A", top: "H", bottom: "F" });
    expect(film(["LP", "F"])?.left).toBe("RA");
    expect(film(null)).toBeNull();
    expect(film(["", ""])).toBeNull();
    expect(film(["unknown", "F"])).toBeNull();
  });
});

describe("where image points are on the screen", () => {
  const corners: Point[] = [[0, 0], [100, 0], [100, 200], [0, 200]];
  const on = (view: View, aspect = 1) =>
    corners.map((point) => apply(toScreen(anImage({ aspect }), view, SIZE), point).map((value) => Math.round(value * 1000) / 1000));

  it("the whole image fits and lies in the middle", () => {
    expect(on(WHOLE(image))).toEqual([[100, 0], [300, 0], [300, 400], [100, 400]]);
    expect(on([50, 100, 1, 90, 0, 0])).toEqual([[400, 100], [400, 300], [0, 300], [0, 100]]);
    expect(on([50, 100, 1, 0, 1, 0])).toEqual([[300, 0], [100, 0], [100, 400], [300, 400]]);
  });

  it("pixels that are higher than wide are drawn so", () => {
    expect(fitScale(anImage({ aspect: 2 }), 0, SIZE)).toBe(1);
    expect(on([50, 100, 1, 0, 0, 0], 2)).toEqual([[150, 0], [250, 0], [250, 400], [150, 400]]);
  });

  it("go there and back in any view", () => {
    for (const rotation of [0, 90, 180, 270] as const) {
      for (const [flipH, flipV] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) {
        const matrix = toScreen(anImage({ aspect: 1.5 }), [30, 80, 2.5, rotation, flipH, flipV], { width: 731, height: 412 });
        const [x, y] = apply(invert(matrix), apply(matrix, [12.5, 99]));
        expect(x).toBeCloseTo(12.5);
        expect(y).toBeCloseTo(99);
      }
    }
  });

  it("a state made in one window is the same part of the image in another of any size", () => {
    const view: View = [40, 60, 3, 90, 1, 0];
    for (const size of [SIZE, { width: 1000, height: 300 }, { width: 200, height: 640 }]) {
      const middle = apply(toScreen(image, view, size), [40, 60]);
      expect(middle).toEqual([size.width / 2, size.height / 2]);
    }
  });
});

describe("moving about", () => {
  it("dragging moves the point under the finger with it", () => {
    for (const rotation of [0, 90, 180, 270] as const) {
      const view: View = [50, 100, 2, rotation, 1, 0];
      const held = apply(invert(toScreen(image, view, SIZE)), [120, 80]);
      const [x, y] = apply(toScreen(image, panned(image, view, SIZE, [30, -12]), SIZE), held);
      expect(x).toBeCloseTo(150);
      expect(y).toBeCloseTo(68);
    }
  });

  it("zooming keeps the point under the cursor, and has ends", () => {
    const view: View = [50, 100, 1, 90, 0, 1];
    const at: Point = [333, 77];
    const held = apply(invert(toScreen(image, view, SIZE)), at);
    const [x, y] = apply(toScreen(image, zoomed(image, view, SIZE, 4, at), SIZE), held);
    expect(x).toBeCloseTo(333);
    expect(y).toBeCloseTo(77);
    expect(zoomed(image, view, SIZE, 1e9, at)[2]).toBe(40);
    expect(zoomed(image, view, SIZE, 0, at)[2]).toBe(0.1);
  });
});
