"""The file around a data set that came by DIMSE (PS3.10 7.1): the same data set gives the same bytes."""

from __future__ import annotations

import struct
from typing import Final

from dicom.elements import Encoding, read_element
from dicom.gateway.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from dicom.instance import BadInstance

_EXPLICIT: Final = Encoding(implicit=False, little=True)


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and file meta information. The sender is not in it: that is in the audit."""
    body = b"".join(
        [
            struct.pack("<HH2sHL2s", 0x0002, 0x0001, b"OB", 0, 2, b"\0\1"),
            _text(0x0002, b"UI", sop_class_uid),
            _text(0x0003, b"UI", sop_instance_uid),
            _text(0x0010, b"UI", transfer_syntax_uid),
            _text(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _text(0x0013, b"SH", IMPLEMENTATION_VERSION),
        ]
    )
    return bytes(128) + b"DICM" + struct.pack("<HH2sHL", 0x0002, 0x0000, b"UL", 4, len(body)) + body


def data_set_offset(head: bytes) -> int:
    """Where the data set begins, from the first bytes of a file: behind the last element of group 2.

    Its length element is not believed. Raises BadInstance where no data set begins within them.
    """
    if head[128:132] != b"DICM":
        raise BadInstance("not-dicom")
    position = 132
    while True:
        element = read_element(head, position, _EXPLICIT)
        if element.tag >> 16 != 0x0002:
            return position
        if element.length is None:
            raise BadInstance("malformed")
        position = element.offset + element.length


def _text(element: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii")
    if len(value) % 2:
        value += b" " if vr == b"SH" else b"\0"
    return struct.pack("<HH2sH", 0x0002, element, vr, len(value)) + value
