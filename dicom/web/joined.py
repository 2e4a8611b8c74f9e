"""Many frames of a series in one answer: on a long line each request of its own costs a round trip.

The body is records, one behind the other until it ends, in the order asked for. A record (numbers big endian):

    4 bytes   length of the head
    4 bytes   length of the content
    head      JSON: `instance` (our number), `frame` (from 1), `media`, and the facts of `facts_of`
    content   the frame's first `cuts[level]` bytes

A record says itself what it holds, so that a list that grew meanwhile confuses nobody. Content is empty where a
frame has no smaller form, and the head is `instance` and `frame` alone where it cannot be shown. An answer ends
behind LARGEST bytes: who is let in is then asked anew, and the client asks for what is still missing. There
are no ranges for the same reason: what came is kept, the rest is asked for by its places.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from dicom.framecache import Entry, FrameCache
from dicom.instance import BadInstance
from dicom.ports import Malformed
from dicom.texts import later
from dicom.web.send import CHECKED, IMMUTABLE, VARY

MEDIA_TYPE = "application/vnd.hoichan.frames"
LARGEST = 8 << 20  # a minute of a line of 1 Mbit/s
_MOST_RUNS = 256
_LENGTHS = struct.Struct(">II")
_WRITE_BYTES = 64 << 10
_OPENED_AT_ONCE = 16  # cache files, before others have their turn
_BUILT_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """One frame of a series, by our number of its instance."""

    instance: int
    frame: int
    blob: str


def facts_of(entry: Entry) -> dict[str, Any]:
    """What the client's decoder wants to know beforehand: see EncodedFrame."""
    return {
        "cuts": entry.cuts,
        "low": entry.low,
        "high": entry.high,
        "bits": entry.bits,
        "signed": entry.is_signed,
    }


def places(runs: str, count: int) -> list[int]:
    """Read places of a series, counted from 1, as runs such as "5-8,4-1,12"; "" is all. Raises Malformed."""
    if not runs:
        return list(range(1, count + 1))
    found: list[int] = []
    words = runs.split(",")
    for word in words[:_MOST_RUNS]:
        first, dash, last = word.partition("-")
        ends = [first, last if dash else first]
        if not all(
            end.isascii() and end.isdigit() and len(end) <= 6 and 1 <= int(end) <= count for end in ends
        ):
            raise _wrong()
        start, stop = map(int, ends)
        found += range(start, stop + 1) if start <= stop else range(start, stop - 1, -1)
        if len(found) > count:
            raise _wrong()
    if len(words) > _MOST_RUNS:
        raise _wrong()
    return found


async def send_joined(
    request: web.Request, frames: FrameCache, wanted: Sequence[Wanted], level: int
) -> web.StreamResponse:
    """Send the prefixes that show `wanted` halved `level` times. What is not made yet is made on the way."""
    headers = {hdrs.CONTENT_TYPE: MEDIA_TYPE, hdrs.CACHE_CONTROL: CHECKED, hdrs.VARY: VARY}
    size = await _size(frames, wanted, level)
    if size is not None:  # all is there, and stays what it is
        etag = f'"{_digest(wanted, level)}"'
        headers |= {hdrs.ETAG: etag, hdrs.CACHE_CONTROL: IMMUTABLE}
        if etag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=headers)
        headers[hdrs.CONTENT_LENGTH] = str(size)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method != hdrs.METH_HEAD:
        async for chunk in _gathered(_records(frames, wanted, level)):
            await response.write(chunk)
    await response.write_eof()
    return response


async def _size(frames: FrameCache, wanted: Sequence[Wanted], level: int) -> int | None:
    """Bytes of the whole answer; None while a frame of it is still to be made."""
    size = 0
    for number, one in enumerate(wanted, 1):
        file = frames.get(one.blob)
        if file is None:
            return None
        entry = file.frame(one.frame)
        size += sum(map(len, _record(one, entry, level))) + _length(entry, level)
        if size > LARGEST:
            break
        if number % _OPENED_AT_ONCE == 0:
            await asyncio.sleep(0)
    return size


async def _records(frames: FrameCache, wanted: Sequence[Wanted], level: int) -> AsyncIterator[bytes]:
    """The answer's bytes, a record at a time; what is behind is made while the line takes what is before."""
    size = 0
    ahead: dict[str, asyncio.Task[object]] = {}
    try:
        for number, one in enumerate(wanted):
            for later_one in wanted[number + 1 : number + 1 + _BUILT_AHEAD]:
                if later_one.blob not in ahead and frames.get(later_one.blob) is None:
                    ahead[later_one.blob] = asyncio.create_task(_made(frames, later_one.blob))
            try:
                file = await frames.ensure_frames(one.blob)
            except BadInstance as refused:
                if refused.code == "unavailable":  # no verdict: the client asks again
                    raise ConnectionResetError from refused
                record = b"".join(_record(one, None, level))
            else:
                entry = file.frame(one.frame)
                content = b"" if entry is None else file.read(entry, 0, _length(entry, level))
                record = b"".join((*_record(one, entry, level), content))
            yield record
            size += len(record)
            if size > LARGEST:
                return
    finally:
        for task in ahead.values():
            task.cancel()  # the waiting, not the making


async def _made(frames: FrameCache, blob: str) -> None:
    with suppress(BadInstance):  # said when its turn comes
        await frames.ensure_frames(blob)


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in chunks that are worth a call of the system."""
    kept = bytearray()
    async for piece in pieces:
        kept += piece
        if len(kept) >= _WRITE_BYTES:
            yield bytes(kept)
            kept.clear()
    if kept:
        yield bytes(kept)


def _record(one: Wanted, entry: Entry | None, level: int) -> Iterable[bytes]:
    """Lengths and head of a record."""
    head: dict[str, Any] = {"instance": one.instance, "frame": one.frame}
    if entry is not None:
        head |= {"media": entry.media, **facts_of(entry)}
    text = json.dumps(head, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), _length(entry, level)), text


def _length(entry: Entry | None, level: int) -> int:
    if entry is None or (level and len(entry.cuts) == 1):
        return 0
    return entry.cuts[min(level, len(entry.cuts) - 1)]


def _digest(wanted: Sequence[Wanted], level: int) -> str:
    # A blob's name is a keyed hash of its bytes; hashed once more, it tells nothing of where they lie.
    named = "".join(f" {one.instance} {one.frame} {one.blob}" for one in wanted)
    return hashlib.sha256(f"{FrameCache.VERSION} {level}{named}".encode()).hexdigest()[:20]


def _wrong() -> Malformed:
    return Malformed(later("Danh sách ảnh được yêu cầu không đúng dạng. Hãy tải lại trang."))
