"""Stored files as memory: opened and first touched in a thread, then sliced without a copy or a wait."""

from __future__ import annotations

import asyncio
import mmap
import resource
from collections.abc import AsyncIterator

from dicom.ports import NotHere
from dicom.store import BlobMissing, BlobStore
from dicom.web.cache import Cache

CHUNK_BYTES = 1 << 20
MAX_MAPPED_BYTES = 1 << 30  # of the disk's own cache, not of ours
READ_AHEAD_BYTES = 64 << 20  # files up to this are read whole when a part is asked for
PAGE_BYTES = mmap.PAGESIZE


class MappedFiles:
    """Memory maps of the blobs that were read last. Blobs never change, so a map never lies."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._maps: Cache[str, memoryview] = Cache(MAX_MAPPED_BYTES)
        # Each map holds a descriptor; sockets need most of them.
        soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._least_weight = MAX_MAPPED_BYTES // min(1024, soft_limit // 3)

    async def slice(self, blob: str, start: int, length: int) -> memoryview:
        """Return `length` bytes from `start`. Raises NotHere for a blob that is gone or shorter."""
        view = self._maps.get(blob)
        if view is None:
            view = await self._opened(blob)
            await asyncio.to_thread(_touch, view[start : start + length])
        if start + length > len(view):
            raise NotHere
        return view[start : start + length]

    async def chunks(self, blob: str, start: int, length: int) -> AsyncIterator[memoryview]:
        """Yield a long stretch in pieces, each read from the disk in a thread before it is given."""
        view = self._maps.get(blob) or await self._opened(blob)
        if start + length > len(view):
            raise NotHere
        for at in range(start, start + length, CHUNK_BYTES):
            chunk = view[at : min(at + CHUNK_BYTES, start + length)]
            await asyncio.to_thread(_touch, chunk)
            yield chunk

    async def _opened(self, blob: str) -> memoryview:
        view = await asyncio.to_thread(_mapped, self._store, blob)
        return self._maps.put(blob, view, max(len(view), self._least_weight))


def _mapped(store: BlobStore, blob: str) -> memoryview:
    try:
        with store.open(blob) as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except BlobMissing as missing:
        raise NotHere from missing
    if len(mapped) <= READ_AHEAD_BYTES:
        mapped.madvise(mmap.MADV_WILLNEED)
    return memoryview(mapped)


def _touch(view: memoryview) -> None:
    """Bring the pages into memory, so that the event loop need not wait for the disk."""
    for at in range(0, len(view), PAGE_BYTES):
        view[at]
