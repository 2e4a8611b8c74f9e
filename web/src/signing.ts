/** The signature: only what stands on this page is signed, after a last look at whether the others changed it. */
import type { Draft } from "./draft";
import { announce, element, postJson, Refused } from "./dom";
import { clear, mark, sentenceOf } from "./forms";
import type { KeyImages } from "./panels/keyimages";
import { factsAt, type Facts } from "./panels/minutes";
import { t } from "./text";

export interface Signing {
  root: string; // address of the minutes
  fixed: string; // of the page as it was made
  isLocked: boolean; // the other end has signed: what stands here is what was signed
  draft: Draft;
  images: KeyImages;
}

/** A field of the draft in the words of the form. */
export function nameOf(field: string, questions: readonly { id: number; number: number }[]): string {
  const names: Record<string, string> = {
    course: t("Tóm tắt diễn biến"),
    conclusion: t("Kết luận"),
    next_treatment: t("Hướng điều trị tiếp"),
  };
  const id = Number(field.split(":")[1]);
  const question = questions.find((one) => one.id === id);
  return names[field] ?? t("Câu hỏi {number}", { number: question?.number ?? "" });
}

/** Fields in which the server's text is another than the one on this page. */
export function differing(draft: Draft, facts: Facts): string[] {
  const pairs: [string, string][] = [
    ["course", facts.course],
    ["conclusion", facts.conclusion],
    ["next_treatment", facts.next_treatment],
    ...facts.questions.flatMap(({ id, conclusion, reason }): [string, string][] => [
      [`answer:${id}`, conclusion],
      [`reason:${id}`, reason],
    ]),
  ];
  return pairs.filter(([field, theirs]) => draft.text(field).toJSON() !== theirs).map(([field]) => field);
}

/** Sign when `form` is sent. What the signer has not seen yet is told and not signed. */
export function startSigning(form: HTMLFormElement, signing: Signing): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    if (button?.hasAttribute("aria-busy")) return;
    clear(form);
    button?.setAttribute("aria-busy", "true");
    sign(form, signing)
      .catch((error: unknown) => refuse(form, error))
      .finally(() => button?.removeAttribute("aria-busy"));
  });
}

async function sign(form: HTMLFormElement, signing: Signing): Promise<void> {
  const data = new FormData(form);
  const news = signing.isLocked ? { digest: data.get("digest") } : await whatIsNew(signing);
  if ("sentence" in news) {
    tell(form, news.sentence);
    return;
  }
  await postJson(form.action, { role: data.get("role"), password: data.get("password"), digest: news.digest });
  window.location.reload();
}

/** The digest of what is on this page, or why there is something to read first. */
async function whatIsNew({ root, fixed, draft, images }: Signing): Promise<{ digest: string } | { sentence: string }> {
  if (!(await draft.flush())) return { sentence: t("Phần vừa viết chưa lưu được nên chưa ký. Hãy đợi có mạng rồi bấm ký lại.") };
  const changed = new Set<string>();
  const stop = draft.onRemote((fields) => fields.forEach((field) => changed.add(field)));
  await draft.pull();
  stop();
  const facts = await factsAt(root);
  const hasOtherImages = await images.follow(facts.images);
  for (const field of differing(draft, facts)) changed.add(field);
  const names = [...changed].map((field) => nameOf(field, facts.questions));
  if (hasOtherImages) names.push(t("Ảnh chính"));
  if (facts.fixed !== fixed) {
    return { sentence: t("Thông tin trên biểu mẫu vừa thay đổi (người tham gia, giờ hoặc hồ sơ). Hãy tải lại trang, đọc lại rồi ký.") };
  }
  if (names.length > 0) {
    return { sentence: t("Chưa ký: người khác vừa sửa {what}. Hãy đọc lại rồi bấm ký lần nữa.", { what: [...new Set(names)].join(", ") }) };
  }
  return { digest: facts.digest };
}

function refuse(form: HTMLFormElement, error: unknown): void {
  const sentence = sentenceOf(error);
  const isPassword = error instanceof Refused && (error.code === "wrong-signature" || error.code === "wrong-password");
  if (isPassword && mark(form, "password", sentence)) {
    form.querySelector<HTMLInputElement>("[name=password]")?.select();
    announce(sentence);
  } else tell(form, sentence);
}

function tell(form: HTMLFormElement, sentence: string): void {
  const line = element("div", { className: "alert alert-danger form-refusal", tabIndex: -1 }, sentence);
  form.prepend(line);
  line.focus();
  announce(sentence);
}
