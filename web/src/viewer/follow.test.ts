import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { aManifest, anImage, aSeries } from "./builders";
import { Follow, Sender } from "./follow";
import { Model } from "./model";
import type { ViewState } from "./state";

const state = (changes: Partial<ViewState> = {}): ViewState => ({
  study: 1,
  sop: "1.1",
  frame: 1,
  voi: [40, 80, 0],
  view: [50, 100, 1, 0, 0, 0],
  plane: null,
  pointer: null,
  playing: false,
  layout: null,
  ...changes,
});

describe("following a presenter", () => {
  it("shows what the presenter shows, until one looks alone, and again after coming back", () => {
    const follow = new Follow();
    follow.setPresenter({ isMe: false, name: "BS. Hoa" });
    expect(follow.arrived(state())).toBe(true);
    expect(follow.acted()).toBe("apart");
    expect(follow.arrived(state({ frame: 2 }))).toBe(false);
    expect(follow.rejoin()?.frame).toBe(2);
    expect(follow.arrived(state({ frame: 3 }))).toBe(true);
  });

  it("sends only while presenting, and takes no echo then", () => {
    const follow = new Follow();
    expect(follow.acted()).toBe("alone");
    follow.setPresenter({ isMe: true, name: "tôi" });
    expect(follow.acted()).toBe("send");
    expect(follow.arrived(state())).toBe(false);
  });

  it("is not apart from a presenter who has shown nothing yet", () => {
    const follow = new Follow();
    follow.setPresenter({ isMe: false, name: "BS. Hoa" });
    expect(follow.acted()).toBe("alone");
    expect(follow.arrived(state())).toBe(true);
  });

  it("ends being apart when one presents oneself, or nobody does", () => {
    const follow = new Follow();
    for (const presenter of [{ isMe: true, name: "tôi" }, null]) {
      follow.setPresenter({ isMe: false, name: "BS. Hoa" });
      follow.arrived(state());
      follow.acted();
      expect(follow.isApart).toBe(true);
      follow.setPresenter(presenter);
      expect(follow.isApart).toBe(false);
    }
  });
});

describe("a late joiner", () => {
  it("sees the same from the last state alone", () => {
    const images = [1, 2, 3].map((n) => anImage({ instance: n, sop: `1.${n}`, number: n, frames: 2 }));
    const second = aSeries([anImage({ instance: 9, sop: "1.9" })], { series: 2 });
    const [presenter, joiner] = [new Model(), new Model()];
    for (const model of [presenter, joiner]) model.open(aManifest([aSeries(images), second]));
    presenter.chooseSeries(2);
    presenter.chooseSeries(1);
    presenter.goTo(3);
    presenter.setVoi([-600, 1500, 1]);
    presenter.view = [10, 20, 3, 270, 1, 0];
    const shown = presenter.shown();
    expect(shown && joiner.adopt(shown)).toBe(true);
    expect(joiner.shown()).toEqual(shown);
    expect(joiner.series).toEqual(presenter.series);
  });

  it("is told when the image is not here, and keeps what is shown", () => {
    const model = new Model();
    model.open(aManifest([aSeries([anImage({ sop: "1.1" })])]));
    expect(model.adopt(state({ sop: "1.2" }))).toBe(false);
    expect(model.adopt(state({ study: 2 }))).toBe(false);
    expect(model.slice?.image.sop).toBe("1.1");
  });

  it("keeps its place when more images come", () => {
    const images = [1, 2, 3].map((n) => anImage({ instance: n, sop: `1.${n}`, number: n }));
    const model = new Model();
    model.open(aManifest([aSeries(images.slice(1))]));
    model.goTo(1);
    model.setVoi([1, 2, 0]);
    model.open(aManifest([aSeries(images)]));
    expect([model.slice?.image.sop, model.at, model.voi]).toEqual(["1.3", 2, [1, 2, 0]]);
  });
});

describe("sending", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("sends at most 20 states a second, the newest each time and the last one always", () => {
    const sent: ViewState[] = [];
    const sender = new Sender((newest) => sent.push(newest));
    for (let frame = 1; frame <= 200; frame++) {
      sender.offer(state({ frame }));
      vi.advanceTimersByTime(5);
    }
    vi.advanceTimersByTime(200);
    expect(sent.length).toBeGreaterThan(10);
    expect(sent.length).toBeLessThanOrEqual(21);
    expect(sent.at(-1)?.frame).toBe(200);
  });

  it("sends nothing twice", () => {
    const sent: ViewState[] = [];
    const sender = new Sender((newest) => sent.push(newest));
    for (let i = 0; i < 5; i++) {
      sender.offer(state());
      vi.advanceTimersByTime(200);
    }
    expect(sent).toHaveLength(1);
  });

  it("is quiet after closing", () => {
    const sent: ViewState[] = [];
    const sender = new Sender((newest) => sent.push(newest));
    sender.offer(state());
    sender.close();
    vi.advanceTimersByTime(500);
    expect(sent).toEqual([]);
  });
});
