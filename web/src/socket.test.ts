/** The line: comes back, resumes, repeats what was not answered. Against a socket that the test holds in its hand. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Message } from "./messages";
import { Final, type LineState, Refusal, SignalSocket, waitMs } from "./socket";

interface Sent { id?: string; t: string; d: Record<string, unknown> }

class Wire {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readyState = 1;
  readonly sent: Sent[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Sent);
  }
  close(): void {
    this.readyState = 3;
  }
  say(t: Message["t"], d: unknown, stamps: { seq?: number; re?: string } = {}): void {
    this.onmessage?.({ data: JSON.stringify({ v: 1, t, d, ...stamps }) });
  }
  welcome(resumed: boolean, token = "token-0001"): void {
    this.say("welcome", {
      version: 1, peer: "peer-huong", room: "r1", role: "doctor", waits: false, resumed,
      resume: { token, ttl_s: 30 }, ice_servers: [], ice_ttl_s: 600, ping_ms: 1000, quiet_ms: 3000,
    });
  }
  bye(code: string, reconnect: "none" | "resume" | "rejoin"): void {
    this.say("bye", { code, sentence: "Tạm biệt", reconnect });
    this.onclose?.({ code: 4000 });
  }
  hello(): Record<string, unknown> {
    return this.sent[0]?.d ?? {};
  }
  last(t: string): Sent | undefined {
    return this.sent.filter((each) => each.t === t).at(-1);
  }
}

function aLine(ticket: () => Promise<string> = () => Promise.resolve("ticket-01"), kept: string | null = null) {
  const wires: Wire[] = [];
  const lines: LineState[] = [];
  const heard: string[] = [];
  const ends: string[] = [];
  const memory = { token: kept };
  const socket = new SignalSocket({
    url: "ws://house.test/signal",
    ticket,
    memory: { read: () => memory.token, write: (token) => (memory.token = token) },
    onMessage: (message) => heard.push(message.t),
    onLine: (state) => lines.push(state),
    onEnd: ({ code }) => ends.push(code),
    open: () => {
      const wire = new Wire();
      wires.push(wire);
      return wire as unknown as WebSocket;
    },
  });
  const wire = () => {
    const last = wires.at(-1);
    if (!last) throw new Error("no socket was opened");
    return last;
  };
  const open = async () => {
    const before = wires.length;
    while (wires.length === before) await vi.advanceTimersByTimeAsync(100);
    wire().onopen?.();
  };
  return { socket, wires, wire, open, lines, heard, ends, memory };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function started(line: ReturnType<typeof aLine>): Promise<void> {
  line.socket.start();
  await vi.advanceTimersByTimeAsync(0);
  line.wire().onopen?.();
  line.wire().welcome(false);
}

describe("opening", () => {
  test("the first time with a ticket", async () => {
    const line = aLine();
    await started(line);
    expect(line.wire().hello()).toEqual({ versions: [1], ticket: "ticket-01", resume: null });
    expect(line.lines).toEqual(["open"]);
    expect(line.memory.token).toBe("token-0001");
  });

  test("after a reload with the token of before, asking for the whole state", async () => {
    const line = aLine(undefined, "token-kept");
    line.socket.start();
    await vi.advanceTimersByTimeAsync(0);
    line.wire().onopen?.();
    expect(line.wire().hello()).toEqual({ versions: [1], ticket: null, resume: { token: "token-kept", seq: null } });
  });

  test("a ticket that will never be given is the end, another failure is tried again", async () => {
    const ended = aLine(() => Promise.reject(new Final("no-session", "Chưa có phiên")));
    ended.socket.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(ended.ends).toEqual(["no-session"]);

    let tries = 0;
    const patient = aLine(() => (++tries < 3 ? Promise.reject(new Error("down")) : Promise.resolve("ticket-02")));
    patient.socket.start();
    await vi.advanceTimersByTimeAsync(5000);
    expect(patient.wires).toHaveLength(1);
    expect(patient.lines).toEqual(["lost"]);
  });
});

describe("coming back", () => {
  test("resumes from the last number it heard", async () => {
    const line = aLine();
    await started(line);
    line.wire().say("admitted", { by: "Hoa" }, { seq: 7 });
    line.wire().onclose?.({ code: 1006 });
    expect(line.lines.at(-1)).toBe("lost");
    await line.open();
    expect(line.wire().hello()).toEqual({ versions: [1], ticket: null, resume: { token: "token-0001", seq: 7 } });
    line.wire().welcome(true, "token-0002");
    expect(line.memory.token).toBe("token-0002");
    line.wire().say("admitted", { by: "Hoa" }, { seq: 7 }); // sent again: heard already
    line.wire().say("admitted", { by: "Hoa" }, { seq: 8 });
    expect(line.heard.filter((t) => t === "admitted")).toHaveLength(2);
  });

  test("with a new ticket where the place is no longer kept", async () => {
    const line = aLine();
    await started(line);
    line.wire().onclose?.({ code: 1006 });
    await line.open();
    line.wire().bye("resume-refused", "rejoin");
    await line.open();
    expect(line.wire().hello()).toMatchObject({ ticket: "ticket-01", resume: null });
  });

  test("a line that is silent is named weak, then given up for another", async () => {
    const line = aLine();
    await started(line);
    await vi.advanceTimersByTimeAsync(3600);
    expect(line.lines.at(-1)).toBe("weak");
    line.wire().say("ping", { n: 1 });
    expect(line.lines.at(-1)).toBe("open");
    expect(line.wire().last("pong")?.d).toEqual({ n: 1 });
    await vi.advanceTimersByTimeAsync(6000);
    expect(line.lines.at(-1)).toBe("lost");
    expect(line.wires.length).toBeGreaterThan(1);
  });

  test("stays away when the server says so", async () => {
    const line = aLine();
    await started(line);
    line.wire().bye("replaced", "none");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(line.ends).toEqual(["replaced"]);
    expect(line.wires).toHaveLength(1);
    expect(line.memory.token).toBeNull();
  });

  test("waits longer each time, never more than nine seconds", () => {
    const waits = [0, 1, 2, 3, 4, 5, 9, 99].map((tries) => waitMs(tries, () => 0.5));
    expect(waits).toEqual([300, 600, 1200, 2400, 4800, 7000, 7000, 7000]);
    expect(waitMs(99, () => 1)).toBeLessThan(9000);
  });
});

describe("requests", () => {
  test("are repeated with the same id until they are answered", async () => {
    const line = aLine();
    await started(line);
    let done = false;
    void line.socket.request({ t: "chat", d: { text: "Chào" } }).then(() => (done = true));
    const id = line.wire().last("chat")?.id;
    line.wire().onclose?.({ code: 1006 });
    await line.open();
    line.wire().welcome(true);
    expect(line.wire().last("chat")?.id).toBe(id);
    line.wire().say("ok", {}, { seq: 1, re: id ?? "" });
    await vi.advanceTimersByTimeAsync(0);
    expect(done).toBe(true);
  });

  test("that are refused are refused, those that may pass later are sent again", async () => {
    const line = aLine();
    await started(line);
    const refused = line.socket.request({ t: "end", d: {} }).catch((problem: unknown) => problem);
    const error = (code: string) => ({ code, sentence: "Không được", retry_after_ms: null });
    line.wire().say("error", error("not-allowed"), { seq: 1, re: line.wire().last("end")?.id ?? "" });
    expect(await refused).toBeInstanceOf(Refusal);

    void line.socket.request({ t: "chat", d: { text: "Chào" } });
    line.wire().say("error", error("unavailable"), { seq: 2, re: line.wire().last("chat")?.id ?? "" });
    for (let second = 0; second < 6; second += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      line.wire().say("ping", { n: second });
    }
    expect(line.wire().sent.filter(({ t }) => t === "chat")).toHaveLength(2);
  });

  test("a number that is missing asks for the whole state", async () => {
    const line = aLine();
    await started(line);
    line.wire().say("admitted", { by: "Hoa" }, { seq: 1 });
    line.wire().say("admitted", { by: "Hoa" }, { seq: 3 });
    expect(line.wire().last("resync")).toBeDefined();
  });

  test("what may be lost is not sent while there is no line", async () => {
    const line = aLine();
    await started(line);
    line.wire().onclose?.({ code: 1006 });
    line.socket.send({ t: "pong", d: { n: 1 } });
    expect(line.wires.flatMap((wire) => wire.sent).filter(({ t }) => t === "pong")).toEqual([]);
  });
});
