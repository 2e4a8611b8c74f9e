"""Sending bytes: one representation with ETag and Range (RFC 9110), or several as `multipart/related`."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType

from aiohttp import HttpVersion11, web
from aiohttp.hdrs import METH_GET, METH_HEAD

from dicom.ports import Malformed, Refused
from dicom.texts import later
from dicom.web.accept import MULTIPART

CHECKED = "private, no-cache"
IMMUTABLE = "private, max-age=43200, immutable"  # as long as a sign-in lasts
# A shared computer: what one person was shown is not another's, though the address is the same.
VARY = "Accept, Accept-Encoding, Authorization, Cookie"
SAVED = {"Content-Disposition": "attachment"}  # never shown, whatever it is
BOUNDARY_BYTES = 16
BUFFER_BYTES = 1 << 20  # of one connection, beside the system's own

Content = bytes | memoryview | AsyncIterator[memoryview]
IN_MEMORY = (bytes, memoryview)


class NoSuchRange(Refused):
    """Bytes behind the end were asked for."""

    status = 416
    code = "no-such-range"


@dataclass(frozen=True, slots=True)
class Part:
    """One representation: media type with parameters, address, and content, in memory or in chunks."""

    content_type: str
    location: str
    size_bytes: int
    content: Content


class _Sent(web.StreamResponse):
    """An answer that went out whole already: aiohttp has nothing left to do for it."""

    async def prepare(self, request: web.BaseRequest) -> None:
        pass

    async def write_eof(self, data: bytes = b"") -> None:
        pass

    @property
    def keep_alive(self) -> bool:
        return True


def head_of(headers: Mapping[str, str]) -> bytes:
    """The end of every answer's head: the headers that always stand there, and the empty line."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


async def send_bytes(
    request: web.Request,
    standing: bytes,
    content_type: str,
    view: memoryview,
    etag: str,
    facts: Mapping[str, str] = MappingProxyType({}),
) -> web.StreamResponse:
    """Send bytes in memory that will never change, or the range of them that is asked for.

    `standing`: what `head_of` makes of the server's own headers. `facts`: headers of ours beside the standard's.
    """
    etag = f'"{etag}"'
    headers = {"ETag": etag, "Cache-Control": IMMUTABLE, "Vary": VARY, "Accept-Ranges": "bytes", **facts}
    asked = request.headers
    if etag in asked.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    status = 200
    if "Range" in asked and asked.get("If-Range", etag) == etag:
        wanted = _range(request, len(view))
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(view)}"
        view, status = view[wanted], 206
    headers["Content-Type"] = content_type
    headers["Content-Length"] = str(len(view))
    return await _stream(request, standing, headers, [view], status)


async def send(request: web.Request, standing: bytes, part: Part, etag: str) -> web.StreamResponse:
    """Send a file as the whole body, to be saved and not shown."""
    headers = {"ETag": f'"{etag}"', "Cache-Control": IMMUTABLE, "Vary": VARY}
    if headers["ETag"] in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    headers |= {
        "Content-Type": part.content_type,
        "Content-Length": str(part.size_bytes),
        "Content-Location": part.location,
        **SAVED,
    }
    return await _stream(request, standing, headers, [part.content])


async def send_parts(
    request: web.Request, standing: bytes, media_type: str, parts: Sequence[Part]
) -> web.StreamResponse:
    """Send parts one after the other (RFC 2387); each is read only when the line has taken the one before."""
    boundary = next(_BOUNDARIES)
    heads = [_head(boundary, part, is_first=not index) for index, part in enumerate(parts)]
    end = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f'{MULTIPART}; type="{media_type}"; boundary={boundary}',
        "Content-Length": str(sum(map(len, heads)) + sum(part.size_bytes for part in parts) + len(end)),
        "Cache-Control": CHECKED,
        "Vary": VARY,
        **SAVED,
    }

    contents: list[Content] = [
        piece for head, part in zip(heads, parts, strict=True) for piece in (head, part.content)
    ]
    return await _stream(request, standing, headers, [*contents, end])


async def _stream(
    request: web.Request,
    standing: bytes,
    headers: dict[str, str],
    contents: Sequence[Content],
    status: int = 200,
) -> web.StreamResponse:
    """Send contents as the line takes them. What fails on the way can only be told by ending early."""
    if request.transport is not None:
        # A frame goes to the system as one, with all that stands round it.
        request.transport.set_write_buffer_limits(BUFFER_BYTES)
    in_memory = [content for content in contents if isinstance(content, IN_MEMORY)]
    is_plain = request.method == METH_GET and request.version == HttpVersion11 and request.keep_alive
    if is_plain and len(in_memory) == len(contents):
        return await _send_at_once(request, standing, headers, in_memory, status)
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    if request.method != METH_HEAD:  # aiohttp would send what we write
        await _write_in_turn(response, contents)
    await response.write_eof()
    return response


async def _send_at_once(
    request: web.Request,
    standing: bytes,
    headers: Mapping[str, str],
    contents: Sequence[bytes | memoryview],
    status: int,
) -> web.StreamResponse:
    """Hand head and contents to the system in one call, past aiohttp's own way of making a head.

    A viewer asks for frames by the thousand, and their heads differ in three lines: this takes a quarter of
    the processor's time from each.
    """
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a header of several lines")
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nDate: {_date(int(time.time()))}\r\n"
    transport.writelines((f"{first}{lines}".encode() + standing, *contents))
    await request.writer.drain()
    return _Sent(status=status)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


async def _write_in_turn(response: web.StreamResponse, contents: Sequence[Content]) -> None:
    try:
        for content in contents:
            if isinstance(content, IN_MEMORY):
                await response.write(content)
            else:
                async for chunk in content:
                    await response.write(chunk)
    except Refused as gone:
        raise ConnectionResetError from gone


def _boundaries() -> Iterator[str]:
    """Words that no file can hold on purpose: random, each used once; the system is asked for many at a time."""
    while True:
        pool = os.urandom(BOUNDARY_BYTES * 256)
        for at in range(0, len(pool), BOUNDARY_BYTES):
            yield pool[at : at + BOUNDARY_BYTES].hex()


_BOUNDARIES = _boundaries()


def _head(boundary: str, part: Part, *, is_first: bool) -> bytes:
    lines = (
        f"--{boundary}" if is_first else f"\r\n--{boundary}",
        f"Content-Type: {part.content_type}",
        f"Content-Length: {part.size_bytes}",
        f"Content-Location: {part.location}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _range(request: web.Request, size: int) -> slice:
    """The one range asked for, within the size. Raises Malformed or NoSuchRange."""
    try:
        asked = request.http_range
    except ValueError as error:
        raise Malformed(later("Khoảng byte được yêu cầu không đúng dạng. Hãy xin lại toàn bộ.")) from error
    start, stop, _ = asked.indices(size)
    if start >= stop:
        raise NoSuchRange(later("Khoảng byte được yêu cầu nằm ngoài dữ liệu. Hãy xin lại toàn bộ."))
    return slice(start, stop)
