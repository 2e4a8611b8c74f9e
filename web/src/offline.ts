/** The banner while the network is away. What was written stays on the page. */
import { announce } from "./dom";
import { t } from "./text";

export function startOfflineNotice(): void {
  const notice = document.getElementById("offline");
  if (!notice) return;
  const show = (): void => {
    notice.hidden = navigator.onLine;
  };
  show();
  window.addEventListener("offline", show);
  window.addEventListener("online", () => {
    show();
    announce(t("Đã có mạng trở lại."));
  });
}
