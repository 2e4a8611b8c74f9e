"""The wire form of a Yjs update, version 1, as far as plain text fields need it; everything else is refused.

An update is the structs of each client (counted per client by a clock in UTF-16 units), then the delete set:
https://github.com/yjs/yjs/blob/main/INTERNALS.md. Numbers are little-endian base 128 of at most 53 bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_GC, _DELETED, _STRING, _SKIP = 0, 1, 4, 10  # kinds of structs; the others carry what is no plain text
_KIND, _KEY, _RIGHT, _LEFT = 0x1F, 0x20, 0x40, 0x80  # of the info byte
_LARGEST_CLOCK: Final = 1 << 31  # engines count in 32 bits


class NotPlainText(Exception):
    """Not an update, or one with more in it than text in named fields."""


@dataclass(frozen=True)
class Update:
    """`ends`: client to the clock after its last struct. `fields`: names of the root texts that are begun."""

    ends: dict[int, int]
    fields: frozenset[str]


def read(update: bytes) -> Update:
    """Read an update to its last byte. Raises NotPlainText."""
    reader = _Reader(update)
    fields: set[str] = set()
    ends = dict(_clients(reader, fields))
    _skip_deletes(reader)
    if reader.place != len(update):
        raise NotPlainText("bytes after the end")
    return Update(ends, frozenset(fields))


def read_state(state: bytes) -> dict[int, int]:
    """A state vector: client to the clock up to which all of it is known. Raises NotPlainText."""
    reader = _Reader(state)
    known = {reader.number(): reader.clock() for _ in range(reader.number())}
    if reader.place != len(state):
        raise NotPlainText("bytes after the end")
    return known


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def byte(self) -> int:
        if self.place >= len(self._data):
            raise NotPlainText("cut off")
        self.place += 1
        return self._data[self.place - 1]

    def number(self) -> int:
        value = 0
        for shift in range(0, 56, 7):
            part = self.byte()
            value |= (part & 0x7F) << shift
            if part < 0x80:
                break
        else:
            raise NotPlainText("number too long")
        if value >= 1 << 53:
            raise NotPlainText("number too large")
        return value

    def clock(self) -> int:
        value = self.number()
        if value >= _LARGEST_CLOCK:
            raise NotPlainText("clock too large")
        return value

    def text(self) -> str:
        end = self.number() + self.place
        if end > len(self._data):
            raise NotPlainText("cut off")
        try:
            text = self._data[self.place : end].decode()
        except UnicodeDecodeError as wrong:
            raise NotPlainText("not UTF-8") from wrong
        self.place = end
        return text


def _clients(reader: _Reader, fields: set[str]) -> Iterator[tuple[int, int]]:
    for _ in range(reader.number()):
        structs, client, clock = reader.number(), reader.number(), reader.clock()
        for _ in range(structs):
            clock += _struct(reader, fields)
            if clock >= _LARGEST_CLOCK:
                raise NotPlainText("clock too large")
        yield client, clock


def _struct(reader: _Reader, fields: set[str]) -> int:
    """Read one struct, note the field that it begins, return its length in UTF-16 units."""
    info = reader.byte()
    kind = info & _KIND
    if kind == _GC and info == _GC:
        return reader.clock()
    if kind not in (_DELETED, _STRING):
        raise NotPlainText("a gap" if kind == _SKIP else "not plain text")
    for side in (_LEFT, _RIGHT):
        if info & side:
            reader.number()  # client and clock of a neighbour
            reader.clock()
    if not info & (_LEFT | _RIGHT):
        _parent(reader, fields)
        if info & _KEY:
            raise NotPlainText("a key in a text")
    if kind == _DELETED:
        return reader.clock()
    return len(reader.text().encode("utf-16-le")) // 2


def _parent(reader: _Reader, fields: set[str]) -> None:
    """A first item names its field; a text within a text is refused."""
    if reader.number() != 1:
        raise NotPlainText("a text within a text")
    fields.add(reader.text())


def _skip_deletes(reader: _Reader) -> None:
    for _ in range(reader.number()):
        reader.number()
        for _ in range(reader.number()):
            if reader.clock() + reader.clock() >= _LARGEST_CLOCK:
                raise NotPlainText("clock too large")
