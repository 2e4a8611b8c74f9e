"""QIDO-RS search (PS3.18 8.3.4 and 10.6): from URL parameters to one SELECT over the caller's own studies.

What cannot be searched for, or is malformed, is refused in words that repeat nothing of what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Select

from dicom.index import series
from dicom.keywords import tag_of
from dicom.ports import Malformed, Scope
from dicom.query import matching, statements
from dicom.query.matching import ATTRIBUTES, MAX_NUMBER, Attribute, Condition, Level, number
from dicom.query.statements import visible
from dicom.texts import later

__all__ = ["ATTRIBUTES", "Level", "Query", "parse", "visible"]

MAX_RESULTS = 200
MAX_OFFSET = 1_000_000
MAX_VALUE_LENGTH = 256
NARROW = ("AccessionNumber", "PatientID", "PatientName", "StudyInstanceUID")

Key = TypeVar("Key")
BY_NAME = {name: attribute for attribute in ATTRIBUTES for name in (attribute.tag, attribute.keyword)}


@dataclass(frozen=True, slots=True)
class Query:
    """One search, checked. `include` holds tags as 8 hexadecimal digits."""

    level: Level
    where: tuple[Condition, ...] = ()
    include: frozenset[str] = frozenset()
    include_all: bool = False
    limit: int = MAX_RESULTS
    offset: int = 0
    is_narrow: bool = False  # few studies match: finding them first and sorting then is quicker

    def within(self, scope: Scope, study_uid: str, series_uid: str | None) -> Query:
        """The same search, within the study or series that a path names."""
        inside = [statements.is_in_study(scope, study_uid)]
        if series_uid is not None:
            inside.append(series.c.series_uid == series_uid)
        return replace(self, where=(*inside, *self.where), is_narrow=True)

    def statement(self, scope: Scope) -> Select[Any]:
        """The SELECT, with one row more than the limit: it shows whether there is more."""
        found = statements.search(self.level, scope, self.where, is_narrow=self.is_narrow)
        return found.limit(self.limit + 1).offset(self.offset)


def parse(level: Level, parameters: Iterable[tuple[str, str]]) -> Query:
    """Check the parameters of a search URL. Raises Malformed."""
    controls: dict[str, str] = {}
    matches: dict[Attribute, str] = {}
    included: list[str] = []
    for name, value in parameters:
        _check(name, value)
        if name == "includefield":
            included += value.split(",")
        elif name in ("limit", "offset", "fuzzymatching"):
            _once(controls, name, value)
        elif name not in ("accept", "charset"):
            _once(matches, _attribute(name, level), value.strip())
    match_name = matching.fuzzy_name if _truth(controls.get("fuzzymatching", "false")) else matching.name
    return Query(
        level,
        where=tuple(
            (match_name if attribute.match is matching.name else attribute.match)(attribute.column, value)
            for attribute, value in matches.items()
            if value.strip("*")  # nothing, or only *, matches everything (PS3.4 C.2.2.2.3)
        ),
        include=frozenset(_tag(name) for name in included if name not in ("", "all")),
        include_all="all" in included,
        limit=min(number(controls.get("limit", str(MAX_RESULTS)), 0, MAX_NUMBER), MAX_RESULTS),
        offset=number(controls.get("offset", "0"), 0, MAX_OFFSET),
        is_narrow=any(each.keyword in NARROW and value[:1] not in "*?" for each, value in matches.items()),
    )


def _check(name: str, value: str) -> None:
    """Refuse what no attribute can hold: control characters, halves of characters, far too much text."""
    if len(value) > MAX_VALUE_LENGTH and BY_NAME.get(name, BY_NAME["PatientID"]).match is not matching.uids:
        raise Malformed(later("Giá trị tìm kiếm quá dài. Hãy rút ngắn rồi tìm lại."))
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", value):
        raise Malformed(later("Giá trị tìm kiếm có ký tự không hợp lệ. Hãy gõ lại."))


def _once(seen: dict[Key, str], key: Key, value: str) -> None:
    if key in seen:
        raise Malformed(later("Một điều kiện tìm kiếm được ghi hai lần. Hãy chỉ ghi một lần."))
    seen[key] = value


def _attribute(name: str, level: Level) -> Attribute:
    found = BY_NAME.get(name) or BY_NAME.get(name.upper())
    if found is None or found.level > level:
        raise Malformed(
            later("Có điều kiện tìm kiếm không được hỗ trợ ở mức này. Xem danh sách trong CONFORMANCE.md.")
        )
    return found


def _tag(name: str) -> str:
    """The tag of a keyword or of 8 hexadecimal digits; of a path into sequences, the outermost."""
    first = name.strip().partition(".")[0]
    if re.fullmatch(r"[0-9A-Fa-f]{8}", first):
        return first.upper()
    tag = tag_of(first)
    if tag is None:
        raise Malformed(later("includefield có tên thuộc tính không có trong chuẩn DICOM. Hãy sửa lại tên."))
    return tag


def _truth(value: str) -> bool:
    if value not in ("true", "false"):
        raise Malformed(later("fuzzymatching chỉ nhận true hoặc false."))
    return value == "true"
