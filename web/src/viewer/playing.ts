/** A cine that is read together: each browser plays by itself, the presenter says now and then where it is. */

import { Cine, frameMsOf, hasDrifted } from "./cine";
import type { Reading } from "./reading";
import { sliceKey } from "./stack";
import type { ViewState } from "./state";

const TELL_MS = 1000;

export class Playing {
  readonly cine: Cine;
  private toldAt = 0;

  constructor(private readonly reading: Reading) {
    this.cine = new Cine(() => this.advance(), () => reading.model.slice);
  }

  /** What to show of a presenter's state: while both play, small differences are left alone. */
  adapted(state: ViewState): ViewState {
    if (!state.playing || !this.cine.isPlaying) return state;
    const { slice, at, stack, series } = this.reading.model;
    const theirs = this.reading.model.find(sliceKey(state.sop, state.frame));
    if (!slice || slice.made || theirs?.series !== series) return state;
    if (hasDrifted(at, theirs.at, stack.length, frameMsOf(slice))) return state;
    return { ...state, sop: slice.image.sop, frame: slice.frame };
  }

  private advance(): boolean {
    const { model, loader } = this.reading;
    const at = (model.at + 1) % model.stack.length;
    const next = model.stack[at];
    const isReady = next !== undefined && (next.made !== undefined || loader.best(next) !== null);
    // Not there yet: ask for it, and go on with it when it came.
    if (!isReady) {
      this.reading.load().catch(() => undefined);
      return false;
    }
    model.goTo(at);
    this.reading.shown();
    if (performance.now() - this.toldAt > TELL_MS) {
      this.toldAt = performance.now();
      this.reading.send();
    }
    return true;
  }
}
