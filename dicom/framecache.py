"""The frame cache: derived files, one an instance, that may be deleted at any time.

They are kept until nobody opened them for `max_days`, and those not opened for longest go first when all of them
are more than `max_bytes`. What is being made has another name until it is whole, and stays.

A file is: magic, the frames one behind the other, the table of frames (JSON), its length, magic. The end is
written last, so that a file which a crash cut short is told from a whole one, and made anew.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import resource
import secrets
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from dicom.encoded import EncodedFrame
from dicom.instance import BadInstance
from dicom.sandbox import Sandbox
from dicom.store import BlobStore

_MAGIC = b"HCFRAME1"  # the last digit is FrameCache.VERSION: another one, and every file is made anew
_END = struct.Struct(f">I{len(_MAGIC)}s")
_BATCH = 32  # frames asked of the sandbox at once: a batch ends well within its time limit
_SUFFIXES = (".frames", ".jpg")
# A map keeps its file open; other things need theirs: see dicom/web/mapped.py, which takes as many.
_OPEN_FILES = min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3)
_REMEMBERED_REFUSALS = 1024
_TOUCH_AFTER_S = 3600.0  # a file that is read again and again is not the oldest
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one frame lies in a cache file, and how it is coded: see EncodedFrame."""

    media: str
    offset: int
    length: int
    cuts: tuple[int, ...]
    low: int
    high: int
    bits: int
    is_signed: bool


class FrameFile:
    """The cached frames of one instance, mapped into memory."""

    def __init__(self, mapped: mmap.mmap, entries: list[Entry]) -> None:
        self._mapped = memoryview(mapped)
        self._entries = entries
        self.touched_at = time.monotonic()

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Open a cache file. None: there is none, or it is incomplete or of another version."""
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (FileNotFoundError, ValueError):  # an empty file cannot be mapped
            return None
        if len(mapped) < len(_MAGIC) + _END.size or mapped[: len(_MAGIC)] != _MAGIC:
            return None
        length, magic = _END.unpack_from(mapped, len(mapped) - _END.size)
        if magic != _MAGIC:
            return None
        table = json.loads(mapped[len(mapped) - _END.size - length : len(mapped) - _END.size])
        return cls(mapped, [Entry(**{**row, "cuts": tuple(row["cuts"])}) for row in table])

    def __len__(self) -> int:
        return len(self._entries)

    def frame(self, number: int) -> Entry | None:
        """The entry of a frame, counted from 1."""
        return self._entries[number - 1] if 1 <= number <= len(self._entries) else None

    def read(self, entry: Entry, start: int, stop: int) -> memoryview:
        """Bytes start to stop of a frame, where they lie in the file."""
        return self._mapped[entry.offset + start : entry.offset + stop]


class FrameCache:
    """Cache files below one folder, made when first asked for, deleted oldest first. One a process.

    Several processes may share the folder: files appear whole, whoever made them.
    """

    VERSION = 1

    def __init__(
        self,
        folder: Path,
        store: BlobStore,
        sandbox: Sandbox,
        *,
        max_bytes: int = 40 << 30,
        max_days: int = 180,
        builders: int = 2,
    ) -> None:
        self._folder = folder
        self._store = store
        self._sandbox = sandbox
        self._max_bytes = max_bytes
        self._max_days = max_days
        self._bytes: int | None = None  # of all files; unknown until first counted
        self._building = asyncio.Semaphore(builders)
        self._tasks: dict[str, asyncio.Task[FrameFile]] = {}
        self._files: OrderedDict[str, FrameFile] = OrderedDict()
        self._refused: OrderedDict[str, BadInstance] = OrderedDict()

    def get(self, blob: str) -> FrameFile | None:
        """The cache file of a blob where there is one."""
        file = self._files.get(blob)
        if file is None:
            path = self._path(blob)
            file = FrameFile.open(path)
            if file is None:
                return None
            os.utime(path)
            self._remember(blob, file)
        elif time.monotonic() - file.touched_at > _TOUCH_AFTER_S:
            file.touched_at = time.monotonic()
            with suppress(FileNotFoundError):
                os.utime(self._path(blob))
        self._files.move_to_end(blob)
        return file

    def has(self, blob: str) -> bool:
        """Whether there is a cache file; it is not opened, nor counts that as use."""
        return self._path(blob).exists()

    async def ensure_frames(self, blob: str) -> FrameFile:
        """The cache file of a blob, made now if need be. Raises BadInstance.

        Who asks meanwhile waits for the same. A refusal is remembered: hostile bytes do not cost the sandbox
        its limits again at every request.
        """
        if (file := self.get(blob)) is not None:
            return file
        if (refused := self._refused.get(blob)) is not None:
            raise BadInstance(refused.code, refused.sentence)
        task = self._tasks.get(blob)
        if task is None:
            task = self._tasks[blob] = asyncio.create_task(self._build(blob))
            task.add_done_callback(lambda done: self._forget_task(blob, done))
        return await asyncio.shield(task)  # whoever leaves does not stop it for the others

    async def thumbnail(self, blob: str) -> bytes:
        """The middle frame as a small JPEG, kept beside the frames. Raises BadInstance."""
        if (refused := self._refused.get(blob)) is not None:
            raise BadInstance(refused.code, refused.sentence)
        path = self._path(blob).with_suffix(".jpg")
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            pass
        async with self._building:
            jpeg: bytes = await self._sandbox.run("thumbnail", path=self._store.path(blob), number=0)
        await asyncio.to_thread(_write_whole, path, jpeg)
        return jpeg

    async def close(self) -> None:
        """Stop what is being made."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def delete(self, blob: str) -> None:
        """Drop what was derived from a blob; nothing there is no error."""
        self._files.pop(blob, None)
        self._refused.pop(blob, None)
        for suffix in _SUFFIXES:
            self._path(blob).with_suffix(suffix).unlink(missing_ok=True)

    async def _build(self, blob: str) -> FrameFile:
        source, path = self._store.path(blob), self._path(blob)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(secrets.token_hex(16))
        try:
            async with self._building:
                with await asyncio.to_thread(temporary.open, "xb") as file:
                    await self._write(source, file)
                    size = file.tell()
                temporary.replace(path)
        except BadInstance as refused:
            if refused.code != "unavailable":
                self._refused[blob] = refused
                while len(self._refused) > _REMEMBERED_REFUSALS:
                    self._refused.popitem(last=False)
            raise
        finally:
            temporary.unlink(missing_ok=True)
        await self._make_room(size)
        made = FrameFile.open(path)
        if made is None:  # deleted by another process in this very moment
            raise BadInstance("unavailable")
        self._remember(blob, made)
        return made

    async def _write(self, source: Path, file: BinaryIO) -> None:
        entries: list[dict[str, object]] = []
        file.write(_MAGIC)
        while batch := await self._encode(source, len(entries) + 1):
            for frame in batch:
                entries.append(_row(frame, file.tell()))
                await asyncio.to_thread(file.write, frame.data)
            if file.tell() > self._max_bytes // 4:
                raise BadInstance("too-many-pixels")
        table = json.dumps(entries, separators=(",", ":")).encode()
        file.write(table + _END.pack(len(table), _MAGIC))

    async def _encode(self, source: Path, first: int) -> list[EncodedFrame]:
        found = await self._sandbox.run("encode_frames", path=source, first=first, count=_BATCH)
        return [EncodedFrame(**{**frame, "cuts": tuple(frame["cuts"])}) for frame in found]

    async def _make_room(self, added: int) -> None:
        total = None if self._bytes is None else self._bytes + added
        if total is None or total > self._max_bytes:
            _, total = await asyncio.to_thread(self.trim)
        self._bytes = total

    def trim(self) -> tuple[int, int]:
        """Delete what is too old, and when there is too much what was not opened for longest, down to nine tenths.

        Give the bytes before and after.
        """
        found = sorted(self._listed())
        before = after = sum(size for _, size, _ in found)
        is_too_much = before > self._max_bytes
        for used_ns, size, path in found:
            is_old = time.time_ns() - used_ns > self._max_days * _DAY_NS
            if not is_old and not (is_too_much and after > self._max_bytes * 9 // 10):
                break
            path.unlink(missing_ok=True)
            after -= size
        return before, after

    def _listed(self) -> Iterator[tuple[int, int, Path]]:
        """When each file was used last, its size, its path. What a crash left half made goes after a day."""
        for path in self._folder.rglob("*"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if path.suffix in _SUFFIXES:
                yield status.st_mtime_ns, status.st_size, path
            elif path.is_file() and time.time_ns() - status.st_mtime_ns > _DAY_NS:
                path.unlink(missing_ok=True)

    def _remember(self, blob: str, file: FrameFile) -> None:
        self._files[blob] = file
        while len(self._files) > _OPEN_FILES:
            self._files.popitem(last=False)

    def _forget_task(self, blob: str, task: asyncio.Task[FrameFile]) -> None:
        self._tasks.pop(blob, None)
        if not task.cancelled():
            task.exception()  # seen here in case nobody waits any more

    def _path(self, blob: str) -> Path:
        # The store knows what a key looks like; the same name, other suffix.
        return self._folder / self._store.path(blob).relative_to(self._store.root).with_suffix(".frames")


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(secrets.token_hex(16))
    temporary.write_bytes(data)
    temporary.replace(path)


def _row(frame: EncodedFrame, offset: int) -> dict[str, object]:
    return {
        "media": frame.media,
        "offset": offset,
        "length": len(frame.data),
        "cuts": frame.cuts,
        "low": frame.low,
        "high": frame.high,
        "bits": frame.bits,
        "is_signed": frame.is_signed,
    }
