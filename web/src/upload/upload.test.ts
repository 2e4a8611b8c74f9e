import { describe, expect, it, vi } from "vitest";

import { mountUpload, progressText, timeLeft } from "../upload";
import { filesOfDrop, worthSending } from "./files";
import { Meter, megabytes } from "./meter";
import { NOT_SENT, Queue, type QueueOptions } from "./queue";
import { fingerprint, Sent } from "./sent";
import { NotSent, type Outcome, outcomeOfHeaders, sentenceOf, type Transfer } from "./transfer";

function aFile(name: string, size = 10): File {
  return new File(["x".repeat(size)], name, { lastModified: 1 });
}

class Storage {
  readonly kept = new Map<string, string>();
  getItem = (key: string): string | null => this.kept.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.kept.set(key, value);
  removeItem = (key: string): void => void this.kept.delete(key);
}

/** Transfers that a test settles by hand. */
class Line {
  readonly begun: { file: File; calls: string[]; progress(sent: number): void; end(outcome: Partial<Outcome> | Error): void }[] = [];
  idle: number[][] = [];
  readonly queue: Queue;

  constructor(streams = 2) {
    const options: QueueOptions = {
      streams,
      begin: (file, onProgress) => this.#begin(file, onProgress),
      onChange: () => undefined,
      onIdle: (studies) => this.idle.push(studies),
    };
    this.queue = new Queue(options);
  }

  #begin(file: File, progress: (sent: number) => void): Transfer {
    const calls: string[] = [];
    let end: (outcome: Partial<Outcome> | Error) => void = () => undefined;
    const outcome = new Promise<Outcome>((resolve, reject) => {
      end = (said) => {
        if (said instanceof Error) reject(said);
        else resolve({ url: "/uploads/a", instances: 1, studies: [7], refused: [], refusedCount: 0, ...said });
      };
    });
    this.begun.push({ file, calls, progress, end: (said) => end(said) });
    const call = (name: string) => (): void => void calls.push(name);
    return { outcome, start: call("start"), pause: call("pause"), cancel: call("cancel") };
  }

  async settle(): Promise<void> {
    await new Promise((wake) => setTimeout(wake));
  }

  get names(): string[] {
    return this.begun.map(({ file }) => file.name);
  }
}

describe("the queue", () => {
  it("sends a few at a time, and the next as one is done", async () => {
    const line = new Line(2);
    line.queue.add([aFile("a"), aFile("b"), aFile("c")]);
    expect(line.names).toEqual(["a", "b"]);
    line.begun[0]?.end({ studies: [9] });
    await line.settle();
    expect(line.names).toEqual(["a", "b", "c"]);
    expect(line.idle).toEqual([]);
    line.begun[1]?.end({ studies: [3] });
    line.begun[2]?.end({ studies: [9] });
    await line.settle();
    expect(line.idle).toEqual([[3, 9]]);
    expect(line.queue.totals).toMatchObject({ files: 3, finished: 3, instances: 3, sentBytes: 30, totalBytes: 30 });
  });

  it("does not send again what an earlier page sent", () => {
    const line = new Line();
    const [old, fresh] = [aFile("old"), aFile("fresh")];
    line.queue.add([old, fresh], new Map([[old, [4]]]));
    expect(line.names).toEqual(["fresh"]);
    expect(line.idle).toEqual([]);
  });

  it("tries again what the line lost, and keeps what the server refused", async () => {
    const line = new Line();
    line.queue.add([aFile("lost"), aFile("bad")]);
    line.begun[0]?.end(new NotSent("Mất kết nối."));
    line.begun[1]?.end({
      instances: 0,
      studies: [],
      refused: [{ name: "", code: "not-dicom", sentence: "Không phải DICOM." }],
      refusedCount: 1,
    });
    await line.settle();
    expect(line.queue.refused.map(({ name, code }) => [name, code])).toEqual([
      ["lost", NOT_SENT],
      ["bad", "not-dicom"],
    ]);
    line.queue.retry();
    expect(line.names).toEqual(["lost", "bad", "lost"]);
    expect(line.queue.refused.map(({ name }) => name)).toEqual(["bad"]);
    expect(line.queue.refusedCount).toBe(1);
  });

  it("pauses what is under way and begins nothing new until it goes on", async () => {
    const line = new Line(1);
    line.queue.add([aFile("a"), aFile("b")]);
    line.queue.pause();
    line.begun[0]?.end({});
    await line.settle();
    expect(line.names).toEqual(["a"]);
    line.queue.goOn();
    expect(line.names).toEqual(["a", "b"]);
    expect(line.begun[0]?.calls).toEqual(["start", "pause"]);
  });

  it("forgets what was cancelled and not what is done", async () => {
    const line = new Line(1);
    line.queue.add([aFile("a"), aFile("b"), aFile("c")]);
    line.begun[0]?.end({});
    await line.settle();
    line.queue.cancel();
    expect(line.begun[1]?.calls).toEqual(["start", "cancel"]);
    line.begun[1]?.end({});
    await line.settle();
    expect(line.queue.totals).toMatchObject({ files: 1, finished: 1 });
    expect(line.idle).toEqual([[7]]);
  });
});

describe("the meter", () => {
  it("tells the time left from the pace of the last seconds", () => {
    const meter = new Meter();
    expect(meter.read(0, 1000, 0).leftSeconds).toBeNull();
    const reading = meter.read(100, 1000, 2000);
    expect(reading).toMatchObject({ share: 0.1, rate: 50, leftSeconds: 18 });
    for (let s = 3; s <= 40; s++) meter.read(100 + (s - 2) * 10, 1000, s * 1000);
    expect(meter.read(490, 1000, 41_000).rate).toBeCloseTo(10, 5);
  });

  it("starts anew when bytes are sent again", () => {
    const meter = new Meter();
    meter.read(0, 1000, 0);
    meter.read(500, 1000, 2000);
    expect(meter.read(100, 1000, 3000).rate).toBe(0);
  });

  it("has no share of nothing", () => {
    expect(new Meter().read(0, 0, 0).share).toBe(0);
  });
});

describe("what was sent", () => {
  it("is known after a reload, by a hash that holds no name", () => {
    const storage = new Storage();
    const file = aFile("NGUYEN VAN A.dcm");
    new Sent(storage).add(fingerprint(file), "/uploads/1", [4], 1000);
    expect(new Sent(storage).find(fingerprint(file), 2000)).toEqual({ url: "/uploads/1", studies: [4] });
    expect([...storage.kept.values()].join()).not.toContain("NGUYEN");
  });

  it("is forgotten after a day, and when someone else signs in", () => {
    const storage = new Storage();
    const sent = new Sent(storage);
    sent.add("a", "/uploads/1", [4], 0);
    expect(sent.find("a", 25 * 3600 * 1000)).toBeNull();
    sent.forget();
    expect(storage.kept.size).toBe(0);
  });

  it("survives a storage that holds nonsense", () => {
    const storage = new Storage();
    storage.setItem("hoichan-sent", "{");
    expect(new Sent(storage).find("a", 0)).toBeNull();
  });

  it("tells files apart by name, size and time", () => {
    const prints = [aFile("a"), aFile("b"), aFile("a", 11), new File(["x".repeat(10)], "a", { lastModified: 2 })];
    expect(new Set(prints.map((file) => fingerprint(file))).size).toBe(4);
  });
});

describe("the files of a person", () => {
  it("leave out indexes, leftovers of systems and empty ones", () => {
    const files = ["IM0001", "DICOMDIR", ".DS_Store", "Thumbs.db", "._IM0001"].map((name) => aFile(name));
    expect(worthSending([...files, aFile("empty", 0)]).map(({ name }) => name)).toEqual(["IM0001"]);
  });

  it("come out of dropped folders, more than a hundred too", async () => {
    const entryOf = (file: File): object => ({ isFile: true, file: (yes: (file: File) => void) => yes(file) });
    const folderOf = (entries: object[]): object => {
      const parts = [entries.slice(0, 100), entries.slice(100), []];
      return { isFile: false, createReader: () => ({ readEntries: (yes: (some: object[]) => void) => yes(parts.shift() ?? []) }) };
    };
    const slices = Array.from({ length: 150 }, (_, n) => entryOf(aFile(`IM${n}`)));
    const item = { kind: "file", webkitGetAsEntry: () => folderOf([folderOf(slices), entryOf(aFile("one"))]) };
    const found = await filesOfDrop({ items: [item], files: [] } as unknown as DataTransfer);
    expect(found).toHaveLength(151);
  });
});

describe("the answers of the server", () => {
  it("are read from headers when they say it all", () => {
    const headers: Record<string, string> = {
      "Upload-State": "done",
      "Upload-Refused": "0",
      "Upload-Studies": "3,4",
      "Upload-Instances": "5",
    };
    expect(outcomeOfHeaders("/u", (name) => headers[name])).toMatchObject({ studies: [3, 4], instances: 5 });
    expect(outcomeOfHeaders("/u", (name) => ({ ...headers, "Upload-Refused": "1" })[name])).toBeNull();
    expect(outcomeOfHeaders("/u", (name) => ({ ...headers, "Upload-State": "checking" })[name])).toBeNull();
  });

  it("give the sentence of a refusal, and one of our own for a proxy's page", () => {
    expect(sentenceOf('{"detail": "Tệp quá lớn."}')).toBe("Tệp quá lớn.");
    expect(sentenceOf("<html>")).toContain("Gửi lại");
  });
});

describe("words", () => {
  it("say how far it is and how long it takes", () => {
    expect(timeLeft(5)).toBe("còn chưa đầy 1 phút");
    expect(timeLeft(200)).toBe("còn khoảng 3 phút");
    expect(timeLeft(3700)).toBe("còn khoảng 1 giờ 2 phút");
    expect(megabytes(12_400_000)).toBe("12 MB");
    const totals = { files: 3, finished: 1, failed: 0, instances: 1, sentBytes: 0, totalBytes: 0 };
    const reading = { sentBytes: 1e6, totalBytes: 3e6, share: 1 / 3, rate: 1e4, leftSeconds: 200 };
    expect(progressText(totals, reading, false)).toBe("1 / 3 tệp · 1 MB / 3 MB · còn khoảng 3 phút");
    expect(progressText(totals, reading, true)).toContain("đang tạm dừng");
  });
});

describe("the place on the page", () => {
  it("asks for files, folders and archives, and says so when there are none", async () => {
    const root = document.createElement("div");
    mountUpload(root, { endpoint: "/uploads", onStudies: vi.fn() });
    const inputs = [...root.querySelectorAll("input")];
    expect(inputs.filter((input) => input.webkitdirectory)).toEqual([inputs[1]]);
    inputs[0]?.dispatchEvent(new Event("change"));
    await Promise.resolve();
    expect(root.querySelector("[aria-live]")?.textContent).toContain("Không có tệp nào để gửi");
  });
});
