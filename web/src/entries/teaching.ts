/** One copy for teaching: its progress, covering what is drawn into its images, and the viewer once it is released. */
import "./app";
import "../../styles/teaching.css";

import { startCovers } from "../covers";
import { notLoaded } from "../late";
import { t } from "../text";
import { toast } from "../toast";

const RELOAD_MS = 2000;

if (document.querySelector("[data-reload]")) window.setTimeout(() => window.location.reload(), RELOAD_MS);

startCovers();

const place = document.getElementById("teaching-viewer");
if (place?.dataset.images !== undefined) {
  const imagesRoot = place.dataset.images;
  const notThere = t("Chưa tải được phần xem ảnh: đường truyền yếu.");
  void import("../viewer/index").then(({ openViewer }) => {
    openViewer(place, {
      imagesRoot,
      me: "",
      changesAllMarks: false,
      onView: () => undefined, // nobody follows here
      onMark: () => undefined,
      onKeyImage: () => toast(t("Bản giảng dạy không có biên bản nên không chọn ảnh chính được.")),
    });
  }, () => place.replaceChildren(notLoaded(notThere)));
}
