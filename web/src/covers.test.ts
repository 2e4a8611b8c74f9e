import { describe, expect, it } from "vitest";

import { edgesOf } from "./covers";

describe("the edges of a drawn rectangle", () => {
  it("take in every pixel that it touches, from whichever corner it was drawn", () => {
    const drawn = { left: 51, top: 20, right: 102, bottom: 40 };
    expect(edgesOf({ x: 0.1, y: 0.1 }, { x: 0.2, y: 0.2 }, 512, 200)).toEqual(drawn);
    expect(edgesOf({ x: 0.2, y: 0.2 }, { x: 0.1, y: 0.1 }, 512, 200)).toEqual(drawn);
  });

  it("end with the image where the pointer has left it", () => {
    expect(edgesOf({ x: -0.5, y: 0.5 }, { x: 3, y: 9 }, 100, 60)).toEqual({ left: 0, top: 30, right: 99, bottom: 59 });
  });
});
