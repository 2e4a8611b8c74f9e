/** The upload of studies on the pages that have a place for it (#upload); its script is loaded only there. */
import { sentenceOf } from "./forms";
import { notLoaded } from "./late";
import { attach } from "./studies";
import { t } from "./text";
import { toast } from "./toast";

/** On a case's page what arrives is tied to the case. `done` renews the page, unless refused files are on it. */
export async function mountCaseUpload(done: () => void): Promise<void> {
  const root = document.getElementById("upload");
  if (!root) return;
  const upload = await import("./upload").catch(() => null);
  if (!upload) {
    root.replaceChildren(notLoaded(t("Chưa tải được phần gửi ảnh: đường truyền yếu. Những gì đã nhập vẫn còn.")));
    return;
  }
  const { consultation, limit } = root.dataset;
  const tie = async (ids: number[]): Promise<void> => {
    if (consultation === undefined) return;
    for (const id of ids) await attach(`/consultations/${consultation}`, id);
  };
  upload.mountUpload(root, {
    endpoint: "/uploads",
    ...(limit === undefined ? {} : { limitBytes: Number(limit) }),
    onStudies(ids, refused) {
      tie(ids).then(
        () => {
          if (refused === 0) done();
          else toast(t("Đã nhận ảnh. Xem các tệp không nhận được ở trên, rồi tải lại trang."));
        },
        (error: unknown) => toast(sentenceOf(error)),
      );
    },
  });
}
