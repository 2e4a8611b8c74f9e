/** What this reader draws, chooses, moves, takes away and takes back; and what others drew. */

import { Caption } from "./caption";
import { apply } from "./geometry";
import { Marks } from "./marks";
import type { Kept } from "./marks";
import type { Model } from "./model";
import { Pen } from "./pen";
import { grab, pick } from "./picture";
import type { Drawn } from "./picture";
import type { Reading } from "./reading";
import { sliceKey } from "./stack";
import type { AnyMark, Author, Mark, Point } from "./state";
import { isMarkTool, saidOf, TOOLS } from "./tools";

const STEPS_KEPT = 100;

/** A mark before one's own step; null: it was not there. */
interface Step {
  readonly uid: string;
  readonly before: Mark | null;
}

export class Drawing {
  readonly caption = new Caption();
  private readonly marks: Marks;
  private readonly pen = new Pen();
  private steps: Step[] = [];
  private chosen: string | null = null;
  private writing: Mark | null = null; // its words are being typed

  /** `tell` says a mark to the others; `changesAll`: this one may change theirs too. */
  constructor(
    private readonly reading: Reading,
    private readonly me: Author,
    private readonly tell: (mark: Mark) => void,
    changesAll: boolean,
  ) {
    this.marks = new Marks(changesAll);
  }

  /** A mark came; false when it changes nothing. */
  take(mark: AnyMark, by: Author): boolean {
    const isNews = this.marks.accept(mark, by);
    if (isNews && mark.removed && mark.uid === this.chosen) this.chosen = null;
    return isNews;
  }

  /** The server did not take it: what is not kept is not shown, nor is there a way back to it. */
  refuse(uid: string): void {
    this.marks.refuse(uid);
    this.steps = this.steps.filter((step) => step.uid !== uid);
    if (this.chosen === uid && !this.marks.mayChange(uid)) this.chosen = null;
  }

  of(study: number): Kept[] {
    return this.marks.of(study);
  }

  get canUndo(): boolean {
    return this.steps.length > 0;
  }

  /** There is one chosen on the image shown, and this one may change it. */
  get canRemove(): boolean {
    return this.mine() !== null;
  }

  /** Everything on the image that a cell shows, with what is being drawn. */
  drawnOn({ slice, manifest }: Model): Drawn {
    const open = this.writing ?? this.pen.mark;
    const kept = slice && manifest ? this.marks.on(manifest.study, slice) : [];
    const isOpenHere = open?.study === manifest?.study && open && sliceKey(open.sop, open.frame) === slice?.key;
    const marks = isOpenHere ? [...kept.filter(({ uid }) => uid !== open.uid), open] : kept;
    return { marks, chosen: this.chosen, hasHandles: this.canRemove };
  }

  /** Another image is shown: what was begun on the one before is given up, what is being typed is kept. */
  leave(): void {
    this.caption.end();
    this.pen.cancel();
  }

  /** A press on the image: whether it is for drawing. */
  press(tool: string, at: Point, isTouch: boolean): boolean {
    this.caption.end();
    const { slice, manifest, matrix } = this.place;
    if (!slice || !manifest || !matrix || slice.made) return false; // a mark is of an image that others have too
    const isDrawing = isMarkTool(tool);
    if (!this.pen.isUnfinished) {
      // With a tool in hand any mark that one may change can be moved; else only the chosen one, so that dragging stays free.
      const movable = this.here().filter(({ uid }) => this.marks.mayChange(uid) && (isDrawing || uid === this.chosen));
      const grabbed = grab(movable, matrix, at, isTouch);
      if (grabbed) {
        this.pen.take(grabbed, at);
        this.chosen = grabbed.mark.uid;
        this.reading.draw();
        return true;
      }
    }
    if (isDrawing) this.pen.press(tool, manifest.study, slice, matrix, at);
    return isDrawing;
  }

  move(at: Point): void {
    const { slice, matrix } = this.place;
    if (!slice || !matrix || !this.pen.mark) return;
    this.pen.move(slice, matrix, at);
    this.reading.draw();
  }

  release(at: Point, isTouch: boolean): void {
    const { matrix } = this.place;
    if (!matrix) return;
    const mark = this.pen.release(matrix);
    if (mark) this.finish(mark, matrix);
    else if (!this.pen.mark) this.choose(at, isTouch);
    this.reading.draw();
  }

  /** A click: the mark there is chosen, or none. */
  choose(at: Point, isTouch: boolean): void {
    const { matrix } = this.place;
    if (!matrix) return;
    this.chosen = pick(this.here(), this.reading.screen.labels, matrix, at, isTouch)?.uid ?? null;
    this.reading.draw();
  }

  /** A second finger came down. */
  interrupt(): void {
    this.pen.undoStroke();
    this.reading.draw();
  }

  /** Give up what is being drawn; else what is chosen. */
  escape(): void {
    if (this.pen.mark) this.pen.cancel();
    else this.chosen = null;
    this.reading.draw();
  }

  remove(uid = this.chosen): void {
    const mark = uid === null ? undefined : this.marks.get(uid);
    if (mark && this.marks.mayChange(mark.uid)) this.commit({ ...mark, rev: mark.rev + 1, removed: true });
  }

  /** Take one's own last step back, on the image where it was done. */
  undo(): void {
    this.pen.cancel();
    const step = this.steps.pop();
    const now = step && this.marks.get(step.uid);
    if (!now) return;
    this.reading.jump(now);
    this.put({ ...(step.before ?? now), rev: now.rev + 1, removed: step.before?.removed ?? true });
  }

  jump(mark: Mark): void {
    this.reading.jump(mark);
    this.chosen = mark.uid;
    this.reading.draw();
  }

  private finish(mark: Mark, matrix: NonNullable<Drawing["place"]["matrix"]>): void {
    const { text } = TOOLS[mark.tool];
    if (text === "none" || mark.rev > 1) {
      this.commit(mark);
      return;
    }
    this.writing = mark;
    const last = mark.points[mark.points.length - 1] ?? [0, 0];
    this.caption.ask(apply(matrix, last), this.reading.screen.stage, (words) => {
      this.writing = null;
      if (words !== null && (words !== "" || text === "may")) this.commit({ ...mark, text: words });
      this.reading.draw();
    });
  }

  private commit(mark: Mark): void {
    this.steps.push({ uid: mark.uid, before: this.marks.get(mark.uid) ?? null });
    if (this.steps.length > STEPS_KEPT) this.steps.shift();
    this.put(mark);
  }

  private put(mark: Mark): void {
    if (!this.marks.put(mark, this.me)) return;
    this.chosen = mark.removed ? null : mark.uid;
    this.tell(mark);
    const { slice } = this.place;
    if (slice && this.isHere(mark)) this.reading.screen.hear(saidOf(mark, slice, this.reading.loader.best(slice)).lines.join(". "));
    this.reading.draw();
  }

  private get place() {
    const { model, screen } = this.reading;
    return { slice: model.slice, manifest: model.manifest, matrix: screen.matrix(model) };
  }

  private here(): Mark[] {
    const { slice, manifest } = this.place;
    return slice && manifest ? this.marks.on(manifest.study, slice) : [];
  }

  private isHere(mark: Mark): boolean {
    const { slice, manifest } = this.place;
    return mark.study === manifest?.study && sliceKey(mark.sop, mark.frame) === slice?.key;
  }

  /** What is chosen, where it is seen and may be changed. */
  private mine(): Mark | null {
    return this.here().find(({ uid }) => uid === this.chosen && this.marks.mayChange(uid)) ?? null;
  }
}
