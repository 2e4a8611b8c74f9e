import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { applyUpdate, Doc, parseUpdateMeta } from "yjs";

import { Refused } from "./dom";
import { Draft, type DraftState, type Store } from "./draft";

/** The server's side as it behaves: keeps updates by number, refuses one that builds on what it lacks. */
class Server implements Store {
  updates: Uint8Array[] = [];
  isDown = false;
  isLocked = false;
  longest = Infinity;
  calls = 0;

  get text(): string {
    return this.#doc().getText("conclusion").toJSON();
  }

  async since(seq: number): Promise<{ seq: number; updates: Uint8Array[] }> {
    await this.#reach();
    return { seq: this.updates.length, updates: this.updates.slice(seq) };
  }

  async add(update: Uint8Array): Promise<number> {
    await this.#reach();
    if (this.isLocked) throw new Refused(409, "draft-locked", "Biên bản đã có chữ ký.");
    const known = this.#doc().store.clients;
    for (const [client, clock] of parseUpdateMeta(update).from) {
      const last = known.get(client)?.at(-1);
      if (clock > (last ? last.id.clock + last.length : 0)) throw new Refused(409, "draft-gap", "Thiếu một phần.");
    }
    const after = this.#doc();
    applyUpdate(after, update);
    if (after.getText("conclusion").length > this.longest) throw new Refused(413, "draft-too-large", "Quá dài.");
    this.updates.push(update);
    return this.updates.length;
  }

  #doc(): Doc {
    const doc = new Doc();
    for (const update of this.updates) applyUpdate(doc, update);
    return doc;
  }

  async #reach(): Promise<void> {
    this.calls++;
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (this.isDown) throw new Refused(0, "unreachable", "");
  }
}

const open: Draft[] = [];

async function a_draft(server: Server): Promise<Draft> {
  const draft = new Draft(server);
  open.push(draft);
  await Promise.all([draft.pull(), vi.advanceTimersByTimeAsync(60)]);
  return draft;
}

const conclusion = (draft: Draft): string => draft.text("conclusion").toJSON();
const write = (draft: Draft, words: string, at = draft.text("conclusion").length): void =>
  draft.text("conclusion").insert(at, words);
const leaving = (): boolean => !window.dispatchEvent(new Event("beforeunload", { cancelable: true }));

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  for (const draft of open.splice(0)) draft.close();
  vi.useRealTimers();
});

describe("a draft", () => {
  it("is saved half a second after the last letter, in one piece", async () => {
    const server = new Server();
    const draft = await a_draft(server);
    for (const letter of "Viêm phổi") write(draft, letter);
    expect(draft.state.kind).toBe("unsaved");
    expect(leaving()).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect([server.text, server.updates.length, draft.state.kind]).toEqual(["Viêm phổi", 1, "saved"]);
    expect(leaving()).toBe(false);
  });

  it("says when it was saved", async () => {
    const draft = await a_draft(new Server());
    const states: DraftState[] = [];
    draft.onState((state) => states.push(state));
    write(draft, "x");
    await vi.advanceTimersByTimeAsync(500);
    expect(states.map((state) => state.kind)).toEqual(["saved", "unsaved", "saved"]);
    expect(states.at(-1)).toEqual({ kind: "saved", at: expect.any(Date) as Date });
  });

  it("brings what others write when the doorbell rings", async () => {
    const server = new Server();
    const [one, other] = [await a_draft(server), await a_draft(server)];
    write(one, "Viêm");
    await vi.advanceTimersByTimeAsync(500);
    other.hint(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(conclusion(other)).toBe("Viêm");
    const { calls } = server;
    other.hint(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(server.calls).toBe(calls);
  });

  it("keeps what is typed without a line, and merges it with what others wrote", async () => {
    const server = new Server();
    const [one, other] = [await a_draft(server), await a_draft(server)];
    write(one, "Viêm phổi.");
    await vi.advanceTimersByTimeAsync(500);
    other.hint(1);
    await vi.advanceTimersByTimeAsync(100);

    server.isDown = true;
    write(one, " Theo dõi u.");
    write(other, " Chụp lại CT.");
    await vi.advanceTimersByTimeAsync(20_000);
    expect([one.state.kind, other.state.kind]).toEqual(["waiting", "waiting"]);
    expect(leaving()).toBe(true);
    write(one, " Báo lại.");

    server.isDown = false;
    await vi.advanceTimersByTimeAsync(31_000);
    expect([one.state.kind, other.state.kind]).toEqual(["saved", "saved"]);
    await Promise.all([one.pull(), other.pull(), vi.advanceTimersByTimeAsync(200)]);
    expect(conclusion(one)).toBe(conclusion(other));
    expect(conclusion(one)).toBe(server.text);
    for (const words of ["Viêm phổi.", " Theo dõi u. Báo lại.", " Chụp lại CT."]) expect(server.text).toContain(words);
  });

  it("tries again at once when the browser has a line again", async () => {
    const server = new Server();
    const draft = await a_draft(server);
    server.isDown = true;
    write(draft, "x");
    await vi.advanceTimersByTimeAsync(20_000);
    server.isDown = false;
    window.dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(100);
    expect(server.text).toBe("x");
  });

  it("asks less and less often while the server is away", async () => {
    const server = new Server();
    const draft = await a_draft(server);
    server.isDown = true;
    write(draft, "x");
    const before = server.calls;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(server.calls - before).toBeLessThan(10);
  });

  it("sends what is typed during a send right after it, one at a time", async () => {
    const server = new Server();
    const draft = await a_draft(server);
    write(draft, "a");
    await vi.advanceTimersByTimeAsync(420);
    write(draft, "b");
    await vi.advanceTimersByTimeAsync(600);
    expect([server.text, server.updates.length]).toEqual(["ab", 2]);
  });

  it("sends all that the server lacks when that has a gap", async () => {
    const server = new Server();
    const draft = await a_draft(server);
    write(draft, "một ");
    await vi.advanceTimersByTimeAsync(500);
    server.updates.pop();
    write(draft, "hai");
    await vi.advanceTimersByTimeAsync(1000);
    expect([server.text, draft.state.kind]).toEqual(["một hai", "saved"]);
  });

  it("says why nothing more is taken, and keeps the words on the page", async () => {
    const server = new Server();
    const draft = await a_draft(server);
    server.isLocked = true;
    write(draft, "muộn");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(draft.state).toEqual({ kind: "refused", code: "draft-locked", sentence: "Biên bản đã có chữ ký." });
    expect([conclusion(draft), leaving()]).toEqual(["muộn", true]);
  });

  it("is taken again once what was too long is shortened", async () => {
    const server = new Server();
    server.longest = 10;
    const draft = await a_draft(server);
    write(draft, "dài quá mười chữ");
    await vi.advanceTimersByTimeAsync(1000);
    expect(draft.state.kind).toBe("refused");
    draft.text("conclusion").delete(7, 9);
    await vi.advanceTimersByTimeAsync(1000);
    expect([server.text, draft.state.kind]).toEqual(["dài quá", "saved"]);
  });

  it("holds back what others write while a word is composed", async () => {
    const server = new Server();
    const [one, other] = [await a_draft(server), await a_draft(server)];
    let isComposing = true;
    other.hold(() => isComposing);
    write(one, "mới");
    await vi.advanceTimersByTimeAsync(500);
    other.hint(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(conclusion(other)).toBe("");
    isComposing = false;
    await Promise.all([other.pull(), vi.advanceTimersByTimeAsync(100)]);
    expect(conclusion(other)).toBe("mới");
  });

  it("flushes before a signature", async () => {
    const server = new Server();
    const draft = await a_draft(server);
    write(draft, "a");
    const [isKept] = await Promise.all([draft.flush(), vi.advanceTimersByTimeAsync(100)]);
    expect([isKept, server.text]).toEqual([true, "a"]);
  });
});
