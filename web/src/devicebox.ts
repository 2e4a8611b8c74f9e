/** Device hints on the page, and the dialog to take another camera or microphone. */

import { type Choice, type Hint, listDevices } from "./devices";
import { element } from "./dom";
import { t } from "./text";

/** One card for each refusal: what is so, what to do, try again. */
export function showHints(root: HTMLElement, hints: readonly Hint[], again: () => void): void {
  root.hidden = hints.length === 0;
  root.replaceChildren(
    ...hints.map((hint) =>
      element(
        "section",
        { className: "device-hint", attributes: { "data-name": hint.name, "data-kind": hint.kind } },
        element("b", {}, hint.title),
        element("ol", {}, ...hint.steps.map((step) => element("li", {}, step))),
        element("button", { type: "button", className: "room-button", onclick: again }, t("Thử lại")),
      ),
    ),
  );
}

function picker(label: string, devices: readonly MediaDeviceInfo[]): [HTMLElement, HTMLSelectElement] {
  const select = element(
    "select",
    { className: "device-select" },
    ...devices.map(({ deviceId, label: name }, index) =>
      element("option", { value: deviceId }, name || t("Thiết bị {n}", { n: index + 1 })),
    ),
  );
  return [element("label", { className: "device-label" }, label, select), select];
}

/** Choose among what is plugged in; `use` is called with the choice, if one is made. */
export async function showDevices(use: (choice: Choice) => Promise<void>): Promise<void> {
  const devices = await listDevices();
  const [micLabel, mic] = picker(t("Micrô"), devices.filter(({ kind }) => kind === "audioinput"));
  const [cameraLabel, camera] = picker(t("Camera"), devices.filter(({ kind }) => kind === "videoinput"));
  const dialog = element(
    "dialog",
    { className: "room-dialog" },
    element(
      "form",
      { method: "dialog" },
      element("h2", {}, t("Camera và micrô")),
      micLabel,
      cameraLabel,
      element(
        "div",
        { className: "room-dialog-actions" },
        element("button", { value: "", className: "room-button" }, t("Thôi")),
        element("button", { value: "use", className: "room-button room-button-main" }, t("Dùng thiết bị này")),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "use") void use({ audioId: mic.value, videoId: camera.value });
  });
  dialog.showModal();
}
