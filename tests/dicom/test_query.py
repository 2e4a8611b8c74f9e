"""What may be searched for, and what is found, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from dicom import index
from dicom.ports import Malformed, Scope
from dicom.query import Level, parse
from dicom.query.statements import patients
from server.platform.db import end
from tests.dicom.builders import a_received

OURS, THEIRS = 7, 8
WHOLE_HOSPITAL = Scope(OURS, None, may_store=True)
Found = Callable[..., Awaitable[list[str]]]


@pytest.mark.parametrize(
    ("level", "query"),
    [
        (Level.STUDY, "Color=red"),
        (Level.STUDY, "00281050=40"),
        (Level.STUDY, "Modality=CT"),
        (Level.SERIES, "InstanceNumber=1"),
        (Level.STUDY, "StudyDate=2026-11-22"),
        (Level.STUDY, "StudyDate=-"),
        (Level.STUDY, "StudyDate=20261122-x"),
        (Level.STUDY, "StudyDate=٢٠٢٦١١٢٢"),
        (Level.STUDY, "StudyTime=25h"),
        (Level.STUDY, "StudyInstanceUID=../../etc"),
        (Level.STUDY, "StudyInstanceUID=1.2.*"),
        (Level.STUDY, "StudyInstanceUID=" + ",".join(["1.2"] * 201)),
        (Level.SERIES, "SeriesNumber=one"),
        (Level.SERIES, "SeriesNumber=99999999999"),
        (Level.STUDY, "limit=-1"),
        (Level.STUDY, "limit=many"),
        (Level.STUDY, "offset=99999999999"),
        (Level.STUDY, "fuzzymatching=perhaps"),
        (Level.STUDY, "includefield=NoSuchField"),
        (Level.STUDY, "PatientID=a&PatientID=b"),
        (Level.STUDY, "PatientID=a\0b"),
        (Level.STUDY, "PatientID=a\ud800b"),
        (Level.STUDY, "PatientID=" + "x" * 300),
    ],
)
def test_a_malformed_search_is_refused(level: Level, query: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(level, [(name, value) for name, _, value in (p.partition("=") for p in query.split("&"))])
    assert not any(value in refused.value.sentence for value in ("red", "etc", "many", "perhaps", "NoSuch"))


def test_more_than_the_limit_is_never_given() -> None:
    assert parse(Level.STUDY, [("limit", "5000")]).limit == 200
    assert parse(Level.STUDY, []).limit == 200


def test_attributes_are_named_by_keyword_or_tag() -> None:
    by_keyword = parse(
        Level.STUDY, [("StudyInstanceUID", "1.2"), ("includefield", "PatientAge,BodyPartExamined")]
    )
    by_tag = parse(
        Level.STUDY, [("0020000d", "1.2"), ("includefield", "00101010"), ("includefield", "00180015")]
    )
    assert by_keyword.include == by_tag.include == {"00101010", "00180015"}
    assert str(by_keyword.where[0]) == str(by_tag.where[0])


@pytest_asyncio.fixture
async def found(database_url: str) -> AsyncIterator[Found]:
    """Search among three studies of ours and one of another hospital; the patients' IDs."""
    engine = create_async_engine(database_url)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=ON"))
    async with engine.begin() as connection:
        for number, (owner, changes) in enumerate(STUDIES, 1):
            uids: dict[str, Any] = {
                "study_uid": f"2.25.{number}",
                "series_uid": f"2.25.{number}.1",
                "sop_uid": "2.25.1.1.1",
            }
            await index.add_all(connection, owner, [a_received(**uids, **changes)], "stow")

    async def search(*parameters: tuple[str, str], scope: Scope = WHOLE_HOSPITAL) -> list[str]:
        statement = parse(Level.STUDY, parameters).statement(scope)
        async with engine.connect() as connection:
            return sorted(row.patient_id for row in await connection.execute(statement))

    yield search
    await end(engine)


DUC, YAMADA = "NGUYỄN^Văn Đức", "Yamada^Tarou=山田^太郎"
STUDIES: list[tuple[int, dict[str, Any]]] = [
    (
        OURS,
        {"patient_id": "A", "patient_name": DUC, "study_date": "20260105", "study_time": "0815"},
    ),
    (OURS, {"patient_id": "100%_[a]'", "patient_name": "NGUYEN", "study_date": "20261122", "modality": "MR"}),
    (
        OURS,
        {
            "patient_id": "C",
            "patient_name": "Yamada^Tarou=山田^太郎",
            "study_date": "",
            "study_time": "120000",
        },
    ),
    (THEIRS, {"patient_id": "D", "patient_name": DUC, "study_date": "20260105"}),
]
B = "100%_[a]'"


MATCHES = [
    ("PatientName", "nguyen van duc", ["A"]),
    ("PatientName", "NGUYỄN^*", ["A"]),
    ("PatientName", "nguyen*", [B, "A"]),
    ("PatientName", "nguyen", [B]),
    ("PatientName", "Yamada^Tarou", ["C"]),
    ("PatientName", "*山田*", ["C"]),
    ("PatientName", "", [B, "A", "C"]),
    ("PatientID", "*", [B, "A", "C"]),
    ("PatientID", "%", []),
    ("PatientID", "_", []),
    ("PatientID", "a", []),
    ("PatientID", "?", ["A", "C"]),
    ("PatientID", "100%_[?]'", [B]),
    ("PatientID", "100%*", [B]),
    ("PatientID", "1[0]0*", []),
    ("PatientID", "' OR 1=1 --", []),
    ("StudyDate", "20260105", ["A"]),
    ("StudyDate", "20260101-20261122", [B, "A"]),
    ("StudyDate", "-20260601", ["A"]),
    ("StudyDate", "20260601-", [B]),
    ("StudyTime", "08", ["A"]),
    ("StudyTime", "0900-12", ["C"]),
    ("ModalitiesInStudy", "MR,US", [B]),
    ("ModalitiesInStudy", "C?", ["A", "C"]),
    ("StudyInstanceUID", "2.25.1\\2.25.3\\2.25.4", ["A", "C"]),
]


async def test_values_match_as_the_standard_says(found: Found) -> None:
    for name, value, expected in MATCHES:
        assert await found((name, value)) == expected, (name, value)


async def test_a_fuzzy_name_matches_beginnings_of_words_in_any_order(found: Found) -> None:
    fuzzy = ("fuzzymatching", "true")
    assert await found(("PatientName", "đức ngu"), fuzzy) == ["A"]
    assert await found(("PatientName", "guyen"), fuzzy) == []
    assert await found(("PatientName", "^"), fuzzy) == [B, "A", "C"]


async def test_a_scope_is_the_whole_world_of_a_search(found: Found) -> None:
    everything = ("PatientID", "*")
    assert await found(everything, scope=Scope(THEIRS, None, True)) == ["D"]
    assert await found(everything, scope=Scope(OURS, frozenset({1, 4}), False)) == ["A", "D"]
    assert await found(everything, scope=Scope(OURS, frozenset(), False)) == []
    assert await found(everything, scope=Scope(99, None, True)) == []


async def test_a_patient_has_as_many_studies_as_our_hospital_knows_of(database_url: str) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        for number, owner in enumerate((OURS, OURS, THEIRS, THEIRS, THEIRS)):
            uids: dict[str, Any] = {
                "study_uid": f"2.25.{number if owner == OURS else number - 2}",  # two are known to both
                "series_uid": f"2.25.{number}.1",
                "sop_uid": "2.25.1.1.1",
            }
            await index.add_all(connection, owner, [a_received(**uids, patient_id="A")], "stow")
    counts = {}
    async with engine.connect() as connection:
        for owner in (OURS, THEIRS):
            (row,) = await connection.execute(patients(Scope(owner, None, may_store=False), [], None))
            counts[owner] = row.patient_id, row.study_count
    await end(engine)
    assert counts == {OURS: ("A", 2), THEIRS: ("A", 3)}
