/** The inbox: studies not yet tied to a case; attach one, and take it back for ten seconds. */
import "./app";

import { on } from "../dom";
import { sentenceOf } from "../forms";
import { mountPacs } from "../pacs";
import { attach, detach } from "../studies";
import { t } from "../text";
import { toast } from "../toast";
import { mountCaseUpload } from "../uploads";

on(document, "submit", "form[data-attach-study]", (form, event) => {
  event.preventDefault();
  const study = Number(form.dataset.attachStudy);
  const choice = form.querySelector("select");
  if (!choice?.value) {
    choice?.focus();
    return;
  }
  const here = `/consultations/${choice.value}`;
  const row = form.closest<HTMLElement>("li");
  attach(here, study).then(
    (isDone) => {
      if (!isDone || !row) return;
      row.hidden = true;
      toast(t("Đã gắn vào ca {name}.", { name: choice.selectedOptions[0]?.text ?? "" }), () => {
        detach(here, study).then(
          () => (row.hidden = false),
          (error: unknown) => toast(sentenceOf(error)),
        );
      });
    },
    (error: unknown) => toast(sentenceOf(error)),
  );
});

void mountCaseUpload(() => window.location.reload());
void mountPacs(() => window.location.reload());
