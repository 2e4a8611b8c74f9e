/**
 * Frames that stay on this computer's disk from one visit to the next: in IndexedDB, used last stays longest.
 *
 * What lies there says nothing of anybody: names are keyed hashes, frames are encrypted, and the key comes with
 * each page from the server, for one person. Signing out empties the shelf, so does somebody else's visit.
 * Where the browser refuses storage or the page is not a secure context, there is no shelf, and all still works.
 */

import type { Coded, CodedFacts } from "./viewer/pixels";

const DATABASE = "hoichan-frames";
const FACTS = "facts";
const BYTES = "bytes";
const OWNER = "owner";
const MOST_BYTES = 2 ** 30;
const SHARE_OF_QUOTA = 0.3;
const KEPT_MS = 3 * 24 * 3600_000;
const TOUCH_AFTER_MS = 60_000;

/** A frame by our numbers: "study/instance/frame". */
export type FrameName = `${number}/${number}/${number}`;

/** What came of a frame: enough to show it halved `level` times. */
export interface Stored extends Coded {
  readonly level: number;
}

interface Row {
  readonly key: string;
  readonly level: number;
  readonly media: string;
  readonly facts: CodedFacts;
  readonly size: number;
  readonly usedAt: number;
}

interface Sealed {
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly bytes: ArrayBuffer;
}

interface Keys {
  readonly name: CryptoKey;
  readonly content: CryptoKey;
}

export class Shelf {
  private readonly rows = new Map<string, Row>();
  private total = 0;

  private constructor(
    private readonly db: IDBDatabase,
    private readonly keys: Keys,
    private readonly owner: string,
    private readonly most: number,
  ) {}

  /** The shelf of who `word` was given to; null where there can be none. */
  static async open(word: string, most = MOST_BYTES): Promise<Shelf | null> {
    try {
      const keys = await keysOf(word);
      const db = await database();
      const quota = (await navigator.storage.estimate()).quota ?? Infinity;
      const shelf = new Shelf(db, keys, await hashed(keys.name, OWNER), Math.min(most, quota * SHARE_OF_QUOTA));
      await shelf.take();
      return shelf;
    } catch {
      return null;
    }
  }

  /** Whether the frame is there, halved at most so often. */
  async has(name: FrameName, level: number): Promise<boolean> {
    return this.isKept(await hashed(this.keys.name, name), level);
  }

  /** What is there of a frame. Never rejects. */
  async get(name: FrameName): Promise<Stored | null> {
    const key = await hashed(this.keys.name, name);
    const row = this.rows.get(key);
    if (!row) return null;
    try {
      const store = this.db.transaction(BYTES).objectStore(BYTES);
      const sealed = (await answer(store.get(key))) as Sealed | undefined;
      if (!sealed) throw new Error("gone");
      const bytes = await crypto.subtle.decrypt({ name: "AES-GCM", iv: sealed.iv }, this.keys.content, sealed.bytes);
      if (Date.now() - row.usedAt > TOUCH_AFTER_MS) this.touch(row);
      return { media: row.media, facts: row.facts, level: row.level, bytes };
    } catch {
      this.forget(key); // another tab emptied the shelf
      return null;
    }
  }

  /** Keep a frame, unless a better one is there. Never rejects; `coded` may be handed on at once. */
  async put(name: FrameName, coded: Coded, level: number): Promise<void> {
    const { media, facts } = coded;
    const iv = crypto.getRandomValues(new Uint8Array(12));
    // Web Crypto copies what it is given before it returns.
    const sealing = crypto.subtle.encrypt({ name: "AES-GCM", iv }, this.keys.content, coded.bytes);
    try {
      const [key, bytes] = await Promise.all([hashed(this.keys.name, name), sealing]);
      if (this.isKept(key, level)) return;
      await this.write({ key, level, media, facts, size: bytes.byteLength, usedAt: Date.now() }, { iv, bytes });
    } catch {
      // Full, or refused: the line still has it.
    }
  }

  close(): void {
    this.db.close();
  }

  /** Make the shelf ours: what another person left, or what is too old, goes. */
  private async take(): Promise<void> {
    const work = this.db.transaction([OWNER, FACTS, BYTES], "readwrite");
    const owner: unknown = await answer(work.objectStore(OWNER).get(OWNER));
    if (owner !== this.owner) {
      for (const store of [FACTS, BYTES]) work.objectStore(store).clear();
      work.objectStore(OWNER).put(this.owner, OWNER);
    }
    const rows = (await answer(work.objectStore(FACTS).getAll())) as Row[];
    for (const row of rows) {
      if (Date.now() - row.usedAt < KEPT_MS) this.remember(row);
      else for (const store of [FACTS, BYTES]) work.objectStore(store).delete(row.key);
    }
    await done(work);
  }

  private async write(row: Row, sealed: Sealed): Promise<void> {
    const work = this.db.transaction([OWNER, FACTS, BYTES], "readwrite");
    const owner: unknown = await answer(work.objectStore(OWNER).get(OWNER));
    if (owner !== this.owner) return; // signed out elsewhere
    if (this.isKept(row.key, row.level)) return; // a better one came meanwhile
    work.objectStore(FACTS).put(row);
    work.objectStore(BYTES).put(sealed, row.key);
    this.remember(row);
    if (this.total > this.most) {
      for (const key of this.oldest()) {
        for (const store of [FACTS, BYTES]) work.objectStore(store).delete(key);
        this.forget(key);
      }
    }
    await done(work);
  }

  /** What has to go, so that a tenth of the room is free again. */
  private oldest(): string[] {
    const found: string[] = [];
    let left = this.total;
    for (const row of [...this.rows.values()].sort((a, b) => a.usedAt - b.usedAt)) {
      if (left <= this.most * 0.9) break;
      found.push(row.key);
      left -= row.size;
    }
    return found;
  }

  private isKept(key: string, level: number): boolean {
    const row = this.rows.get(key);
    return row !== undefined && row.level <= level;
  }

  private touch(row: Row): void {
    const used = { ...row, usedAt: Date.now() };
    this.rows.set(row.key, used);
    this.db.transaction(FACTS, "readwrite").objectStore(FACTS).put(used);
  }

  private remember(row: Row): void {
    this.forget(row.key);
    this.rows.set(row.key, row);
    this.total += row.size;
  }

  private forget(key: string): void {
    this.total -= this.rows.get(key)?.size ?? 0;
    this.rows.delete(key);
  }
}

let ours: Promise<Shelf | null> | undefined;

/** The page's shelf, for who is signed in; null without one. */
export function shelf(): Promise<Shelf | null> {
  const word = document.querySelector<HTMLMetaElement>('meta[name="shelf"]')?.content ?? "";
  ours ??= word === "" ? Promise.resolve(null) : Shelf.open(word);
  return ours;
}

/** Leave nothing behind: everything goes, and other tabs put nothing back. */
export async function emptyShelf(): Promise<void> {
  try {
    const db = await database();
    const work = db.transaction([OWNER, FACTS, BYTES], "readwrite");
    for (const store of [OWNER, FACTS, BYTES]) work.objectStore(store).clear();
    await done(work);
    db.close();
  } catch {
    // No storage: nothing to leave.
  }
}

async function keysOf(word: string): Promise<Keys> {
  const text = new TextEncoder();
  const root = await crypto.subtle.importKey("raw", text.encode(word), "HKDF", false, ["deriveKey"]);
  const from = (info: string): HkdfParams => ({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: text.encode(info) });
  const [name, content] = await Promise.all([
    crypto.subtle.deriveKey(from("name"), root, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]),
    crypto.subtle.deriveKey(from("content"), root, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]),
  ]);
  return { name, content };
}

async function hashed(key: CryptoKey, name: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(name)), 0, 16);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function database(): Promise<IDBDatabase> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.addEventListener("upgradeneeded", () => {
    opening.result.createObjectStore(FACTS, { keyPath: "key" });
    for (const store of [BYTES, OWNER]) opening.result.createObjectStore(store);
  });
  return answer(opening);
}

function answer<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("refused")));
  });
}

function done(work: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    work.addEventListener("complete", () => resolve());
    for (const end of ["abort", "error"]) work.addEventListener(end, () => reject(work.error ?? new Error("refused")));
  });
}
