/** The minutes page: the form as it will print, written in place; what is missing; the signature. */
import "./app";
import "../../styles/minutes.css";

import { Draft, storeAt } from "../draft";
import { element } from "../dom";
import { area, questionItem, saveState, type Question } from "../panels/fields";
import { KeyImages } from "../panels/keyimages";
import { factsAt, type Facts } from "../panels/minutes";
import { nameOf, startSigning } from "../signing";
import { t } from "../text";

interface PageData {
  minutes_root: string;
  fixed: string;
  may_write: boolean;
  is_locked: boolean;
  questions: readonly Question[];
}

const POLL_MS = 6000;
const PAUSE_MS = 600; // after the last letter, before the server is asked what is missing

function place(id: string): HTMLElement | null {
  return document.getElementById(id);
}

function start(data: PageData): void {
  const { minutes_root: root, may_write: mayWrite, questions } = data;
  const draft = new Draft(storeAt(root));
  const images = new KeyImages(root, mayWrite);
  const isLive = !data.is_locked;

  if (isLive) {
    for (const shown of document.querySelectorAll<HTMLElement>("[data-draft]")) {
      const label = shown.dataset.label ?? "";
      shown.replaceChildren(area(draft, shown.dataset.draft ?? "", { label, rows: 3, mayWrite, placeholder: t("Chưa ghi") }));
    }
    place("draft-questions")?.replaceChildren(...questions.map((question) => questionItem(draft, question, mayWrite)));
    place("save-state")?.replaceWith(saveState(draft));
    keepUp(draft, images, root, questions);
  } else images.refresh().catch(() => undefined);
  place("key-images")?.replaceWith(images.element);

  const form = place("sign-form");
  if (form instanceof HTMLFormElement) startSigning(form, { root, fixed: data.fixed, isLocked: data.is_locked, draft, images });
}

/** Others write too: their words come in, what is missing is asked anew, and it is said who else wrote. */
function keepUp(draft: Draft, images: KeyImages, root: string, questions: readonly Question[]): void {
  let timer: number | undefined;
  const ask = (): void => {
    factsAt(root).then((facts) => {
      showFacts(facts);
      return images.follow(facts.images);
    }).catch(() => undefined); // the draft itself says when the line is cut
  };
  const askSoon = (): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, PAUSE_MS);
  };
  draft.onState((state) => {
    if (state.kind === "saved") askSoon();
  });
  draft.onRemote((fields) => {
    if (draft.state.kind !== "loading") showNews(fields.map((field) => nameOf(field, questions)));
    askSoon();
  });
  const look = (): void => {
    if (document.visibilityState === "hidden") return;
    void draft.pull();
    window.clearTimeout(timer);
    ask();
  };
  look();
  window.setInterval(look, POLL_MS);
}

function showFacts(facts: Facts): void {
  if (facts.is_locked) window.location.reload(); // somebody has signed: from now on it is only read
  const lacking = place("lacking");
  const done = element("p", { className: "missing-none" }, t("Đủ để ký."));
  lacking?.replaceChildren(
    facts.lacking.length > 0
      ? element("ul", { className: "missing" }, ...facts.lacking.map((what) => element("li", {}, what)))
      : done,
  );
  const digest = place("digest");
  if (digest) digest.textContent = facts.digest;
}

function showNews(names: readonly string[]): void {
  const line = place("news");
  if (!line) return;
  line.hidden = false;
  line.textContent = t("Người khác vừa sửa: {what}.", { what: [...new Set(names)].join(", ") });
}

const source = place("minutes-data")?.textContent;
if (source) start(JSON.parse(source) as PageData);
