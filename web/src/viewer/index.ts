/**
 * The viewer: series strip, image, controls. `openViewer` puts it into an element of the page.
 *
 * For tests: `data-study`, `data-sop`, `data-frame`, `data-loaded` ("", "quick", "full") on `.viewer` say what is
 * shown, and a `viewer-native` event sent to it gets `detail.image`, the ImageData of the image at its own size.
 */

import "./viewer.css";

import { element } from "../dom";
import { t } from "../text";
import { Cine } from "./cine";
import { Corners, spoken } from "./corners";
import { NotDecoded } from "./decoders";
import { Follow, Sender } from "./follow";
import { apply, fitScale, invert, mirrored, panned, toScreen, turned, WHOLE, zoomed } from "./geometry";
import type { Matrix, Size } from "./geometry";
import { listen } from "./gestures";
import type { Gestures, Tool } from "./gestures";
import { keySheet, run } from "./keys";
import type { Commands } from "./keys";
import { Loader } from "./loader";
import { loadManifest, loadStudies, NotLoaded } from "./manifest";
import type { StudySummary } from "./manifest";
import { drawMarks, grab, Marks, newUid } from "./marks";
import type { Grabbed } from "./marks";
import { Model } from "./model";
import { Painter, renderNative } from "./paint";
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
  applyView(state: ViewState, from: string): void;
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
const MOST_PIXEL_RATIO = 2; // more costs a phone its battery, and shows nothing more of these images

export function openViewer(root: HTMLElement, options: ViewerOptions): Viewer {
  return new OpenViewer(root, options);
}

class OpenViewer implements Viewer, Gestures {
  tool: Tool = matchMedia("(pointer: coarse)").matches ? "scroll" : "window";

  private readonly model = new Model();
  private readonly marks = new Marks();
  private readonly follow = new Follow();
  private readonly sender: Sender;
  private readonly loader: Loader;
  private readonly cine: Cine;
  private readonly closing = new AbortController();

  private readonly root = element("section", { className: "viewer", attributes: { "aria-label": t("Xem ảnh") } });
  private readonly stage = element("div", {
    className: "viewer-stage",
    tabIndex: 0,
    attributes: { role: "group", "aria-label": t("Ảnh: mũi tên để cuộn, dấu hỏi để xem các phím") },
  });
  private readonly canvas = element("canvas", { className: "viewer-canvas", attributes: { "aria-hidden": "true" } });
  private readonly layer = element("canvas", { className: "viewer-canvas", attributes: { "aria-hidden": "true" } });
  private readonly corners = new Corners();
  private readonly track = element("div", { className: "viewer-track", attributes: { "aria-hidden": "true" } }, element("div", {}));
  private readonly notice = element("div", { className: "viewer-notice", hidden: true, attributes: { role: "status" } });
  private readonly leader = element("div", { className: "viewer-leader" });
  private readonly live = element("p", { className: "viewer-live", attributes: { "aria-live": "polite" } });
  private readonly help = keySheet();
  private readonly strip: Strip;
  private readonly toolbar: Toolbar;
  private readonly painter = new Painter(this.canvas);

  private studies: readonly StudySummary[] = [];
  private pending: ViewState | null = null; // came before its study did
  private direction: 1 | -1 = 1;
  private pointer: Point | null = null; // mine, on the image
  private remotePointer: Point | null = null;
  private measuring: { mark: Mark; grabbed: Grabbed | null } | null = null;
  private drawing = 0;
  private speaking: ReturnType<typeof setTimeout> | undefined;
  private retrying: ReturnType<typeof setTimeout> | undefined;

  constructor(
    host: HTMLElement,
    private readonly options: ViewerOptions,
  ) {
    const commands = this.commands();
    this.sender = new Sender(options.onView);
    this.loader = new Loader(options.imagesRoot, () => this.model.manifest?.study ?? 0, (slice, frame) => {
      this.model.arrived(slice, frame);
      if (slice.key === this.model.slice?.key) this.draw();
    });
    this.cine = new Cine(() => this.playOn(), () => this.model.slice);
    this.strip = new Strip(options.imagesRoot, {
      onStudy: (study) => this.act(() => void this.openStudy(study)),
      onSeries: (series) => this.act(() => this.model.chooseSeries(series) && this.shown()),
    });
    this.toolbar = new Toolbar(commands);
    this.stage.append(this.canvas, this.layer, this.corners.root, this.track, this.leader, this.notice);
    const body = element("div", { className: "viewer-body" }, this.strip.root, this.stage, this.toolbar.root);
    this.root.append(body, this.live, this.help);
    host.replaceChildren(this.root);
    listen(this.stage, this);
    const { signal } = this.closing;
    document.addEventListener("keydown", (event) => run(event, commands), { signal });
    window.addEventListener("online", () => this.retry(), { signal });
    this.root.addEventListener("viewer-native", (event) => {
      const image = this.renderNative();
      if (event instanceof CustomEvent && image) (event.detail as NativeImage).image = image;
    });
    const observer = new ResizeObserver(() => this.draw());
    observer.observe(this.stage);
    signal.addEventListener("abort", () => observer.disconnect());
    void this.start();
  }

  // The page's side: see Viewer.

  applyView(state: ViewState): void {
    if (this.follow.arrived(state)) this.adopt(state);
    this.showLeader();
  }

  applyMark(mark: Mark): void {
    if (this.marks.put(mark)) this.draw();
  }

  setPresenter(presenter: Presenter | null): void {
    this.follow.setPresenter(presenter);
    if (presenter?.isMe !== false) this.remotePointer = null;
    if (presenter?.isMe) this.send();
    this.showLeader();
    this.draw();
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
    clearTimeout(this.speaking);
    clearTimeout(this.retrying);
    cancelAnimationFrame(this.drawing);
    this.root.remove();
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
    const tidy = (value: number) => (voi[1] > 20 ? Math.round(value) : Math.round(value * 10) / 10);
    this.act(() => this.window([tidy(voi[0] + dy * step), Math.max(1, tidy(voi[1] + dx * step)), voi[2]]));
  }

  pan(by: Point): void {
    this.look((image, view, size) => panned(image, view, size, by));
  }

  zoom(factor: number, at: Point): void {
    this.look((image, view, size) => zoomed(image, view, size, view[2] * factor, at));
  }

  fit(): void {
    this.look((image, view) => [...(WHOLE(image).slice(0, 3) as [number, number, number]), view[3], view[4], view[5]]);
  }

  pixelsPerImage(): number {
    return Math.max(3, Math.min(24, this.stage.clientHeight / Math.max(1, this.model.stack.length)));
  }

  hover(at: Point | null): void {
    const matrix = this.matrix();
    const point = at && matrix ? apply(invert(matrix), at) : null;
    const image = this.model.slice?.image;
    const isOn = point && image && point[0] >= 0 && point[1] >= 0 && point[0] <= image.columns && point[1] <= image.rows;
    const next = isOn ? ([round(point[0]), round(point[1])] as const) : null;
    if (next === null && this.pointer === null) return;
    this.pointer = next;
    if (this.follow.presenter?.isMe) this.send();
  }

  measureFrom(at: Point, isTouch: boolean): void {
    const { manifest, slice } = this.model;
    const matrix = this.matrix();
    if (!manifest || !slice || !matrix) return;
    const grabbed = grab(this.marks.on(manifest.study, slice), matrix, at, isTouch);
    const point = apply(invert(matrix), at);
    const mark: Mark = grabbed
      ? { ...grabbed.mark, rev: grabbed.mark.rev + 1 }
      : { uid: newUid(), rev: 1, study: manifest.study, sop: slice.image.sop, frame: slice.frame, tool: "length", points: [point, point], removed: false };
    this.measuring = { mark, grabbed };
  }

  measureTo(at: Point): void {
    const { measuring } = this;
    const matrix = this.matrix();
    if (!measuring || !matrix) return;
    const [x, y] = apply(invert(matrix), at);
    const point: Point = [round(x), round(y)];
    const [from, to] = measuring.mark.points;
    measuring.mark = { ...measuring.mark, points: measuring.grabbed?.end === 0 ? [point, to] : [from, point] };
    this.draw();
  }

  measured(): void {
    const { measuring } = this;
    const matrix = this.matrix();
    this.measuring = null;
    if (!measuring || !matrix) return;
    const [from, to] = measuring.mark.points.map((point) => apply(matrix, point)) as [Point, Point];
    const isLine = Math.hypot(from[0] - to[0], from[1] - to[1]) > 4; // else it was a click
    if (isLine && this.marks.put(measuring.mark)) this.options.onMark(measuring.mark);
    this.draw();
  }

  // Keys and buttons.

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
      actualSize: () => this.look((image, [cx, cy, , rotation, flipH, flipV], size) => [cx, cy, 1 / fitScale(image, rotation, size), rotation, flipH, flipV]),
      zoomBy: (factor) => this.zoom(factor, [this.stage.clientWidth / 2, this.stage.clientHeight / 2]),
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
    const preset = presetsOf(model)[n - 1];
    const { slice, voi } = model;
    if (!preset || !slice) return;
    const frame = this.loader.best(slice);
    this.act(() => {
      if (preset.window === "file") {
        model.resetVoi(frame);
        this.draw();
      } else if (preset.window !== "full") this.window([preset.window.center, preset.window.width, voi?.[2] ?? 0]);
      else if (frame) this.window(fullVoi(slice.facts, frame.low, frame.high));
    });
  }

  private removeMark(): void {
    const { manifest, slice } = this.model;
    const last = manifest && slice ? this.marks.last(manifest.study, slice) : undefined;
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
    else if (model.slice) void this.loader.show(model.slice, model.neighbours(1)).catch(() => undefined);
    return isReady;
  }

  // What is shown.

  private async start(): Promise<void> {
    clearTimeout(this.retrying);
    try {
      this.studies = await loadStudies(this.options.imagesRoot);
      if (this.closing.signal.aborted) return;
      const wanted = this.pending?.study ?? this.model.manifest?.study ?? this.studies[0]?.study;
      if (wanted === undefined) {
        this.say(t("Chưa có ảnh nào trong ca này. Ảnh gửi lên sẽ tự hiện ở đây."));
        this.retrying = setTimeout(() => void this.start(), STUDIES_AGAIN_MS);
        return;
      }
      await this.openStudy(wanted);
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
    this.say("");
    clearTimeout(this.retrying);
    this.loader.show(slice, this.model.neighbours(this.direction)).then(
      () => this.draw(),
      (error: unknown) => {
        if (slice.key === this.model.slice?.key) this.sayError(error);
      },
    );
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => (this.live.textContent = spoken(this.model)), 700);
  }

  private retry(): void {
    if (this.notice.hidden) return;
    if (this.model.slice) this.shown();
    else void this.start();
  }

  /** Do what the reader asked for, and tell the others if that is for this one to do. */
  private act(change: () => unknown): void {
    const wasApart = this.follow.isApart;
    const consequence = this.follow.acted();
    change();
    if (consequence === "send") this.send();
    if (this.follow.isApart !== wasApart) this.showLeader();
  }

  private send(): void {
    const state = this.view();
    if (state && this.follow.presenter?.isMe) this.sender.offer(state);
  }

  private window(voi: Voi): void {
    this.model.setVoi(voi);
    this.draw();
  }

  private look(change: (image: Parameters<typeof WHOLE>[0], view: View, size: Size) => View): void {
    const { slice } = this.model;
    if (!slice) return;
    this.act(() => {
      this.model.view = change(slice.image, this.model.view, this.size()).map(round) as unknown as View;
      this.draw();
    });
  }

  private size(): Size {
    return { width: Math.max(1, this.stage.clientWidth), height: Math.max(1, this.stage.clientHeight) };
  }

  private matrix(): Matrix | null {
    const { slice, view } = this.model;
    return slice ? toScreen(slice.image, view, this.size()) : null;
  }

  private draw(): void {
    if (this.drawing === 0) this.drawing = requestAnimationFrame(() => this.drawNow());
  }

  private drawNow(): void {
    this.drawing = 0;
    const { model } = this;
    const { slice, manifest, voi, view } = model;
    const size = this.size();
    const ratio = Math.min(MOST_PIXEL_RATIO, devicePixelRatio);
    const pixels = { width: Math.round(size.width * ratio), height: Math.round(size.height * ratio) };
    const frame = slice ? this.loader.best(slice) : null;
    this.painter.paint(frame, slice, manifest?.luts ?? {}, voi, view, pixels);
    const marks = slice && manifest ? this.marks.on(manifest.study, slice) : [];
    this.drawLayer(marks, pixels, ratio);
    const loaded = frame === null ? "" : frame.level === 0 ? "full" : "quick";
    this.corners.show(model, size, loaded);
    this.pointAt();
    this.showTrack();
    this.toolbar.show(model, this.tool, this.cine.isPlaying, marks.length > 0);
    const { dataset } = this.root;
    dataset.study = String(manifest?.study ?? "");
    dataset.sop = slice?.image.sop ?? "";
    dataset.frame = String(slice?.frame ?? "");
    dataset.loaded = loaded;
    dataset.tool = this.tool;
  }

  private drawLayer(marks: readonly Mark[], pixels: Size, ratio: number): void {
    const { slice } = this.model;
    const matrix = this.matrix();
    const context = this.layer.getContext("2d");
    if (!slice || !matrix || !context) return;
    if (this.layer.width !== pixels.width || this.layer.height !== pixels.height) {
      this.layer.width = pixels.width;
      this.layer.height = pixels.height;
    }
    const open = this.measuring?.mark;
    const all = open ? [...marks.filter(({ uid }) => uid !== open.uid), open] : marks;
    drawMarks(context, all, slice, matrix, ratio);
  }

  private pointAt(): void {
    const matrix = this.matrix();
    const { presenter, isApart } = this.follow;
    const point = this.remotePointer;
    const isShown = point && matrix && presenter && !presenter.isMe && !isApart;
    this.corners.point(isShown ? apply(matrix, point) : null, presenter ? t("{name} đang chỉ", { name: presenter.name }) : "");
  }

  private showTrack(): void {
    const { stack, at } = this.model;
    const thumb = this.track.firstElementChild;
    this.track.hidden = stack.length < 2;
    if (!(thumb instanceof HTMLElement) || stack.length < 2) return;
    const share = Math.max(0.04, 1 / stack.length);
    thumb.style.height = `${share * 100}%`;
    thumb.style.top = `${(at / (stack.length - 1)) * (1 - share) * 100}%`;
  }

  private showLeader(): void {
    const { presenter, isApart } = this.follow;
    if (!presenter) {
      this.leader.replaceChildren();
      return;
    }
    if (presenter.isMe) {
      this.leader.replaceChildren(element("span", {}, t("Bạn đang dẫn")));
      return;
    }
    const { name } = presenter;
    if (!isApart) {
      this.leader.replaceChildren(element("span", {}, t("{name} đang dẫn", { name })));
      return;
    }
    const back = element("button", { type: "button", className: "viewer-button viewer-rejoin" }, t("Về cùng {name}", { name }));
    back.addEventListener("click", () => this.rejoin());
    this.leader.replaceChildren(back);
    this.draw();
  }

  private say(text: string, action?: HTMLElement): void {
    this.notice.hidden = text === "";
    this.notice.replaceChildren(...(text === "" ? [] : [element("p", {}, text)]), ...(action ? [action] : []));
  }

  private sayError(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    const again = element("button", { type: "button", className: "viewer-button" }, t("Thử lại"));
    again.addEventListener("click", () => this.retry());
    this.say(sentenceFor(error), again);
    if (error instanceof NotLoaded && error.status === 0) this.retrying = setTimeout(() => this.retry(), RETRY_MS);
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

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
