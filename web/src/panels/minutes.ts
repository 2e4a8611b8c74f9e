/** The minutes as a panel beside the images: both sides write in it while they talk. */
import "../../styles/minutes.css";

import { Draft, storeAt } from "../draft";
import { element, getJson } from "../dom";
import { sentenceOf } from "../forms";
import { flag, list, number, record, text, type Of } from "../shape";
import { t } from "../text";
import type { KeyImage } from "../viewer/state";
import { longText, questionItem, saveState } from "./fields";
import { KeyImages } from "./keyimages";

/** What the server says of the minutes beside the draft itself (GET form). */
export const Facts = record({
  digest: text,
  fixed: text, // changes when something does that is neither in the draft nor among the key images
  images: text, // changes when the key images do
  lacking: list(text),
  is_locked: flag,
  may_write: flag,
  course: text,
  conclusion: text,
  next_treatment: text,
  questions: list(record({ id: number, number: number, text: text, conclusion: text, reason: text })),
});
export type Facts = Of<typeof Facts>;

export async function factsAt(root: string): Promise<Facts> {
  return Facts(await getJson(`${root}/form`));
}

export interface MinutesPanel {
  /** The server has change number `seq` of the draft. */
  changed(seq: number): void;
  addKeyImage(image: KeyImage): void;
  close(): void;
}

const POLL_MS = 20_000; // a doorbell that was not heard
const RETRY_MS = 5000;

/** Put the minutes into `root`; `minutes_root` is their address. */
export function mountMinutes(root: HTMLElement, { minutes_root: address }: { readonly minutes_root: string }): MinutesPanel {
  const draft = new Draft(storeAt(address));
  const images = new KeyImages(address, true);
  const follow = (): void => {
    factsAt(address).then((facts) => images.follow(facts.images), () => undefined); // else at the next poll
  };
  const poll = window.setInterval(() => {
    void draft.pull();
    follow();
  }, POLL_MS);
  let retry: number | undefined;

  const open = async (): Promise<void> => {
    try {
      const [facts] = await Promise.all([factsAt(address), draft.pull()]);
      root.replaceChildren(...parts(draft, images, facts, address));
      await images.follow(facts.images);
    } catch (error) {
      root.replaceChildren(element("p", { className: "panel-empty" }, sentenceOf(error)));
      retry = window.setTimeout(() => void open(), RETRY_MS);
    }
  };
  root.replaceChildren(element("p", { className: "panel-empty" }, t("Đang mở biên bản…")));
  void open();
  return {
    changed(seq) {
      draft.hint(seq);
      follow();
    },
    addKeyImage: (image) => images.add(image),
    close() {
      window.clearInterval(poll);
      window.clearTimeout(retry);
      draft.close();
    },
  };
}

function parts(draft: Draft, images: KeyImages, facts: Facts, address: string): HTMLElement[] {
  const mayWrite = facts.may_write;
  const field = (name: string, label: string, rows: number): HTMLElement => longText(draft, name, { label, rows, mayWrite });
  return [
    saveState(draft),
    field("course", t("Tóm tắt diễn biến, điều trị và chăm sóc"), 5),
    element("p", { className: "draft-label" }, t("Câu hỏi")),
    element("ol", { className: "draft-questions" }, ...facts.questions.map((question) => questionItem(draft, question, mayWrite))),
    field("conclusion", t("Kết luận"), 3),
    field("next_treatment", t("Hướng điều trị tiếp"), 3),
    element("p", { className: "draft-label" }, t("Ảnh chính")),
    images.element,
    element("p", {}, element("a", { href: address, target: "_blank", rel: "noopener" }, t("Mở trang biên bản để đọc lại và ký"))),
  ];
}
