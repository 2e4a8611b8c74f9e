/** The faces: one tile a member, with name, hospital, voice and line; and those who wait at the door. */

import type { LinkState } from "../call/ports";
import { element } from "../dom";
import type { Knock, Member } from "../messages";
import { fullName, type RoomState } from "../roster";
import { t } from "../text";

export interface PeoplePorts {
  readonly admit: (peer: string, allow: boolean) => void;
  readonly give: (peer: string) => void;
}

interface Tile {
  readonly root: HTMLElement;
  readonly video: HTMLVideoElement;
  readonly name: HTMLElement;
  readonly hospital: HTMLElement;
  readonly state: HTMLElement;
  readonly give: HTMLButtonElement;
}

const SPEAKING_LEVEL = 0.02;

function stateOf(member: Member): string {
  if (!member.here) return t("mất kết nối, đang chờ quay lại");
  const words = [
    member.media.line === "poor" ? t("đường truyền yếu") : "",
    member.media.mic ? "" : t("đã tắt tiếng"),
    member.media.camera ? "" : t("không có hình"),
  ];
  return words.filter(Boolean).join(" · ");
}

export class People {
  private readonly tiles = new Map<string, Tile>();
  private readonly connections = new Map<string, LinkState>();

  constructor(
    private readonly root: HTMLElement,
    private readonly door: HTMLElement,
    private readonly ports: PeoplePorts,
  ) {}

  show(state: RoomState): void {
    const present = new Set(state.members.map(({ peer }) => peer));
    for (const [peer, tile] of this.tiles) {
      if (present.has(peer)) continue;
      tile.root.remove();
      this.tiles.delete(peer);
    }
    for (const member of state.members) this.showMember(member, state);
    this.showDoor(state.waiting);
  }

  /** Pictures and voice of a member; our own are shown without sound, mirrored. */
  play(peer: string, stream: MediaStream | null, onSilenced: () => void): void {
    const video = this.tiles.get(peer)?.video;
    if (!video || video.srcObject === stream) return;
    video.srcObject = stream;
    // Without a touch of the page some browsers start no sound: one button then asks for it.
    if (stream) video.play().catch((problem: unknown) => nameOf(problem) === "NotAllowedError" && onSilenced());
  }

  resume(): void {
    for (const { video } of this.tiles.values()) void video.play().catch(() => undefined);
  }

  /** Whether pictures and voice of a member can reach us. */
  connection(peer: string, state: LinkState): void {
    this.connections.set(peer, state);
    const tile = this.tiles.get(peer);
    if (tile) tile.root.dataset.connection = state;
  }

  speaking(peer: string, level: number): void {
    const tile = this.tiles.get(peer);
    if (!tile) return;
    tile.root.toggleAttribute("data-speaking", level > SPEAKING_LEVEL);
  }

  private showMember(member: Member, state: RoomState): void {
    const isMe = member.peer === state.me;
    const tile = this.tiles.get(member.peer) ?? this.add(member.peer, isMe);
    const leads = state.presenter?.person === member.person;
    tile.name.textContent = isMe ? t("{name} (bạn)", { name: fullName(member) }) : fullName(member);
    tile.hospital.textContent = [member.hospital, leads ? t("đang dẫn") : ""].filter(Boolean).join(" · ");
    tile.state.textContent = stateOf(member);
    tile.root.dataset.connection = this.connections.get(member.peer) ?? "connecting";
    tile.root.toggleAttribute("data-away", !member.here);
    tile.root.toggleAttribute("data-camera-off", !member.media.camera);
    tile.root.toggleAttribute("data-poor", member.media.line === "poor" || !member.here);
    const me = state.members.find(({ peer }) => peer === state.me);
    const mayGive = state.presenter?.person === me?.person || me?.role === "host";
    tile.give.hidden = isMe || leads || !mayGive || member.role === "viewer";
  }

  private add(peer: string, isMe: boolean): Tile {
    const video = element("video", { className: "face-video", autoplay: true, playsInline: true, muted: isMe });
    const name = element("b", { className: "face-name" });
    const hospital = element("span", { className: "face-hospital" });
    const state = element("span", { className: "face-state" });
    const give = element(
      "button",
      { type: "button", className: "face-give", hidden: true, onclick: () => this.ports.give(peer) },
      t("Trao quyền dẫn"),
    );
    const caption = element("div", { className: "face-caption" }, name, hospital, state);
    const root = element("li", { className: "face", attributes: { "data-peer": peer } }, video, caption, give);
    root.toggleAttribute("data-me", isMe);
    this.root.append(root);
    const tile = { root, video, name, hospital, state, give };
    this.tiles.set(peer, tile);
    return tile;
  }

  private showDoor(waiting: readonly Knock[]): void {
    this.door.hidden = waiting.length === 0;
    const known = [...this.door.children].map((row) => row.getAttribute("data-peer")).join();
    if (known === waiting.map(({ peer }) => peer).join()) return; // keep the focus where it is
    this.door.replaceChildren(...waiting.map((knock) => this.knockRow(knock)));
  }

  private knockRow(knock: Knock): HTMLElement {
    const answer = (allow: boolean, words: string, look: string) =>
      element(
        "button",
        { type: "button", className: `room-button ${look}`, onclick: () => this.ports.admit(knock.peer, allow) },
        words,
      );
    return element(
      "li",
      { className: "door-row", attributes: { "data-peer": knock.peer } },
      t("{name} · {hospital} đang chờ vào phòng", { name: fullName(knock), hospital: knock.hospital }),
      answer(true, t("Cho vào"), "room-button-main"),
      answer(false, t("Từ chối"), ""),
    );
  }
}

function nameOf(problem: unknown): string {
  return problem instanceof DOMException ? problem.name : "";
}
