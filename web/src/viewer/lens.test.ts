import { expect, it } from "vitest";

import { anImage } from "./builders";
import { apply, toScreen } from "./geometry";
import { magnified } from "./lens";

it("has the image point under the mouse in its middle, and pixels so many times larger", () => {
  // 200 rows × 100 columns, fitted into 400 × 400: 2 screen pixels a pixel, the left edge at x = 100.
  const image = anImage();
  const glass = { width: 200, height: 200 };
  const view = magnified(image, [50, 100, 1, 0, 0, 0], { width: 400, height: 400 }, [150, 60], glass, 2.5);
  expect(view).toEqual([25, 30, 5, 0, 0, 0]); // fits at 1 pixel a pixel, shown at 5
  expect(apply(toScreen(image, view, glass), [25, 30])).toEqual([100, 100]);
  // Turned by 90° clockwise, the image lies: 2 pixels a pixel still, its top edge at the right.
  const turned = magnified(image, [50, 100, 1, 90, 0, 0], { width: 400, height: 400 }, [300, 200], glass, 2.5);
  expect(turned).toEqual([50, 50, 5, 90, 0, 0]);
});
