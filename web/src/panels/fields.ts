/** The fields of the live draft: a long text, a numbered question with its conclusion, and what has been saved. */
import type { Text } from "yjs";

import type { Draft, DraftState } from "../draft";
import { element } from "../dom";
import { t } from "../text";
import { bind } from "../textarea";
import { toast } from "../toast";

export interface Question {
  readonly id: number;
  readonly number: number;
  readonly text: string;
}

const LONGEST = 30_000; // letters, as server/consultation/minutes/document.py takes them
const CLOCK = new Intl.DateTimeFormat("vi-VN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Ho_Chi_Minh" });

export interface AreaOptions {
  label: string;
  rows: number;
  placeholder?: string;
  mayWrite: boolean;
}

/** A textarea for one field of the draft. */
export function area(draft: Draft, field: string, { label, rows, placeholder = "", mayWrite }: AreaOptions): HTMLTextAreaElement {
  const made = element("textarea", {
    className: "form-control draft-area",
    rows,
    placeholder,
    maxLength: LONGEST,
    readOnly: !mayWrite,
    spellcheck: false,
    attributes: { "aria-label": label, "data-field": field },
  });
  const binding = bind(made, draft.text(field), () => void draft.pull());
  draft.hold(() => binding.isComposing);
  return made;
}

/** A long text under its name. */
export function longText(draft: Draft, field: string, options: AreaOptions): HTMLElement {
  return element("div", { className: "field" }, element("p", { className: "draft-label" }, options.label), area(draft, field, options));
}

/** A numbered question: its conclusion, or a tick and the reason why there is none yet. */
export function questionItem(draft: Draft, question: Question, mayWrite: boolean): HTMLLIElement {
  const { id, number } = question;
  const reason = draft.text(`reason:${id}`);
  const reasonArea = area(draft, `reason:${id}`, {
    label: t("Lý do chưa kết luận được câu {number}", { number }),
    rows: 2,
    placeholder: t("Lý do, ví dụ: chờ CT có tiêm thuốc"),
    mayWrite,
  });
  const tick = element("input", { type: "checkbox", className: "form-check-input", disabled: !mayWrite });
  const show = (): void => {
    if (reason.length > 0) tick.checked = true;
    reasonArea.hidden = !tick.checked;
  };
  tick.addEventListener("change", () => {
    if (!tick.checked) empty(reason);
    show();
    if (tick.checked) reasonArea.focus();
  });
  reason.observe(show);
  show();
  return element(
    "li",
    { value: number },
    element("p", { className: "prose" }, question.text),
    area(draft, `answer:${id}`, { label: t("Kết luận câu {number}", { number }), rows: 2, placeholder: t("Kết luận"), mayWrite }),
    element("label", { className: "form-check" }, tick, element("span", {}, t("Chưa kết luận được"))),
    reasonArea,
  );
}

/** Take the words out, and offer to put them back. */
function empty(reason: Text): void {
  const words = reason.toJSON();
  if (!words) return;
  reason.delete(0, reason.length);
  toast(t("Đã bỏ lý do chưa kết luận được."), () => reason.insert(0, words));
}

/** Whether what is written is saved, in words; kept up to date. */
export function saveState(draft: Draft): HTMLElement {
  const line = element("p", { className: "save-state", attributes: { role: "status" } });
  draft.onState((state) => {
    line.textContent = words(state);
    line.classList.toggle("is-failed", state.kind === "waiting" || state.kind === "refused");
  });
  return line;
}

function words(state: DraftState): string {
  switch (state.kind) {
    case "loading":
      return t("Đang mở biên bản…");
    case "saved":
      return state.at ? t("Đã lưu {time}", { time: CLOCK.format(state.at) }) : t("Mọi thứ tự lưu khi bạn viết.");
    case "unsaved":
      return t("Đang lưu…");
    case "waiting":
      return state.sentence || t("Chưa lưu được vì mất kết nối. Cứ viết tiếp, trang sẽ tự gửi khi có mạng; đừng đóng trang.");
    case "refused":
      return state.sentence;
  }
}
