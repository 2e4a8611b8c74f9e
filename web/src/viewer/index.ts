/**
 * The viewer: series strip, image, controls. `openViewer` puts it into an element of the page.
 *
 * For tests: `data-study`, `data-sop`, `data-frame`, `data-loaded` ("", "quick", "full") on `.viewer` say what is
 * shown, and a `viewer-native` event sent to it gets `detail.image`, the ImageData of the image at its own size.
 */

import "./viewer.css";

import { Cine, frameMsOf, hasDrifted } from "./cine";
import { commandsFor } from "./commands";
import { Drawing } from "./drawing";
import { Follow, Sender } from "./follow";
import { tidy } from "./geometry";
import type { Size } from "./geometry";
import { listen } from "./gestures";
import { Hands } from "./hands";
import { keySheet, run } from "./keys";
import type { Commands } from "./keys";
import { Loader } from "./loader";
import type { Instance } from "./manifest";
import { MarkList } from "./marklist";
import { Model } from "./model";
import { renderNative } from "./paint";
import type { Reading } from "./reading";
import { Screen } from "./screen";
import { sliceKey } from "./stack";
import type { AnyMark, Author, KeyImage, Mark, Point, Presenter, View, ViewState, Voi } from "./state";
import { Strip } from "./strip";
import { Studies } from "./studies";
import { Toolbar } from "./toolbar";

const TELL_PLAYING_MS = 1000; // each browser plays by itself

export type { KeyImage, Mark, Presenter, ViewState } from "./state";

export interface ViewerOptions {
  /** Where studies are served: "/images" or "/consultations/{id}/images". */
  readonly imagesRoot: string;
  /** Who this is, for the marks made here. */
  readonly me: string;
  /** Others' marks may be changed and removed here too. */
  readonly changesAllMarks: boolean;
  /** What this one shows, while presenting: at most 20 times a second. */
  readonly onView: (state: ViewState) => void;
  readonly onMark: (mark: Mark) => void;
  readonly onKeyImage: (image: KeyImage) => void;
}

export interface Viewer {
  /** Another one shows this. */
  applyView(state: ViewState): void;
  /** A mark was drawn or changed, by anyone in the room. */
  applyMark(mark: AnyMark, by: Author): void;
  /** The server did not keep what was drawn here: the version before it stands again, if there was one. */
  refuseMark(uid: string): void;
  setPresenter(presenter: Presenter | null): void;
  view(): ViewState | null;
  /** Images were added or taken away: ask the server again. */
  refresh(): void;
  close(): void;
}

/** What a `viewer-native` event carries back. */
export interface NativeImage {
  image?: ImageData;
}

export function openViewer(root: HTMLElement, options: ViewerOptions): Viewer {
  return new OpenViewer(root, options);
}

class OpenViewer implements Viewer, Reading {
  readonly model = new Model();
  readonly loader: Loader;
  readonly cine: Cine;
  readonly screen: Screen;

  private readonly drawing: Drawing;
  private readonly follow = new Follow();
  private readonly sender: Sender;
  private readonly hands: Hands;
  private readonly strip: Strip;
  private readonly studies: Studies;
  private readonly toolbar: Toolbar;
  private readonly marklist: MarkList;
  private readonly help: HTMLDialogElement;
  private readonly closing = new AbortController();

  private remotePointer: Point | null = null;
  private toldAt = 0;
  private nextDraw = 0; // an animation frame, 0 for none

  constructor(
    host: HTMLElement,
    options: ViewerOptions,
  ) {
    const { imagesRoot } = options;
    this.sender = new Sender(options.onView);
    this.drawing = new Drawing(this, { name: options.me, isMe: true }, options.onMark, options.changesAllMarks);
    this.hands = new Hands(this, this.drawing);
    this.help = keySheet(this.hands.bindings);
    this.loader = new Loader(imagesRoot, (slice, frame) => {
      if (slice.key !== this.model.slice?.key) return;
      this.model.arrived(slice, frame);
      this.send(); // who presents may have had no window to tell of until now
      this.draw();
    });
    this.cine = new Cine(() => this.playOn(), () => this.model.slice);
    this.strip = new Strip(imagesRoot, {
      onStudy: (study) => this.act(() => void this.studies.open(study)),
      onSeries: (series) => this.act(() => this.model.chooseSeries(series) && this.shown()),
    });
    this.studies = new Studies(imagesRoot, this, this.strip, this.closing.signal);
    const commands = commandsFor(this, this.hands, this.drawing, {
      keyImage: options.onKeyImage,
      rejoin: () => this.rejoin(),
      help: () => this.help.showModal(),
      list: () => this.listMarks(),
    });
    this.toolbar = new Toolbar(commands, this.closing.signal);
    this.marklist = new MarkList({
      jump: (mark) => this.drawing.jump(mark),
      remove: (uid) => this.drawing.remove(uid),
      undo: () => commands.undo(),
      close: () => this.listMarks(),
    });
    const { root: caption } = this.drawing.caption;
    const [strip, marks] = [this.strip.root, this.marklist.root];
    const { root: toolbar, remove } = this.toolbar;
    this.screen = new Screen(host, { strip, toolbar, marks, caption, remove, help: this.help });
    listen(this.screen.stage, this.hands);
    this.listenToPage(commands);
    void this.studies.start();
  }

  // The page's side: see Viewer.

  applyView(state: ViewState): void {
    if (this.follow.arrived(state)) this.adopt(state);
  }

  applyMark(mark: AnyMark, by: Author): void {
    if (this.drawing.take(mark, by)) this.draw();
  }

  refuseMark(uid: string): void {
    this.drawing.refuse(uid);
    this.draw();
  }

  setPresenter(presenter: Presenter | null): void {
    this.follow.setPresenter(presenter);
    if (presenter?.isMe !== false) this.remotePointer = null;
    if (presenter?.isMe) this.send();
    this.showLeader();
  }

  view(): ViewState | null {
    return this.model.state(this.hands.pointer, this.cine.isPlaying);
  }

  refresh(): void {
    void this.studies.start();
  }

  close(): void {
    this.closing.abort();
    this.cine.stop();
    this.sender.close();
    this.loader.close();
    cancelAnimationFrame(this.nextDraw);
    this.screen.close();
  }

  // The side of hands, commands and studies: see Reading.

  act(change: () => unknown): void {
    const wasApart = this.follow.isApart;
    this.follow.acted();
    change();
    this.send();
    if (this.follow.isApart !== wasApart) this.showLeader();
  }

  look(change: (image: Instance, view: View, size: Size) => View): void {
    const { slice } = this.model;
    if (!slice) return;
    this.act(() => {
      const [cx, cy, scale, ...turning] = change(slice.image, this.model.view, this.screen.size);
      this.model.view = [...tidy([cx, cy]), Math.round(scale * 1e4) / 1e4, ...turning];
      this.draw();
    });
  }

  window(voi: Voi): void {
    this.model.setVoi(voi);
    this.draw();
  }

  jump(mark: Mark): void {
    const key = sliceKey(mark.sop, mark.frame);
    if (key !== this.model.slice?.key) this.act(() => this.model.show(key) && this.shown());
  }

  send(): void {
    if (!this.follow.presenter?.isMe) return;
    const state = this.view();
    this.toldAt = performance.now();
    if (state) this.sender.offer(state);
  }

  shown(): void {
    const { slice, series } = this.model;
    this.strip.choose(series);
    this.drawing.leave();
    this.draw();
    if (!slice) return;
    this.screen.say("");
    this.studies.rest();
    this.loader.show(slice, this.model.neighbours(this.hands.direction)).then(
      () => this.draw(),
      (error: unknown) => {
        if (slice.key === this.model.slice?.key) this.studies.sayError(error);
      },
    );
    this.screen.speak(this.model);
  }

  draw(): void {
    if (this.nextDraw === 0) this.nextDraw = requestAnimationFrame(() => this.drawNow());
  }

  private drawNow(): void {
    this.nextDraw = 0;
    const { model } = this;
    const { drawing } = this;
    this.screen.draw(model, model.slice && this.loader.best(model.slice), drawing.drawn);
    const marks = drawing.of(model.manifest?.study ?? -1);
    this.marklist.show(model, this.loader, marks, drawing.canUndo);
    const { presenter, isApart } = this.follow;
    const isFollowing = presenter !== null && !presenter.isMe && !isApart;
    this.screen.point(model, isFollowing ? this.remotePointer : null, presenter?.name ?? "");
    this.screen.root.dataset.tool = this.hands.tool;
    this.toolbar.show(model, this.hands.tool, this.cine.isPlaying, {
      canRemove: drawing.canRemove,
      canUndo: drawing.canUndo,
      count: marks.length,
      isListOpen: !this.marklist.root.hidden,
    });
  }

  // Following who presents.

  /** Show what the presenter shows. */
  private adopt(state: ViewState): void {
    const before = this.model.slice?.key;
    this.remotePointer = state.pointer;
    if (!state.playing) this.cine.stop();
    if (!this.model.adopt(this.cine.isPlaying ? this.playedTo(state) : state)) this.studies.expect(state);
    else if (before === this.model.slice?.key) this.draw();
    else this.shown();
    if (state.playing) this.cine.start();
  }

  /** While both play, small differences are left alone: a picture that jumps back and forth is no cine. */
  private playedTo(state: ViewState): ViewState {
    const { slice, at, stack } = this.model;
    const theirs = this.model.find(sliceKey(state.sop, state.frame));
    if (!slice || theirs?.series !== this.model.series) return state;
    if (hasDrifted(at, theirs.at, stack.length, frameMsOf(slice))) return state;
    return { ...state, sop: slice.image.sop, frame: slice.frame };
  }

  private rejoin(): void {
    const state = this.follow.rejoin();
    if (state) this.adopt(state);
    this.showLeader();
  }

  private listMarks(): void {
    this.marklist.root.hidden = !this.marklist.root.hidden;
    this.screen.root.toggleAttribute("data-list", !this.marklist.root.hidden);
    this.draw();
  }

  private showLeader(): void {
    this.screen.lead(this.follow.presenter, this.follow.isApart, () => this.rejoin());
    this.draw();
  }

  private playOn(): boolean {
    const { model } = this;
    const at = (model.at + 1) % model.stack.length;
    const next = model.stack[at];
    const isReady = next !== undefined && this.loader.best(next) !== null;
    if (isReady) {
      model.goTo(at);
      this.shown();
      if (performance.now() - this.toldAt > TELL_PLAYING_MS) this.send();
    } else if (model.slice) {
      // Not there yet: ask for it, and go on with it when it came.
      this.loader.show(model.slice, model.neighbours(1)).catch(() => undefined);
    }
    return isReady;
  }

  private listenToPage(commands: Commands): void {
    const { signal } = this.closing;
    document.addEventListener("keydown", (event) => run(event, commands), { signal });
    window.addEventListener("online", () => this.studies.retry(), { signal });
    this.screen.root.addEventListener("viewer-native", (event) => {
      const image = this.renderNative();
      if (event instanceof CustomEvent && image) (event.detail as NativeImage).image = image;
    });
    const observer = new ResizeObserver(() => this.draw());
    observer.observe(this.screen.stage);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  private renderNative(): ImageData | null {
    const { slice, manifest, voi } = this.model;
    const frame = slice && this.loader.best(slice);
    return frame && manifest && voi ? renderNative(frame, slice, manifest.luts, voi) : null;
  }
}
