"""Command sets of DIMSE messages (PS3.7 6.3.1, E): implicit little endian, group 0000 alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from dicom.gateway.pdu import AbortReason, BadPDU

NO_DATA_SET: Final = 0x0101
_WITH_DATA_SET: Final = 0x0001
_ELEMENT = struct.Struct("<HHL")
_RESPONSE = 0x8000


class Tag(IntEnum):
    """Elements of group 0000 that we read or write."""

    AFFECTED_SOP_CLASS = 0x0002
    REQUESTED_SOP_CLASS = 0x0003
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    RESPONDED_TO = 0x0120
    MOVE_DESTINATION = 0x0600
    PRIORITY = 0x0700
    DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    ERROR_COMMENT = 0x0902
    AFFECTED_SOP_INSTANCE = 0x1000
    REQUESTED_SOP_INSTANCE = 0x1001
    EVENT_TYPE = 0x1002
    ACTION_TYPE = 0x1008
    REMAINING = 0x1020
    COMPLETED = 0x1021
    FAILED = 0x1022
    WARNING = 0x1023
    MOVE_ORIGINATOR = 0x1030
    MOVE_MESSAGE_ID = 0x1031


class Field(IntEnum):
    """Command Field (0000,0100)."""

    C_STORE_RQ = 0x0001
    C_GET_RQ = 0x0010
    C_FIND_RQ = 0x0020
    C_MOVE_RQ = 0x0021
    C_ECHO_RQ = 0x0030
    N_EVENT_REPORT_RQ = 0x0100
    N_ACTION_RQ = 0x0130
    C_CANCEL_RQ = 0x0FFF
    C_STORE_RSP = 0x8001
    N_EVENT_REPORT_RSP = 0x8100


class Status(IntEnum):
    """What we answer (PS3.4 B.2.3, C.4, J.3; PS3.7 C)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    INVALID_ARGUMENT = 0x0115
    NO_SUCH_ACTION = 0x0123
    UNRECOGNIZED_OPERATION = 0x0211
    RESOURCE_LIMITATION = 0x0213
    OUT_OF_RESOURCES = 0xA700
    NONE_COULD_BE_SENT = 0xA702
    MOVE_DESTINATION_UNKNOWN = 0xA801
    DOES_NOT_MATCH = 0xA900
    KEPT_THE_FIRST = 0xB000  # of C-STORE: the instance is here with other bytes, which stay
    CANNOT_UNDERSTAND = 0xC000
    CANCELLED = 0xFE00
    PENDING = 0xFF00
    PENDING_WITHOUT_SOME_KEYS = 0xFF01


SOME_FAILED: Final = Status.KEPT_THE_FIRST  # what 0xB000 says of a C-GET or C-MOVE

Value: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class Command:
    """A message's command set. Of an N-ACTION the class and instance are the requested ones."""

    field: int
    message_id: int
    has_data_set: bool
    sop_class_uid: str
    sop_instance_uid: str
    responded_to: int = 0
    status: int = 0
    action_type: int = 0
    destination: str = ""


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
        sop_class = values.get(Tag.AFFECTED_SOP_CLASS) or values.get(Tag.REQUESTED_SOP_CLASS, b"")
        instance = values.get(Tag.AFFECTED_SOP_INSTANCE) or values.get(Tag.REQUESTED_SOP_INSTANCE, b"")
        return Command(
            field=_number(values[Tag.COMMAND_FIELD]),
            message_id=_number(values.get(Tag.MESSAGE_ID, b"\0\0")),
            has_data_set=_number(values[Tag.DATA_SET_TYPE]) != NO_DATA_SET,
            sop_class_uid=_text(sop_class),
            sop_instance_uid=_text(instance),
            responded_to=_number(values.get(Tag.RESPONDED_TO, b"\0\0")),
            status=_number(values.get(Tag.STATUS, b"\0\0")),
            action_type=_number(values.get(Tag.ACTION_TYPE, b"\0\0")),
            destination=_text(values.get(Tag.MOVE_DESTINATION, b"")).strip(" "),
        )
    except (struct.error, KeyError) as error:
        raise BadPDU(AbortReason.INVALID) from error


def request(field: Field, message_id: int, values: Mapping[Tag, Value]) -> bytes:
    """A request of ours, with a data set behind it."""
    return _encoded(
        {
            Tag.COMMAND_FIELD: field,
            Tag.MESSAGE_ID: message_id,
            Tag.DATA_SET_TYPE: _WITH_DATA_SET,
            **values,
        }
    )


def response(
    to: Command,
    status: Status,
    comment: str = "",
    values: Mapping[Tag, Value] | None = None,
    *,
    has_data_set: bool = False,
) -> bytes:
    """The answer to a request. `comment`: ASCII, a reason code, nothing of the data."""
    given: dict[Tag, Value] = {
        Tag.AFFECTED_SOP_CLASS: to.sop_class_uid,
        Tag.COMMAND_FIELD: to.field | _RESPONSE,
        Tag.RESPONDED_TO: to.message_id,
        Tag.DATA_SET_TYPE: _WITH_DATA_SET if has_data_set else NO_DATA_SET,
        Tag.STATUS: status,
        **(values or {}),
    }
    if comment:
        given[Tag.ERROR_COMMENT] = comment[:64]
    if to.sop_instance_uid:
        given[Tag.AFFECTED_SOP_INSTANCE] = to.sop_instance_uid
    return _encoded(given)


def _encoded(values: Mapping[Tag, Value]) -> bytes:
    parts = []
    for tag in sorted(values):
        value = _bytes(tag, values[tag])
        parts.append(_ELEMENT.pack(0, tag, len(value)) + value)
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def _bytes(tag: Tag, value: Value) -> bytes:
    if isinstance(value, int):
        return struct.pack("<H", value)
    encoded = value.encode("ascii", "replace")
    padding = b" " if tag in (Tag.ERROR_COMMENT, Tag.MOVE_ORIGINATOR) else b"\0"
    return encoded + padding if len(encoded) % 2 else encoded


def _number(value: bytes) -> int:
    number: int = struct.unpack("<H", value)[0]
    return number


def _text(value: bytes) -> str:
    # Not checked yet: only an acceptable UID becomes part of a file or a question.
    return value.decode("ascii", "replace").rstrip("\0 ")
