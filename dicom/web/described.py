"""Instances that come as metadata and bulk data (PS3.18 10.5.1.4): kept in one file until all is here.

The sandbox says what the file of each instance is made of; here it is put together, and then it is an instance
like every other.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from dicom import uid
from dicom.instance import REASONS, BadInstance
from dicom.ports import TooLarge
from dicom.sandbox import Sandbox
from dicom.store import BlobWriter
from dicom.texts import later
from dicom.web.accept import JSON, OCTETS, media
from dicom.web.frames import EXPLICIT, MEDIA_TYPES
from dicom.web.parts import Parts

_log = logging.getLogger(__name__)

MAX_METADATA_BYTES: Final = 16 << 20  # of one request
MAX_LOCATION: Final = 2048  # letters of an address
_CHUNK_BYTES: Final = 1 << 20
# Of a media type that names no transfer syntax (PS3.18 table 8.7.3-5).
_DEFAULTS: Final = {
    "image/jpeg": "1.2.840.10008.1.2.4.70",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/dicom-rle": "1.2.840.10008.1.2.5",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """One part of the request and where it lies. `syntax`: of pixels, "" for native, None for what is not taken."""

    offset: int
    size_bytes: int
    sha256: str  # hexadecimal
    location: str
    syntax: str | None


@dataclass(frozen=True, slots=True)
class Described:
    """One instance: what its file is made of, bytes and parts, or what it is refused for."""

    names: tuple[str, str]  # SOP class and instance, "" where they are not said
    source: Kept  # the part that describes it
    pieces: Sequence[bytes | Kept] = ()
    refused: str = ""  # of REASONS

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes if isinstance(piece, Kept) else len(piece) for piece in self.pieces)


class Request:
    """The parts of one request, in a file that is forgotten with its writer."""

    def __init__(self, spool: BlobWriter) -> None:
        self._spool = spool
        self._metadata: list[Kept] = []
        self._bulk: list[Kept] = []
        self._metadata_bytes = 0

    async def receive(self, parts: Parts, max_bytes: int, max_parts: int) -> None:
        """Write down all parts. Raises TooLarge, or BadInstance (unavailable) where the disk takes no more."""
        is_whole = True
        while (headers := await parts.next()) is not None:
            if len(self._metadata) + len(self._bulk) == max_parts:
                raise _too_many()
            kind = media(headers.get("content-type", OCTETS if self._metadata else JSON))
            is_metadata = kind.media_type == JSON
            offset, digest = self._spool.size_bytes, hashlib.sha256()
            async for chunk in parts.chunks():
                digest.update(chunk)
                self._count(len(chunk), max_bytes, is_metadata=is_metadata)
                try:
                    (self._spool.write if is_whole else self._spool.skip)(chunk)
                except OSError:
                    _log.exception("a received part could not be written")
                    is_whole = False
            location = headers.get("content-location", "")
            part = Kept(
                offset=offset,
                size_bytes=self._spool.size_bytes - offset,
                sha256=digest.hexdigest(),
                location=location if len(location) <= MAX_LOCATION else "",
                syntax=_syntax(kind.media_type, kind.parameters.get("transfer-syntax", "")),
            )
            (self._metadata if is_metadata else self._bulk).append(part)
        if not is_whole:
            raise BadInstance("unavailable")

    async def described(self, sandbox: Sandbox, base: str, max_instances: int) -> list[Described]:
        """The instances in their order, then the parts that none of them names. Raises TooLarge."""
        places = [(part.offset, part.size_bytes) for part in self._metadata]
        bulk = [
            {"location": part.location, "place": (part.offset, part.size_bytes), "syntax": part.syntax}
            for part in self._bulk
        ]
        try:
            found = await sandbox.run(
                "data_sets", path=self._spool.path, metadata=places, bulk=bulk, base=base, most=max_instances
            )
        except BadInstance as bad:
            return [Described(("", ""), text, refused=bad.code) for text in self._metadata]
        if len(found["instances"]) > max_instances:
            raise _too_many()
        unused = [Described(("", ""), self._bulk[n], refused="wrong-bulk") for n in found["unused"]]
        return [*map(self._described, found["instances"]), *unused]

    async def write(self, described: Described, writer: BlobWriter) -> None:
        """Put an instance's file together."""
        with self._spool.path.open("rb") as file:
            for piece in described.pieces:
                length = piece.size_bytes if isinstance(piece, Kept) else len(piece)
                for start in range(0, length, _CHUNK_BYTES):
                    end = min(start + _CHUNK_BYTES, length)
                    if isinstance(piece, Kept):
                        file.seek(piece.offset + start)
                        writer.write(await asyncio.to_thread(file.read, end - start))
                    else:
                        writer.write(memoryview(piece)[start:end])
                        await asyncio.sleep(0)

    def _count(self, chunk_bytes: int, max_bytes: int, *, is_metadata: bool) -> None:
        if self._spool.size_bytes + chunk_bytes > max_bytes:
            raise TooLarge(later("Dữ liệu gửi lên quá lớn. Hãy chia thành nhiều lần."))
        if is_metadata:
            self._metadata_bytes += chunk_bytes
        if self._metadata_bytes > MAX_METADATA_BYTES:
            raise TooLarge(
                later("Phần mô tả (metadata) trong một lần gửi quá lớn. Hãy chia thành nhiều lần.")
            )

    def _described(self, found: dict[str, Any]) -> Described:
        """What the sandbox says of an instance. It read what strangers sent, so it is not believed either."""
        text = self._metadata[found["text"]]
        match found.get("names"):
            case [str(sop_class), str(sop)] if uid.is_acceptable(sop_class) and uid.is_acceptable(sop):
                names = sop_class, sop
            case _:
                names = "", ""
        match found:
            case {"pieces": list(pieces)}:
                made = (self._bulk[piece] if isinstance(piece, int) else bytes(piece) for piece in pieces)
                return Described(names, text, tuple(made))
            case {"refused": str(code)} if code in REASONS:
                return Described(names, text, refused=code)
            case _:
                return Described(names, text, refused="malformed")


def _syntax(media_type: str, named: str) -> str | None:
    """What transfer syntax a part is in: "" for native little endian, None for what is not taken."""
    if not media_type.startswith(("image/", "video/")):
        return "" if named in ("", EXPLICIT) else None
    if media_type.startswith("video/"):
        return None
    if not named:
        return _DEFAULTS.get(media_type)
    return named if MEDIA_TYPES.get(named) == media_type else None


def _too_many() -> TooLarge:
    return TooLarge(later("Quá nhiều ảnh trong một lần gửi. Hãy chia thành nhiều lần."))
