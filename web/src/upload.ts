/** The place on a page where studies are sent from: files, folders, archives; with progress, pause and resume. */
import { element } from "./dom";
import { t } from "./text";
import { filesOfDrop, worthSending } from "./upload/files";
import { Meter, megabytes, type Reading } from "./upload/meter";
import { NOT_SENT, Queue, type Totals } from "./upload/queue";
import { fingerprint, Sent } from "./upload/sent";
import { isMine, transfer } from "./upload/transfer";

const STREAMS = 4;
const DRAW_MS = 250;
const SAY_MS = 10_000;
const MAX_LISTED = 50;

export interface UploadOptions {
  endpoint: string;
  /** Files above are not tried; the server refuses them in any case. */
  limitBytes?: number;
  /** All files are done or refused, and these studies got images; `refused` files are still on the screen. */
  onStudies(ids: number[], refused: number): void;
}

/** Build the upload inside `root`. */
export function mountUpload(root: HTMLElement, options: UploadOptions): void {
  const view = build();
  const meter = new Meter();
  const sent = new Sent(window.localStorage);
  let drawing: number | undefined;
  let saidAt = 0;

  const queue = new Queue({
    streams: STREAMS,
    begin: (file, onProgress) => {
      const begun = transfer(file, options.endpoint, onProgress);
      begun.outcome.then(
        ({ url, studies, refusedCount }) => {
          if (refusedCount === 0) sent.add(fingerprint(file), url, studies, Date.now());
        },
        () => undefined, // the queue tells of it
      );
      return begun;
    },
    onChange: () => (drawing ??= window.setTimeout(draw, DRAW_MS)),
    onIdle: (studies) => {
      draw();
      say(summary(queue.totals, queue.refusedCount));
      if (studies.length > 0) options.onStudies(studies, queue.refusedCount);
    },
  });

  function say(text: string): void {
    saidAt = Date.now();
    view.live.textContent = text;
  }

  function draw(): void {
    window.clearTimeout(drawing);
    drawing = undefined;
    const totals = queue.totals;
    const reading = meter.read(totals.sentBytes, totals.totalBytes, performance.now());
    const isBusy = !queue.isIdle;
    view.progress.hidden = queue.items.length === 0;
    view.bar.value = reading.share;
    view.bar.setAttribute("aria-valuetext", `${Math.floor(reading.share * 100)}%`);
    view.status.textContent = isBusy ? progressText(totals, reading, queue.isPaused) : summary(totals, queue.refusedCount);
    view.pause.hidden = !isBusy;
    view.pause.textContent = queue.isPaused ? t("Gửi tiếp") : t("Tạm dừng");
    view.cancel.hidden = !isBusy;
    view.retry.hidden = isBusy || !queue.refused.some((refused) => refused.code === NOT_SENT);
    view.sending.replaceChildren(
      ...queue.sending.map((item) =>
        element(
          "li",
          {},
          element("span", { className: "upload-name" }, item.file.name),
          element("progress", { max: 1, value: item.sentBytes / item.file.size, attributes: { "aria-label": item.file.name } }),
        ),
      ),
    );
    drawRefused(view.refused, queue);
    if (isBusy && !queue.isPaused && Date.now() - saidAt > SAY_MS) say(view.status.textContent);
  }

  async function take(chosen: File[]): Promise<void> {
    const files = worthSending(chosen);
    if (files.length === 0) {
      say(t("Không có tệp nào để gửi. Hãy chọn tệp ảnh DICOM, thư mục ảnh hoặc tệp zip."));
      view.status.textContent = view.live.textContent;
      view.progress.hidden = false;
      return;
    }
    const limit = options.limitBytes ?? Number.POSITIVE_INFINITY;
    const known = await alreadySent(files, sent);
    if (queue.isIdle) meter.restart();
    for (const file of files.filter((one) => one.size > limit)) {
      const sentence = t("Tệp lớn hơn {limit}, mức hệ thống nhận. Hãy chia nhỏ hoặc gửi thư mục ảnh.", {
        limit: megabytes(limit),
      });
      queue.refuse(file, "too-large", sentence);
    }
    queue.add(
      files.filter((one) => one.size <= limit),
      known,
    );
    draw();
  }

  for (const input of [view.files, view.folder]) {
    input.addEventListener("change", () => {
      void take([...(input.files ?? [])]);
      input.value = "";
    });
  }
  view.drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    view.drop.classList.add("is-over");
  });
  view.drop.addEventListener("dragleave", () => view.drop.classList.remove("is-over"));
  view.drop.addEventListener("drop", (event) => {
    event.preventDefault();
    view.drop.classList.remove("is-over");
    if (event.dataTransfer) void filesOfDrop(event.dataTransfer).then(take);
  });
  view.pause.addEventListener("click", () => {
    meter.restart();
    if (queue.isPaused) queue.goOn();
    else queue.pause();
    draw();
  });
  view.cancel.addEventListener("click", () => {
    queue.cancel();
    say(t("Đã hủy. Ảnh đã gửi xong vẫn được giữ."));
    draw();
  });
  view.retry.addEventListener("click", () => {
    meter.restart();
    queue.retry();
    draw();
  });
  window.addEventListener("beforeunload", (event) => {
    if (!queue.isIdle) event.preventDefault();
  });
  root.replaceChildren(view.section);
}

/** Which files an earlier page sent, for the person who is signed in now. */
async function alreadySent(files: File[], sent: Sent): Promise<Map<File, number[]>> {
  const found = new Map<File, number[]>();
  let aUrl = "";
  for (const file of files) {
    const entry = sent.find(fingerprint(file), Date.now());
    if (!entry) continue;
    found.set(file, entry.studies);
    aUrl = entry.url;
  }
  if (aUrl && !(await isMine(aUrl).catch(() => false))) {
    sent.forget();
    return new Map();
  }
  return found;
}

/** "12 / 300 tệp · 45,1 / 150 MB · còn khoảng 3 phút". */
export function progressText(totals: Totals, reading: Reading, isPaused: boolean): string {
  const parts = [
    t("{done} / {all} tệp", { done: totals.finished, all: totals.files }),
    t("{sent} / {total}", { sent: megabytes(reading.sentBytes), total: megabytes(reading.totalBytes) }),
  ];
  if (isPaused) parts.push(t("đang tạm dừng"));
  else if (reading.sentBytes >= reading.totalBytes) parts.push(t("đang kiểm tra ảnh"));
  else if (reading.leftSeconds !== null) parts.push(timeLeft(reading.leftSeconds));
  return parts.join(" · ");
}

export function timeLeft(seconds: number): string {
  if (seconds < 60) return t("còn chưa đầy 1 phút");
  if (seconds < 3600) return t("còn khoảng {minutes} phút", { minutes: Math.round(seconds / 60) });
  return t("còn khoảng {hours} giờ {minutes} phút", {
    hours: Math.floor(seconds / 3600),
    minutes: Math.round((seconds % 3600) / 60),
  });
}

function summary(totals: Totals, refusedCount: number): string {
  const sent = t("Đã gửi xong {done} / {all} tệp.", { done: totals.finished, all: totals.files });
  if (refusedCount === 0) return sent;
  return `${sent} ${t("{count} tệp không nhận được, xem bên dưới.", { count: refusedCount })}`;
}

function drawRefused(list: HTMLUListElement, queue: Queue): void {
  const listed = queue.refused.slice(0, MAX_LISTED);
  const more = queue.refusedCount - listed.length;
  list.hidden = listed.length === 0;
  list.replaceChildren(
    ...listed.map((refused) =>
      element(
        "li",
        { attributes: { "data-code": refused.code } },
        element("span", { className: "upload-name" }, refused.name),
        element("span", { className: "upload-reason" }, refused.sentence),
      ),
    ),
    ...(more > 0 ? [element("li", {}, t("và {count} tệp khác", { count: more }))] : []),
  );
}

interface View {
  section: HTMLElement;
  drop: HTMLElement;
  files: HTMLInputElement;
  folder: HTMLInputElement;
  progress: HTMLElement;
  bar: HTMLProgressElement;
  status: HTMLElement;
  live: HTMLElement;
  pause: HTMLButtonElement;
  cancel: HTMLButtonElement;
  retry: HTMLButtonElement;
  sending: HTMLUListElement;
  refused: HTMLUListElement;
}

function build(): View {
  const files = element("input", { type: "file", multiple: true, className: "upload-input visually-hidden" });
  const folder = element("input", { type: "file", multiple: true, className: "upload-input visually-hidden" });
  folder.webkitdirectory = true;
  const button = (className: string): HTMLButtonElement => element("button", { type: "button", className, hidden: true });
  const drop = element(
    "div",
    { className: "upload-drop" },
    element("p", {}, t("Kéo tệp ảnh DICOM, cả thư mục hoặc tệp zip vào đây, hoặc")),
    element(
      "div",
      { className: "upload-choices" },
      element("label", { className: "btn btn-outline-primary" }, t("Chọn tệp"), files),
      element("label", { className: "btn btn-outline-primary" }, t("Chọn thư mục"), folder),
    ),
  );
  const bar = element("progress", { max: 1, value: 0, attributes: { "aria-label": t("Đã gửi") } });
  const status = element("p", { className: "upload-status" });
  const live = element("p", { className: "visually-hidden", attributes: { "aria-live": "polite" } });
  const pause = button("btn btn-sm btn-outline-secondary");
  const cancel = button("btn btn-sm btn-outline-danger");
  const retry = button("btn btn-sm btn-primary");
  cancel.textContent = t("Hủy");
  retry.textContent = t("Gửi lại");
  const sending = element("ul", { className: "upload-sending" });
  const refused = element("ul", { className: "upload-refused", hidden: true, attributes: { "aria-label": t("Tệp không nhận được") } });
  const buttons = element("div", { className: "upload-buttons" }, pause, cancel, retry);
  const progress = element("div", { className: "upload-progress", hidden: true }, bar, status, buttons, sending, refused);
  const section = element("section", { className: "upload", attributes: { "aria-label": t("Gửi ảnh") } }, drop, progress, live);
  return { section, drop, files, folder, progress, bar, status, live, pause, cancel, retry, sending, refused };
}
