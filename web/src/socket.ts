/**
 * The line to the server: connects, resumes, comes back by itself, and sends what must arrive until it is
 * answered. Knows no page: what it needs of one is given to it.
 */

import { encode, type Message, parseText, type Received, type Request, SUBPROTOCOL, VERSION } from "./messages";

/** How the line is: not yet there, good, silent for seconds, gone. */
export type LineState = "connecting" | "open" | "weak" | "lost";

/** The server said good-bye for good. */
export interface Ending {
  readonly code: string;
  readonly sentence: string;
}

export interface SocketOptions {
  readonly url: string;
  /** A fresh ticket. Rejects with Final where asking again is of no use; with anything else it is asked again. */
  readonly ticket: () => Promise<string>;
  /** Keeps the resume token over a reload of the page. */
  readonly memory: { read(): string | null; write(token: string | null): void };
  readonly onMessage: (message: Received) => void;
  readonly onLine: (state: LineState) => void;
  readonly onEnd: (ending: Ending) => void;
  readonly open?: (url: string, protocol: string) => WebSocket;
}

/** A request was refused: a stable code, and a sentence to show. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** The ticket will not be given, however often one asks. */
export class Final extends Refusal {}

interface Pending {
  readonly request: Request;
  sentAt: number;
  readonly done: () => void;
  readonly refused: (refusal: Refusal) => void;
}

const FIRST_WAIT_MS = 300;
const LAST_WAIT_MS = 7000;
const WATCH_MS = 500;
const DEAD_AFTER_QUIET_MS = 2000;
const OPENING_MS = 6000;
const ANSWER_MS = 5000;
/** Worth another try, later. */
const PASSING = new Set(["unavailable", "rate-limited"]);

/** Before the next try: doubling from 0.3 s to 7 s, with jitter, so that not all come back at once. */
export function waitMs(tries: number, random: () => number = Math.random): number {
  return Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries, 10)) * (0.75 + 0.5 * random());
}

export class SignalSocket {
  private readonly pending = new Map<string, Pending>();
  private socket: WebSocket | null = null;
  private token: string | null;
  private seq: number | null = null;
  private tries = 0;
  private heardAt = 0;
  private quietMs = 3000;
  private state: LineState = "connecting";
  private isWelcome = false;
  private isOver = false;
  private bye: (Message & { t: "bye" })["d"] | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: SocketOptions) {
    this.token = options.memory.read();
  }

  start(): void {
    this.watch = setInterval(() => this.look(), WATCH_MS);
    void this.connect();
  }

  /** Try at once: the network is back, or the person came back to the page. */
  wake(): void {
    if (this.isOver || this.socket !== null) return;
    this.tries = 0;
    clearTimeout(this.retry);
    void this.connect();
  }

  /** Send until it is answered, through any number of sockets. Rejects with Refusal. */
  request(request: Request): Promise<void> {
    const id = newId();
    return new Promise((done, refused) => {
      this.pending.set(id, { request, sentAt: 0, done, refused });
      this.sendPending(id);
    });
  }

  /** Send now or never: pointers, views in motion. */
  send(request: Request): void {
    if (this.isWelcome) this.write(encode(request));
  }

  get isOpen(): boolean {
    return this.isWelcome;
  }

  /** Say good-bye and stay away. */
  async leave(): Promise<void> {
    const gone = this.request({ t: "leave", d: {} }).catch(() => undefined);
    await Promise.race([gone, new Promise((done) => setTimeout(done, 1000))]);
    this.stop();
    this.options.memory.write(null);
  }

  stop(): void {
    this.isOver = true;
    clearInterval(this.watch);
    clearTimeout(this.retry);
    this.drop();
  }

  // --- connecting -------------------------------------------------------------------------------

  private async connect(): Promise<void> {
    this.setState(this.state === "open" || this.state === "weak" ? "lost" : this.state);
    this.bye = null;
    let ticket: string | null = null;
    if (this.token === null) {
      try {
        ticket = await this.options.ticket();
      } catch (problem) {
        if (problem instanceof Final) this.end({ code: problem.code, sentence: problem.message });
        else this.later();
        return;
      }
    }
    if (!this.isOver && this.socket === null) this.openSocket(ticket);
  }

  private openSocket(ticket: string | null): void {
    const open = this.options.open ?? ((url, protocol) => new WebSocket(url, protocol));
    const socket = open(this.options.url, SUBPROTOCOL);
    this.socket = socket;
    this.heardAt = Date.now();
    socket.onopen = () => {
      const resume = this.token === null ? null : { token: this.token, seq: this.seq };
      socket.send(encode({ t: "hello", d: { versions: [VERSION], ticket, resume } }));
    };
    socket.onmessage = (event) => {
      if (this.socket === socket) this.hear(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code);
    };
  }

  private closed(code: number): void {
    this.drop();
    const bye = this.bye;
    if (bye?.reconnect === "none") {
      this.end(bye);
      return;
    }
    if (bye?.reconnect === "rejoin" || code === 4410 || code === 4401) this.forget();
    if (bye?.code === "resume-refused") this.tries = 0; // the line is good, only the place was given away
    this.later();
  }

  private later(): void {
    if (this.isOver) return;
    this.setState("lost");
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.connect(), waitMs(this.tries));
    this.tries += 1;
  }

  private end(ending: Ending): void {
    this.stop();
    this.options.memory.write(null);
    this.options.onEnd(ending);
  }

  private forget(): void {
    this.token = null;
    this.seq = null;
    this.options.memory.write(null);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.isWelcome = false;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  // --- hearing ----------------------------------------------------------------------------------

  private hear(frame: unknown): void {
    this.heardAt = Date.now();
    const message = parseText(frame);
    if (this.isWelcome) this.setState("open");
    if (message === null || !this.isNext(message)) return;
    switch (message.t) {
      case "ping":
        this.write(encode({ t: "pong", d: message.d }));
        break;
      case "pong":
        break;
      case "welcome":
        this.welcomed(message.d);
        this.options.onMessage(message);
        break;
      case "ok":
        this.answered(message.re, null);
        break;
      case "error":
        this.answered(message.re, new Refusal(message.d.code, message.d.sentence));
        break;
      case "bye":
        this.bye = message.d;
        break;
      default:
        this.options.onMessage(message);
    }
  }

  /** Count; drop what came twice; ask for the whole state where something is missing. */
  private isNext(message: Received): boolean {
    if (message.seq === null) return true;
    const isWhole = message.t === "joined" || message.t === "resynced";
    if (this.seq !== null && message.seq <= this.seq && !isWhole) return false;
    if (this.seq !== null && message.seq > this.seq + 1 && !isWhole) this.write(encode({ t: "resync", d: {} }));
    this.seq = message.seq;
    return true;
  }

  private welcomed(welcome: (Message & { t: "welcome" })["d"]): void {
    if (!welcome.resumed) this.seq = null;
    this.token = welcome.resume.token;
    this.options.memory.write(this.token);
    this.quietMs = welcome.quiet_ms;
    this.isWelcome = true;
    this.tries = 0;
    this.setState("open");
    for (const id of this.pending.keys()) this.sendPending(id);
  }

  private answered(id: string | null, refusal: Refusal | null): void {
    const pending = id === null ? undefined : this.pending.get(id);
    if (id === null || !pending) return;
    if (refusal && PASSING.has(refusal.code)) return; // the watch sends it again
    this.pending.delete(id);
    if (refusal) pending.refused(refusal);
    else pending.done();
  }

  // --- sending and watching ---------------------------------------------------------------------

  private sendPending(id: string): void {
    const pending = this.pending.get(id);
    if (!pending || !this.isWelcome) return;
    pending.sentAt = Date.now();
    this.write(encode(pending.request, id));
  }

  private write(text: string): void {
    if (this.socket?.readyState === 1) this.socket.send(text);
  }

  /** Twice a second: is the line alive, is a request still unanswered? */
  private look(): void {
    const now = Date.now();
    const silentMs = now - this.heardAt;
    if (this.socket === null) return;
    if (!this.isWelcome) {
      if (silentMs > OPENING_MS) this.closed(0);
      return;
    }
    if (silentMs > this.quietMs + DEAD_AFTER_QUIET_MS) {
      this.closed(0);
      return;
    }
    if (silentMs > this.quietMs) this.setState("weak");
    for (const [id, pending] of this.pending) {
      if (now - pending.sentAt > ANSWER_MS) this.sendPending(id);
    }
  }

  private setState(state: LineState): void {
    if (state === this.state) return;
    this.state = state;
    this.options.onLine(state);
  }
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
