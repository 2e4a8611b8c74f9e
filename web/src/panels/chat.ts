/** Trò chuyện: what was said in writing, in the room's order; what is on its way is shown as such. */

import { element } from "../dom";
import type { Chatted } from "../messages";
import { fullName } from "../roster";
import { t } from "../text";

const clock = new Intl.DateTimeFormat("vi-VN", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Ho_Chi_Minh" });

export class Chat {
  private readonly list = element("ol", { className: "chat-list", attributes: { "aria-live": "polite" } });
  private readonly field = element("textarea", {
    className: "chat-field",
    rows: 2,
    maxLength: 2000,
    placeholder: t("Viết cho mọi người trong phòng"),
    attributes: { "aria-label": t("Nội dung tin nhắn") },
  });
  private readonly note = element("p", { className: "chat-note", attributes: { role: "status" } });
  private readonly shown = new Set<number>();

  /** `say` resolves once the server has kept the text, rejects with a sentence to show. */
  constructor(
    root: HTMLElement,
    private readonly myPerson: number,
    private readonly say: (text: string) => Promise<void>,
    private readonly onUnread: () => void,
  ) {
    const form = element(
      "form",
      { className: "chat-form" },
      this.field,
      element("button", { type: "submit", className: "room-button room-button-main" }, t("Gửi")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      void this.submit();
    });
    root.replaceChildren(this.list, this.note, form);
  }

  /** Show one line; one that is shown already is passed over. */
  add(said: Chatted): void {
    if (this.shown.has(said.n)) return;
    this.shown.add(said.n);
    const isMine = said.person.person === this.myPerson;
    const row = element(
      "li",
      { className: isMine ? "chat-row chat-row-mine" : "chat-row" },
      element(
        "div",
        { className: "chat-who" },
        `${isMine ? t("Bạn") : fullName(said.person)} · ${clock.format(said.at_ms)}`,
      ),
      element("div", { className: "chat-text" }, said.text),
    );
    this.list.append(row);
    row.scrollIntoView({ block: "nearest" });
    if (!isMine) this.onUnread();
  }

  private async submit(): Promise<void> {
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.note.textContent = t("Đang gửi…");
    try {
      await this.say(text);
      this.note.textContent = "";
    } catch (problem) {
      this.note.textContent = problem instanceof Error ? problem.message : t("Chưa gửi được.");
      this.field.value ||= text;
    }
  }
}
