/** Saves a draft as one types: one request at a time, the newest text last, and it says what it does. */
import { Refused, sendJson } from "./dom";
import { sentenceOf } from "./forms";

const QUIET_MS = 800;
const AGAIN_MS = 4000;
const KEPT_ALIVE = 20_000; // letters, each of at most three bytes

export type SaveState =
  | { kind: "typing" | "saving" }
  | { kind: "saved"; answer: unknown }
  | { kind: "failed"; sentence: string; code: string; fields: Record<string, string>; willRetry: boolean };

export class Autosave {
  private timer = 0;
  private isDirty = false;
  private running: Promise<boolean> | undefined;
  private isStopped = false;

  /** `read` gives the whole draft; `show` hears every change of state. */
  constructor(
    private readonly url: string,
    private readonly read: () => Record<string, unknown>,
    private readonly show: (state: SaveState) => void,
  ) {
    window.addEventListener("online", () => void this.flush());
    window.addEventListener("beforeunload", (event) => {
      if (!this.isDirty) return;
      void this.flush();
      event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") void this.flush();
    });
  }

  /** Something was typed: save when the hands rest. */
  touch(): void {
    if (this.isStopped) return;
    this.isDirty = true;
    this.show({ kind: "typing" });
    this.wait(QUIET_MS);
  }

  /** Save now what is unsaved; true once all is saved. */
  async flush(): Promise<boolean> {
    window.clearTimeout(this.timer);
    while (this.running) await this.running;
    if (!this.isDirty || this.isStopped) return !this.isDirty;
    this.running = this.save().finally(() => (this.running = undefined));
    return (await this.running) && this.flush(); // more may have been typed meanwhile
  }

  private wait(ms: number): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.flush(), ms);
  }

  private async save(): Promise<boolean> {
    this.isDirty = false;
    this.show({ kind: "saving" });
    try {
      const data = this.read();
      // A closed tab still sends it; browsers limit such bodies to 64 KiB.
      const keepalive = JSON.stringify(data).length < KEPT_ALIVE;
      const answer = await sendJson("PATCH", this.url, data, { keepalive });
      this.show({ kind: "saved", answer });
      return true;
    } catch (error) {
      this.fail(error instanceof Refused ? error : new Refused(0, "unreachable", ""));
      return false;
    }
  }

  private fail(refused: Refused): void {
    this.isDirty = true;
    this.isStopped = refused.code === "stale"; // somebody else wrote: saving again would undo their words
    const willRetry = refused.status === 0 || refused.status >= 500;
    const { code, fields } = refused;
    this.show({ kind: "failed", sentence: sentenceOf(refused), code, fields, willRetry });
    if (willRetry) this.wait(AGAIN_MS);
  }
}
