/** Studies and cases: attach, ask when the names differ, take away, undo. */
import { element, on, postJson, Refused } from "./dom";
import { sentenceOf } from "./forms";
import { t } from "./text";
import { toast } from "./toast";

/** Tie `study` to the case at `here`; where the header names somebody else, a person decides. False: not attached. */
export async function attach(here: string, study: number): Promise<boolean> {
  try {
    await postJson(`${here}/studies`, { study_id: study });
    return true;
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== "other-patient") throw error;
    if (!(await isSamePatient(error.message))) return false;
    await postJson(`${here}/studies`, { study_id: study, same_patient: true });
    return true;
  }
}

export async function detach(here: string, study: number): Promise<void> {
  await postJson(`${here}/studies/remove`, { study_id: study });
}

function isSamePatient(sentence: string): Promise<boolean> {
  const no = element("button", { className: "btn btn-primary", value: "no" }, t("Không, để tôi xem lại"));
  const yes = element("button", { className: "btn btn-danger", value: "yes" }, t("Đúng người bệnh"));
  const title = element("h2", { id: "same-patient" }, t("Có đúng là một người bệnh?"));
  const form = element("form", { method: "dialog" }, title, element("p", {}, sentence));
  form.append(element("div", { className: "dialog-actions" }, yes, no));
  const dialog = element("dialog", { attributes: { "aria-labelledby": "same-patient" } }, form);
  document.body.append(dialog);
  dialog.showModal();
  no.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** Buttons [data-attach] and [data-detach] (our study id) for the case at `here`; `done` renews the page. */
export function startStudies(here: string, done: () => void): void {
  const act = (button: HTMLElement, work: () => Promise<boolean>): void => {
    button.setAttribute("aria-busy", "true");
    work().then(
      (isDone) => {
        button.removeAttribute("aria-busy");
        if (isDone) done();
      },
      (error: unknown) => {
        button.removeAttribute("aria-busy");
        toast(sentenceOf(error));
      },
    );
  };
  on(document, "click", "[data-attach]", (button) => act(button, () => attach(here, Number(button.dataset.attach))));
  on(document, "click", "[data-detach]", (button) =>
    act(button, async () => {
      await detach(here, Number(button.dataset.detach));
      return true;
    }),
  );
}
