/**
 * The room: joins the line, the call, the viewer and the panels. Every part works without the others; what
 * the server says is told to each of them.
 */

import { Call } from "./call";
import { Controls } from "./controls";
import { courtesy } from "./courtesy";
import { announce, element, postJson, Refused } from "./dom";
import { showDevices } from "./devicebox";
import { notLoaded } from "./late";
import type { Mark as WireMark, Received, View as WireView } from "./messages";
import { Chat } from "./panels/chat";
import { People } from "./panels/people";
import { showQuestions } from "./panels/questions";
import { Tabs } from "./panels/tabs";
import { OwnMedia } from "./room/ownmedia";
import type { Minutes, Parts, RoomData } from "./room/ports";
import { fullName, myself, NOBODY, reduce, type RoomState } from "./roster";
import { Final, Refusal, SignalSocket } from "./socket";
import { Status } from "./status";
import { t } from "./text";
import { Sharing } from "./sharing";

const FIRST_IMAGE_MS = 3000;

function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`room.html lacks #${id}`);
  return found;
}

/** Keeps the resume token of this tab over a reload. */
function memoryOf(room: string): { read(): string | null; write(token: string | null): void } {
  const key = `hoichan.resume.${room}`;
  return {
    read: () => sessionStorage.getItem(key),
    write: (token) => (token === null ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, token)),
  };
}

export class Room {
  private state: RoomState = NOBODY;
  private readonly socket: SignalSocket;
  private readonly call: Call;
  private readonly media: OwnMedia;
  private readonly people: People;
  private readonly chat: Chat;
  private readonly tabs = new Tabs(part("room-tabs"));
  private readonly status = new Status(part);
  private readonly controls: Controls;
  private readonly sharing: Sharing;
  private minutes: Minutes | null = null;
  /** Taken before the minutes were there. */
  private readonly keyImages: Parameters<Minutes["addKeyImage"]>[0][] = [];
  private hasMinutes = false;

  constructor(
    private readonly data: RoomData,
    private readonly parts: Parts,
  ) {
    this.socket = new SignalSocket({
      url: `${location.origin.replace(/^http/, "ws")}${data.socket_path}`,
      memory: memoryOf(data.room),
      ticket: () => this.ticket(),
      onMessage: (message) => this.hear(message),
      onLine: (line) => {
        this.status.line(line);
        if (line === "open") this.call.nudge();
      },
      onEnd: (ending) => this.finish(ending.code, ending.sentence),
    });
    this.call = new Call(
      {
        request: (request) => this.socket.request(request),
        send: (request) => this.socket.send(request),
        onTracks: (peer, stream) => this.people.play(peer, stream, () => this.status.askForSound(() => this.people.resume())),
        onState: (peer, state) => this.people.connection(peer, state),
        onGone: (peer) => this.people.play(peer, null, () => undefined),
        onSummary: (peer, summary) => {
          this.people.speaking(peer, summary.level);
          courtesy.heard(peer, summary);
        },
        onLine: (line) => {
          this.media.change({ line });
          courtesy.lineIs(line);
        },
      },
      data.ice_policy,
    );
    this.media = new OwnMedia(part("room-hints"), {
      send: (tracks) => this.call.send(tracks),
      onChange: () => this.tell(),
    });
    this.people = new People(part("room-faces"), part("room-door"), {
      admit: (peer, allow) => this.ask({ t: "admit", d: { peer, allow } }),
      give: (peer) => this.ask({ t: "present", d: { op: "give", to: peer } }),
    });
    this.chat = new Chat(
      part("panel-chat"),
      data.me.person,
      (text) => this.socket.request({ t: "chat", d: { text } }),
      () => this.tabs.mark("chat"),
    );
    this.sharing = new Sharing({
      send: (view: WireView) => this.socket.send({ t: "share-view", d: view }),
      mark: (mark: WireMark) => this.said(this.socket.request({ t: "mark", d: mark })),
    });
    this.controls = new Controls(part, {
      mic: () => this.media.toggleMic(),
      camera: () => void this.media.toggleCamera(),
      holdVoice: () => this.media.change({ hold_voice: !this.media.state.hold_voice }),
      lead: () => this.ask({ t: "present", d: { op: this.isLeading ? "drop" : "take", to: null } }),
      devices: () => void showDevices((choice) => this.media.open(choice)),
      leave: () => void this.leave(),
      end: () => void this.end(),
      turnRound: () => document.body.toggleAttribute("data-faces-large"),
    });
  }

  start(): void {
    this.socket.start();
    this.call.start();
    this.media.start();
    this.openParts();
    showQuestions(part("panel-questions"), this.data.questions ?? [], () => this.tabs.open("minutes"));
    addEventListener("online", () => this.socket.wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.socket.wake());
    // For tests and support: what the connections say, no more.
    Object.assign(window, { hoichanCall: this.call });
  }

  private openParts(): void {
    const viewer = this.parts.openViewer(part("room-images"), {
      imagesRoot: this.data.images_root,
      me: this.data.me.name,
      changesAllMarks: this.data.me.role === "host",
      onView: (state) => this.sharing.viewed(state),
      onMark: (mark) => this.sharing.marked(mark),
      onKeyImage: (image) => {
        if (this.minutes) this.minutes.addKeyImage(image);
        else this.keyImages.push(image);
      },
    });
    this.sharing.use(viewer);
  }

  /** Once we sit in the room: before that, the minutes are not ours to write. */
  private openMinutes(): void {
    if (this.hasMinutes) return;
    this.hasMinutes = true;
    const panel = part("panel-minutes");
    // On a weak line each takes from the other: first what is looked at, then what is written.
    firstImage(part("room-images"), FIRST_IMAGE_MS).then(() => this.parts.mountMinutes(panel)).then(
      (minutes) => {
        this.minutes = minutes;
        for (const image of this.keyImages.splice(0)) minutes.addKeyImage(image);
      },
      () => panel.replaceChildren(this.minutesNotLoaded()),
    );
  }

  private minutesNotLoaded(): HTMLElement {
    const page = element("a", { href: this.data.minutes_root, target: "_blank", rel: "noopener" }, t("Mở trang biên bản"));
    const what = t("Chưa tải được phần ghi biên bản: đường truyền yếu. Cuộc hội chẩn vẫn tiếp tục; tải lại trang thì vào lại đúng chỗ này.");
    return notLoaded(what, element("p", {}, page));
  }

  private async ticket(): Promise<string> {
    try {
      const answer = (await postJson(this.data.ticket_url, {})) as { ticket: string };
      return answer.ticket;
    } catch (problem) {
      // Not reached, or the server is starting again: worth asking once more.
      if (problem instanceof Refused && problem.status >= 400 && problem.status < 500 && problem.status !== 429)
        throw new Final(problem.code, problem.message);
      throw problem;
    }
  }

  // --- what the server says ----------------------------------------------------------------------

  private hear(message: Received): void {
    const before = this.state;
    this.state = reduce(before, message, Date.now());
    this.call.receive(message);
    this.sharing.receive(message, this.data.me.person);
    switch (message.t) {
      case "welcome":
        if (message.d.waits) this.ask({ t: "knock", d: {} });
        break;
      case "admitted":
        announce(t("{name} đã cho bạn vào phòng", { name: message.d.by }));
        break;
      case "joined":
      case "resynced":
        this.openMinutes();
        for (const said of message.d.chat) this.chat.add(said);
        if (message.d.minutes_seq !== null) this.minutes?.changed(message.d.minutes_seq);
        this.tell();
        break;
      case "chatted":
        this.chat.add(message.d);
        break;
      case "minutes-changed":
        this.minutes?.changed(message.d.seq);
        break;
      case "left":
        announce(t("{name} đã rời phòng", { name: fullName(message.d.person) }));
        break;
      default:
    }
    if (this.state !== before) this.show();
  }

  private show(): void {
    this.people.show(this.state);
    this.people.play(this.state.me, this.media.picture, () => undefined);
    this.status.show(this.state);
    const me = myself(this.state);
    this.controls.show({
      media: this.media.state,
      isLeading: this.isLeading,
      mayLead: me !== undefined && me.role !== "viewer" && (me.role === "host" || this.state.presenter === null || !this.presenterIsHere),
      mayEnd: me?.role === "host" || me?.role === "doctor",
    });
  }

  private get isLeading(): boolean {
    return this.state.presenter?.person === this.data.me.person;
  }

  private get presenterIsHere(): boolean {
    return this.state.members.some(({ person, here }) => here && person === this.state.presenter?.person);
  }

  // --- what we do --------------------------------------------------------------------------------

  private ask(request: Parameters<SignalSocket["request"]>[0]): void {
    this.said(this.socket.request(request)).catch(() => undefined);
  }

  /** What is asked, with a refusal said to the person. */
  private said<T>(asked: Promise<T>): Promise<T> {
    return asked.catch((problem: unknown) => {
      if (problem instanceof Refusal) this.status.say(problem.message);
      throw problem;
    });
  }

  /** What we send has changed, or those who hear of it have. */
  private tell(): void {
    if (this.state.me !== "" && !this.state.isWaiting) this.ask({ t: "media", d: { media: this.media.state } });
    this.show();
  }

  private async leave(): Promise<void> {
    await this.socket.leave();
    this.close();
    location.assign(this.data.leave_url);
  }

  /** The session ends for everyone by the server's own step; without that address by the room's message. */
  private async end(): Promise<void> {
    try {
      if (this.data.end_url) await postJson(this.data.end_url, {});
      else await this.socket.request({ t: "end", d: {} });
    } catch (problem) {
      this.status.say(problem instanceof Error && problem.message ? problem.message : t("Chưa kết thúc được. Hãy thử lại."));
    }
  }

  private finish(code: string, sentence: string): void {
    this.close();
    this.status.finish(code, sentence, this.data.leave_url);
  }

  private close(): void {
    this.call.close();
    courtesy.hungUp();
    this.media.stop();
  }
}

/** Once the viewer shows an image, however small; after so long in any case. */
function firstImage(viewer: HTMLElement, atMostMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      watching.disconnect();
      resolve();
    };
    const look = (): void => {
      if (viewer.querySelector("[data-loaded=quick], [data-loaded=full]")) done();
    };
    const watching = new MutationObserver(look);
    watching.observe(viewer, { subtree: true, attributeFilter: ["data-loaded"] });
    setTimeout(done, atMostMs);
    look();
  });
}
