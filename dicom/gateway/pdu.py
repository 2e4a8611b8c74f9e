"""Protocol data units of the upper layer (PS3.8 9.3), read and written as an acceptor needs them.

Whatever a length field says, no more than a fixed number of bytes is read for it: an association request is
small, a P-DATA is at most what we asked for.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from dicom.gateway.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION

MAX_DATA_BYTES: Final = 64 << 10  # of a P-DATA we ask for; larger gained nothing
_MAX_REQUEST_BYTES: Final = 128 << 10  # 128 contexts with every transfer syntax are below 100 kB
_APPLICATION_CONTEXT: Final = b"1.2.840.10008.3.1.1.1"
_HEADER = struct.Struct(">BBL")
_ITEM = struct.Struct(">BBH")
_TITLES = struct.Struct(">HH16s16s32s")
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
class ProposedContext:
    """A presentation context as the requestor proposes it (PS3.8 9.3.2.2)."""

    id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """An association request; titles without their padding, and as they came to be echoed."""

    called: str
    calling: str
    titles: bytes
    contexts: tuple[ProposedContext, ...]


@dataclass(frozen=True, slots=True)
class AnsweredContext:
    """Our answer to a proposed context: result 0 accepts (PS3.8 9.3.3.2)."""

    id: int
    result: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """One presentation data value (PS3.8 9.3.5.1, E.2)."""

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


async def read(reader: asyncio.StreamReader) -> tuple[Type, bytes]:
    """One PDU: its type and what follows the header. Raises BadPDU, IncompleteReadError."""
    kind, _, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if kind not in _LIMITS:
        raise BadPDU(AbortReason.UNRECOGNIZED)
    if length > _LIMITS[Type(kind)]:
        raise BadPDU(AbortReason.INVALID)
    return Type(kind), await reader.readexactly(length)


def associate_request(body: bytes) -> AssociateRequest:
    """Parse an A-ASSOCIATE-RQ (PS3.8 9.3.2). Raises BadPDU."""
    try:
        _, _, called, calling, _ = _TITLES.unpack_from(body)
        contexts = tuple(
            _proposed_context(value) for kind, value in _items(body[_TITLES.size :]) if kind == 0x20
        )
        return AssociateRequest(_title(called), _title(calling), called + calling, contexts)
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise BadPDU(AbortReason.INVALID) from error


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


def associate_accept(request: AssociateRequest, contexts: Sequence[AnsweredContext]) -> bytes:
    """An A-ASSOCIATE-AC (PS3.8 9.3.3)."""
    user = [
        _item(0x51, struct.pack(">L", MAX_DATA_BYTES)),
        _item(0x52, IMPLEMENTATION_CLASS_UID.encode()),
        _item(0x55, IMPLEMENTATION_VERSION.encode()),
    ]
    answered = [
        _item(0x21, bytes([context.id, 0, context.result, 0]) + _item(0x40, context.transfer_syntax.encode()))
        for context in contexts
    ]
    parts = [_item(0x10, _APPLICATION_CONTEXT), *answered, _item(0x50, b"".join(user))]
    return _pdu(Type.ASSOCIATE_AC, struct.pack(">HH", 1, 0) + request.titles + bytes(32) + b"".join(parts))


def associate_reject(rejection: Rejection) -> bytes:
    return _pdu(Type.ASSOCIATE_RJ, b"\0" + rejection.to_bytes(3, "big"))


def release_response() -> bytes:
    return _pdu(Type.RELEASE_RP, bytes(4))


def abort(reason: AbortReason) -> bytes:
    return _pdu(Type.ABORT, bytes([0, 0, 2, reason]))


def data(context_id: int, *, command: bytes) -> bytes:
    """A P-DATA with a whole command set in one value."""
    return _pdu(Type.DATA, _PDV.pack(len(command) + 2, context_id, 0b11) + command)


def _pdu(kind: Type, body: bytes) -> bytes:
    return _HEADER.pack(kind, 0, len(body)) + body


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, 0, len(value)) + value


def _items(view: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(view):
        kind, _, length = _ITEM.unpack_from(view, position)
        position += _ITEM.size
        if position + length > len(view):
            raise ValueError("an item is longer than what it lies in")
        yield kind, view[position : position + length]
        position += length


def _proposed_context(value: bytes) -> ProposedContext:
    syntaxes = [(kind, _name(name)) for kind, name in _items(value[4:])]
    abstract = [name for kind, name in syntaxes if kind == 0x30]
    if not value[0] & 1 or len(abstract) != 1:
        raise ValueError("a context has an odd number and one abstract syntax")
    return ProposedContext(value[0], abstract[0], tuple(name for kind, name in syntaxes if kind == 0x40))


def _name(value: bytes) -> str:
    return value.decode("ascii").rstrip("\0 ")


def _title(value: bytes) -> str:
    title = value.decode("ascii").strip("\0 ")
    if not title.isprintable():
        raise ValueError("a title has no control characters")
    return title
