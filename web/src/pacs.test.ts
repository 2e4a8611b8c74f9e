import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { dayOf, mountPacs, stateOf, titleOf } from "./pacs";

const found = {
  study_uid: "2.25.1",
  patient_id: "BN1",
  patient_name: "PHẠM Thị Lan",
  birth_date: "19700102",
  date: "20261101",
  description: "CT sọ não",
  modalities: ["CT", "SR"],
  instances: 8,
};
const retrieval = { id: 5, title: "CT", state: "running" as const, done: 2, total: 8, sentence: "", study: null };

function until(isSo: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(isSo()).toBe(true));
}

describe("words", () => {
  it("say what a study of a PACS is, and leave out what is not known", () => {
    expect(titleOf(found)).toBe("PHẠM Thị Lan · 02/01/1970 · BN1 · CT, SR · CT sọ não · 01/11/2026 · 8 ảnh");
    expect(titleOf({ ...found, patient_name: "", birth_date: "", modalities: [], description: "", instances: null })).toBe(
      "không tên · BN1 · 01/11/2026",
    );
    expect(dayOf("1970")).toBe("1970");
  });

  it("say how far a retrieval is", () => {
    expect(stateOf(retrieval)).toBe("Đã về 2/8 ảnh");
    expect(stateOf({ ...retrieval, total: 0 })).toBe("Đang hỏi PACS");
    expect(stateOf({ ...retrieval, state: "failed", sentence: "Hỏng" })).toBe("Hỏng");
  });
});

describe("the panel", () => {
  const asked: string[] = [];
  let overview: unknown;
  let refusal: Response | undefined;

  beforeEach(() => {
    asked.length = 0;
    refusal = undefined;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
    overview = { connections: [{ id: 3, name: "PACS" }], retrievals: [] };
    document.body.innerHTML = '<div id="pacs" data-consultation="abc"></div>';
    vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
      asked.push(`${init.method ?? "GET"} ${path} ${typeof init.body === "string" ? init.body : ""}`.trim());
      if (path.endsWith("/search")) return Promise.resolve(refusal ?? Response.json({ studies: [found] }));
      return Promise.resolve(Response.json(path === "/retrievals" ? overview : retrieval));
    });
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const buttons = (text: string): HTMLButtonElement[] =>
    [...document.querySelectorAll("button")].filter((one) => one.textContent.startsWith(text));
  const click = (text: string): void => buttons(text)[0]?.click();

  it("is not there for a hospital without a PACS", async () => {
    overview = { connections: [], retrievals: [] };
    await mountPacs(() => undefined);
    expect(document.getElementById("pacs")?.childElementCount).toBe(0);
  });

  it("searches by POST, pulls what is chosen, shows it coming and ties it to the case once", async () => {
    const done = vi.fn();
    await mountPacs(done);
    Object.assign(document.getElementById("pacs-name") ?? {}, { value: " Lan " });
    click("Tìm");
    await until(() => buttons("Lấy về").length === 1);
    expect(asked.at(-1)).toBe('POST /pacs/3/search {"name":"Lan","patient_id":"","first_day":"","last_day":""}');
    overview = { connections: [], retrievals: [retrieval] };
    click("Lấy về");
    await until(() => document.body.textContent.includes("Đã về 2/8 ảnh"));
    const stop = buttons("Dừng")[0];
    overview = { connections: [], retrievals: [{ ...retrieval, done: 7 }] };
    await vi.advanceTimersByTimeAsync(1100);
    await until(() => document.body.textContent.includes("Đã về 7/8 ảnh"));
    expect(buttons("Dừng")[0]).toBe(stop);
    overview = { connections: [], retrievals: [{ ...retrieval, state: "done", done: 8, study: 12 }] };
    await vi.advanceTimersByTimeAsync(1100);
    await until(() => done.mock.calls.length === 1);
    expect(asked.filter((one) => one.includes("/consultations/"))).toEqual(['POST /consultations/abc/studies {"study_id":12}']);
    expect(buttons("Dừng")).toEqual([]);
  });

  it("says why a search was refused, and offers a failed retrieval again", async () => {
    overview = { connections: [{ id: 3, name: "PACS" }], retrievals: [{ ...retrieval, state: "failed", sentence: "Bị đứt" }] };
    await mountPacs(() => undefined);
    refusal = Response.json({ detail: "PACS im lặng" }, { status: 409 });
    click("Tìm");
    await until(() => document.body.textContent.includes("PACS im lặng"));
    expect(document.body.textContent).toContain("Bị đứt");
    click("Thử lại");
    await until(() => asked.includes("POST /retrievals/5/retry {}"));
  });
});
