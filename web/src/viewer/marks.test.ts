import { describe, expect, it } from "vitest";

import { aManifest, anImage, aSeries } from "./builders";
import { Marks } from "./marks";
import { Model } from "./model";
import type { Author, Mark } from "./state";

const HOA: Author = { name: "BS. Hoa", isMe: false };

describe("marks", () => {
  const mark = (rev: number, changes: Partial<Mark> = {}): Mark => ({
    uid: "a", rev, study: 1, sop: "1.1", frame: 1, tool: "length", points: [[0, 0], [rev, 0]], text: "", removed: false, ...changes,
  });

  it("arrive in any order, and the highest revision counts", () => {
    const model = new Model();
    model.open(aManifest([aSeries([anImage({ sop: "1.1", frames: 2 })])]));
    const [first, second] = model.stack;
    if (!first || !second) throw new Error("no stack");
    const marks = new Marks();
    expect([marks.put(mark(2), HOA), marks.put(mark(1), HOA), marks.put(mark(2), HOA)]).toEqual([true, false, false]);
    expect(marks.on(1, first).map(({ rev }) => rev)).toEqual([2]);
    expect(marks.on(1, second)).toEqual([]);
    expect(marks.on(2, first)).toEqual([]);
    marks.put(mark(3, { removed: true }), HOA);
    expect(marks.on(1, first)).toEqual([]);
  });

  it("of two who draw at once both stay, each with its author", () => {
    const marks = new Marks();
    marks.put(mark(1), { name: "tôi", isMe: true });
    marks.put(mark(1, { uid: "b" }), HOA);
    expect(marks.of(1).map((kept) => [kept.mark.uid, kept.by.isMe])).toEqual([["a", true], ["b", false]]);
  });

  it("that the server refuses go back to what it said last, or away", () => {
    const marks = new Marks();
    const me: Author = { name: "tôi", isMe: true };
    marks.put(mark(1), me);
    marks.accept(mark(1), me); // as the server tells everyone, its drawer too
    marks.put(mark(2), me);
    marks.put(mark(1, { uid: "b" }), me);
    marks.refuse("a");
    marks.refuse("b");
    expect(marks.of(1).map((kept) => [kept.mark.uid, kept.mark.rev])).toEqual([["a", 1]]);
    expect(marks.accept(mark(2, { removed: true }), HOA)).toBe(true);
  });

  it("of others are changed by who may change all alone", () => {
    for (const changesAll of [false, true]) {
      const marks = new Marks(changesAll);
      marks.put(mark(1), HOA);
      expect(marks.mayChange("a")).toBe(changesAll);
    }
  });

  it("of a tool or a number of points that nobody here knows are passed over", () => {
    const marks = new Marks();
    for (const strange of [{ ...mark(1), tool: "suv" }, { ...mark(1), tool: "toString" }, mark(1, { points: [[1, 1]] }), mark(1, { tool: "angle" })]) {
      expect(marks.put(strange, HOA)).toBe(false);
    }
    expect(marks.of(1)).toEqual([]);
  });
});
