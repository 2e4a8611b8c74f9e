/** Camera and microphone: opened together or one by one, and what to do when the browser refuses. */

import { t } from "./text";

export type Kind = "audio" | "video";

/** A refusal of the browser in plain words: what is so, and the steps that repair it. */
export interface Hint {
  readonly kind: Kind;
  readonly name: string;
  readonly title: string;
  readonly steps: readonly string[];
}

export interface Opened {
  readonly audio: MediaStreamTrack | null;
  readonly video: MediaStreamTrack | null;
  readonly hints: readonly Hint[];
}

export interface Choice {
  readonly audioId?: string;
  readonly videoId?: string;
}

const SOUND: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const PICTURE: MediaTrackConstraints = {
  width: { ideal: 640 },
  height: { ideal: 480 },
  frameRate: { ideal: 25, max: 30 },
  facingMode: "user",
};

type Browser = "safari" | "firefox" | "chromium";

export function browserOf(agent: string): Browser {
  if (agent.includes("Firefox/")) return "firefox";
  return agent.includes("Safari/") && !/Chrom(e|ium)\//.test(agent) ? "safari" : "chromium";
}

function allowSteps(browser: Browser): string[] {
  switch (browser) {
    case "safari":
      return [
        t("Mở Safari → Cài đặt cho trang web này (biểu tượng aA hoặc menu Safari)."),
        t("Đặt Camera và Micrô thành “Cho phép”, rồi bấm Thử lại."),
      ];
    case "firefox":
      return [
        t("Bấm biểu tượng camera hoặc micrô bị gạch ở bên trái ô địa chỉ."),
        t("Bấm dấu × cạnh “Đã chặn”, rồi bấm Thử lại và chọn “Cho phép”."),
      ];
    case "chromium":
      return [
        t("Bấm biểu tượng cài đặt ở bên trái ô địa chỉ."),
        t("Bật Camera và Micrô cho trang này, rồi bấm Thử lại."),
      ];
  }
}

/** The hint for what `getUserMedia` threw (names of the Media Capture standard). */
export function hintFor(name: string, kind: Kind, browser: Browser = browserOf(navigator.userAgent)): Hint {
  const isSound = kind === "audio";
  const hint = (title: string, steps: string[]): Hint => ({ kind, name, title, steps });
  switch (name) {
    case "NotAllowedError":
      return hint(
        isSound ? t("Trình duyệt chưa được phép dùng micrô.") : t("Trình duyệt chưa được phép dùng camera."),
        allowSteps(browser),
      );
    case "NotFoundError":
    case "OverconstrainedError":
      return hint(isSound ? t("Không tìm thấy micrô.") : t("Không tìm thấy camera."), [
        isSound ? t("Cắm tai nghe có micrô hoặc micrô USB.") : t("Cắm camera USB, hoặc mở nắp che camera."),
        t("Đợi vài giây rồi bấm Thử lại."),
      ]);
    case "NotReadableError":
    case "AbortError":
      return hint(isSound ? t("Micrô đang bị chương trình khác giữ.") : t("Camera đang bị chương trình khác giữ."), [
        t("Đóng Zalo, Zoom, Teams hoặc cửa sổ khác đang gọi."),
        t("Rút thiết bị ra, cắm lại, rồi bấm Thử lại."),
      ]);
    case "InsecureContext":
      return hint(t("Trang này không mở bằng https nên trình duyệt không cho dùng camera và micrô."), [
        t("Mở lại bằng địa chỉ bắt đầu bằng https://, hoặc nhờ phòng công nghệ thông tin."),
      ]);
    default:
      return hint(isSound ? t("Chưa mở được micrô.") : t("Chưa mở được camera."), [
        t("Tải lại trang rồi thử lại. Nếu vẫn không được, thử trình duyệt Chrome hoặc Edge."),
      ]);
  }
}

function constraints(kind: Kind, choice: Choice): MediaTrackConstraints {
  const id = kind === "audio" ? choice.audioId : choice.videoId;
  return { ...(kind === "audio" ? SOUND : PICTURE), ...(id ? { deviceId: { exact: id } } : {}) };
}

function nameOf(problem: unknown): string {
  return problem instanceof DOMException ? problem.name : "Unknown";
}

async function openOne(kind: Kind, choice: Choice): Promise<MediaStreamTrack | Hint> {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints(kind, choice) });
    return stream.getTracks()[0] ?? hintFor("NotFoundError", kind);
  } catch (problem) {
    return hintFor(nameOf(problem), kind);
  }
}

/** Open both with one question to the person; where that fails each alone, so that one does not cost the other. */
export async function openDevices(choice: Choice = {}): Promise<Opened> {
  // Undefined outside https and loopback, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) return { audio: null, video: null, hints: [hintFor("InsecureContext", "audio")] };
  try {
    const stream = await devices.getUserMedia({
      audio: constraints("audio", choice),
      video: constraints("video", choice),
    });
    return { audio: stream.getAudioTracks()[0] ?? null, video: stream.getVideoTracks()[0] ?? null, hints: [] };
  } catch {
    const found = [await openOne("audio", choice), await openOne("video", choice)];
    const tracks = found.filter((one): one is MediaStreamTrack => one instanceof MediaStreamTrack);
    return {
      audio: tracks.find(({ kind }) => kind === "audio") ?? null,
      video: tracks.find(({ kind }) => kind === "video") ?? null,
      hints: found.filter((one): one is Hint => !(one instanceof MediaStreamTrack)),
    };
  }
}

/** The devices there are; without permission their names are empty. */
export async function listDevices(): Promise<MediaDeviceInfo[]> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  return devices ? devices.enumerateDevices() : [];
}

/** Call `changed` when a device is plugged in or out. */
export function onDeviceChange(changed: () => void): void {
  (navigator.mediaDevices as MediaDevices | undefined)?.addEventListener("devicechange", changed);
}

/** How loud the microphone is now, 0 to 1; call the result's `stop` at the end. */
export function meter(track: MediaStreamTrack): { level(): number; stop(): void } {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level: () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
      return Math.min(1, Math.sqrt(power) * 4);
    },
    stop: () => void context.close(),
  };
}
