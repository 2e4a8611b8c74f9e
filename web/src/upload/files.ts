/** Which files a person means: chosen, or dropped, folders included. */

const MADE_BY_SYSTEMS = new Set(["dicomdir", ".ds_store", "thumbs.db", "desktop.ini", "autorun.inf"]);

/** Index files, and what desktop systems leave in folders: no images, and nothing to complain of. */
export function isOfInterest(name: string, size: number): boolean {
  return size > 0 && !name.startsWith("._") && !MADE_BY_SYSTEMS.has(name.toLowerCase());
}

/** The files among `files` that are worth sending, each once. */
export function worthSending(files: Iterable<File>): File[] {
  return [...new Set(files)].filter((file) => isOfInterest(file.name, file.size));
}

/** All files of a drop, with those in dropped folders. To be called in the event itself: its items die with it. */
export async function filesOfDrop(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => (item.kind === "file" ? item.webkitGetAsEntry() : null));
  if (entries.every((entry) => entry === null)) return [...transfer.files];
  const found: File[] = [];
  for (const entry of entries) if (entry) await collect(entry, found);
  return found;
}

async function collect(entry: FileSystemEntry, found: File[]): Promise<void> {
  if (entry.isFile) {
    const file = entry as FileSystemFileEntry;
    found.push(await new Promise<File>((resolve, reject) => file.file(resolve, reject)));
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives at most a hundred at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const one of some) await collect(one, found);
  }
}
