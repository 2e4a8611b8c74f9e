/** The key images of the minutes: added by one key from the viewer, shown small, taken out with a way back. */
import "../../styles/key-images.css";

import { deleteJson, element, getJson, postJson, sendJson } from "../dom";
import { sentenceOf } from "../forms";
import { list, number, record, text, type Of } from "../shape";
import { t } from "../text";
import { toast } from "../toast";
import type { KeyImage } from "../viewer/state";

const Shown = record({ id: number, caption: text, label: text, picture: text });
const Images = record({ images: list(Shown) });
type Shown = Of<typeof Shown>;

const CAPTION_LENGTH = 300; // as the server takes it

export class KeyImages {
  readonly element = element("ul", { className: "key-images", attributes: { "aria-label": t("Ảnh chính") } });
  #root: string;
  #mayWrite: boolean;
  #shown = "";
  #digest = "";

  /** `root`: the address of the minutes. */
  constructor(root: string, mayWrite: boolean) {
    this.#root = `${root}/key-images`;
    this.#mayWrite = mayWrite;
    this.element.addEventListener("focusout", () => void this.refresh().catch(() => undefined)); // what waited
  }

  /** Show the images of this digest; true when they are others than before. */
  async follow(digest: string): Promise<boolean> {
    if (digest === this.#digest) return false;
    const isOther = await this.refresh();
    this.#digest = digest;
    return isOther;
  }

  /** Ask the server again; true when others are shown than before. */
  async refresh(): Promise<boolean> {
    const { images } = Images(await getJson(this.#root));
    const shown = images.map(({ id, caption }) => `${id} ${caption}`).join("\n");
    const isOther = shown !== this.#shown;
    if (this.#isWriting) return isOther; // nothing is taken from under the hands of who writes
    if (isOther || images.length === 0) this.#show(images);
    this.#shown = shown;
    return isOther;
  }

  /** Keep an image with its window, as the viewer shows it now. */
  add(image: KeyImage): void {
    this.#change(postJson(this.#root, { ...image, voi: image.voi.map(Number), view: image.view.map(Number), caption: "" }), (made) => {
      toast(t("Đã thêm ảnh vào biên bản."), () => this.#remove(Shown(made).id));
    });
  }

  get #isWriting(): boolean {
    return document.activeElement instanceof HTMLInputElement && this.element.contains(document.activeElement);
  }

  #show(images: readonly Shown[]): void {
    const none = this.#mayWrite ? t("Chưa có ảnh nào. Trong trình xem ảnh, bấm phím K để thêm ảnh đang xem.") : t("Không có ảnh nào.");
    const empty = element("li", { className: "muted" }, none);
    this.element.replaceChildren(...(images.length > 0 ? images.map((image) => this.#item(image)) : [empty]));
  }

  #item({ id, caption, label, picture }: Shown): HTMLLIElement {
    const button = element("button", { type: "button", className: "btn btn-sm btn-outline-secondary" }, t("Bỏ ảnh"));
    button.addEventListener("click", () => this.#remove(id));
    return element(
      "li",
      {},
      element("img", { src: picture, alt: caption || label, loading: "lazy" }),
      element("span", { className: "small muted" }, label),
      this.#mayWrite ? this.#captionOf(id, label, caption) : element("span", { className: "small" }, caption),
      this.#mayWrite && button,
    );
  }

  #captionOf(id: number, label: string, caption: string): HTMLInputElement {
    const input = element("input", {
      type: "text",
      className: "form-control form-control-sm",
      value: caption,
      maxLength: CAPTION_LENGTH,
      placeholder: t("Ghi chú dưới ảnh"),
      attributes: { "aria-label": t("Ghi chú dưới ảnh {label}", { label }) },
    });
    input.addEventListener("change", () => {
      this.#change(sendJson("PATCH", `${this.#root}/${id}`, { caption: input.value.trim() }));
    });
    return input;
  }

  #remove(id: number): void {
    this.#change(deleteJson(`${this.#root}/${id}`), () => {
      toast(t("Đã bỏ ảnh khỏi biên bản."), () => this.#change(postJson(`${this.#root}/${id}/restore`, {})));
    });
  }

  #change(asked: Promise<unknown>, then: (answer: unknown) => void = () => undefined): void {
    asked.then(
      (answer) => {
        then(answer);
        return this.refresh();
      },
    ).catch((error: unknown) => toast(sentenceOf(error)));
  }
}
