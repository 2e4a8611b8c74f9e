/**
 * Images of the sessions to come, fetched onto the shelf while a page is open: all small first, then all whole.
 *
 * One tab does it, and none while this browser is in a room: a lock says who. The server is told how many frames
 * are here, a number a study, so that both sides see it.
 */

import { getJson, postJson } from "./dom";
import { shelf } from "./shelf";
import type { Shelf } from "./shelf";
import { loadManifest } from "./viewer/manifest";
import { smallLevel } from "./viewer/order";
import { nameOf, Source } from "./viewer/source";
import { stackOf } from "./viewer/stack";
import type { Slice } from "./viewer/stack";

const LOCK = "hoichan-ahead";
const TELL_EVERY_MS = 5000;
const LAST_TRIES = 5; // to tell that all is here
const SMALL_AT_ONCE = 64;
const WHOLE_AT_ONCE = 8;

interface Ahead {
  /** "/consultations/{id}" */
  readonly case: string;
  readonly study: number;
}

/** Hold the lock for as long as this page lives: a room needs the line. */
export function holdLine(): void {
  if (!window.isSecureContext) return; // no locks, and no shelf to fetch onto
  navigator.locks.request(LOCK, { steal: true }, () => new Promise<never>(() => undefined)).catch(() => undefined);
}

/** Fetch what is to come; ends when all is here, another tab does it, or a room takes the line. */
export async function fetchAhead(): Promise<void> {
  const kept = await shelf();
  if (!kept) return;
  const taken = new AbortController();
  try {
    await navigator.locks.request(LOCK, { ifAvailable: true }, async (lock) => {
      if (lock) await fetchAll(kept, taken.signal);
    });
  } finally {
    taken.abort(); // a stolen lock rejects, while its work would go on
  }
}

async function fetchAll(kept: Shelf, signal: AbortSignal): Promise<void> {
  const { studies } = (await getJson("/ahead", { signal })) as { studies: Ahead[] };
  const fetches: StudyAhead[] = [];
  for (const one of studies) fetches.push(await StudyAhead.open(one, kept, signal));
  for (const one of fetches) await one.small();
  for (const one of fetches) await one.whole();
}

class StudyAhead {
  private readonly source: Source;
  private toldAt = -Infinity;
  private told = -1;
  private tries = LAST_TRIES;
  private telling = Promise.resolve();
  private readonly here = new Set<Slice>();

  private constructor(
    private readonly ahead: Ahead,
    private readonly slices: readonly Slice[],
    private readonly kept: Shelf,
    private readonly signal: AbortSignal,
  ) {
    this.source = new Source(`${ahead.case}/images`);
  }

  static async open(ahead: Ahead, kept: Shelf, signal: AbortSignal): Promise<StudyAhead> {
    const manifest = await loadManifest(`${ahead.case}/images`, ahead.study);
    const slices = manifest.series.flatMap((series) => stackOf(series, ahead.study));
    return new StudyAhead(ahead, slices, kept, signal);
  }

  async small(): Promise<void> {
    await this.pass((slice) => smallLevel(slice.image), SMALL_AT_ONCE, () => undefined);
    await this.count();
    await this.tell();
  }

  async whole(): Promise<void> {
    await this.pass(() => 0, WHOLE_AT_ONCE, (slice) => {
      this.here.add(slice);
      this.telling = this.telling.then(() => this.tell());
    });
    await this.telling; // ending gives up what is still under way
    await this.tell({ isLast: true });
  }

  /** Ask for what the shelf lacks, series by series, until nothing new comes. */
  private async pass(levelOf: (slice: Slice) => number, atOnce: number, onHere: (slice: Slice) => void): Promise<void> {
    const waiting = await this.lacking(levelOf);
    while (waiting.length > 0) {
      const [first] = waiting;
      if (!first) return;
      const level = levelOf(first);
      const chunk = waiting.filter((slice) => slice.series === first.series && levelOf(slice) === level).slice(0, atOnce);
      const byName = new Map(chunk.map((slice) => [`${slice.image.instance}/${slice.frame}`, slice]));
      const came = new Set<Slice>();
      await this.source.joined(chunk, level, this.signal, ({ instance, frame }) => {
        const slice = byName.get(`${instance}/${frame}`);
        if (!slice) return;
        came.add(slice); // what cannot be shown will not come any more: it counts as here
        onHere(slice);
      });
      if (came.size === 0) return;
      waiting.splice(0, waiting.length, ...waiting.filter((slice) => !came.has(slice)));
    }
  }

  private async lacking(levelOf: (slice: Slice) => number): Promise<Slice[]> {
    const found: Slice[] = [];
    for (const slice of this.slices) if (!(await this.kept.has(nameOf(slice), levelOf(slice)))) found.push(slice);
    return found;
  }

  private async count(): Promise<void> {
    for (const slice of this.slices) if (await this.kept.has(nameOf(slice), 0)) this.here.add(slice);
  }

  /** Tell the server how many whole frames are here, now and then. */
  private async tell({ isLast = false } = {}): Promise<void> {
    const frames = this.here.size;
    const wait = this.toldAt + TELL_EVERY_MS - performance.now();
    if (frames === this.told || (wait > 0 && !isLast)) return;
    this.toldAt = performance.now() + Math.max(0, wait);
    this.told = frames;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const isKept = await this.post(frames);
    this.toldAt = performance.now(); // the server counts from when it wrote the last one down
    if (isKept || this.signal.aborted) return;
    this.told = -1;
    if (isLast && --this.tries > 0) await this.tell({ isLast });
  }

  private post(frames: number): Promise<boolean> {
    const said = postJson(`${this.ahead.case}/arrived`, { study_id: this.ahead.study, frames }, { signal: this.signal });
    return said.then(() => true, () => false);
  }
}
