"""Small data sets of DIMSE services: identifiers and event information (PS3.4 C.4, J.3), read flat and written.

They come from outside and are read here, in the process that serves everybody: so no recursion, nothing is
decoded that was not asked for, and elements are counted. A sequence is skipped by its length or its delimiters.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dicom.elements import Encoding, read_element
from dicom.gateway.contexts import IMPLICIT_LITTLE
from dicom.instance import BadInstance

MAX_ELEMENTS: Final = 512
_MAX_DEPTH: Final = 16
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
_NUMBERS = {"US": "<H", "SS": "<h", "UL": "<L", "SL": "<l", "FL": "<f", "FD": "<d"}
_TEXTS = frozenset(
    ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
)
_MOST_SHORT: Final = 0xFFFE


class BadIdentifier(Exception):
    """Not a data set that could be a question."""


@dataclass(slots=True)
class Flat:
    """The elements of one level, values as they lie there; of a sequence what is between its header and its end."""

    values: dict[int, bytes]
    encoding: Encoding
    count: int  # of elements read so far, below this level too

    def text(self, tag: int) -> str:
        """A value in ASCII, without padding; "" where there is none."""
        return self.values.get(tag, b"").decode("ascii", "replace").strip(" \0")

    def items(self, tag: int, most: int) -> Iterator[Flat]:
        """The items of a sequence, at most so many elements in all. Raises BadIdentifier."""
        reader = _Reader(self.values.get(tag, b""), self.encoding, most)
        while reader.position < len(reader.data):
            value = reader.item()
            inner = read(value, self.encoding, most)
            yield inner


def encoding_of(transfer_syntax: str) -> Encoding:
    return Encoding(implicit=transfer_syntax == IMPLICIT_LITTLE, little=True)


def read(data: bytes, encoding: Encoding, most: int = MAX_ELEMENTS) -> Flat:
    """The top level of a data set, of at most so many elements. Raises BadIdentifier."""
    reader = _Reader(data, encoding, most)
    values: dict[int, bytes] = {}
    while reader.position < len(data):
        tag, value = reader.element()
        if tag in values or tag >> 16 in (0x0000, 0xFFFE):
            raise BadIdentifier("an element that may not be here")
        values[tag] = value
    return Flat(values, encoding, reader.count)


@dataclass(slots=True)
class _Reader:
    data: bytes
    encoding: Encoding
    most: int
    position: int = 0
    count: int = 0

    def element(self) -> tuple[int, bytes]:
        """The next element, whatever lies in it."""
        tag, length = self._header()
        start = self.position
        if length is None:
            return tag, self.data[start : self._behind(1)]
        self._skip(length)
        return tag, self.data[start : self.position]

    def item(self) -> bytes:
        """The next item of a sequence."""
        tag, value = self.element()
        if tag != _ITEM:
            raise BadIdentifier("a sequence holds items")
        return value

    def _behind(self, depth: int) -> int:
        """Go behind what has no length; where its delimiter begins."""
        before = self.position
        while depth:
            before = self.position
            tag, length = self._header()
            if tag in (_ITEM_END, _SEQUENCE_END):
                depth -= 1
            elif length is None:
                depth += 1
                if depth > _MAX_DEPTH:
                    raise BadIdentifier("too deep")
            else:
                self._skip(length)
        return before

    def _header(self) -> tuple[int, int | None]:
        self.count += 1
        if self.count > self.most:
            raise BadIdentifier("too many elements")
        try:
            element = read_element(self.data, self.position, self.encoding)
        except BadInstance as cut:
            raise BadIdentifier("cut off") from cut
        self.position = element.offset
        return element.tag, element.length

    def _skip(self, length: int) -> None:
        self.position += length
        if self.position > len(self.data):
            raise BadIdentifier("longer than what it lies in")


def write(elements: Mapping[int, tuple[str, bytes]], encoding: Encoding) -> bytes:
    """A data set of (VR, value), little endian, tags in order. A value too long for its VR is left out."""
    parts = []
    for tag, (vr, value) in sorted(elements.items()):
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        if encoding.implicit:
            parts += [head, struct.pack("<L", len(value)), value]
        elif vr in _LONG:
            parts += [head, vr.encode(), struct.pack("<HL", 0, len(value)), value]
        else:
            fitting = value if len(value) <= _MOST_SHORT else b""
            parts += [head, vr.encode(), struct.pack("<H", len(fitting)), fitting]
    return b"".join(parts)


def sequence(items: Iterable[bytes]) -> bytes:
    """The value of a sequence of these items."""
    return b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item for item in items)


def value(vr: str, values: Iterable[Any]) -> bytes:
    """Values of the DICOM JSON model (PS3.18 F) as bytes, text in UTF-8; nothing for what is not flat."""
    given = list(values)
    if vr in _NUMBERS:
        try:
            return b"".join(struct.pack(_NUMBERS[vr], one) for one in given)
        except struct.error:
            return b""  # a device's own idea of a number
    if vr == "PN":
        given = ["=".join(_groups(one)).rstrip("=") for one in given if isinstance(one, Mapping)]
    elif vr not in _TEXTS:
        return b""
    encoded = "\\".join("" if one is None else str(one) for one in given).encode("utf-8", "replace")
    return encoded + (b"\0" if vr == "UI" else b" ") if len(encoded) % 2 else encoded


def _groups(name: Mapping[str, str]) -> Iterator[str]:
    for group in ("Alphabetic", "Ideographic", "Phonetic"):
        yield name.get(group, "")
