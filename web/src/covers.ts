/** Covering a part of an image: a rectangle drawn by pointer, or its four edges typed, in pixels of the image. */
import { on } from "./dom";

export interface Edges {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

interface Spot {
  readonly x: number;
  readonly y: number;
}

/**
 * The pixels that a rectangle touches: `from` and `to` are shares of the picture (0 to 1), in any order; the last
 * column and row belong to it. A pixel that is touched is covered whole.
 */
export function edgesOf(from: Spot, to: Spot, columns: number, rows: number): Edges {
  const pixel = (share: number, count: number): number => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return {
    left: pixel(Math.min(from.x, to.x), columns),
    top: pixel(Math.min(from.y, to.y), rows),
    right: pixel(Math.max(from.x, to.x), columns),
    bottom: pixel(Math.max(from.y, to.y), rows),
  };
}

const NAMES = ["left", "top", "right", "bottom"] as const;

export function startCovers(): void {
  const dialog = document.getElementById("cover");
  if (!(dialog instanceof HTMLDialogElement)) return;
  const parts = {
    form: dialog.querySelector("form"),
    picture: dialog.querySelector("img"),
    box: dialog.querySelector<HTMLElement>(".cover-box"),
    frame: dialog.querySelector<HTMLInputElement>("input[type=range]"),
  };
  const { form, picture, box, frame } = parts;
  if (!form || !picture || !box || !frame) return;
  const here = dialog.dataset.here ?? "";
  const fields = NAMES.map((name) => dialog.querySelector<HTMLInputElement>(`#cover-${name}`));
  let size = { columns: 1, rows: 1 };
  let address = "";
  let from: Spot | null = null;

  const show = (): void => {
    const [left, top, right, bottom] = fields.map((field) => field?.valueAsNumber ?? NaN) as [number, number, number, number];
    box.hidden = ![left, top, right, bottom].every(Number.isFinite);
    box.style.left = `${(left / size.columns) * 100}%`;
    box.style.top = `${(top / size.rows) * 100}%`;
    box.style.width = `${((right - left + 1) / size.columns) * 100}%`;
    box.style.height = `${((bottom - top + 1) / size.rows) * 100}%`;
  };
  const fill = (edges: Edges | null): void => {
    NAMES.forEach((name, index) => {
      const field = fields[index];
      if (field) field.value = edges ? String(edges[name]) : "";
    });
    show();
  };
  const spot = (event: PointerEvent): Spot => {
    const place = picture.getBoundingClientRect();
    return { x: (event.clientX - place.left) / place.width, y: (event.clientY - place.top) / place.height };
  };

  on(document, "click", "[data-cover]", (button) => {
    const { cover = "", rows = "1", columns = "1", frames = "1" } = button.dataset;
    size = { columns: Number(columns), rows: Number(rows) };
    address = `${here}/pictures/${cover}`;
    form.action = `${address}/blank`;
    frame.max = frames;
    frame.value = String(Math.ceil(Number(frames) / 2));
    if (frame.parentElement) frame.parentElement.hidden = frames === "1";
    picture.src = `${address}/${frame.value}`;
    fill(null);
    dialog.showModal();
  });
  frame.addEventListener("input", () => (picture.src = `${address}/${frame.value}`));
  form.addEventListener("input", show);
  // Capturing: the page's own sender reads the fields after this.
  form.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-uncover]")) fill(null);
  });
  picture.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    picture.setPointerCapture(event.pointerId);
    from = spot(event);
  });
  picture.addEventListener("pointermove", (event) => {
    if (from) fill(edgesOf(from, spot(event), size.columns, size.rows));
  });
  for (const end of ["pointerup", "pointercancel"] as const) picture.addEventListener(end, () => (from = null));
}
