"""Values out of a header of the index, DICOM JSON (PS3.18 F.2): a missing or odd one is none, never an error."""

from __future__ import annotations

import base64
import math
import struct
from functools import cache
from typing import Any

from dicom.keywords import tag_of

Json = dict[str, Any]


class Header:
    """One data set, or one item of a sequence, with the values of an absent element absent too."""

    def __init__(self, elements: Json) -> None:
        self._elements = elements

    def __contains__(self, keyword: str) -> bool:
        return json_tag(keyword) in self._elements

    def values(self, keyword: str) -> list[Any]:
        element = self._elements.get(json_tag(keyword))
        found = element.get("Value") if isinstance(element, dict) else None
        return found if isinstance(found, list) else []

    def numbers(self, keyword: str, count: int | None = None) -> list[float]:
        """Finite numbers; all of them or none, and none where it is not `count` of them."""
        try:
            found = [float(value) for value in self.values(keyword)]
        except (TypeError, ValueError):
            return []
        if not all(map(math.isfinite, found)) or (count is not None and len(found) != count):
            return []
        return found

    def number(self, keyword: str) -> float | None:
        found = self.numbers(keyword)
        return found[0] if found else None

    def number_at(self, tag: str) -> float | None:
        """The first value of an element that has no keyword, by its eight digits."""
        element = self._elements.get(tag)
        found = element.get("Value") if isinstance(element, dict) else None
        try:
            value = float(found[0]) if isinstance(found, list) and found else math.nan
        except (TypeError, ValueError):
            return None
        return value if math.isfinite(value) else None

    def texts(self, keyword: str) -> list[str]:
        return [value.strip() if isinstance(value, str) else "" for value in self.values(keyword)]

    def text(self, keyword: str) -> str:
        found = self.texts(keyword)
        return found[0] if found else ""

    def items(self, keyword: str) -> list[Header]:
        return [Header(item) for item in self.values(keyword) if isinstance(item, dict)]

    def item(self, keyword: str) -> Header:
        """The first item of a sequence; an empty one where there is none."""
        return next(iter(self.items(keyword)), Header({}))

    def words(self, keyword: str) -> list[int]:
        """Numbers of LUT Data, which is US, or OW in little endian."""
        element = self._elements.get(json_tag(keyword), {})
        if isinstance(element, dict) and isinstance(inline := element.get("InlineBinary"), str):
            data = base64.b64decode(inline)
            return list(struct.unpack(f"<{len(data) // 2}H", data[: len(data) // 2 * 2]))
        return [int(value) & 0xFFFF for value in self.numbers(keyword)]


@cache
def json_tag(keyword: str) -> str:
    """The eight digits by which DICOM JSON names an element."""
    tag = tag_of(keyword)
    if tag is None:
        raise ValueError(keyword)
    return tag
