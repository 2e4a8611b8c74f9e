"""Which characters the fonts of the form can print, read from their cmap tables (OpenType, cmap 4 and 12)."""

import re
import struct
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import server

FONTS: Final = Path(server.__file__).parent.parent / "web" / "fonts" / "pdf"
LONGEST_WORD: Final = 24  # letters that fit a narrow column; a longer word may be broken
_BREAK: Final = "\u200b"
# Marks that turn the reading direction round would let a text print otherwise than it was signed.
_DIRECTION: Final = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}
_SELECTORS: Final = range(0xFE00, 0xFE10)  # choose a picture for the letter before; nothing themselves


def printable(text: str) -> str:
    """The text with places to break long words; what no font can show as its code point: `[U+1F9E0]`."""
    return _LONG.sub(_broken, "".join(_shown(letter) for letter in text.replace("\t", "    ")))


def _shown(letter: str) -> str:
    parts = letter if _has_glyph(letter) else unicodedata.normalize("NFD", letter)
    if all(_has_glyph(part) for part in parts):
        return parts
    return "" if ord(letter) in _SELECTORS else f"[U+{ord(letter):04X}]"


_LONG: Final = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def _broken(word: re.Match[str]) -> str:
    cuts = range(0, len(word[0]) + LONGEST_WORD, LONGEST_WORD)
    return _BREAK.join(word[0][start:end] for start, end in pairwise(cuts))


def _has_glyph(letter: str) -> bool:
    point = ord(letter)
    return point == 0x0A or (point in coverage() and point not in _DIRECTION)


@cache
def coverage() -> frozenset[int]:
    """Code points that every weight has: the regular and the bold of a family need not agree."""
    regular, bold = (
        frozenset().union(*(_code_points(FONTS / name) for name in family))
        for family in (
            ("BeVietnamPro-Regular.ttf", "DejaVuSans.ttf"),
            ("BeVietnamPro-SemiBold.ttf", "DejaVuSans-Bold.ttf"),
        )
    )
    return regular & bold


def _code_points(path: Path) -> set[int]:
    data = path.read_bytes()
    (tables,) = struct.unpack_from(">H", data, 4)
    entries = (struct.unpack_from(">4sLLL", data, 12 + 16 * index) for index in range(tables))
    start = next(offset for tag, _, offset, _ in entries if tag == b"cmap")
    (count,) = struct.unpack_from(">H", data, start + 2)
    found: set[int] = set()
    for index in range(count):
        (offset,) = struct.unpack_from(">L", data, start + 4 + 8 * index + 4)
        found.update(_subtable(data, start + offset))
    return found


def _subtable(data: bytes, start: int) -> Iterator[int]:
    """Code points that are not the missing glyph, of format 4 (segments) or 12 (groups); none of others."""
    (layout,) = struct.unpack_from(">H", data, start)
    if layout == 12:
        (groups,) = struct.unpack_from(">L", data, start + 12)
        for index in range(groups):
            first, last, _ = struct.unpack_from(">LLL", data, start + 16 + 12 * index)
            yield from range(first, last + 1)
    elif layout == 4:
        yield from _segments(data, start)


def _segments(data: bytes, start: int) -> Iterator[int]:
    (double,) = struct.unpack_from(">H", data, start + 6)
    ends, starts = start + 14, start + 16 + double
    deltas, ranges = starts + double, starts + 2 * double
    for index in range(0, double, 2):
        (last,), (first,), (delta,), (offset,) = (
            struct.unpack_from(">H", data, array + index) for array in (ends, starts, deltas, ranges)
        )
        for point in range(first, min(last, 0xFFFE) + 1):
            glyph = point
            if offset:
                (glyph,) = struct.unpack_from(">H", data, ranges + index + offset + 2 * (point - first))
            if (glyph + delta) & 0xFFFF and (glyph or not offset):
                yield point
