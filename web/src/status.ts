/** What is going on, always visible: the line, whose line is weak, the clock, the waiting room, the end. */

import { announce, element } from "./dom";
import type { RoomState } from "./roster";
import type { LineState } from "./socket";
import { t } from "./text";

type Part = (id: string) => HTMLElement;

export function elapsed(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** Whose line is weak, in words; empty while all is well. */
export function weakLines(state: RoomState): string {
  const weak = state.members.filter(({ here, media }) => !here || media.line === "poor");
  return weak
    .map(({ site, here, peer }) => {
      const who = peer === state.me ? t("của bạn") : site;
      return here ? t("Đường truyền: {site} yếu", { site: who }) : t("{site} mất kết nối", { site: who });
    })
    .join(" · ");
}

export class Status {
  private beganAt: number | null = null;
  private sentence: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly part: Part) {
    setInterval(() => {
      if (this.beganAt !== null) part("room-clock").textContent = elapsed(Date.now() - this.beganAt);
    }, 1000);
  }

  show(state: RoomState): void {
    this.beganAt = state.beganAt;
    const line = this.part("room-line");
    const words = weakLines(state);
    if (line.textContent !== words) line.textContent = words;
    line.hidden = words === "";
    this.part("room-waiting").hidden = !state.isWaiting;
    document.body.toggleAttribute("data-waiting", state.isWaiting);
  }

  line(state: LineState): void {
    const banner = this.part("room-banner");
    const words = { connecting: t("Đang vào phòng…"), open: "", weak: t("Đang kết nối lại…"), lost: t("Đang kết nối lại…") }[state];
    banner.textContent = words;
    banner.hidden = words === "";
    document.body.dataset.line = state;
  }

  /** A sentence that goes away by itself. */
  say(sentence: string): void {
    const note = this.part("room-note");
    note.textContent = sentence;
    note.hidden = false;
    announce(sentence);
    clearTimeout(this.sentence);
    this.sentence = setTimeout(() => (note.hidden = true), 8000);
  }

  /** The browser starts no sound before a touch. */
  askForSound(resume: () => void): void {
    const button = this.part("room-sound");
    button.hidden = false;
    button.onclick = () => {
      button.hidden = true;
      resume();
    };
  }

  finish(code: string, sentence: string, leaveUrl: string): void {
    const over = this.part("room-over");
    const again = element("button", { type: "button", className: "room-button room-button-main" }, t("Vào lại ở đây"));
    again.onclick = () => location.reload();
    const back = element("a", { className: "room-button", href: leaveUrl }, t("Về hồ sơ ca hội chẩn"));
    over.replaceChildren(
      element("h1", {}, code === "session-ended" ? t("Phiên hội chẩn đã kết thúc") : t("Bạn không còn ở trong phòng")),
      element("p", {}, sentence),
      element("div", { className: "room-over-actions" }, code === "replaced" && again, back),
    );
    over.hidden = false;
    document.body.dataset.over = code;
    (code === "replaced" ? again : back).focus();
  }
}
