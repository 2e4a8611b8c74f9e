/** A page with nothing but the viewer, for its tests in a real browser. What the viewer tells is kept in the page. */

import { Shelf } from "../../shelf";
import { openViewer } from "..";
import type { Viewer } from "..";

interface Harness {
  readonly viewer: Viewer;
  readonly Shelf: typeof Shelf;
  readonly told: { readonly what: "view" | "mark" | "key-image"; readonly data: unknown }[];
}

declare global {
  interface Window {
    harness?: Harness;
  }
}

const root = document.getElementById("viewer");
if (root) {
  const told: Harness["told"] = [];
  const viewer = openViewer(root, {
    imagesRoot: "/images",
    me: "1",
    changesAllMarks: false,
    onView: (data) => told.push({ what: "view", data }),
    onMark: (data) => told.push({ what: "mark", data }),
    onKeyImage: (data) => told.push({ what: "key-image", data }),
  });
  window.harness = { viewer, Shelf, told };
}
