"""QIDO-RS search (PS3.18 8.3.4 and 10.6): from URL parameters to one SELECT over the caller's own studies.

What can be matched, and how, is the table `ATTRIBUTES`. What is not in it, or is malformed, is refused with a
sentence that repeats nothing of what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, TypeVar

from pydicom.datadict import tag_for_keyword
from sqlalchemy import Column, ColumnElement, FromClause, Select, and_, exists, literal, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from dicom import uid
from dicom.index import instances, series, studies
from dicom.instance import name_key
from dicom.ports import Malformed, Scope

MAX_RESULTS = 200
MAX_OFFSET = 1_000_000
MAX_VALUE_LENGTH = 256
MAX_UIDS = 200
MAX_NUMBER = 2**31 - 1  # of an IS (PS3.5 6.2), and of the column

Key = TypeVar("Key")
Condition = ColumnElement[Any]
Matcher = Callable[[Column[Any], str], Condition]


class Level(IntEnum):
    """What a search lists. It can be asked for attributes of what is above, not of what is below."""

    STUDY = 0
    SERIES = 1
    INSTANCE = 2


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that can be searched for, in which column and how."""

    tag: str
    keyword: str
    level: Level
    column: Column[Any]
    match: Matcher


@dataclass(frozen=True, slots=True)
class Query:
    """One search, checked. `include` holds tags as 8 hexadecimal digits."""

    level: Level
    where: tuple[Condition, ...] = ()
    include: frozenset[str] = frozenset()
    include_all: bool = False
    limit: int = MAX_RESULTS
    offset: int = 0

    def within(self, *conditions: Condition) -> Query:
        """Narrow the search to what the path names."""
        return replace(self, where=(*self.where, *conditions))


class _Wild(FunctionElement[Any]):
    """Case-sensitive match with * and ?. SQLite's LIKE ignores case and no index, so GLOB does it there."""

    name = "wild"
    inherit_cache = True
    type = NullType()


@compiles(_Wild, "sqlite")
def _glob(element: _Wild, compiler: SQLCompiler, **options: Any) -> str:
    tested, glob, _ = element.clauses
    return f"{compiler.process(tested, **options)} GLOB {compiler.process(glob, **options)}"


@compiles(_Wild)
def _like(element: _Wild, compiler: SQLCompiler, **options: Any) -> str:
    tested, _, like = element.clauses
    return f"{compiler.process(tested, **options)} LIKE {compiler.process(like, **options)} ESCAPE '\\'"


def _wild(tested: Column[Any], pattern: str) -> Condition:
    if not _has_wildcard(pattern):
        return tested == pattern
    like = re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%").replace("?", "_")
    return _Wild(tested, literal(pattern.replace("[", "[[]")), literal(like))


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def _text(tested: Column[Any], value: str) -> Condition:
    """Single value and wild card matching (PS3.4 C.2.2.2.1, C.2.2.2.4)."""
    return _wild(tested, value)


def _name(tested: Column[Any], value: str) -> Condition:
    """A name in any one of its scripts, whatever its marks and case ("nguyen*" finds "NGUYỄN^Văn An")."""
    return or_(_wild(tested, name_key(value)), _wild(studies.c.patient_name, f"{value}=*"))


def _fuzzy_name(tested: Column[Any], value: str) -> Condition:
    """Every word begins a word of the name, in any order."""
    words = [word.rstrip("*") for word in name_key(value).split()]
    return and_(true(), *(or_(_wild(tested, f"{word}*"), _wild(tested, f"* {word}*")) for word in words))


def _codes(tested: Column[Any], value: str) -> Condition:
    """One of several codes, each perhaps with wild cards."""
    return or_(*(_wild(tested, code.strip()) for code in re.split(r"[\\,]", value)))


def _modalities(_: Column[Any], value: str) -> Condition:
    """A study that has a series of one of these modalities."""
    return exists().where(series.c.study_id == studies.c.id, _codes(series.c.modality, value))


def _uids(tested: Column[Any], value: str) -> Condition:
    """List of UID matching (PS3.4 C.2.2.2.2)."""
    uids = re.split(r"[\\,]", value)
    if len(uids) > MAX_UIDS or not all(map(uid.is_acceptable, uids)):
        raise Malformed("Mã UID trong yêu cầu tìm kiếm không đúng dạng. Hãy kiểm tra lại mã.")
    return tested == uids[0] if len(uids) == 1 else tested.in_(uids)


def _integer(tested: Column[Any], value: str) -> Condition:
    return tested == _number(value, -MAX_NUMBER, MAX_NUMBER)


def _date(tested: Column[Any], value: str) -> Condition:
    """A day or a range of days (PS3.4 C.2.2.2.5), as YYYYMMDD."""
    low, dash, high = value.partition("-")
    if not all(re.fullmatch(r"(\d{8})?", day, re.ASCII) for day in (low, high)) or value == "-":
        raise Malformed("Ngày trong yêu cầu tìm kiếm phải có dạng NĂMTHÁNGNGÀY, ví dụ 20261122.")
    return _range(tested, low, high) if dash else tested == low


def _time(tested: Column[Any], value: str) -> Condition:
    """A time or a range of times. What is left out at the end is open: 08 is the whole hour."""
    low, dash, high = value.partition("-")
    shape = r"(\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?"
    if not all(re.fullmatch(shape, time, re.ASCII) for time in (low, high)) or value == "-":
        raise Malformed("Giờ trong yêu cầu tìm kiếm phải có dạng GIỜPHÚTGIÂY, ví dụ 083000.")
    # A colon sorts right after the digits: "08:" is after all that begins with 08.
    return _range(tested, low, f"{high}:" if high else "") if dash else _range(tested, low, f"{low}:")


def _range(tested: Column[Any], low: str, high: str) -> Condition:
    return and_(tested != "", *([tested >= low] if low else []), *([tested <= high] if high else []))


STUDY, SERIES, INSTANCE = Level
ATTRIBUTES = (
    Attribute("00080020", "StudyDate", STUDY, studies.c.study_date, _date),
    Attribute("00080030", "StudyTime", STUDY, studies.c.study_time, _time),
    Attribute("00080050", "AccessionNumber", STUDY, studies.c.accession_number, _text),
    Attribute("00080061", "ModalitiesInStudy", STUDY, studies.c.modalities, _modalities),
    Attribute("00081030", "StudyDescription", STUDY, studies.c.description, _text),
    Attribute("00100010", "PatientName", STUDY, studies.c.patient_name_key, _name),
    Attribute("00100020", "PatientID", STUDY, studies.c.patient_id, _text),
    Attribute("00100030", "PatientBirthDate", STUDY, studies.c.patient_birth_date, _date),
    Attribute("00100040", "PatientSex", STUDY, studies.c.patient_sex, _codes),
    Attribute("0020000D", "StudyInstanceUID", STUDY, studies.c.study_uid, _uids),
    Attribute("00080060", "Modality", SERIES, series.c.modality, _codes),
    Attribute("0008103E", "SeriesDescription", SERIES, series.c.description, _text),
    Attribute("00180015", "BodyPartExamined", SERIES, series.c.body_part, _codes),
    Attribute("0020000E", "SeriesInstanceUID", SERIES, series.c.series_uid, _uids),
    Attribute("00200011", "SeriesNumber", SERIES, series.c.number, _integer),
    Attribute("00080016", "SOPClassUID", INSTANCE, instances.c.sop_class_uid, _uids),
    Attribute("00080018", "SOPInstanceUID", INSTANCE, instances.c.sop_uid, _uids),
    Attribute("00200013", "InstanceNumber", INSTANCE, instances.c.number, _integer),
)
BY_NAME = {name: attribute for attribute in ATTRIBUTES for name in (attribute.tag, attribute.keyword)}


STUDY_COLUMNS = (
    studies.c.id.label("study_id"),
    studies.c.changed_at_ms,
    studies.c.description.label("study_description"),
    *(
        studies.c[name]
        for name in ("study_uid", "study_date", "study_time", "accession_number", "modalities")
    ),
    *(studies.c[name] for name in ("patient_name", "patient_id", "patient_birth_date", "patient_sex")),
    *(studies.c[name] for name in ("series_count", "instance_count")),
)
SERIES_COLUMNS = (
    series.c.id.label("series_id"),
    series.c.number.label("series_number"),
    series.c.description.label("series_description"),
    series.c.instance_count.label("series_instance_count"),
    *(series.c[name] for name in ("series_uid", "modality", "body_part")),
)
INSTANCE_COLUMNS = (
    instances.c.id.label("instance_id"),
    *(instances.c[name] for name in ("sop_uid", "sop_class_uid", "transfer_syntax_uid", "number")),
    *(instances.c[name] for name in ("frames", "rows", "columns", "bits_allocated")),
)


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
    name_match = _fuzzy_name if _truth(controls.get("fuzzymatching", "false")) else _name
    return Query(
        level,
        where=tuple(
            (name_match if attribute.match is _name else attribute.match)(attribute.column, value)
            for attribute, value in matches.items()
            if value.strip("*")  # nothing, or only *, matches everything (PS3.4 C.2.2.2.3)
        ),
        include=frozenset(_tag(name) for name in included if name not in ("", "all")),
        include_all="all" in included,
        limit=min(_number(controls.get("limit", str(MAX_RESULTS)), 0, MAX_NUMBER), MAX_RESULTS),
        offset=_number(controls.get("offset", "0"), 0, MAX_OFFSET),
    )


def visible(scope: Scope) -> Condition:
    """The studies that this caller may know of: the one place where rows of others are kept out."""
    whose = (
        studies.c.owner_id == scope.owner_id
        if scope.study_ids is None
        else studies.c.id.in_(sorted(scope.study_ids))
    )
    return and_(whose, studies.c.removed_at_ms.is_(None))


def statement(query: Query, scope: Scope) -> Select[Any]:
    """The SELECT, newest study first, with one row more than the limit: it shows whether there is more."""
    columns = list(STUDY_COLUMNS)
    order: list[ColumnElement[Any]] = [studies.c.study_date.desc(), studies.c.id.desc()]
    source: FromClause = studies
    if query.level >= SERIES:
        columns += SERIES_COLUMNS
        order += [series.c.number.nulls_last(), series.c.id]
        source = source.join(series, series.c.study_id == studies.c.id)
    if query.level >= INSTANCE:
        columns += INSTANCE_COLUMNS
        order += [instances.c.number.nulls_last(), instances.c.id]
        source = source.join(instances, instances.c.series_id == series.c.id)
    found = select(*columns).select_from(source).where(visible(scope), *query.where)
    return found.order_by(*order).limit(query.limit + 1).offset(query.offset)


def _check(name: str, value: str) -> None:
    """Refuse what no attribute can hold: control characters, halves of characters, far too much text."""
    if len(value) > MAX_VALUE_LENGTH and BY_NAME.get(name, BY_NAME["PatientID"]).match is not _uids:
        raise Malformed("Giá trị tìm kiếm quá dài. Hãy rút ngắn rồi tìm lại.")
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", value):
        raise Malformed("Giá trị tìm kiếm có ký tự không hợp lệ. Hãy gõ lại.")


def _once(seen: dict[Key, str], key: Key, value: str) -> None:
    if key in seen:
        raise Malformed("Một điều kiện tìm kiếm được ghi hai lần. Hãy chỉ ghi một lần.")
    seen[key] = value


def _attribute(name: str, level: Level) -> Attribute:
    found = BY_NAME.get(name) or BY_NAME.get(name.upper())
    if found is None or found.level > level:
        raise Malformed(
            "Có điều kiện tìm kiếm không được hỗ trợ ở mức này. Xem danh sách trong CONFORMANCE.md."
        )
    return found


def _tag(name: str) -> str:
    """The tag of a keyword or of 8 hexadecimal digits; of a path into sequences, the outermost."""
    first = name.strip().partition(".")[0]
    if re.fullmatch(r"[0-9A-Fa-f]{8}", first):
        return first.upper()
    tag = tag_for_keyword(first)
    if tag is None:
        raise Malformed("includefield có tên thuộc tính không có trong chuẩn DICOM. Hãy sửa lại tên.")
    return f"{tag:08X}"


def _truth(value: str) -> bool:
    if value not in ("true", "false"):
        raise Malformed("fuzzymatching chỉ nhận true hoặc false.")
    return value == "true"


def _number(value: str, low: int, high: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,12}", value) or not low <= int(value) <= high:
        raise Malformed(
            "Có con số trong yêu cầu tìm kiếm không đúng. Hãy kiểm tra limit, offset và số thứ tự."
        )
    return int(value)
