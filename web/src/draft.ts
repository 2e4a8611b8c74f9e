/**
 * The live draft of the minutes in this browser: a Yjs document that the server keeps as a list of updates.
 * What is typed while the line is cut stays in memory (never on the disk of a shared computer), goes out when
 * the line is back, and merges with what others wrote. The server's side: server/consultation/minutes/draft.py.
 */
import { applyUpdate, Doc, encodeStateAsUpdate, encodeStateVector, mergeUpdates, type Text, type Transaction } from "yjs";

import { getJson, postJson, Refused } from "./dom";
import { list, number, record, text } from "./shape";

/** What the server is to the draft; another one in tests. */
export interface Store {
  since(seq: number): Promise<{ seq: number; updates: readonly Uint8Array[] }>;
  add(update: Uint8Array, isLeaving: boolean): Promise<number>;
}

export type DraftState =
  | { kind: "loading" }
  | { kind: "saved"; at: Date | null }
  | { kind: "unsaved" }
  | { kind: "waiting"; sentence: string }
  | { kind: "refused"; code: string; sentence: string };

const SERVER = "server"; // origin of what came in
const PAUSE_MS = 400;
const RETRY_MS = [1000, 2000, 4000, 8000, 15_000, 30_000] as const;

const Answer = record({ seq: number, updates: list(text) });
const Kept = record({ seq: number });

const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const fromBase64 = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** The draft's place on the server: `root` is the minutes' address. */
export function storeAt(root: string): Store {
  return {
    async since(seq) {
      const answer = Answer(await getJson(`${root}/draft?since=${seq}`));
      return { seq: answer.seq, updates: answer.updates.map(fromBase64) };
    },
    async add(update, isLeaving) {
      return Kept(await postJson(`${root}/draft`, { update: toBase64(update) }, { keepalive: isLeaving })).seq;
    },
  };
}

export class Draft {
  readonly doc = new Doc();
  #store: Store;
  #seq = 0;
  #unsent: Uint8Array[] = [];
  #sending: Promise<void> | null = null;
  #isWhole = false; // the server has gaps, or refused a part: send all that it lacks
  #pulling: Promise<void> | null = null;
  #isBehind = false;
  #held: (() => boolean)[] = [];
  #failures = 0;
  #savedAt: Date | null = null;
  #timer: number | undefined;
  #state: DraftState = { kind: "loading" };
  #listeners = new Set<(state: DraftState) => void>();
  #closed = new AbortController();

  constructor(store: Store) {
    this.#store = store;
    this.doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== SERVER) this.#keep(update);
    });
    const { signal } = this.#closed;
    window.addEventListener("online", () => this.#again(0), { signal });
    window.addEventListener("beforeunload", (event) => {
      if (this.isUnsaved) event.preventDefault();
    }, { signal });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") void this.#send(true);
      else void this.pull();
    }, { signal });
  }

  text(field: string): Text {
    return this.doc.getText(field);
  }

  get state(): DraftState {
    return this.#state;
  }

  get isUnsaved(): boolean {
    return this.#unsent.length > 0 || this.#sending !== null || this.#isWhole;
  }

  /** Call `listener` now and at each change of the state; returns the end of it. */
  onState(listener: (state: DraftState) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#state);
    return () => this.#listeners.delete(listener);
  }

  /** Call `listener` with the names of the fields that others changed. */
  onRemote(listener: (fields: readonly string[]) => void): () => void {
    const hear = ({ origin, changed }: Transaction): void => {
      if (origin !== SERVER || changed.size === 0) return;
      listener([...this.doc.share].filter(([, shared]) => changed.has(shared)).map(([name]) => name));
    };
    this.doc.on("afterTransaction", hear);
    return () => this.doc.off("afterTransaction", hear);
  }

  /** Others' changes wait while `isBusy()`: a word that is being composed must not be torn. */
  hold(isBusy: () => boolean): void {
    this.#held.push(isBusy);
  }

  /** The server has change number `seq` (a doorbell rang). */
  hint(seq: number): void {
    if (seq > this.#seq) void this.pull();
  }

  /** Take in what the server has and we lack. One at a time; a call meanwhile makes one more. */
  pull(): Promise<void> {
    this.#isBehind = true;
    this.#pulling ??= this.#pullAll().finally(() => (this.#pulling = null));
    return this.#pulling;
  }

  /** Send what is unsent now; true when all of it is kept. */
  async flush(): Promise<boolean> {
    window.clearTimeout(this.#timer);
    await this.#sending;
    await this.#send(false);
    return !this.isUnsaved;
  }

  close(): void {
    window.clearTimeout(this.#timer);
    this.#closed.abort();
    this.#listeners.clear();
    this.doc.destroy();
  }

  async #pullAll(): Promise<void> {
    while (this.#isBehind && !this.#closed.signal.aborted) {
      if (this.#held.some((isBusy) => isBusy())) return;
      this.#isBehind = false;
      try {
        const { seq, updates } = await this.#store.since(this.#seq);
        for (const update of updates) applyUpdate(this.doc, update, SERVER);
        this.#seq = Math.max(this.#seq, seq);
        this.#reached();
      } catch (error) {
        this.#isBehind = true;
        this.#fail(error);
        return;
      }
    }
  }

  #reached(): void {
    const { kind } = this.#state;
    if (this.isUnsaved || (kind !== "loading" && kind !== "waiting")) return;
    this.#failures = 0;
    this.#say({ kind: "saved", at: this.#savedAt });
  }

  #keep(update: Uint8Array): void {
    this.#unsent.push(update);
    if (this.#state.kind !== "waiting") this.#say({ kind: "unsaved" });
    if (!this.#sending && this.#failures === 0) this.#again(PAUSE_MS);
  }

  #again(after_ms: number): void {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      if (this.#isBehind) void this.pull();
      void this.#send(false);
    }, after_ms);
  }

  /** One at a time: the server refuses an update that builds on one that is still on its way. */
  async #send(isLeaving: boolean): Promise<void> {
    if (this.#sending || !this.isUnsaved || this.#closed.signal.aborted) return;
    this.#sending = this.#sendNow(isLeaving).finally(() => (this.#sending = null));
    await this.#sending;
  }

  async #sendNow(isLeaving: boolean): Promise<void> {
    const batch = this.#unsent;
    this.#unsent = [];
    try {
      const update = this.#isWhole ? await this.#whatTheServerLacks() : mergeUpdates(batch);
      const seq = await this.#store.add(update, isLeaving);
      this.#isWhole = false;
      this.#failures = 0;
      if (seq === this.#seq + 1) this.#seq = seq;
      else this.hint(seq);
      if (this.#unsent.length > 0) this.#again(PAUSE_MS);
      else this.#say({ kind: "saved", at: (this.#savedAt = new Date()) });
    } catch (error) {
      this.#unsent = [...batch, ...this.#unsent];
      this.#fail(error);
    }
  }

  async #whatTheServerLacks(): Promise<Uint8Array> {
    const theirs = new Doc();
    const { updates } = await this.#store.since(0);
    for (const update of updates) applyUpdate(theirs, update);
    return encodeStateAsUpdate(this.doc, encodeStateVector(theirs));
  }

  #fail(error: unknown): void {
    const refused = error instanceof Refused ? error : null;
    if (refused?.code === "draft-gap" && !this.#isWhole) {
      this.#isWhole = true;
      this.#again(0);
    } else if (refused && refused.status >= 400 && refused.status < 500 && refused.status !== 429 && refused.status !== 401) {
      // Nothing will be better by itself; after the next change all of it is sent in one piece.
      this.#isWhole = this.#unsent.length > 0;
      this.#say({ kind: "refused", code: refused.code, sentence: refused.message });
    } else {
      this.#say({ kind: "waiting", sentence: refused?.message ?? "" });
      this.#again(RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 30_000);
      this.#failures++;
    }
  }

  #say(state: DraftState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}
