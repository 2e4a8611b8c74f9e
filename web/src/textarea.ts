/** A textarea bound to a shared text: what is typed goes into the text, what others write comes in under the caret. */
import { UndoManager, type Text, type YTextEvent } from "yjs";

export interface Change {
  at: number;
  remove: number;
  insert: string;
}

type Delta = YTextEvent["delta"];

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;

/** The smallest change from `before` to `after`; of several equal ones, that which ends at `caret`. */
export function difference(before: string, after: string, caret: number): Change {
  const shorter = Math.min(before.length, after.length);
  let same = 0; // at the end
  while (same < Math.min(shorter, after.length - caret) && before.at(-1 - same) === after.at(-1 - same)) same++;
  let at = 0;
  while (at < shorter - same && before[at] === after[at]) at++;
  // An emoji is two units: never keep one half of it.
  if (at > 0 && isHigh(after.charCodeAt(at - 1))) at--;
  if (same > 0 && isLow(after.charCodeAt(after.length - same))) same--;
  return { at, remove: before.length - same - at, insert: after.slice(at, after.length - same) };
}

/** Where a place in the text is after somebody else's change; text put in right there comes behind it. */
export function moved(place: number, delta: Delta): number {
  let index = 0;
  let now = place;
  for (const { retain, insert, delete: removed } of delta) {
    if (retain !== undefined) index += retain;
    else if (typeof insert === "string") {
      if (index < now) now += insert.length;
      index += insert.length;
    } else if (removed !== undefined && index < now) now -= Math.min(removed, now - index);
  }
  return now;
}

/** The changes of one person in one text, which only that person takes back. */
function undoing(text: Text, owner: object): UndoManager {
  return new UndoManager(text, { trackedOrigins: new Set([owner]), captureTimeout: 500 });
}

export interface Binding {
  /** A word is being composed (Telex on a phone or a Mac): others' changes must wait. */
  readonly isComposing: boolean;
  close(): void;
}

/** Bind `area` to `text`. `onComposed` is called when a composed word is done and what waited may come in. */
export function bind(area: HTMLTextAreaElement, text: Text, onComposed: () => void = () => undefined): Binding {
  const owner = {};
  const listeners = new AbortController();
  const undo = undoing(text, owner);
  let isComposing = false;

  const show = (): void => {
    area.value = text.toJSON();
    grow(area);
  };
  const take = (): void => {
    const change = difference(text.toJSON(), area.value, area.selectionEnd);
    if (change.remove === 0 && change.insert === "") return;
    text.doc?.transact(() => {
      text.delete(change.at, change.remove);
      text.insert(change.at, change.insert);
    }, owner);
    grow(area);
  };
  const observe = (event: YTextEvent): void => {
    if (event.transaction.origin === owner) return;
    const [start, end, direction, scroll] = [area.selectionStart, area.selectionEnd, area.selectionDirection, area.scrollTop];
    const isFocused = area.ownerDocument.activeElement === area;
    show();
    if (isFocused) area.setSelectionRange(moved(start, event.delta), moved(end, event.delta), direction);
    area.scrollTop = scroll;
  };
  const step = (isRedo: boolean): void => {
    if (isRedo) undo.redo();
    else undo.undo();
  };

  text.observe(observe);
  show();
  const options = { signal: listeners.signal };
  area.addEventListener("input", () => {
    if (!isComposing) take();
  }, options);
  area.addEventListener("compositionstart", () => (isComposing = true), options);
  area.addEventListener("compositionend", () => {
    isComposing = false;
    take();
    onComposed();
  }, options);
  area.addEventListener("focus", () => grow(area), options);
  area.addEventListener("blur", () => undo.stopCapturing(), options);
  // The browser's own undo does not know what others wrote since.
  area.addEventListener("beforeinput", (event) => {
    if (event.inputType !== "historyUndo" && event.inputType !== "historyRedo") return;
    event.preventDefault();
    step(event.inputType === "historyRedo");
  }, options);
  area.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    step(key === "y" || event.shiftKey);
  }, options);
  return {
    get isComposing() {
      return isComposing;
    },
    close() {
      listeners.abort();
      text.unobserve(observe);
      undo.destroy();
    },
  };
}

/** As high as what is in it: a form that scrolls inside itself is hard to read. Hidden, it has no height yet. */
function grow(area: HTMLTextAreaElement): void {
  if (area.scrollHeight === 0) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}
