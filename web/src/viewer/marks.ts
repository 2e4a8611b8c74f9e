/** The drawings of all who are here: kept by uid and revision. */

import type { Slice } from "./stack";
import { sliceKey } from "./stack";
import type { AnyMark, Author, Mark } from "./state";
import { isNewer } from "./state";
import { isKnown } from "./tools";

export interface Kept {
  readonly mark: Mark;
  readonly by: Author;
  readonly mayChange: boolean;
}

export class Marks {
  private readonly all = new Map<string, Kept>();
  private readonly accepted = new Map<string, Kept>(); // what the server said last

  /** `changesAll`: others' marks too; else one's own alone. */
  constructor(private readonly changesAll = false) {}

  /** Take a mark in; false when a newer one is there already, or nobody here knows its tool. */
  put(mark: AnyMark, by: Author): boolean {
    if (!isKnown(mark) || !isNewer(mark, this.all.get(mark.uid)?.mark)) return false;
    this.all.set(mark.uid, { mark, by, mayChange: by.isMe || this.changesAll });
    return true;
  }

  /** The server told of a mark, perhaps of one's own; false as in `put`. */
  accept(mark: AnyMark, by: Author): boolean {
    const isNews = this.put(mark, by);
    const kept = this.all.get(mark.uid);
    if (kept?.mark.rev === mark.rev) this.accepted.set(mark.uid, kept);
    return isNews;
  }

  /** The server did not take one's last version: the one before it stands, if there was one. */
  refuse(uid: string): void {
    const before = this.accepted.get(uid);
    if (before) this.all.set(uid, before);
    else this.all.delete(uid);
  }

  /** The newest version, removed or not. */
  get(uid: string): Mark | undefined {
    return this.all.get(uid)?.mark;
  }

  mayChange(uid: string): boolean {
    return this.all.get(uid)?.mayChange === true;
  }

  of(study: number): Kept[] {
    return [...this.all.values()].filter(({ mark }) => !mark.removed && mark.study === study);
  }

  on(study: number, slice: Slice): Mark[] {
    return this.of(study).flatMap(({ mark }) => (sliceKey(mark.sop, mark.frame) === slice.key ? [mark] : []));
  }
}

/** A name that no other mark has; browsers give randomUUID over HTTPS alone. */
export function newUid(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
