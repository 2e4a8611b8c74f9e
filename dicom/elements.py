"""The bare structure of a data set (PS3.5 7): where elements begin and end, held against the file's size.

Nothing is decoded here and nothing is copied, so a data set may claim what it likes: an element longer than
the file, a sequence nested a thousand deep or a missing fragment is found before a parser allocates for it.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from dicom.instance import BadInstance

Buffer: TypeAlias = bytes | mmap.mmap

PIXEL_DATA: Final = 0x7FE00010
PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_MAX_DEPTH = 64  # structured reports of real life stay below 20
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())


@dataclass(frozen=True, slots=True)
class Encoding:
    implicit: bool
    little: bool


@dataclass(frozen=True, slots=True)
class Element:
    """A tag with its value's place; `length` None is an undefined one."""

    tag: int
    vr: bytes  # empty where implicit
    offset: int
    length: int | None


@dataclass(slots=True)
class Layout:
    """What a walk found: the pixels at the top level, and the fragments when they are encapsulated."""

    encoding: Encoding
    end: int
    pixels: Element | None = None
    pixels_start: int | None = None  # offset of the element itself
    fragments: list[tuple[int, int]] = field(default_factory=list)  # (offset, length), offset table first


def walk(data: Buffer, start: int, encoding: Encoding) -> Layout:
    """Walk all elements from `start` to the end of `data`. Raises BadInstance (truncated, malformed)."""
    layout = Layout(_as_it_is(data, start, encoding), len(data))
    position = start
    # One entry for each open item: how elements are encoded inside of its sequence.
    open_items: list[Encoding] = []
    while layout.end - position >= 8:
        inside = open_items[-1] if open_items else layout.encoding
        element = read_element(data, position, inside)
        if element.tag >> 16 == 0:
            break  # zeros behind the last element
        if element.tag == _ITEM_END and open_items:
            position = _next_item(data, element.offset, open_items, layout.end)
            continue
        if element.length is not None:
            end = element.offset + element.length
            if end > layout.end:
                raise BadInstance("truncated")
        elif _is_sequence(element):
            content = Encoding(implicit=True, little=True) if element.vr == b"UN" else inside
            open_items.append(content)
            if len(open_items) > _MAX_DEPTH:
                raise BadInstance("malformed")
            position = _next_item(data, element.offset, open_items, layout.end, entered=True)
            continue
        else:
            end = _fragments(data, element, layout, inside)
        if not open_items and element.tag in PIXELS:
            layout.pixels, layout.pixels_start = element, position
        position = end
    if open_items or any(data[position : layout.end][:8]):
        raise BadInstance("truncated")
    return layout


def read_element(data: Buffer, position: int, encoding: Encoding) -> Element:
    """The element header at `position`. Raises BadInstance when the file ends inside of it."""
    order = "<" if encoding.little else ">"
    try:
        group, number = struct.unpack_from(order + "HH", data, position)
        vr = b"" if encoding.implicit or group == 0xFFFE else data[position + 4 : position + 6]
        if vr in _LONG:
            offset = position + 12
            (length,) = struct.unpack_from(order + "L", data, position + 8)
        elif vr and b"AA" <= vr <= b"ZZ":
            offset = position + 8
            (length,) = struct.unpack_from(order + "H", data, position + 6)
        else:  # implicit, or a writer that switched to it
            vr, offset = b"", position + 8
            (length,) = struct.unpack_from(order + "L", data, position + 4)
    except struct.error as cut:
        raise BadInstance("truncated") from cut
    return Element(group << 16 | number, vr, offset, None if length == _UNDEFINED else length)


def _as_it_is(data: Buffer, start: int, declared: Encoding) -> Encoding:
    """The encoding of the first element: some writers declare explicit and write implicit, or the reverse."""
    vr = data[start + 4 : start + 6]
    if not declared.little or len(vr) < 2:
        return declared
    return Encoding(implicit=vr not in _LONG | _SHORT, little=True)


def _is_sequence(element: Element) -> bool:
    return element.vr in (b"SQ", b"UN") or (not element.vr and element.tag not in PIXELS)


def _next_item(
    data: Buffer, position: int, open_items: list[Encoding], end: int, *, entered: bool = False
) -> int:
    """Go on behind an item: into the next one of undefined length, over defined ones, out at the end.

    The entry of the sequence stays while we are in one of its items and goes with its end. `entered`: the
    sequence has just begun.
    """
    encoding = open_items[-1]
    while True:
        if position + 8 > end:
            raise BadInstance("truncated")
        item = read_element(data, position, encoding)
        if item.tag == _SEQUENCE_END:
            open_items.pop()
            return item.offset
        if item.tag != _ITEM:
            raise BadInstance("malformed")
        if item.length is None:
            return item.offset
        position = item.offset + item.length


def _fragments(data: Buffer, element: Element, layout: Layout, encoding: Encoding) -> int:
    """Note the fragments of an encapsulated value (PS3.5 A.4), and give its end."""
    position = element.offset
    is_ours = element.tag in PIXELS
    while position + 8 <= layout.end:
        item = read_element(data, position, encoding)
        if item.tag == _SEQUENCE_END:
            return item.offset
        if item.tag != _ITEM or item.length is None:
            raise BadInstance("malformed")
        position = item.offset + item.length
        if position > layout.end:
            raise BadInstance("truncated")
        if is_ours:
            layout.fragments.append((item.offset, item.length))
    if position != layout.end:
        raise BadInstance("truncated")
    return position  # a writer that left the delimiter out; missing frames are found by their number
