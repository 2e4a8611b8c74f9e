/** The numbered questions of the case, always at hand while one talks; answers are written in the minutes. */

import { element } from "../dom";
import { t } from "../text";

export interface Question {
  readonly id: number | string;
  readonly number: number;
  readonly text: string;
}

export function showQuestions(root: HTMLElement, questions: readonly Question[], answer: () => void): void {
  if (!questions.length) {
    root.replaceChildren(element("p", { className: "panel-empty" }, t("Ca này không có câu hỏi được đánh số.")));
    return;
  }
  root.replaceChildren(
    element(
      "ol",
      { className: "question-list" },
      ...questions.map(({ number, text }) =>
        element("li", { value: number, className: "question" }, element("span", {}, text)),
      ),
    ),
    element(
      "button",
      { type: "button", className: "room-button", onclick: answer },
      t("Ghi kết luận vào biên bản"),
    ),
  );
}
