/**
 * The viewer: series strip, image, controls. `openViewer` puts it into an element of the page.
 *
 * For tests: `data-study`, `data-sop`, `data-frame`, `data-loaded` ("", "quick", "full") on `.viewer` say what the
 * active cell shows, and a `viewer-native` event sent to it gets `detail.image`, the ImageData of the image at its own size.
 */

import "./viewer.css";

import type { Cine } from "./cine";
import { commandsFor } from "./commands";
import { Drawing } from "./drawing";
import { Feed } from "./feed";
import { Follow, Sender } from "./follow";
import { tidy } from "./geometry";
import type { Size } from "./geometry";
import { listen } from "./gestures";
import { Grid } from "./grid";
import type { Cell } from "./grid";
import type { Layout } from "./hanging";
import { Hands } from "./hands";
import { keySheet, run } from "./keys";
import type { Commands } from "./keys";
import type { Loader } from "./loader";
import type { Instance, Manifest } from "./manifest";
import { MarkList } from "./marklist";
import { Model } from "./model";
import { renderNative } from "./paint";
import { Pane } from "./pane";
import { Playing } from "./playing";
import type { Reading } from "./reading";
import { Reforming } from "./reforming";
import { Screen } from "./screen";
import { sliceKey } from "./stack";
import type { AnyMark, Author, KeyImage, Mark, Point, Presenter, View, ViewState, Voi } from "./state";
import { Strip } from "./strip";
import { Studies } from "./studies";
import { Toolbar } from "./toolbar";

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
  readonly screen: Screen;
  readonly grid: Grid;

  private readonly feed: Feed;
  private readonly playing: Playing;
  private readonly reforming: Reforming;
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
  private stripFor: Manifest | null = null; // what the strip lists
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
    this.playing = new Playing(this);
    this.reforming = new Reforming(imagesRoot, this, (error) => this.studies.sayError(error));
    this.feed = new Feed(imagesRoot, (slice, frame) => {
      const cells = this.grid.cells.filter(({ model }) => model.slice?.id === slice.id);
      for (const { model } of cells) model.arrived(slice, frame);
      if (cells.length === 0) return;
      this.send(); // who presents may have had no window to tell of until now
      this.draw();
    });
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
      layouts: () => this.toolbar.openLayouts(),
      threePlanes: () => void this.reforming.threePlanes(),
      besidePrior: () => this.act(() => void this.studies.besidePrior()),
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
    this.grid = new Grid(() => this.makeCell());
    this.placeCells();
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
    const shown = this.model.shown();
    return shown && { ...shown, pointer: this.hands.pointer, playing: this.cine.isPlaying, layout: this.grid.shared() };
  }

  refresh(): void {
    void this.studies.start();
  }

  close(): void {
    this.closing.abort();
    this.cine.stop();
    this.sender.close();
    this.feed.close();
    this.reforming.close();
    cancelAnimationFrame(this.nextDraw);
    this.screen.close();
  }

  // The side of hands, commands and studies: see Reading.

  get model(): Model {
    return this.grid.active.model;
  }

  get loader(): Loader {
    return this.feed.loader;
  }

  get cine(): Cine {
    return this.playing.cine;
  }

  arrange(layout: Layout): void {
    this.act(() => {
      this.grid.isChosen = true;
      this.grid.arrange(layout);
      this.shown();
    });
  }

  activate(at: number): void {
    const { length } = this.grid.cells;
    if (!this.grid.activate((at + length) % length)) return;
    this.cine.stop();
    this.hands.pointer = null;
    this.act(() => this.shown());
  }

  act(change: () => unknown): void {
    const wasApart = this.follow.isApart;
    this.follow.acted();
    const [cell, series, key] = [this.grid.active, this.model.series, this.model.slice?.key];
    change();
    const isScrolled = cell === this.grid.active && series === this.model.series && key !== this.model.slice?.key;
    if (isScrolled && this.grid.isLinked && this.grid.link()) this.shown();
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
    if (state) this.sender.offer(state);
  }

  shown(): void {
    const { slice, series, manifest } = this.model;
    this.placeCells();
    if (manifest !== this.stripFor) this.studies.showStrip(this.model);
    this.stripFor = manifest;
    this.strip.choose(series);
    this.drawing.leave();
    this.draw();
    if (!slice) return;
    this.screen.say("");
    this.studies.rest();
    this.load().then(
      () => this.draw(),
      (error: unknown) => {
        if (slice.key === this.model.slice?.key) this.studies.sayError(error);
      },
    );
    this.screen.speak(this.model);
  }

  load(): Promise<void> {
    return this.feed.show(this.grid.active, this.grid.cells, this.hands.direction);
  }

  draw(): void {
    if (this.nextDraw === 0) this.nextDraw = requestAnimationFrame(() => this.drawNow());
  }

  private drawNow(): void {
    this.nextDraw = 0;
    const { model, drawing } = this;
    const { presenter, isApart } = this.follow;
    const pointer = presenter !== null && !presenter.isMe && !isApart ? this.remotePointer : null;
    for (const cell of this.grid.cells) {
      const { model: one, pane } = cell;
      const loaded = pane.draw(one, this.feed.best(one), drawing.drawnOn(one), one === model ? null : this.grid.crossing(cell));
      pane.point(one, one === model ? pointer : null, presenter?.name ?? "");
      if (one === model) this.screen.tell(model, loaded);
    }
    const marks = drawing.of(model.manifest?.study ?? -1);
    if (model.manifest) this.marklist.show(model, this.loader, marks, drawing.canUndo);
    this.screen.root.dataset.tool = this.hands.tool;
    const hasPrior = model.manifest !== null && this.studies.priorOf(model.manifest.study) !== null;
    this.toolbar.show({ model, layout: this.grid.layout, isLinked: this.grid.isLinked, hasPrior }, this.hands.tool, this.cine.isPlaying, {
      canRemove: drawing.canRemove,
      canUndo: drawing.canUndo,
      count: marks.length,
      isListOpen: !this.marklist.root.hidden,
    });
  }

  // Following who presents.

  /** Show what the presenter shows. */
  private adopt(state: ViewState): void {
    const before = this.seen();
    this.remotePointer = state.pointer;
    if (!state.playing) this.cine.stop();
    if (!this.grid.adopt(this.playing.adapted(state), this.studies.manifests)) this.studies.expect(state);
    else if (before === this.seen()) this.draw();
    else this.shown();
    if (state.playing) this.cine.start();
    if (this.grid.cells.some(({ model }) => model.wanted)) void this.reforming.follow();
  }

  /** Which images are on the screen, and how the cells lie. */
  private seen(): string {
    const { layout, cells, at } = this.grid;
    return JSON.stringify([layout, at, cells.map(({ model }) => [model.manifest?.study, model.slice?.key])]);
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

  private placeCells(): void {
    const { cells, layout, active } = this.grid;
    this.screen.place(cells.map(({ pane }) => pane), layout.rows, layout.columns, active.pane);
  }

  private makeCell(): Cell {
    const cell = { model: new Model(), pane: new Pane() };
    const take = () => this.activate(this.grid.cells.indexOf(cell));
    listen(cell.pane.stage, this.hands, take, () => cell === this.grid.active);
    cell.pane.stage.addEventListener("focus", take);
    return cell;
  }

  /** A series was dragged from the strip onto a cell. */
  private drop(event: DragEvent): void {
    const dropped = this.strip.dropped(event);
    const at = this.grid.cells.findIndex(({ pane }) => event.target instanceof Node && pane.stage.contains(event.target));
    const manifest = dropped && this.studies.manifests.get(dropped.study);
    if (!manifest || at < 0) return;
    event.preventDefault();
    this.act(() => {
      this.grid.activate(at);
      this.cine.stop();
      if (this.model.manifest !== manifest) this.model.open(manifest);
      this.model.chooseSeries(dropped.series);
      this.shown();
    });
  }

  private listenToPage(commands: Commands): void {
    const { signal } = this.closing;
    document.addEventListener("keydown", (event) => run(event, commands), { signal });
    window.addEventListener("online", () => this.studies.retry(), { signal });
    this.screen.grid.addEventListener("dragover", (event) => this.strip.isDragged(event) && event.preventDefault());
    this.screen.grid.addEventListener("drop", (event) => this.drop(event));
    this.screen.root.addEventListener("viewer-native", (event) => {
      const image = this.renderNative();
      if (event instanceof CustomEvent && image) (event.detail as NativeImage).image = image;
    });
    const observer = new ResizeObserver(() => this.draw());
    observer.observe(this.screen.grid);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  private renderNative(): ImageData | null {
    const { slice, manifest, voi } = this.model;
    const frame = this.feed.best(this.model);
    return frame && slice && manifest && voi ? renderNative(frame, slice, manifest.luts, voi) : null;
  }
}
