"""How values match columns (PS3.4 C.2.2.2), and which attributes can be searched for: `ATTRIBUTES`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, exists, literal, or_, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from dicom import uid
from dicom.index import instances, series, studies
from dicom.instance import name_key
from dicom.ports import Malformed
from dicom.texts import later

MAX_UIDS = 200
MAX_NUMBER = 2**31 - 1  # of an IS (PS3.5 6.2), and of the column

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


def name(tested: Column[Any], value: str) -> Condition:
    """A name in any one of its scripts, whatever its marks and case ("nguyen*" finds "NGUYỄN^Văn An")."""
    return or_(_wild(tested, name_key(value)), _wild(studies.c.patient_name, f"{value}=*"))


def fuzzy_name(tested: Column[Any], value: str) -> Condition:
    """Every word begins a word of the name, in any order."""
    words = [word.rstrip("*") for word in name_key(value).split()]
    return and_(true(), *(or_(_wild(tested, f"{word}*"), _wild(tested, f"* {word}*")) for word in words))


def _codes(tested: Column[Any], value: str) -> Condition:
    """One of several codes, each perhaps with wild cards."""
    return or_(*(_wild(tested, code.strip()) for code in re.split(r"[\\,]", value)))


def _modalities(_: Column[Any], value: str) -> Condition:
    """A study that has a series of one of these modalities."""
    return exists().where(series.c.study_id == studies.c.id, _codes(series.c.modality, value))


def uids(tested: Column[Any], value: str) -> Condition:
    """List of UID matching (PS3.4 C.2.2.2.2)."""
    asked = re.split(r"[\\,]", value)
    if len(asked) > MAX_UIDS or not all(map(uid.is_acceptable, asked)):
        raise Malformed(later("Mã UID trong yêu cầu tìm kiếm không đúng dạng. Hãy kiểm tra lại mã."))
    return tested == asked[0] if len(asked) == 1 else tested.in_(asked)


def _integer(tested: Column[Any], value: str) -> Condition:
    return tested == number(value, -MAX_NUMBER, MAX_NUMBER)


def _date(tested: Column[Any], value: str) -> Condition:
    """A day or a range of days (PS3.4 C.2.2.2.5), as YYYYMMDD."""
    low, dash, high = value.partition("-")
    if not all(re.fullmatch(r"(\d{8})?", day, re.ASCII) for day in (low, high)) or value == "-":
        raise Malformed(later("Ngày trong yêu cầu tìm kiếm phải có dạng NĂMTHÁNGNGÀY, ví dụ 20261122."))
    return _range(tested, low, high) if dash else tested == low


def _time(tested: Column[Any], value: str) -> Condition:
    """A time or a range of times. What is left out at the end is open: 08 is the whole hour."""
    low, dash, high = value.partition("-")
    shape = r"(\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?"
    if not all(re.fullmatch(shape, time, re.ASCII) for time in (low, high)) or value == "-":
        raise Malformed(later("Giờ trong yêu cầu tìm kiếm phải có dạng GIỜPHÚTGIÂY, ví dụ 083000."))
    # A colon sorts right after the digits: "08:" is after all that begins with 08.
    return _range(tested, low, f"{high}:" if high else "") if dash else _range(tested, low, f"{low}:")


def _range(tested: Column[Any], low: str, high: str) -> Condition:
    return and_(tested != "", *([tested >= low] if low else []), *([tested <= high] if high else []))


def number(value: str, low: int, high: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,12}", value) or not low <= int(value) <= high:
        raise Malformed(
            later("Có con số trong yêu cầu tìm kiếm không đúng. Hãy kiểm tra limit, offset và số thứ tự.")
        )
    return int(value)


STUDY, SERIES, INSTANCE = Level
ATTRIBUTES = (
    Attribute("00080020", "StudyDate", STUDY, studies.c.study_date, _date),
    Attribute("00080030", "StudyTime", STUDY, studies.c.study_time, _time),
    Attribute("00080050", "AccessionNumber", STUDY, studies.c.accession_number, _text),
    Attribute("00080061", "ModalitiesInStudy", STUDY, studies.c.modalities, _modalities),
    Attribute("00081030", "StudyDescription", STUDY, studies.c.description, _text),
    Attribute("00100010", "PatientName", STUDY, studies.c.patient_name_key, name),
    Attribute("00100020", "PatientID", STUDY, studies.c.patient_id, _text),
    Attribute("00100030", "PatientBirthDate", STUDY, studies.c.patient_birth_date, _date),
    Attribute("00100040", "PatientSex", STUDY, studies.c.patient_sex, _codes),
    Attribute("0020000D", "StudyInstanceUID", STUDY, studies.c.study_uid, uids),
    Attribute("00080060", "Modality", SERIES, series.c.modality, _codes),
    Attribute("0008103E", "SeriesDescription", SERIES, series.c.description, _text),
    Attribute("00180015", "BodyPartExamined", SERIES, series.c.body_part, _codes),
    Attribute("0020000E", "SeriesInstanceUID", SERIES, series.c.series_uid, uids),
    Attribute("00200011", "SeriesNumber", SERIES, series.c.number, _integer),
    Attribute("00080016", "SOPClassUID", INSTANCE, instances.c.sop_class_uid, uids),
    Attribute("00080018", "SOPInstanceUID", INSTANCE, instances.c.sop_uid, uids),
    Attribute("00200013", "InstanceNumber", INSTANCE, instances.c.number, _integer),
)
