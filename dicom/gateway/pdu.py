"""Protocol data units of the upper layer (PS3.8 9.3), read and written by either side of an association.

Whatever a length field says, no more than a fixed number of bytes is read for it: an association request is
small, a P-DATA is at most what we asked for.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MAX_DATA_BYTES: Final = 64 << 10  # of a P-DATA we ask for, and the largest we send; larger gained nothing
_MAX_REQUEST_BYTES: Final = 128 << 10  # 128 contexts with every transfer syntax are below 100 kB
_HEADER = struct.Struct(">BBL")
_PDV = struct.Struct(">LBB")


class Type(IntEnum):
    """PS3.8 9.3.1."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


_LIMITS = {
    Type.ASSOCIATE_RQ: _MAX_REQUEST_BYTES,
    Type.ASSOCIATE_AC: _MAX_REQUEST_BYTES,
    Type.ASSOCIATE_RJ: 4,
    Type.DATA: MAX_DATA_BYTES,
    Type.RELEASE_RQ: 4,
    Type.RELEASE_RP: 4,
    Type.ABORT: 4,
}


class AbortReason(IntEnum):
    """What the provider says when it ends an association (PS3.8 9.3.8)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED = 1
    UNEXPECTED = 2
    INVALID = 6


class Rejection(IntEnum):
    """Result, source and reason of a rejection (PS3.8 9.3.4), one byte each."""

    CALLING_TITLE_UNKNOWN = 0x01_01_03
    CALLED_TITLE_UNKNOWN = 0x01_01_07
    CONGESTED = 0x02_03_01
    TOO_MANY = 0x02_03_02


class BadPDU(Exception):
    """What came is no PDU, or none that may come now. The association is aborted."""

    def __init__(self, reason: AbortReason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fragment:
    """One presentation data value (PS3.8 9.3.5.1, E.2)."""

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


async def read(reader: asyncio.StreamReader, begun: Callable[[], None] | None = None) -> tuple[Type, bytes]:
    """One PDU: its type and what follows the header; `begun` is called between. Raises BadPDU, IncompleteReadError."""
    kind, _, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if kind not in _LIMITS:
        raise BadPDU(AbortReason.UNRECOGNIZED)
    if length > _LIMITS[Type(kind)]:
        raise BadPDU(AbortReason.INVALID)
    if begun is not None:
        begun()
    return Type(kind), await reader.readexactly(length)


def fragments(body: bytes) -> Iterator[Fragment]:
    """The presentation data values of a P-DATA. Raises BadPDU."""
    view, position = memoryview(body), 0
    while position < len(view):
        if position + _PDV.size > len(view):
            raise BadPDU(AbortReason.INVALID)
        length, context_id, control = _PDV.unpack_from(view, position)
        end = position + 4 + length
        if length < 2 or end > len(view):
            raise BadPDU(AbortReason.INVALID)
        yield Fragment(context_id, bool(control & 1), bool(control & 2), view[position + _PDV.size : end])
        position = end


def associate_reject(rejection: Rejection) -> bytes:
    return pack(Type.ASSOCIATE_RJ, b"\0" + rejection.to_bytes(3, "big"))


def release_request() -> bytes:
    return pack(Type.RELEASE_RQ, bytes(4))


def release_response() -> bytes:
    return pack(Type.RELEASE_RP, bytes(4))


def abort(reason: AbortReason) -> bytes:
    return pack(Type.ABORT, bytes([0, 0, 2, reason]))


def data(context_id: int, value: bytes, *, is_command: bool, is_last: bool) -> bytes:
    """A P-DATA with one presentation data value."""
    control = is_command | is_last << 1
    return pack(Type.DATA, _PDV.pack(len(value) + 2, context_id, control) + value)


def value_bytes(data_bytes: int) -> int:
    """How much of a message fits into a P-DATA of this size; an even number."""
    return data_bytes - _PDV.size & ~1


def pack(kind: Type, body: bytes) -> bytes:
    """Any PDU."""
    return _HEADER.pack(kind, 0, len(body)) + body
