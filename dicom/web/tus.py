"""The protocol of tus 1.0 on aiohttp: its headers, its refusals, its checksums. `upload.py` uses it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from pathlib import PureWindowsPath
from typing import Final

from aiohttp import ClientPayloadError, web

from dicom.instance import REASONS
from dicom.ports import Malformed, Refused, TooLarge
from dicom.texts import Gettext, later

VERSION: Final = "1.0.0"
CONTENT_TYPE: Final = "application/offset+octet-stream"
_ALGORITHMS: Final = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}
HEADERS: Final = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
ABILITIES: Final = {
    "Tus-Version": VERSION,
    "Tus-Extension": "creation,creation-with-upload,termination,checksum",
    "Tus-Checksum-Algorithm": ",".join(_ALGORITHMS),
}
_SILENCE_S: Final = 60


class OtherVersion(Refused):
    """A tus version other than ours."""

    status = 412
    code = "tus-version"


class WrongOffset(Refused):
    """The piece does not continue what is here."""

    status = 409
    code = "wrong-offset"


class WrongMedia(Refused):
    status = 415
    code = "unsupported-media-type"


class WrongChecksum(Refused):
    """The piece is not what was sent; it is forgotten."""

    status = 460
    code = "checksum"

    def __init__(self) -> None:
        super().__init__(REASONS["checksum"])


class DiskFull(Refused):
    status = 507
    code = "disk-full"

    def __init__(self) -> None:
        super().__init__(later("Máy chủ tạm hết chỗ chứa ảnh. Hãy báo quản trị rồi gửi lại sau."))


class Unavailable(Refused):
    """Something of ours is away; the browser tries again by itself."""

    status = 503
    code = "unavailable"

    def __init__(self) -> None:
        super().__init__(REASONS["unavailable"])


class Interrupted(Refused):
    """The line was cut, or the same upload goes on over another one."""

    status = 408
    code = "interrupted"

    def __init__(self) -> None:
        super().__init__(later("Đường truyền bị ngắt. Trình duyệt sẽ tự gửi tiếp."))


class Checksum:
    """What a piece must hash to, where the browser says it (Upload-Checksum: `sha256 BASE64`)."""

    def __init__(self, request: web.Request) -> None:
        said = request.headers.get("Upload-Checksum", "")
        algorithm, _, value = said.partition(" ")
        self.is_asked = bool(said)
        self._hash = _ALGORITHMS.get(algorithm, hashlib.sha256)()
        if not said:
            return
        try:
            self._expected = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise Malformed(later("Mã kiểm tra không đúng dạng. Hãy tải lại trang rồi gửi lại.")) from error
        if algorithm not in _ALGORITHMS:
            raise Malformed(later("Mã kiểm tra không được hỗ trợ. Hãy tải lại trang rồi gửi lại."))

    def update(self, chunk: bytes) -> None:
        if self.is_asked:
            self._hash.update(chunk)

    def verify(self) -> None:
        if self.is_asked and not hmac.compare_digest(self._hash.digest(), self._expected):
            raise WrongChecksum


def problem(refused: Refused, gettext: Gettext) -> web.Response:
    sentence = refused.text(gettext)
    body = {
        "type": f"urn:hoichan:{refused.code}",
        "code": refused.code,
        "status": refused.status,
        "title": sentence,
        "detail": sentence,
    }
    return web.json_response(body, status=refused.status, content_type="application/problem+json")


async def expect_late(request: web.Request) -> None:
    """`Expect: 100-continue` is answered when the body is read: what is too large is refused before."""


async def copy(request: web.Request, limit_bytes: int, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Hand the body on, piece by piece. Raises Interrupted when it ends early, TooLarge beyond the limit."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    size_bytes = 0
    while True:
        try:
            async with asyncio.timeout(_SILENCE_S):
                chunk = await request.content.readany()
        except (ConnectionError, ClientPayloadError, web.RequestPayloadError, TimeoutError) as cut:
            raise Interrupted from cut
        if not chunk:
            return
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise TooLarge(later("Dữ liệu gửi lên nhiều hơn đã báo. Hãy chọn lại tệp để gửi."))
        await write(chunk)


def number(request: web.Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise Malformed(later("Yêu cầu gửi ảnh không đúng dạng. Hãy tải lại trang rồi gửi lại."))
    return int(value)


def file_name(request: web.Request) -> str:
    """The last part of the file's name (Upload-Metadata: `filename BASE64, ...`), for who sent it to see."""
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        if key == "filename":
            try:
                name = PureWindowsPath(base64.b64decode(value, validate=True).decode()).name
            except (binascii.Error, UnicodeDecodeError):
                return ""
            return "".join(letter for letter in name if letter.isprintable())[:255]
    return ""


def failure(error: Exception) -> Refused:
    """The refusal for a fault of ours: the browser tries again by itself, or a person has to make room."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull()
    return Unavailable()
