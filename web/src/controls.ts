/** The bar at the foot of the room: words on every button; leaving and ending apart. M mutes, C is the camera, T turns images and faces round. */

import type { MediaState } from "./messages";
import { t } from "./text";

export interface ControlPorts {
  readonly mic: () => void;
  readonly camera: () => void;
  readonly holdVoice: () => void;
  readonly lead: () => void;
  readonly devices: () => void;
  readonly leave: () => void;
  readonly end: () => void;
  readonly turnRound: () => void;
}

export interface ControlState {
  readonly media: MediaState;
  readonly isLeading: boolean;
  readonly mayLead: boolean;
  readonly mayEnd: boolean;
}

const KEYS: Readonly<Record<string, keyof ControlPorts>> = {
  KeyM: "mic",
  KeyC: "camera",
  KeyT: "turnRound",
};

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export class Controls {
  constructor(
    private readonly part: (id: string) => HTMLElement,
    ports: ControlPorts,
  ) {
    part("control-mic").onclick = ports.mic;
    part("control-camera").onclick = ports.camera;
    part("control-hold").onclick = ports.holdVoice;
    part("control-lead").onclick = ports.lead;
    part("control-devices").onclick = ports.devices;
    part("control-faces").onclick = ports.turnRound;
    part("control-leave").onclick = ports.leave;
    const dialog = part("room-end") as HTMLDialogElement;
    part("control-end").onclick = () => dialog.showModal();
    dialog.addEventListener("close", () => dialog.returnValue === "end" && ports.end());
    document.addEventListener("keydown", (event) => {
      const port = KEYS[event.code];
      if (!port || event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
      ports[port]();
    });
  }

  show({ media, isLeading, mayLead, mayEnd }: ControlState): void {
    this.word("control-mic", media.mic ? t("Tắt tiếng") : t("Bật tiếng"), !media.mic);
    this.word("control-camera", media.camera ? t("Tắt camera") : t("Bật camera"), !media.camera);
    this.word("control-hold", t("Giữ tiếng"), media.hold_voice);
    this.word("control-lead", isLeading ? t("Thôi dẫn") : t("Tôi dẫn"), isLeading);
    this.part("control-lead").hidden = !isLeading && !mayLead;
    this.part("control-end").hidden = !mayEnd;
  }

  private word(id: string, words: string, isPressed: boolean): void {
    const button = this.part(id);
    const label = button.querySelector(".control-word") ?? button;
    if (label.textContent !== words) label.textContent = words;
    button.setAttribute("aria-pressed", String(isPressed));
  }
}
