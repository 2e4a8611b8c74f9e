/** The drawings of all who are here: kept by uid and revision. */

import type { Slice } from "./stack";
import { sliceKey } from "./stack";
import type { AnyMark, Author, Mark } from "./state";
import { isNewer } from "./state";
import { isKnown } from "./tools";

export interface Kept {
  readonly mark: Mark;
  readonly by: Author;
}

export class Marks {
  private readonly all = new Map<string, Kept>();

  /** Take a mark in; false when a newer one is there already, or nobody here knows its tool. */
  put(mark: AnyMark, by: Author): boolean {
    if (!isKnown(mark) || !isNewer(mark, this.all.get(mark.uid)?.mark)) return false;
    this.all.set(mark.uid, { mark, by });
    return true;
  }

  /** The newest version, removed or not. */
  get(uid: string): Mark | undefined {
    return this.all.get(uid)?.mark;
  }

  isMine(uid: string): boolean {
    return this.all.get(uid)?.by.isMe === true;
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
