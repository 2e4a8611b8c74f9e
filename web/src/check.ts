/** Before the room: is the camera seen, the voice heard, the line wide enough? Twenty seconds, or one click past it. */

import { showHints } from "./devicebox";
import { meter, onDeviceChange, openDevices, type Opened } from "./devices";
import { announce, element, postJson } from "./dom";
import { type LineFigures, measureLine, type Verdict, verdict } from "./linecheck";
import { t } from "./text";

export interface CheckData {
  readonly check_socket_path?: string;
  readonly report_url?: string;
}

type Mood = "busy" | "good" | "poor" | "bad";

const TONE_HERTZ = 440;
const HEARD_LEVEL = 0.03;

function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`check.html lacks #${id}`);
  return found;
}

function megabits(bitsPerSecond: number): string {
  return (bitsPerSecond / 1e6).toLocaleString("vi-VN", { maximumFractionDigits: 1 });
}

export class Check {
  private opened: Opened = { audio: null, video: null, hints: [] };
  private stopMeter: () => void = () => undefined;
  private line: LineFigures | null = null;
  private heard = false;

  constructor(private readonly data: CheckData) {}

  start(): void {
    part("check-tone").onclick = () => this.tone();
    part("check-line-again").onclick = () => void this.measure();
    onDeviceChange(() => void this.open());
    void Promise.all([this.open(), this.measure()]).then(() => this.report());
    addEventListener("pagehide", () => this.close());
  }

  private close(): void {
    this.stopMeter();
    this.opened.audio?.stop();
    this.opened.video?.stop();
  }

  // --- camera and microphone --------------------------------------------------------------------

  private async open(): Promise<void> {
    this.close();
    this.say("check-camera-state", "busy", t("Đang mở camera…"));
    this.say("check-mic-state", "busy", t("Đang mở micrô…"));
    this.opened = await openDevices();
    showHints(part("check-hints"), this.opened.hints, () => void this.open());
    this.showCamera();
    this.showMic();
  }

  private showCamera(): void {
    const video = part("check-video") as HTMLVideoElement;
    const { video: track } = this.opened;
    video.srcObject = track ? new MediaStream([track]) : null;
    if (track) this.say("check-camera-state", "good", t("Camera tốt: {name}", { name: track.label || t("đã mở") }));
    else this.say("check-camera-state", "bad", t("Chưa có hình. Vẫn vào phòng được, mọi người nghe tiếng bạn."));
  }

  private showMic(): void {
    const { audio } = this.opened;
    if (!audio) {
      this.say("check-mic-state", "bad", t("Chưa có tiếng. Làm theo hướng dẫn bên dưới."));
      return;
    }
    this.say("check-mic-state", "busy", t("Nói thử một câu: thanh phải chạy."));
    const bar = part("check-level") as HTMLMeterElement;
    const gauge = meter(audio);
    const timer = setInterval(() => {
      bar.value = gauge.level();
      if (bar.value > HEARD_LEVEL && !this.heard) {
        this.heard = true;
        this.say("check-mic-state", "good", t("Micrô tốt: đã nghe thấy tiếng."));
      }
    }, 80);
    this.heard = false;
    this.stopMeter = () => {
      clearInterval(timer);
      gauge.stop();
    };
  }

  /** A second of a soft tone. */
  private tone(): void {
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: TONE_HERTZ });
    const volume = new GainNode(context, { gain: 0.2 });
    tone.connect(volume).connect(context.destination);
    tone.start();
    tone.stop(context.currentTime + 1);
    tone.onended = () => void context.close();
    this.say("check-speaker-state", "good", t("Nghe thấy tiếng bíp là loa tốt. Nếu không: tăng âm lượng, kiểm tra tai nghe."));
  }

  // --- the line ---------------------------------------------------------------------------------

  private async measure(): Promise<void> {
    this.say("check-line-state", "busy", t("Đang đo đường truyền…"));
    part("check-line-figures").textContent = "";
    const path = this.data.check_socket_path ?? "/signal/check";
    try {
      this.line = await measureLine(`${location.origin.replace(/^http/, "ws")}${path}`);
      this.showLine(this.line);
    } catch {
      this.line = null;
      this.say(
        "check-line-state",
        "bad",
        t("Không nối được tới máy chủ. Kiểm tra mạng, rồi bấm Đo lại; nếu ở trong bệnh viện, nhờ phòng công nghệ thông tin mở WebSocket."),
      );
    }
  }

  private showLine(line: LineFigures): void {
    const word = verdict(line);
    const words: Record<Verdict, [Mood, string]> = {
      good: ["good", t("Đường truyền: tốt")],
      fair: ["good", t("Đường truyền: đủ cho tiếng và ảnh")],
      voice: ["poor", t("Đường truyền: chỉ đủ tiếng. Đóng các tab khác, dùng dây mạng nếu có, bấm “Giữ tiếng” trong phòng.")],
    };
    this.say("check-line-state", ...words[word]);
    const relay = {
      true: t("máy chủ trung chuyển: tới được"),
      false: t("máy chủ trung chuyển: không tới được, nhờ phòng công nghệ thông tin mở cổng TURN"),
      null: "",
    }[String(line.relay) as "true" | "false" | "null"];
    const figures = t("xuống {down} Mbit/s · lên {up} Mbit/s · đi về {rtt} ms", {
      down: megabits(line.downBitsPerSecond),
      up: megabits(line.upBitsPerSecond),
      rtt: Math.round(line.rttMs),
    });
    part("check-line-figures").replaceChildren(element("span", {}, [figures, relay].filter(Boolean).join(" · ")));
  }

  private say(id: string, mood: Mood, words: string): void {
    const line = part(id);
    line.dataset.mood = mood;
    line.textContent = words;
    if (mood === "bad") announce(words);
  }

  /** What was found, for those who prepare the site; nothing is asked of the person. */
  private async report(): Promise<void> {
    if (!this.data.report_url) return;
    const { audio, video, hints } = this.opened;
    await postJson(this.data.report_url, {
      mic: audio !== null,
      camera: video !== null,
      problems: hints.map(({ kind, name }) => `${kind}:${name}`),
      line: this.line && { ...this.line, verdict: verdict(this.line) },
    }).catch(() => undefined);
  }
}
