/** What the room is told by its page, and the parts that others make. */

import type { Question } from "../panels/questions";
import type { AnyMark, Author, KeyImage, Mark, ViewState } from "../viewer/state";

export interface RoomData {
  readonly room: string;
  readonly me: { readonly person: number; readonly name: string; readonly role: string };
  readonly ticket_url: string;
  readonly socket_path: string;
  readonly images_root: string;
  readonly minutes_root: string;
  readonly leave_url: string;
  readonly end_url?: string;
  readonly questions?: readonly Question[];
  readonly csrf: string;
  readonly ice_policy?: RTCIceTransportPolicy;
}

/** The viewer, as far as the room speaks to it. */
export interface Viewer {
  applyView(state: ViewState): void;
  applyMark(mark: AnyMark, by: Author): void;
  refuseMark(uid: string): void;
  setPresenter(presenter: { isMe: boolean; name: string } | null): void;
  view(): ViewState | null;
  close(): void;
}

export interface Minutes {
  /** The server has a newer draft. */
  changed(seq: number): void;
  addKeyImage(image: KeyImage): void;
}

/** Parts that others make; each may be missing. */
export interface Parts {
  openViewer(
    root: HTMLElement,
    options: {
      imagesRoot: string;
      me: string;
      changesAllMarks: boolean;
      onView(state: ViewState): void;
      onMark(mark: Mark): void;
      onKeyImage(image: KeyImage): void;
    },
  ): Viewer;
  mountMinutes(root: HTMLElement): Promise<Minutes>;
}
