/**
 * What this browser has sent already, so that choosing a folder again after a reload does not send it again.
 * Kept are hashes and addresses, never a name: the computer may be shared, and a name may be a patient's.
 */

const KEY = "hoichan-sent";
const MAX_AGE_MS = 24 * 3600 * 1000;
const MAX_ENTRIES = 5000;

/** When, at which address, into which studies. */
type Entry = [at: number, url: string, studies: number[]];

/** A 53-bit hash (cyrb53, public domain) as text; for telling files apart, not for secrets. */
export function hash(text: string): string {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36);
}

/** The same file has the same fingerprint after a reload; nothing of it can be read back. */
export function fingerprint(file: Pick<File, "name" | "size" | "lastModified"> & { webkitRelativePath?: string }): string {
  const path = file.webkitRelativePath ?? "";
  return hash([path, file.name, file.size, file.lastModified].join("\0")) + hash(`${file.size}/${path}/${file.name}`);
}

export class Sent {
  #entries: Record<string, Entry> = {};

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">) {
    try {
      this.#entries = JSON.parse(storage.getItem(KEY) ?? "{}") as Record<string, Entry>;
    } catch {
      this.forget();
    }
  }

  find(print: string, nowMs: number): { url: string; studies: number[] } | null {
    const entry = this.#entries[print];
    return entry && nowMs - entry[0] < MAX_AGE_MS ? { url: entry[1], studies: entry[2] } : null;
  }

  add(print: string, url: string, studies: number[], nowMs: number): void {
    this.#entries[print] = [nowMs, url, studies];
    const all = Object.entries(this.#entries).filter(([, [at]]) => nowMs - at < MAX_AGE_MS);
    this.#entries = Object.fromEntries(all.slice(-MAX_ENTRIES));
    try {
      this.storage.setItem(KEY, JSON.stringify(this.#entries));
    } catch {
      // A full or forbidden storage costs a second sending after a reload, no more.
    }
  }

  /** Someone else may have signed in since. */
  forget(): void {
    this.#entries = {};
    this.storage.removeItem(KEY);
  }
}
