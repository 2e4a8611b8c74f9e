/** The images of a case outside its room: what was drawn is there, and what is drawn here is kept with the case. */
import "../../styles/reading.css";

import { getJson, postJson } from "../dom";
import { sentenceOf } from "../forms";
import { marked } from "../messages";
import { fullName } from "../roster";
import { list, record } from "../shape";
import { t } from "../text";
import { toast } from "../toast";
import { openViewer } from "../viewer/index";
import type { Mark } from "../viewer/state";

interface Data {
  readonly me: { readonly person: number; readonly name: string };
  readonly changes_all_marks: boolean;
  readonly images_root: string;
  readonly marks_root: string;
  readonly minutes_root: string;
}

const Marks = record({ marks: list(marked) });

function start(root: HTMLElement, data: Data): void {
  // One after the other: of two versions of a mark the newer must come last.
  let sending: Promise<unknown> = Promise.resolve();
  const viewer = openViewer(root, {
    imagesRoot: data.images_root,
    me: data.me.name,
    changesAllMarks: data.changes_all_marks,
    onView: () => undefined,
    onMark: (mark) => {
      sending = sending.then(() => keep(mark));
    },
    onKeyImage: ({ voi, view, ...image }) => {
      const added = { ...image, voi: [...voi], view: [...view], caption: "" };
      postJson(`${data.minutes_root}/key-images`, added).then(
        () => toast(t("Đã thêm ảnh vào biên bản.")),
        (problem: unknown) => toast(sentenceOf(problem)),
      );
    },
  });

  async function keep(mark: Mark): Promise<void> {
    try {
      await postJson(data.marks_root, mark);
      viewer.applyMark(mark, { name: data.me.name, isMe: true });
    } catch (problem) {
      viewer.refuseMark(mark.uid);
      toast(sentenceOf(problem));
    }
  }

  async function refresh(): Promise<void> {
    for (const { mark, person } of Marks(await getJson(data.marks_root)).marks)
      viewer.applyMark(mark, { name: fullName(person), isMe: person.person === data.me.person });
  }

  const again = () => refresh().catch((problem: unknown) => toast(sentenceOf(problem)));
  void again();
  addEventListener("focus", () => void again());
}

const source = document.getElementById("reading-data")?.textContent;
const root = document.getElementById("main");
if (source && root) start(root, JSON.parse(source) as Data);
