/** The studies that there are to read: asked for, opened, asked for again; and what to say when that fails. */

import { t } from "../text";
import { NotDecoded } from "./decoders";
import { studiesOf } from "./grid";
import { hang } from "./hanging";
import { loadManifest, loadStudies, NotLoaded } from "./manifest";
import type { Manifest, StudySummary } from "./manifest";
import type { Model } from "./model";
import type { Reading } from "./reading";
import type { ViewState } from "./state";
import type { Strip } from "./strip";

const STUDIES_AGAIN_MS = 10_000;
const RETRY_MS = 4000;

export class Studies {
  /** Every study that was opened. */
  readonly manifests = new Map<number, Manifest>();
  private known: readonly StudySummary[] = [];
  private pending: ViewState | null = null; // came before its study did
  private retrying: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly root: string,
    private readonly reading: Reading,
    private readonly strip: Strip,
    private readonly closing: AbortSignal,
  ) {
    closing.addEventListener("abort", () => this.rest());
  }

  /** Ask again for what is there: more images may have come. */
  async start(): Promise<void> {
    this.rest();
    const { reading } = this;
    try {
      this.known = await loadStudies(this.root);
      if (this.isOver()) return;
      const { pending } = this;
      const open = reading.grid.studies;
      const wanted = new Set([...(pending ? studiesOf(pending) : []), ...open]);
      const first = this.known[0]?.study;
      if (wanted.size === 0 && first !== undefined) wanted.add(first);
      if (wanted.size === 0) {
        reading.screen.say(t("Chưa có ảnh nào trong ca này. Ảnh gửi lên sẽ tự hiện ở đây."));
        this.retrying = setTimeout(() => void this.start(), STUDIES_AGAIN_MS);
        return;
      }
      await this.load(...wanted);
      if (this.isOver()) return;
      if (open.length > 0) reading.cine.stop();
      this.pending = null;
      const hung = this.manifests.get(first ?? -1);
      if (pending) reading.grid.adopt(pending, this.manifests);
      else if (open.length === 0 && hung) reading.grid.hang(hung, hang(hung, reading.screen.grid.clientWidth));
      reading.shown();
    } catch (error) {
      this.sayError(error);
    }
  }

  /** Into the active cell; alone, it is hung as its modality asks. */
  async open(study: number): Promise<void> {
    const { grid, cine, screen } = this.reading;
    try {
      await this.load(study);
      const manifest = this.manifests.get(study);
      if (this.isOver() || !manifest) return;
      cine.stop();
      if (grid.isChosen) grid.active.model.open(manifest);
      else grid.hang(manifest, hang(manifest, screen.grid.clientWidth));
      this.reading.shown();
    } catch (error) {
      this.sayError(error);
    }
  }

  /** The newest older study of the same patient, of the same modality if there is one; null: none. */
  priorOf(study: number): number | null {
    const now = this.known.find((one) => one.study === study);
    if (!now) return null;
    const older = this.known
      .filter((one) => one.study !== study && one.patient_name === now.patient_name && one.study_date <= now.study_date)
      .sort((a, b) => b.study_date.localeCompare(a.study_date));
    const alike = older.find(({ modalities }) => modalities.some((modality) => now.modalities.includes(modality)));
    return (alike ?? older[0])?.study ?? null;
  }

  /** The current study and the one before it, side by side. */
  async besidePrior(): Promise<void> {
    const { grid } = this.reading;
    const study = grid.active.model.manifest?.study;
    const prior = study === undefined ? null : this.priorOf(study);
    if (prior === null) return;
    try {
      await this.load(prior);
      const manifest = this.manifests.get(prior);
      if (this.isOver() || !manifest) return;
      grid.beside(manifest);
      this.reading.shown();
      this.reading.send();
    } catch (error) {
      this.sayError(error);
    }
  }

  /** Show `state` once its studies and images are there; they are asked for once. */
  expect(state: ViewState): void {
    const isAskedFor = this.pending !== null && keyOf(this.pending) === keyOf(state);
    this.pending = state;
    if (!isAskedFor) void this.start();
  }

  /** The strip shows the study of the active cell. */
  showStrip({ manifest, series }: Model): void {
    this.strip.showStudies(this.known, manifest?.study);
    if (manifest) this.strip.showSeries(manifest, series);
  }

  private async load(...studies: readonly number[]): Promise<void> {
    for (const manifest of await Promise.all(studies.map((study) => loadManifest(this.root, study)))) {
      this.manifests.set(manifest.study, manifest);
      this.reading.grid.renew(manifest);
    }
  }

  private isOver(): boolean {
    return this.closing.aborted;
  }

  sayError(error: unknown): void {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.reading.screen.say(sentenceFor(error), { name: t("Thử lại"), run: () => this.retry() });
    if (error instanceof NotLoaded && error.status === 0) this.retrying = setTimeout(() => this.retry(), RETRY_MS);
  }

  /** Do again what failed; nothing while nothing did. */
  retry(): void {
    if (!this.reading.screen.isSaying) return;
    if (this.reading.model.slice) this.reading.shown();
    else void this.start();
  }

  /** Nothing is to be tried again any more. */
  rest(): void {
    clearTimeout(this.retrying);
  }
}

function sentenceFor(error: unknown): string {
  if (error instanceof NotDecoded) return t("Ảnh tải về bị hỏng. Hãy thử lại; nếu vẫn vậy, hãy gửi lại ảnh từ máy chụp.");
  if (!(error instanceof NotLoaded)) return t("Chưa hiện được ảnh. Hãy thử lại; nếu vẫn vậy, hãy tải lại trang.");
  if (error.status === 0) return t("Mất kết nối nên chưa tải được ảnh. Hệ thống sẽ tự thử lại; hãy kiểm tra mạng.");
  if (error.status === 401) return t("Phiên làm việc đã hết. Hãy tải lại trang và đăng nhập.");
  return error.message === "" ? t("Máy chủ chưa gửi được ảnh. Hãy thử lại sau ít phút.") : error.message;
}

/** What a state has to have here, whatever its windows and views are. */
function keyOf({ study, sop, layout }: ViewState): string {
  return JSON.stringify([study, sop, layout?.cells.map((cell) => cell && [cell.study, cell.sop])]);
}
