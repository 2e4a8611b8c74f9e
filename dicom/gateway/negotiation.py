"""How an association is asked for and agreed to (PS3.8 9.3.2, 9.3.3; PS3.7 D), from either side."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dicom.gateway.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from dicom.gateway.pdu import MAX_DATA_BYTES, AbortReason, BadPDU, Type, pack

_APPLICATION_CONTEXT: Final = b"1.2.840.10008.3.1.1.1"
_LEAST_DATA_BYTES: Final = 128  # who takes less at a time would cost more headers than data
_ITEM = struct.Struct(">BBH")
_TITLES = struct.Struct(">HH16s16s32s")


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """A presentation context as the requestor proposes it (PS3.8 9.3.2.2)."""

    id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """SCP/SCU role selection (PS3.7 D.3.3.4): what the requestor is, or may be, for a SOP class."""

    sop_class_uid: str
    is_scu: bool
    is_scp: bool


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """An association request; titles without their padding, and as they came to be echoed."""

    called: str
    calling: str
    titles: bytes
    contexts: tuple[ProposedContext, ...]
    roles: tuple[Role, ...]
    data_bytes: int  # the largest P-DATA that it takes


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """What the other side agreed to: context id to transfer syntax, and the largest P-DATA that it takes."""

    contexts: dict[int, str]
    roles: tuple[Role, ...]
    data_bytes: int


@dataclass(frozen=True, slots=True)
class AnsweredContext:
    """Our answer to a proposed context: result 0 accepts (PS3.8 9.3.3.2)."""

    id: int
    result: int
    transfer_syntax: str


def read_request(body: bytes) -> AssociateRequest:
    """Parse an A-ASSOCIATE-RQ (PS3.8 9.3.2). Raises BadPDU."""
    try:
        _, _, called, calling, _ = _TITLES.unpack_from(body)
        items = list(_items(body[_TITLES.size :]))
        contexts = tuple(_proposed_context(value) for kind, value in items if kind == 0x20)
        roles, data_bytes = _user_information(items)
        return AssociateRequest(
            _title(called), _title(calling), called + calling, contexts, roles, data_bytes
        )
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise BadPDU(AbortReason.INVALID) from error


def read_accept(body: bytes) -> AssociateAccept:
    """Parse an A-ASSOCIATE-AC (PS3.8 9.3.3). Raises BadPDU."""
    try:
        items = list(_items(body[_TITLES.size :]))
        accepted = [value for kind, value in items if kind == 0x21 and value[2] == 0]
        syntaxes = {value[0]: _name(next(_items(value[4:]))[1]) for value in accepted}
        return AssociateAccept(syntaxes, *_user_information(items))
    except (struct.error, IndexError, UnicodeDecodeError, ValueError, StopIteration) as error:
        raise BadPDU(AbortReason.INVALID) from error


def accept(asked: AssociateRequest, contexts: Sequence[AnsweredContext], roles: Sequence[Role] = ()) -> bytes:
    """An A-ASSOCIATE-AC (PS3.8 9.3.3)."""
    answered = [
        _item(0x21, bytes([context.id, 0, context.result, 0]) + _item(0x40, context.transfer_syntax.encode()))
        for context in contexts
    ]
    return _associate(Type.ASSOCIATE_AC, asked.titles, answered, roles)


def request(
    called: str, calling: str, contexts: Sequence[ProposedContext], roles: Sequence[Role] = ()
) -> bytes:
    """An A-ASSOCIATE-RQ (PS3.8 9.3.2)."""
    titles = called.encode("ascii").ljust(16) + calling.encode("ascii").ljust(16)
    proposed = [
        _item(
            0x20,
            bytes([context.id, 0, 0, 0])
            + _item(0x30, context.abstract_syntax.encode())
            + b"".join(_item(0x40, syntax.encode()) for syntax in context.transfer_syntaxes),
        )
        for context in contexts
    ]
    return _associate(Type.ASSOCIATE_RQ, titles, proposed, roles)


def _associate(kind: Type, titles: bytes, contexts: Sequence[bytes], roles: Sequence[Role]) -> bytes:
    user = [
        _item(0x51, struct.pack(">L", MAX_DATA_BYTES)),
        _item(0x52, IMPLEMENTATION_CLASS_UID.encode()),
        *(_role_item(role) for role in roles),
        _item(0x55, IMPLEMENTATION_VERSION.encode()),
    ]
    parts = [_item(0x10, _APPLICATION_CONTEXT), *contexts, _item(0x50, b"".join(user))]
    return pack(kind, struct.pack(">HH", 1, 0) + titles + bytes(32) + b"".join(parts))


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


def _user_information(items: Sequence[tuple[int, bytes]]) -> tuple[tuple[Role, ...], int]:
    """Roles, and the largest P-DATA to send: 0 is no limit to them, but one to us (PS3.8 D.1)."""
    inside = [one for kind, value in items if kind == 0x50 for one in _items(value)]
    stated = next((value for kind, value in inside if kind == 0x51), bytes(4))
    (data_bytes,) = struct.unpack(">L", stated)
    if 0 < data_bytes < _LEAST_DATA_BYTES:
        raise ValueError("too little at a time")
    roles = tuple(_role(value) for kind, value in inside if kind == 0x54)
    return roles, min(data_bytes or MAX_DATA_BYTES, MAX_DATA_BYTES)


def _role(value: bytes) -> Role:
    (length,) = struct.unpack_from(">H", value)
    scu, scp = value[2 + length : 4 + length]
    return Role(_name(value[2 : 2 + length]), bool(scu), bool(scp))


def _role_item(role: Role) -> bytes:
    name = role.sop_class_uid.encode()
    return _item(0x54, struct.pack(">H", len(name)) + name + bytes([role.is_scu, role.is_scp]))
