/** PDFs and photos of a case: sent one after the other with their progress, each failure with its reason. */
import { csrf, deleteJson, element, on } from "./dom";
import { sentenceOf } from "./forms";
import { t } from "./text";
import { toast } from "./toast";

/** Send `file` to `url`; `progress` hears 0…1. Rejects with a sentence. */
function send(url: string, file: File, progress: (part: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how much was sent
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRF-Token", csrf());
    request.setRequestHeader("X-Title", encodeURIComponent(file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onerror = () => reject(new Error(t("Mất kết nối khi gửi. Hãy chọn lại tệp khi có mạng.")));
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(new Error(sentence(request.responseText)));
    };
    request.send(file);
  });
}

function sentence(body: string): string {
  try {
    return (JSON.parse(body) as { detail?: string }).detail ?? t("Máy chủ không nhận tệp này.");
  } catch {
    return t("Máy chủ không nhận tệp này.");
  }
}

async function sendAll(input: HTMLInputElement, url: string, list: HTMLElement, done: () => void): Promise<void> {
  let failed = 0;
  for (const file of input.files ?? []) {
    const bar = element("progress", { max: 1, value: 0, attributes: { "aria-label": file.name } });
    const line = element("li", {}, file.name, " ", bar);
    list.append(line);
    try {
      await send(url, file, (part) => (bar.value = part));
      bar.remove();
      line.append(t("đã gửi"));
    } catch (error) {
      failed += 1;
      line.replaceChildren(file.name, " ", element("span", { className: "field-error" }, (error as Error).message));
    }
  }
  input.value = "";
  if (failed === 0) done();
}

/** The field `input` sends what is chosen to `url`, and says in `list` how far it is. */
function startSending(input: HTMLInputElement | null, url: string | undefined, listId: string, done: () => void): void {
  const list = document.getElementById(listId);
  if (!input || !list || url === undefined) return;
  input.addEventListener("change", () => void sendAll(input, url, list, done));
}

/** Photos of films become images of the case. */
export function startFilms(done: () => void): void {
  const input = document.querySelector<HTMLInputElement>("input[data-films]");
  startSending(input, input?.dataset.films, "films", done);
}

/** The field [data-documents] sends what is chosen; [data-remove-document] removes one. */
export function startDocuments(done: () => void): void {
  const input = document.querySelector<HTMLInputElement>("input[data-documents]");
  if (!input) return;
  const url = input.dataset.documents ?? "";
  startSending(input, url, "documents", done);
  on(document, "click", "[data-remove-document]", (button) => {
    deleteJson(`${url}/${button.dataset.removeDocument ?? ""}`).then(done, (error: unknown) => toast(sentenceOf(error)));
  });
}
