/** The studies that there are to read: asked for, opened, asked for again; and what to say when that fails. */

import { t } from "../text";
import { NotDecoded } from "./decoders";
import { loadManifest, loadStudies, NotLoaded } from "./manifest";
import type { StudySummary } from "./manifest";
import type { Reading } from "./reading";
import type { ViewState } from "./state";
import type { Strip } from "./strip";

const STUDIES_AGAIN_MS = 10_000;
const RETRY_MS = 4000;

export class Studies {
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

  async start(): Promise<void> {
    this.rest();
    const { model, screen } = this.reading;
    try {
      this.known = await loadStudies(this.root);
      if (this.closing.aborted) return;
      const wanted = this.pending?.study ?? model.manifest?.study ?? this.known[0]?.study;
      if (wanted !== undefined) {
        await this.open(wanted);
        return;
      }
      screen.say(t("Chưa có ảnh nào trong ca này. Ảnh gửi lên sẽ tự hiện ở đây."));
      this.retrying = setTimeout(() => void this.start(), STUDIES_AGAIN_MS);
    } catch (error) {
      this.sayError(error);
    }
  }

  async open(study: number): Promise<void> {
    const { model, cine } = this.reading;
    try {
      const manifest = await loadManifest(this.root, study);
      if (this.closing.aborted) return;
      cine.stop();
      model.open(manifest);
      this.strip.showStudies(this.known, study);
      this.strip.showSeries(manifest, model.series);
      const { pending } = this;
      this.pending = null;
      if (pending) model.adopt(pending);
      this.reading.shown();
    } catch (error) {
      this.sayError(error);
    }
  }

  /** Show `state` once its study or image is there; it is asked for once. */
  expect(state: ViewState): void {
    const isAskedFor = this.pending?.study === state.study && this.pending.sop === state.sop;
    this.pending = state;
    if (!isAskedFor) void this.start();
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
