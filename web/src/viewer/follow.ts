/** Who leads: whether what another one shows is shown here, and whether what is done here is sent. */

import type { Presenter, ViewState } from "./state";

export class Follow {
  presenter: Presenter | null = null;
  /** This reader looks alone for a while, though someone else presents. */
  isApart = false;
  private remote: ViewState | null = null;

  setPresenter(presenter: Presenter | null): void {
    this.presenter = presenter;
    if (presenter === null || presenter.isMe) this.isApart = false;
  }

  /** Another one's state came; true: show it. The newest is kept for coming back in any case. */
  arrived(state: ViewState): boolean {
    if (this.presenter?.isMe) return false;
    this.remote = state;
    return !this.isApart;
  }

  /** The reader did something here. */
  acted(): "send" | "apart" | "alone" {
    if (this.presenter === null) return "alone";
    if (this.presenter.isMe) return "send";
    if (this.remote !== null) this.isApart = true;
    return this.isApart ? "apart" : "alone";
  }

  /** Back to the presenter; what to show, if anything came yet. */
  rejoin(): ViewState | null {
    this.isApart = false;
    return this.remote;
  }
}

const LEAST_MS = 50;

/** Sends the newest state at most 20 times a second, with the picture; none is sent twice, and the last one always. */
export class Sender {
  private next: ViewState | null = null;
  private lastSent = "";
  private lastAt = -Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly send: (state: ViewState) => void) {}

  offer(state: ViewState): void {
    this.next = state;
    this.timer ??= setTimeout(() => requestAnimationFrame(() => this.flush()), Math.max(0, this.lastAt + LEAST_MS - performance.now()));
  }

  close(): void {
    clearTimeout(this.timer);
    this.next = null;
  }

  private flush(): void {
    this.timer = undefined;
    const state = this.next;
    this.next = null;
    if (!state) return;
    const text = JSON.stringify(state);
    if (text === this.lastSent) return;
    this.lastSent = text;
    this.lastAt = performance.now();
    this.send(state);
  }
}
