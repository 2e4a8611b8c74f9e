import { afterEach, describe, expect, it } from "vitest";
import { applyUpdate, Doc, type Text } from "yjs";

import { bind, difference, moved } from "./textarea";

/** Two people's documents that hear each other until `cut` is called. */
function pair(): { mine: Text; theirs: Text; cut: () => void; join: () => void } {
  const [a, b] = [new Doc(), new Doc()];
  let isCut = false;
  const waiting: (() => void)[] = [];
  const link = (from: Doc, to: Doc): void => {
    from.on("update", (update: Uint8Array, origin: unknown) => {
      const deliver = (): void => applyUpdate(to, update, "line");
      if (origin === "line") return;
      if (isCut) waiting.push(deliver);
      else deliver();
    });
  };
  link(a, b);
  link(b, a);
  return {
    mine: a.getText("t"),
    theirs: b.getText("t"),
    cut: () => (isCut = true),
    join: () => {
      isCut = false;
      waiting.splice(0).forEach((deliver) => deliver());
    },
  };
}

function area(): HTMLTextAreaElement {
  const made = document.createElement("textarea");
  document.body.append(made);
  made.focus();
  return made;
}

/** Type as a keyboard does: the field changes, then says so. */
function type(field: HTMLTextAreaElement, words: string, start = field.selectionStart, end = field.selectionEnd): void {
  field.setRangeText(words, start, end, "end");
  field.dispatchEvent(new Event("input"));
}

function press(field: HTMLTextAreaElement, key: string): void {
  field.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey: true, cancelable: true }));
}

afterEach(() => document.body.replaceChildren());

describe("the difference of two texts", () => {
  it.each([
    ["", "a", 1, { at: 0, remove: 0, insert: "a" }],
    ["aa", "aaa", 1, { at: 0, remove: 0, insert: "a" }],
    ["aa", "aaa", 3, { at: 2, remove: 0, insert: "a" }],
    ["aaa", "aa", 1, { at: 1, remove: 1, insert: "" }],
    ["viem phoi", "viêm phoi", 3, { at: 2, remove: 1, insert: "ê" }],
    ["một hai ba", "một ba", 4, { at: 4, remove: 4, insert: "" }],
    ["same", "same", 2, { at: 2, remove: 0, insert: "" }],
    ["🫁", "🫀", 2, { at: 0, remove: 2, insert: "🫀" }],
    ["x🫁y", "x🫁🫁y", 5, { at: 3, remove: 0, insert: "🫁" }],
  ])("%j to %j", (before, after, caret, change) => {
    expect(difference(before, after, caret)).toEqual(change);
  });

  it("leads from any text to any other", () => {
    const letters = ["a", "b", "ế", "🫁", "\n", ""];
    const some = (n: number): string => Array.from({ length: n % 7 }, (_, i) => letters[(n * 7 + i * i * 3) % 6]).join("");
    for (let n = 0; n < 600; n++) {
      const [before, after] = [some(n), some(n * 13 + 5)];
      const { at, remove, insert } = difference(before, after, n % (after.length + 1));
      expect(before.slice(0, at) + insert + before.slice(at + remove)).toBe(after);
    }
  });
});

describe("a caret", () => {
  it("stays at its word whatever others write", () => {
    expect(moved(5, [{ retain: 2 }, { insert: "abc" }])).toBe(8);
    expect(moved(5, [{ retain: 5 }, { insert: "abc" }])).toBe(5);
    expect(moved(5, [{ retain: 6 }, { insert: "abc" }])).toBe(5);
    expect(moved(5, [{ delete: 3 }])).toBe(2);
    expect(moved(5, [{ retain: 3 }, { delete: 10 }])).toBe(3);
    expect(moved(5, [{ insert: "x" }, { retain: 1 }, { delete: 2 }, { insert: "yz" }])).toBe(6);
  });
});

describe("a bound textarea", () => {
  it("shows what is there and gives on what is typed", () => {
    const { mine, theirs } = pair();
    mine.insert(0, "Viêm phổi");
    const field = area();
    bind(field, mine);
    expect(field.value).toBe("Viêm phổi");
    type(field, " thùy", 9, 9);
    expect(theirs.toJSON()).toBe("Viêm phổi thùy");
  });

  it("sends the letters that changed, not the whole text", () => {
    const { mine } = pair();
    mine.insert(0, "một hai ba");
    const field = area();
    bind(field, mine);
    const changes: unknown[] = [];
    mine.observe((event) => changes.push(event.delta));
    type(field, "á", 9, 10);
    expect(changes).toEqual([[{ retain: 9 }, { delete: 1 }, { insert: "á" }]]);
  });

  it("keeps the caret at its word when somebody writes before it", () => {
    const { mine, theirs } = pair();
    mine.insert(0, "kết luận: u");
    const field = area();
    bind(field, mine);
    field.setSelectionRange(9, 11);
    theirs.insert(0, "Dự kiến ");
    expect(field.value).toBe("Dự kiến kết luận: u");
    expect([field.selectionStart, field.selectionEnd]).toEqual([17, 19]);
  });

  it("loses nobody's words when two write apart in the same place", () => {
    const { mine, theirs, cut, join } = pair();
    mine.insert(0, "Viêm phổi.");
    const [left, right] = [area(), area()];
    bind(left, mine);
    bind(right, theirs);
    cut();
    type(left, " Theo dõi u.", 10, 10);
    type(right, " Chụp lại CT.", 10, 10);
    type(right, "Nghĩ ", 0, 0);
    join();
    expect(left.value).toBe(right.value);
    expect(left.value).toContain("Nghĩ Viêm phổi.");
    expect(left.value).toContain(" Theo dõi u.");
    expect(left.value).toContain(" Chụp lại CT.");
  });

  it("takes back one's own words only", () => {
    const { mine, theirs } = pair();
    const field = area();
    bind(field, mine);
    type(field, "của tôi", 0, 0);
    theirs.insert(7, ", của bạn");
    press(field, "z");
    expect(field.value).toBe(", của bạn");
    press(field, "y");
    expect(field.value).toBe("của tôi, của bạn");
  });

  it("waits for the end of a composed word", () => {
    const { mine, theirs } = pair();
    const field = area();
    let composed = 0;
    const binding = bind(field, mine, () => composed++);
    field.dispatchEvent(new Event("compositionstart"));
    type(field, "vie", 0, 0);
    expect([theirs.toJSON(), binding.isComposing]).toEqual(["", true]);
    type(field, "viê", 0, 3);
    field.dispatchEvent(new Event("compositionend"));
    expect([theirs.toJSON(), binding.isComposing, composed]).toEqual(["viê", false, 1]);
  });

  it("hears nothing more once closed", () => {
    const { mine, theirs } = pair();
    const field = area();
    bind(field, mine).close();
    theirs.insert(0, "sau");
    type(field, "x", 0, 0);
    expect([field.value, theirs.toJSON()]).toEqual(["x", "sau"]);
  });
});
