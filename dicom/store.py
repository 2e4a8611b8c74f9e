"""Where original bytes lie: one reader and one writer, so that encryption at rest has one place to come to.

A blob is named by a keyed hash of its owner and its content: the path tells nothing of patient or study,
two owners never share a file, and the same bytes of the same owner have the same name.

Nothing acknowledged is lost: the bytes are flushed to the disk before the file gets its name, and the
folder after it. A failed flush is never tried again, for the kernel may have dropped the pages.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NewType, Self

BlobKey = NewType("BlobKey", str)

_KEY = re.compile(r"[0-9]+/[0-9a-f]{2}/[0-9a-f]{62}")
_BLOBS = "[0-9]*/[0-9a-f][0-9a-f]/*"
_INCOMING, _ASIDE = "incoming", "aside"


class BlobMissing(Exception):
    """No blob of this name."""


class BlobStore:
    """Blobs below one folder. Several processes may write at once."""

    def __init__(self, root: Path, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("the key of the store's names needs 16 bytes at least")
        self.root = root
        self._key = key
        self._incoming = root / _INCOMING
        self._aside = root / _ASIDE
        _make_folder(self._incoming)
        self._remove_leftovers()

    def new(self, owner_id: int) -> BlobWriter:
        """A writer for one blob of this owner; what is not committed is gone."""
        return BlobWriter(self, owner_id, *self._new_file())

    def name(self, owner_id: int, sha256: bytes) -> BlobKey:
        """The key of a content, given its SHA-256."""
        digest = hmac.new(self._key, b"%d\0" % owner_id + sha256, hashlib.sha256).hexdigest()
        return BlobKey(f"{owner_id}/{digest[:2]}/{digest[2:]}")

    def path(self, key: str) -> Path:
        """The file of a blob, for sendfile and memory maps. Raises BlobMissing for what is no key."""
        if _KEY.fullmatch(key) is None:
            raise BlobMissing
        return self.root / key

    def open(self, key: str) -> BinaryIO:
        try:
            return self.path(key).open("rb")
        except FileNotFoundError as missing:
            raise BlobMissing from missing

    def delete(self, key: str) -> None:
        """Remove a blob; one that is not there is no error, so that clearing up can be repeated."""
        path = self.path(key)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            _flush_folder(path.parent)

    def old(self, before_s: float) -> Iterator[BlobKey]:
        """Every blob that was committed before this instant (epoch seconds), and not again since."""
        for path in self.root.glob(_BLOBS):
            if path.stat().st_mtime < before_s:
                yield BlobKey(path.relative_to(self.root).as_posix())

    def set_aside(self, key: str, before_s: float) -> bool:
        """Put a blob out of the way unless the same bytes were committed since `before_s`; say whether it was."""
        path, aside = self.path(key), self._aside / key
        _make_folder(aside.parent)
        with _Locked(path.parent, fcntl.LOCK_EX):
            if not path.exists() or path.stat().st_mtime >= before_s:
                return False
            os.utime(path)  # its time aside counts from here
            path.replace(aside)
        _flush_folder(aside.parent)
        _flush_folder(path.parent)
        return True

    def aside(self) -> Iterator[tuple[BlobKey, float]]:
        """Every blob that was set aside, and since when (epoch seconds)."""
        for path in self._aside.glob(_BLOBS):
            yield BlobKey(path.relative_to(self._aside).as_posix()), path.stat().st_mtime

    def take_back(self, key: str) -> None:
        """Put a blob that was set aside in its place again."""
        path = self.path(key)
        _make_folder(path.parent)
        (self._aside / key).replace(path)
        _flush_folder(path.parent)

    def forget(self, key: str) -> None:
        """Remove a blob that was set aside, for good."""
        (self._aside / key).unlink(missing_ok=True)

    def _new_file(self) -> tuple[Path, int]:
        path = self._incoming / secrets.token_hex(16)
        with _Locked(self._incoming, fcntl.LOCK_SH):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return path, descriptor

    def _remove_leftovers(self) -> None:
        # A writer holds a lock on its file, which ends with its process: unlocked means crashed.
        with _Locked(self._incoming, fcntl.LOCK_EX):
            for path in self._incoming.iterdir():
                with path.open("rb") as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        continue
                    path.unlink(missing_ok=True)


class BlobWriter:
    """One blob being written, counted and hashed as it comes. A context manager: no commit, no blob."""

    def __init__(self, store: BlobStore, owner_id: int, path: Path, descriptor: int) -> None:
        self.path = path  # readable while being written: what is checked is what will be kept
        self.size_bytes = 0
        self._store = store
        self._owner_id = owner_id
        self._descriptor = descriptor
        self._hash = hashlib.sha256()
        self._is_flushed = False

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Goes to the page cache, so it takes microseconds; chunks of at most 1 MiB keep it so."""
        self._hash.update(data)
        self._is_flushed = False
        view = memoryview(data)
        self.size_bytes += len(view)
        while len(view) > 0:
            view = view[os.write(self._descriptor, view) :]

    def skip(self, data: bytes | bytearray | memoryview) -> None:
        """Count and hash what will not be kept, without writing it. Nothing may be committed after this."""
        self._hash.update(data)
        self.size_bytes += len(data)

    def flush(self) -> None:
        """Bring what was written to the disk. Takes the disk's time: for a thread."""
        os.fsync(self._descriptor)
        self._is_flushed = True

    async def commit(self) -> BlobKey:
        """Make the blob durable, then give its key."""
        return await asyncio.to_thread(self.commit_here)

    def commit_here(self) -> BlobKey:
        """As `commit`, in the calling thread."""
        if not self._is_flushed:
            self.flush()
        key = self._store.name(self._owner_id, self._hash.digest())
        final = self._store.path(key)
        _make_folder(final.parent)
        with _Locked(final.parent, fcntl.LOCK_SH):  # or `set_aside` might take away what comes again
            os.utime(self._descriptor)  # its age counts from here
            self.path.replace(final)
        _flush_folder(final.parent)
        self._close()
        return key

    def discard(self) -> None:
        """Forget what was written; nothing after a commit."""
        if self._descriptor >= 0:
            self.path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class _Locked:
    """A lock on a folder, among processes."""

    def __init__(self, folder: Path, how: int) -> None:
        self._folder = folder
        self._how = how

    def __enter__(self) -> None:
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, self._how)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def _make_folder(folder: Path) -> None:
    """Make a folder that is still there after a power cut, parents included."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
