"""Command sets of DIMSE messages (PS3.7 6.3.1, E): implicit little endian, group 0000 alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from dicom.gateway.pdu import AbortReason, BadPDU

NO_DATA_SET: Final = 0x0101
_ELEMENT = struct.Struct("<HHL")
_RESPONSE = 0x8000
_AFFECTED_SOP_CLASS, _AFFECTED_SOP_INSTANCE = 0x0002, 0x1000
_COMMAND_FIELD, _MESSAGE_ID, _RESPONDED_TO = 0x0100, 0x0110, 0x0120
_DATA_SET_TYPE, _STATUS, _ERROR_COMMENT = 0x0800, 0x0900, 0x0902


class Field(IntEnum):
    """Command Field (0000,0100)."""

    C_STORE_RQ = 0x0001
    C_ECHO_RQ = 0x0030
    C_CANCEL_RQ = 0x0FFF


class Status(IntEnum):
    """What we answer (PS3.4 B.2.3, PS3.7 C)."""

    SUCCESS = 0x0000
    KEPT_THE_FIRST = 0xB000  # a warning: the instance is here with other bytes, which stay
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    DOES_NOT_MATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000


@dataclass(frozen=True, slots=True)
class Command:
    """A request's command set."""

    field: int
    message_id: int
    has_data_set: bool
    sop_class_uid: str
    sop_instance_uid: str


def parse(encoded: bytes) -> Command:
    """Raises BadPDU for what is no command set."""
    values: dict[int, bytes] = {}
    position = 0
    try:
        while position < len(encoded):
            group, element, length = _ELEMENT.unpack_from(encoded, position)
            position += _ELEMENT.size
            if group != 0 or position + length > len(encoded):
                raise BadPDU(AbortReason.INVALID)
            values[element] = encoded[position : position + length]
            position += length
        return Command(
            field=_number(values[_COMMAND_FIELD]),
            message_id=_number(values.get(_MESSAGE_ID, b"\0\0")),
            has_data_set=_number(values[_DATA_SET_TYPE]) != NO_DATA_SET,
            sop_class_uid=_uid(values.get(_AFFECTED_SOP_CLASS, b"")),
            sop_instance_uid=_uid(values.get(_AFFECTED_SOP_INSTANCE, b"")),
        )
    except (struct.error, KeyError) as error:
        raise BadPDU(AbortReason.INVALID) from error


def response(to: Command, status: Status, comment: str = "") -> bytes:
    """The answer to a request. `comment`: ASCII, a reason code, nothing of the data."""
    values: dict[int, bytes] = {
        _AFFECTED_SOP_CLASS: _padded(to.sop_class_uid),
        _COMMAND_FIELD: struct.pack("<H", to.field | _RESPONSE),
        _RESPONDED_TO: struct.pack("<H", to.message_id),
        _DATA_SET_TYPE: struct.pack("<H", NO_DATA_SET),
        _STATUS: struct.pack("<H", status),
    }
    if comment:
        values[_ERROR_COMMENT] = _padded(comment[:64], b" ")
    if to.sop_instance_uid:
        values[_AFFECTED_SOP_INSTANCE] = _padded(to.sop_instance_uid)
    return _encoded(values)


def _encoded(values: Mapping[int, bytes]) -> bytes:
    parts = [_ELEMENT.pack(0, element, len(values[element])) + values[element] for element in sorted(values)]
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def _number(value: bytes) -> int:
    number: int = struct.unpack("<H", value)[0]
    return number


def _uid(value: bytes) -> str:
    # Not checked yet: only an acceptable one becomes part of a file.
    return value.decode("ascii", "replace").rstrip("\0 ")


def _padded(text: str, padding: bytes = b"\0") -> bytes:
    encoded = text.encode("ascii", "replace")
    return encoded + padding if len(encoded) % 2 else encoded
