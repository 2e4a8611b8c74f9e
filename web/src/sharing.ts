/** Reading together: our view to the others while we lead, theirs to our viewer, marks both ways. */

import type { Mark as WireMark, Person, Received, View as WireView } from "./messages";
import { fullName } from "./roster";
import type { AnyMark, Author, Mark, ViewState } from "./viewer/state";

const EVERY_MS = 50;

export interface SharingPorts {
  /** At most 20 times a second; may be lost, the next one is whole again. */
  readonly send: (view: WireView) => void;
  /** Fails when the server will not keep it. */
  readonly mark: (mark: WireMark) => Promise<unknown>;
}

interface Viewer {
  applyView(state: ViewState): void;
  applyMark(mark: AnyMark, by: Author): void;
  refuseMark(uid: string): void;
  setPresenter(presenter: { isMe: boolean; name: string } | null): void;
  view(): ViewState | null;
}

export class Sharing {
  private viewer: Viewer | null = null;
  private leads = false;
  private waiting: ViewState | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly kept: Received[] = [];

  constructor(private readonly ports: SharingPorts) {}

  /** The viewer is there: it hears what came before it. */
  use(viewer: Viewer): void {
    this.viewer = viewer;
    for (const message of this.kept.splice(0)) this.receive(message, this.me);
  }
  private me = -1;

  /** Our own view changed. */
  viewed(state: ViewState): void {
    if (!this.leads) return;
    this.waiting = state;
    this.timer ??= setTimeout(() => this.flush(), 0);
  }

  marked(mark: Mark): void {
    this.ports.mark(mark).catch(() => this.viewer?.refuseMark(mark.uid));
  }

  receive(message: Received, me: number): void {
    this.me = me;
    if (!this.viewer) {
      if (this.kept.length < 100) this.kept.push(message);
      return;
    }
    switch (message.t) {
      case "joined":
      case "resynced":
        this.lead(message.d.presenter, this.viewer);
        for (const { mark, person } of message.d.marks) this.viewer.applyMark(mark, this.author(person));
        if (message.d.view && !this.leads) this.viewer.applyView(message.d.view);
        break;
      case "presenter-changed":
        this.lead(message.d.presenter, this.viewer);
        break;
      case "view-shared":
        if (!this.leads) this.viewer.applyView(message.d);
        break;
      case "marked":
        this.viewer.applyMark(message.d.mark, this.author(message.d.person));
        break;
      default:
    }
  }

  private author(person: Person): Author {
    return { name: fullName(person), isMe: person.person === this.me };
  }

  private lead(presenter: { person: number; title: string; name: string } | null, viewer: Viewer): void {
    this.leads = presenter?.person === this.me;
    viewer.setPresenter(presenter && { isMe: this.leads, name: fullName(presenter) });
    const view = viewer.view();
    if (this.leads && view) this.viewed(view);
  }

  private flush(): void {
    const view = this.waiting;
    this.waiting = null;
    this.timer = undefined;
    if (!view || !this.leads) return;
    this.ports.send(view);
    this.timer = setTimeout(() => this.flush(), EVERY_MS);
  }
}
