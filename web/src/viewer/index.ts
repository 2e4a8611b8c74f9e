/**
 * The viewer: series strip, image, controls. `openViewer` puts it into an element of the page.
 *
 * For tests: `data-study`, `data-sop`, `data-frame`, `data-loaded` ("", "quick", "full") on `.viewer` say what is
 * shown, and a `viewer-native` event sent to it gets `detail.image`, the ImageData of the image at its own size.
 */

import "./viewer.css";

import { t } from "../text";
import { Cine } from "./cine";
import { NotDecoded } from "./decoders";
import { Follow, Sender } from "./follow";
import { apply, fitScale, invert, mirrored, panned, turned, zoomed } from "./geometry";
import type { Size } from "./geometry";
import { listen } from "./gestures";
import type { Gestures, Tool } from "./gestures";
import { keySheet, run } from "./keys";
import type { Commands } from "./keys";
import { Loader } from "./loader";
import { loadManifest, loadStudies, NotLoaded } from "./manifest";
import type { Instance, StudySummary } from "./manifest";
import { Marks } from "./marks";
import { Model } from "./model";
import { renderNative } from "./paint";
import { Ruler, tidy } from "./ruler";
import { Screen } from "./screen";
import type { KeyImage, Mark, Point, Presenter, View, ViewState, Voi } from "./state";
import { Strip } from "./strip";
import { presetsOf, Toolbar } from "./toolbar";
import { fullVoi } from "./window";

export type { KeyImage, Mark, Presenter, ViewState } from "./state";

export interface ViewerOptions {
  /** Where studies are served: "/images" or "/consultations/{id}/images". */
  readonly imagesRoot: string;
  /** Who this is, for the marks made here. */
  readonly me: string;
  /** What this one shows, while presenting: at most 20 times a second. */
  readonly onView: (state: ViewState) => void;
  readonly onMark: (mark: Mark) => void;
  readonly onKeyImage: (image: KeyImage) => void;
}

export interface Viewer {
  /** Another one shows this. */
  applyView(state: ViewState): void;
  applyMark(mark: Mark, from: string): void;
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

const STUDIES_AGAIN_MS = 10_000;
const RETRY_MS = 4000;

export function openViewer(root: HTMLElement, options: ViewerOptions): Viewer {
  return new OpenViewer(root, options);
}

class OpenViewer implements Viewer, Gestures {
  tool: Tool = matchMedia("(pointer: coarse)").matches ? "scroll" : "window";

  private readonly model = new Model();
  private readonly marks = new Marks();
  private readonly ruler = new Ruler();
  private readonly follow = new Follow();
  private readonly sender: Sender;
  private readonly loader: Loader;
  private readonly cine: Cine;
  private readonly strip: Strip;
  private readonly toolbar: Toolbar;
  private readonly help = keySheet();
  private readonly screen: Screen;
  private readonly closing = new AbortController();

  private studies: readonly StudySummary[] = [];
  private pending: ViewState | null = null; // came before its study did
  private direction: 1 | -1 = 1;
  private pointer: Point | null = null; // mine, on the image
  private remotePointer: Point | null = null;
  private drawing = 0;
  private retrying: ReturnType<typeof setTimeout> | undefined;

  constructor(
    host: HTMLElement,
    private readonly options: ViewerOptions,
  ) {
    const commands = this.commands();
    this.sender = new Sender(options.onView);
    this.loader = new Loader(options.imagesRoot, () => this.model.manifest?.study ?? 0, (slice, frame) => {
      if (slice.key !== this.model.slice?.key) return;
      this.model.arrived(slice, frame);
      this.send(); // who presents may have had no window to tell of until now
      this.draw();
    });
    this.cine = new Cine(() => this.playOn(), () => this.model.slice);
    this.strip = new Strip(options.imagesRoot, {
      onStudy: (study) => this.act(() => void this.openStudy(study)),
      onSeries: (series) => this.act(() => this.model.chooseSeries(series) && this.shown()),
    });
    this.toolbar = new Toolbar(commands, this.closing.signal);
    this.screen = new Screen(host, this.strip.root, this.toolbar.root, this.help);
    listen(this.screen.stage, this);
    this.listenToPage(commands);
    void this.start();
  }

  // The page's side: see Viewer.

  applyView(state: ViewState): void {
    if (this.follow.arrived(state)) this.adopt(state);
  }

  applyMark(mark: Mark): void {
    if (this.marks.put(mark)) this.draw();
  }

  setPresenter(presenter: Presenter | null): void {
    this.follow.setPresenter(presenter);
    if (presenter?.isMe !== false) this.remotePointer = null;
    if (presenter?.isMe) this.send();
    this.showLeader();
  }

  view(): ViewState | null {
    return this.model.state(this.pointer);
  }

  refresh(): void {
    void this.start();
  }

  close(): void {
    this.closing.abort();
    this.cine.stop();
    this.sender.close();
    this.loader.close();
    clearTimeout(this.retrying);
    cancelAnimationFrame(this.drawing);
    this.screen.close();
  }

  // Mouse and fingers: see Gestures.

  scrollBy(steps: number): void {
    this.direction = steps < 0 ? -1 : 1;
    this.act(() => this.model.goTo(this.model.at + steps) && this.shown());
  }

  windowBy(dx: number, dy: number): void {
    const { voi } = this.model;
    if (!voi) return;
    // A drag across a wide window is to move it faster than one across a narrow one.
    const step = Math.max(0.05, voi[1] / 400);
    const rounded = (value: number) => (voi[1] > 20 ? Math.round(value) : Math.round(value * 10) / 10);
    this.act(() => this.window([rounded(voi[0] + dy * step), Math.max(1, rounded(voi[1] + dx * step)), voi[2]]));
  }

  pan(by: Point): void {
    this.look((image, view, size) => panned(image, view, size, by));
  }

  zoom(factor: number, at: Point): void {
    this.look((image, view, size) => zoomed(image, view, size, view[2] * factor, at));
  }

  fit(): void {
    this.look((image, [, , , ...turning]) => [image.columns / 2, image.rows / 2, 1, ...turning]);
  }

  pixelsPerImage(): number {
    return Math.max(3, Math.min(24, this.screen.size.height / Math.max(1, this.model.stack.length)));
  }

  hover(at: Point | null): void {
    const matrix = this.screen.matrix(this.model);
    const image = this.model.slice?.image;
    const point = at && matrix && apply(invert(matrix), at);
    const isOn = point && image && point[0] >= 0 && point[1] >= 0 && point[0] <= image.columns && point[1] <= image.rows;
    const next = isOn ? tidy(point) : null;
    if (next === null && this.pointer === null) return;
    this.pointer = next;
    this.send();
  }

  measureFrom(at: Point, isTouch: boolean): void {
    const { manifest, slice } = this.model;
    const matrix = this.screen.matrix(this.model);
    if (!manifest || !slice || !matrix) return;
    this.ruler.start(manifest.study, slice, this.marksHere(), matrix, at, isTouch);
  }

  measureTo(at: Point): void {
    const matrix = this.screen.matrix(this.model);
    if (matrix) this.ruler.move(matrix, at);
    this.draw();
  }

  measured(): void {
    const matrix = this.screen.matrix(this.model);
    const mark = matrix && this.ruler.stop(matrix);
    if (mark && this.marks.put(mark)) this.options.onMark(mark);
    this.draw();
  }

  // Keys and buttons: see Commands.

  private commands(): Commands {
    return {
      scrollBy: (images) => this.scrollBy(images),
      goTo: (which) => this.act(() => this.model.goTo(which === "first" ? 0 : Infinity) && this.shown()),
      stepSeries: (by) => this.act(() => this.model.stepSeries(by) && this.shown()),
      preset: (n) => this.preset(n),
      use: (tool) => {
        this.tool = tool;
        this.draw();
      },
      fit: () => this.fit(),
      actualSize: () => this.look((image, [cx, cy, , rotation, ...flips], size) => [cx, cy, 1 / fitScale(image, rotation, size), rotation, ...flips]),
      zoomBy: (factor) => this.zoom(factor, this.screen.middle),
      turn: () => this.look((_, view) => turned(view)),
      mirror: (axis) => this.look((_, view) => mirrored(view, axis)),
      invert: () => this.act(() => this.model.voi && this.window([this.model.voi[0], this.model.voi[1], this.model.voi[2] ? 0 : 1])),
      play: () => {
        if (this.model.stack.length > 1) this.cine.toggle();
        this.draw();
      },
      keyImage: () => {
        const image = this.model.keyImage();
        if (image) this.options.onKeyImage(image);
      },
      removeMark: () => this.removeMark(),
      rejoin: () => this.rejoin(),
      help: () => this.help.showModal(),
    };
  }

  private preset(n: number): void {
    const { model } = this;
    const { slice, voi } = model;
    const chosen = presetsOf(model)[n - 1]?.window;
    if (!chosen || !slice) return;
    const frame = this.loader.best(slice);
    this.act(() => {
      if (chosen === "file") model.resetVoi(frame);
      else if (chosen !== "full") model.setVoi([chosen.center, chosen.width, voi?.[2] ?? 0]);
      else if (frame) model.setVoi(fullVoi(slice.facts, frame.low, frame.high));
      this.draw();
    });
  }

  private removeMark(): void {
    const last = this.marksHere().at(-1);
    if (!last) return;
    const removed: Mark = { ...last, rev: last.rev + 1, removed: true };
    if (this.marks.put(removed)) this.options.onMark(removed);
    this.draw();
  }

  private rejoin(): void {
    const state = this.follow.rejoin();
    if (state) this.adopt(state);
    this.showLeader();
  }

  private playOn(): boolean {
    const { model } = this;
    const at = (model.at + 1) % model.stack.length;
    const next = model.stack[at];
    const isReady = next !== undefined && this.loader.best(next) !== null;
    // Not there yet: ask for it, and go on with it when it came.
    if (isReady) this.act(() => model.goTo(at) && this.shown());
    else if (model.slice) this.loader.show(model.slice, model.neighbours(1)).catch(() => undefined);
    return isReady;
  }

  // What is shown.

  private async start(): Promise<void> {
    clearTimeout(this.retrying);
    try {
      this.studies = await loadStudies(this.options.imagesRoot);
      if (this.closing.signal.aborted) return;
      const wanted = this.pending?.study ?? this.model.manifest?.study ?? this.studies[0]?.study;
      if (wanted !== undefined) {
        await this.openStudy(wanted);
        return;
      }
      this.screen.say(t("Chưa có ảnh nào trong ca này. Ảnh gửi lên sẽ tự hiện ở đây."));
      this.retrying = setTimeout(() => void this.start(), STUDIES_AGAIN_MS);
    } catch (error) {
      this.sayError(error);
    }
  }

  private async openStudy(study: number): Promise<void> {
    try {
      const manifest = await loadManifest(this.options.imagesRoot, study);
      if (this.closing.signal.aborted) return;
      this.cine.stop();
      this.model.open(manifest);
      this.strip.showStudies(this.studies, study);
      this.strip.showSeries(manifest, this.model.series);
      const { pending } = this;
      this.pending = null;
      if (pending) this.model.adopt(pending);
      this.shown();
    } catch (error) {
      this.sayError(error);
    }
  }

  /** Show what the presenter shows; a study or image that is not known yet is asked for once. */
  private adopt(state: ViewState): void {
    const before = this.model.slice?.key;
    this.remotePointer = state.pointer;
    this.cine.stop();
    if (this.model.adopt(state)) {
      if (before === this.model.slice?.key) this.draw();
      else this.shown();
      return;
    }
    const isAskedFor = this.pending?.study === state.study && this.pending.sop === state.sop;
    this.pending = state;
    if (!isAskedFor) void this.start();
  }

  /** Another image than before: load it, and everything round it. */
  private shown(): void {
    const { slice, series } = this.model;
    this.strip.choose(series);
    this.draw();
    if (!slice) return;
    this.screen.say("");
    clearTimeout(this.retrying);
    this.loader.show(slice, this.model.neighbours(this.direction)).then(
      () => this.draw(),
      (error: unknown) => {
        if (slice.key === this.model.slice?.key) this.sayError(error);
      },
    );
    this.screen.speak(this.model);
  }

  private retry(): void {
    if (!this.screen.isSaying) return;
    if (this.model.slice) this.shown();
    else void this.start();
  }

  /** Do what the reader asked for, and tell the others if that is for this one to do. */
  private act(change: () => unknown): void {
    const wasApart = this.follow.isApart;
    this.follow.acted();
    change();
    this.send();
    if (this.follow.isApart !== wasApart) this.showLeader();
  }

  private send(): void {
    if (!this.follow.presenter?.isMe) return;
    const state = this.view();
    if (state) this.sender.offer(state);
  }

  private window(voi: Voi): void {
    this.model.setVoi(voi);
    this.draw();
  }

  private look(change: (image: Instance, view: View, size: Size) => View): void {
    const { slice } = this.model;
    if (!slice) return;
    this.act(() => {
      const [cx, cy, scale, ...turning] = change(slice.image, this.model.view, this.screen.size);
      this.model.view = [...tidy([cx, cy]), Math.round(scale * 1e4) / 1e4, ...turning];
      this.draw();
    });
  }

  private marksHere(): Mark[] {
    const { manifest, slice } = this.model;
    return manifest && slice ? this.marks.on(manifest.study, slice) : [];
  }

  private draw(): void {
    if (this.drawing === 0) this.drawing = requestAnimationFrame(() => this.drawNow());
  }

  private drawNow(): void {
    this.drawing = 0;
    const { model } = this;
    const open = this.ruler.mark;
    const marks = this.marksHere();
    const drawn = open ? [...marks.filter(({ uid }) => uid !== open.uid), open] : marks;
    this.screen.draw(model, model.slice && this.loader.best(model.slice), drawn);
    const { presenter, isApart } = this.follow;
    const isFollowing = presenter !== null && !presenter.isMe && !isApart;
    this.screen.point(model, isFollowing ? this.remotePointer : null, presenter?.name ?? "");
    this.screen.root.dataset.tool = this.tool;
    this.toolbar.show(model, this.tool, this.cine.isPlaying, marks.length > 0);
  }

  private showLeader(): void {
    this.screen.lead(this.follow.presenter, this.follow.isApart, () => this.rejoin());
    this.draw();
  }

  private sayError(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.screen.say(sentenceFor(error), { name: t("Thử lại"), run: () => this.retry() });
    if (error instanceof NotLoaded && error.status === 0) this.retrying = setTimeout(() => this.retry(), RETRY_MS);
  }

  private listenToPage(commands: Commands): void {
    const { signal } = this.closing;
    document.addEventListener("keydown", (event) => run(event, commands), { signal });
    window.addEventListener("online", () => this.retry(), { signal });
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

function sentenceFor(error: unknown): string {
  if (error instanceof NotDecoded) return t("Ảnh tải về bị hỏng. Hãy thử lại; nếu vẫn vậy, hãy gửi lại ảnh từ máy chụp.");
  if (!(error instanceof NotLoaded)) return t("Chưa hiện được ảnh. Hãy thử lại; nếu vẫn vậy, hãy tải lại trang.");
  if (error.status === 0) return t("Mất kết nối nên chưa tải được ảnh. Hệ thống sẽ tự thử lại; hãy kiểm tra mạng.");
  if (error.status === 401) return t("Phiên làm việc đã hết. Hãy tải lại trang và đăng nhập.");
  return error.message === "" ? t("Máy chủ chưa gửi được ảnh. Hãy thử lại sau ít phút.") : error.message;
}
