/** One file on its way to the server by tus: small ones in one request, large ones in pieces that resume. */
import { type DetailedError, type HttpRequest, type HttpResponse, Upload } from "tus-js-client";

import { csrf } from "../dom";
import { t } from "../text";
import { fingerprint } from "./sent";

const WHOLE_BYTES = 2 << 20;
const PIECE_BYTES = 4 << 20;
/** About a quarter of an hour of a line that is away; then the person is asked. */
const RETRY_MS = [0, 1000, 3000, 5000, 10_000, ...Array.from({ length: 28 }, () => 30_000)];
const NO_USE_TO_RETRY = new Set([400, 401, 403, 404, 412, 413, 415, 507]);
const POLL_MS = 1000;

export interface RefusedFile {
  name: string;
  code: string;
  sentence: string;
}

/** What became of a file: `studies` are where its images are; both may be of the same archive. */
export interface Outcome {
  url: string;
  instances: number;
  studies: number[];
  refused: RefusedFile[];
  refusedCount: number;
}

/** The server's answer at an upload's address. */
interface Told {
  state: "receiving" | "checking" | "done" | "refused";
  instances: number;
  studies: number[];
  refused: RefusedFile[];
  refused_count: number;
}

/** Why a file could not be sent, in a sentence to show. */
export class NotSent extends Error {}

export interface Transfer {
  /** Settles once: with the outcome, or with NotSent. A paused transfer settles only after it goes on. */
  readonly outcome: Promise<Outcome>;
  start(): void;
  pause(): void;
  cancel(): void;
}

export function transfer(file: File, endpoint: string, onProgress: (sentBytes: number) => void): Transfer {
  const isWhole = file.size <= WHOLE_BYTES;
  let resolve: (outcome: Outcome) => void;
  let reject: (reason: NotSent) => void;
  const outcome = new Promise<Outcome>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  const upload = new Upload(file, {
    endpoint,
    uploadDataDuringCreation: isWhole,
    chunkSize: isWhole ? Number.POSITIVE_INFINITY : PIECE_BYTES,
    storeFingerprintForResuming: !isWhole,
    removeFingerprintOnSuccess: true,
    fingerprint: () => Promise.resolve(`hoichan-upload-${fingerprint(file)}`),
    retryDelays: RETRY_MS,
    onShouldRetry: (error) => !NO_USE_TO_RETRY.has(error.originalResponse?.getStatus() ?? 0),
    onBeforeRequest: (request) => prepare(request, file, isWhole),
    onProgress: (sent) => onProgress(sent),
    onSuccess: ({ lastResponse }) => {
      onProgress(file.size);
      concluded(upload.url ?? "", lastResponse).then(resolve, (error: unknown) => reject(asNotSent(error)));
    },
    onError: (error) => reject(asNotSent(error)),
  });
  return {
    outcome,
    start: () => void resumed(upload, isWhole).then(() => upload.start()),
    pause: () => void upload.abort(),
    cancel: () => void upload.abort(!isWhole).catch(() => undefined),
  };
}

/** Go on where an earlier page stopped, when there was one. */
async function resumed(upload: Upload, isWhole: boolean): Promise<void> {
  if (isWhole || upload.url) return;
  const [previous] = await upload.findPreviousUploads();
  if (previous) upload.resumeFromPreviousUpload(previous);
}

/** Add what every request needs, and to a piece its hash: what arrives must be what was sent. */
async function prepare(request: HttpRequest, file: File, isWhole: boolean): Promise<void> {
  request.setHeader("X-CSRF-Token", csrf());
  const method = request.getMethod();
  const isPiece = method === "PATCH" || (method === "POST" && isWhole);
  // Without HTTPS a browser does not hash; TCP and the file's own structure still hold.
  if (!isPiece || !("subtle" in crypto)) return;
  const start = Number(request.getHeader("Upload-Offset") ?? 0);
  const piece = await file.slice(start, isWhole ? file.size : start + PIECE_BYTES).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", piece));
  request.setHeader("Upload-Checksum", `sha256 ${btoa(String.fromCharCode(...digest))}`);
}

/** The outcome, from the last answer's headers when they say it all, else from the upload's address. */
async function concluded(url: string, response: HttpResponse): Promise<Outcome> {
  const fromHeaders = outcomeOfHeaders(url, (name) => response.getHeader(name));
  if (fromHeaders) return fromHeaders;
  for (;;) {
    const told = await ask(url);
    if (told.state === "done" || told.state === "refused") {
      const { instances, studies, refused, refused_count: refusedCount } = told;
      return { url, instances, studies, refused, refusedCount };
    }
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}

/** Null where the address has more to tell: refusals, or a check that goes on. */
export function outcomeOfHeaders(url: string, header: (name: string) => string | undefined): Outcome | null {
  if (header("Upload-State") !== "done" || header("Upload-Refused") !== "0") return null;
  const studies = (header("Upload-Studies") ?? "").split(",").filter(Boolean).map(Number);
  return { url, instances: Number(header("Upload-Instances")), studies, refused: [], refusedCount: 0 };
}

async function ask(url: string): Promise<Told> {
  const response = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } });
  if (response.status >= 500) return { state: "checking", instances: 0, studies: [], refused: [], refused_count: 0 };
  if (!response.ok) throw new NotSent(sentenceOf(await response.text()));
  return (await response.json()) as Told;
}

/** Whether an address is still one of this person's uploads. */
export async function isMine(url: string): Promise<boolean> {
  const response = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } });
  return response.ok;
}

function asNotSent(error: unknown): NotSent {
  if (error instanceof NotSent) return error;
  const response = (error as Partial<DetailedError>).originalResponse;
  return new NotSent(response ? sentenceOf(response.getBody()) : t("Mất kết nối. Hãy kiểm tra mạng rồi bấm Gửi lại."));
}

/** The sentence of an RFC 9457 refusal. */
export function sentenceOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: string };
    if (detail) return detail;
  } catch {
    // A proxy's page, or nothing.
  }
  return t("Máy chủ chưa nhận được tệp. Hãy bấm Gửi lại sau ít phút.");
}
