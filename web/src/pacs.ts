/** The hospital's PACS on the pages that have a place for it (#pacs): search, choose, pull, with progress. */
import { announce, element, getJson, postJson } from "./dom";
import { sentenceOf } from "./forms";
import { attach } from "./studies";
import { t } from "./text";
import { toast } from "./toast";

interface Found {
  study_uid: string;
  patient_id: string;
  patient_name: string;
  birth_date: string;
  date: string;
  description: string;
  modalities: string[];
  instances: number | null;
}

interface Retrieval {
  id: number;
  title: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  sentence: string;
  study: number | null;
}

interface Overview {
  connections: { id: number; name: string }[];
  retrievals: Retrieval[];
}

interface Line {
  state: Retrieval["state"];
  row: HTMLElement;
  bar: HTMLProgressElement;
  words: HTMLElement;
}

const POLL_MS = 1000;

/** DA (YYYYMMDD) as people read it. */
export function dayOf(text: string): string {
  return /^\d{8}$/.test(text) ? `${text.slice(6)}/${text.slice(4, 6)}/${text.slice(0, 4)}` : text;
}

/** One line that says what a study of a PACS is. */
export function titleOf(one: Found): string {
  const count = one.instances === null ? "" : t("{count} ảnh", { count: one.instances });
  const what = [one.modalities.join(", "), one.description, dayOf(one.date), count];
  return [one.patient_name || t("không tên"), dayOf(one.birth_date), one.patient_id, ...what].filter(Boolean).join(" · ");
}

/** How far a retrieval is, in words. */
export function stateOf(one: Retrieval): string {
  switch (one.state) {
    case "waiting":
      return t("Đang chờ tới lượt");
    case "running":
      return one.total ? t("Đã về {done}/{total} ảnh", { done: one.done, total: one.total }) : t("Đang hỏi PACS");
    case "done":
      return t("Đã về đủ {total} ảnh", { total: one.total });
    case "failed":
      return one.sentence;
    case "cancelled":
      return t("Đã dừng; {done} ảnh đã về vẫn còn", { done: one.done });
  }
}

const isUnderWay = (one: Retrieval): boolean => one.state === "waiting" || one.state === "running";

/** `done` renews the page once a study is there. On a case's page it is tied to the case first. */
export async function mountPacs(done: () => void): Promise<void> {
  const root = document.getElementById("pacs");
  if (!root) return;
  const first = (await getJson("/retrievals").catch(() => undefined)) as Overview | undefined;
  if (first?.connections.length) new Panel(root, first, done);
}

class Panel {
  readonly #found = element("ul", { className: "pacs-found" });
  readonly #pulled = element("ul", { className: "pacs-pulled" });
  readonly #said = element("p", { className: "muted small", attributes: { role: "status" } });
  readonly #connection = element("select", { id: "pacs-connection", className: "form-select" });
  readonly #inputs = {
    name: input("pacs-name", "text"),
    patient_id: input("pacs-patient-id", "text"),
    first_day: input("pacs-first-day", "date"),
    last_day: input("pacs-last-day", "date"),
  };
  readonly #case: string | undefined;
  readonly #done: () => void;
  readonly #lines = new Map<number, Line>();
  readonly #waited = new Set<number>(); // studies that this page takes in once they are there
  #timer = 0;

  constructor(root: HTMLElement, first: Overview, done: () => void) {
    this.#case = root.dataset.consultation;
    this.#done = done;
    this.#connection.append(...first.connections.map((one) => element("option", { value: String(one.id) }, one.name)));
    const ask = button(t("Tìm"), t("Tìm trong PACS"), () => this.#search());
    const fields = element(
      "div",
      { className: "pacs-fields", attributes: { role: "search", "aria-label": t("Tìm trong PACS") } },
      first.connections.length > 1 && field(t("PACS"), this.#connection),
      field(t("Họ tên"), this.#inputs.name),
      field(t("Mã người bệnh"), this.#inputs.patient_id),
      field(t("Chụp từ ngày"), this.#inputs.first_day),
      field(t("đến ngày"), this.#inputs.last_day),
      ask,
    );
    // What is typed here is no part of the form around it.
    for (const kind of ["input", "change"]) fields.addEventListener(kind, (event) => event.stopPropagation());
    fields.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
      event.preventDefault();
      ask.click();
    });
    const more = element("details", { className: "pacs" }, element("summary", {}, t("Tìm trong PACS")), fields, this.#said, this.#found);
    root.replaceChildren(more, this.#pulled);
    this.#show(first.retrievals);
  }

  async #search(): Promise<void> {
    this.#said.textContent = t("Đang hỏi PACS");
    this.#found.replaceChildren();
    try {
      const typed = Object.fromEntries(Object.entries(this.#inputs).map(([name, one]) => [name, one.value.trim()]));
      const { studies } = (await postJson(`/pacs/${this.#connection.value}/search`, typed)) as { studies: Found[] };
      this.#said.textContent = studies.length ? t("Tìm thấy {count} ca chụp.", { count: studies.length }) : t("PACS không có ca chụp nào như vậy.");
      this.#found.replaceChildren(...studies.map((one) => this.#foundLine(one)));
    } catch (error) {
      this.#said.textContent = sentenceOf(error);
    }
    announce(this.#said.textContent);
  }

  #foundLine(one: Found): HTMLElement {
    const title = titleOf(one);
    const pull = button(t("Lấy về"), title, async () => {
      const begun = (await postJson(`/pacs/${this.#connection.value}/retrievals`, {
        study_uid: one.study_uid,
        title: title.slice(0, 200),
      })) as Retrieval;
      this.#waited.add(begun.id);
      await this.#poll();
    });
    return element("li", {}, element("span", {}, title), pull);
  }

  #show(retrievals: Retrieval[]): void {
    for (const one of retrievals) if (isUnderWay(one)) this.#waited.add(one.id);
    for (const one of retrievals) this.#line(one);
    const arrived = retrievals.filter((one) => one.state === "done" && this.#waited.delete(one.id));
    if (arrived.length) void this.#take(arrived);
    window.clearTimeout(this.#timer);
    if (retrievals.some(isUnderWay)) this.#timer = window.setTimeout(() => void this.#poll(), POLL_MS);
  }

  /** The line of a retrieval, written anew only where its state is another: a button under the finger stays. */
  #line(one: Retrieval): void {
    const there = this.#lines.get(one.id);
    if (there?.state === one.state) {
      there.bar.max = one.total || 1;
      there.bar.value = one.done;
      there.words.textContent = stateOf(one);
      return;
    }
    there?.row.remove();
    if (one.state !== "done") this.#lines.set(one.id, this.#newLine(one));
    else this.#lines.delete(one.id);
  }

  #newLine(one: Retrieval): Line {
    const act = (what: string) => async (): Promise<void> => {
      await postJson(`/retrievals/${one.id}/${what}`, {});
      if (what === "retry") this.#waited.add(one.id);
      await this.#poll();
    };
    const bar = element("progress", { max: one.total || 1, value: one.done, attributes: { "aria-label": one.title } });
    const choice = isUnderWay(one) ? button(t("Dừng"), one.title, act("cancel")) : button(t("Thử lại"), one.title, act("retry"));
    const words = element("span", { className: "small muted" }, stateOf(one));
    const row = element("li", {}, element("div", {}, element("div", {}, one.title), isUnderWay(one) && bar, words), choice);
    this.#pulled.append(row);
    return { state: one.state, row, bar, words };
  }

  async #poll(): Promise<void> {
    try {
      this.#show(((await getJson("/retrievals")) as Overview).retrievals);
    } catch {
      this.#timer = window.setTimeout(() => void this.#poll(), 5 * POLL_MS); // the line is down: it comes again
    }
  }

  async #take(arrived: Retrieval[]): Promise<void> {
    try {
      for (const one of arrived) {
        announce(`${one.title}: ${stateOf(one)}`);
        if (this.#case !== undefined && one.study !== null) await attach(`/consultations/${this.#case}`, one.study);
      }
      this.#done();
    } catch (error) {
      toast(sentenceOf(error));
    }
  }
}

function input(id: string, type: string): HTMLInputElement {
  return element("input", { id, type, className: "form-control", autocomplete: "off" });
}

function field(label: string, box: HTMLInputElement | HTMLSelectElement): HTMLElement {
  return element("div", { className: "field" }, element("label", { htmlFor: box.id }, label), box);
}

function button(text: string, about: string, work: () => Promise<void>): HTMLButtonElement {
  const hidden = element("span", { className: "visually-hidden" }, ` ${about}`);
  const made = element("button", { type: "button", className: "btn btn-outline-primary" }, text, hidden);
  made.addEventListener("click", () => {
    if (made.hasAttribute("aria-busy")) return;
    made.setAttribute("aria-busy", "true");
    work()
      .catch((error: unknown) => toast(sentenceOf(error)))
      .finally(() => made.removeAttribute("aria-busy"));
  });
  return made;
}
