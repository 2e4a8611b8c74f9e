"""C-FIND against the gateway: dcmtk and pynetdicom ask, and those who mean harm."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)
from sqlalchemy import update

from dicom import index
from dicom.gateway import Gateway, Limits
from dicom.gateway.identifier import MAX_ELEMENTS
from tests.dicom.builders import a_dataset, a_file
from tests.dicom.gateway_site import IMPLICIT_LITTLE, SENDER, Hospital, Requestor, dcmtk, in_folder, is_well
from tests.dicom.pacs_site import a_study
from tests.services import HOST

STUDY_FIND = str(StudyRootQueryRetrieveInformationModelFind)
SHOWN = re.compile(r"\([0-9a-f]{4},[0-9a-f]{4}\) \w\w (?:\[(.*?)\]|[^\[].*?) +# .* (\w+)\n")
LAN = {
    "PatientID": "BN61",
    "PatientName": "PHẠM^Thị Lan",
    "StudyDate": "20261101",
    "StudyTime": "0700",
    "StudyID": "S61",
}
HOA = {"PatientID": "BN62", "PatientName": "Trần^Thị Hoa", "StudyDate": "20250110", "Modality": "MR"}


@pytest.fixture
async def filled(gateway: Gateway, hospital: Hospital, tmp_path: Path) -> Gateway:
    """Two studies of ours, and one of another hospital with Lan's own ids."""
    ours = [*a_study(61, 4, **LAN), *a_study(62, 2, **HOA)]
    theirs = a_study(61, 3, **{**LAN, "PatientName": "PHẠM^Thị Lan Anh"}) + a_study(63, 1, PatientID="BN63")
    for title, datasets in (("STORESCU", ours), ("OTHER", theirs)):
        files = {f"s{n}": a_file(ds) for n, ds in enumerate(datasets)}
        said = await dcmtk("storescu", gateway, "-aet", title, "+sd", in_folder(tmp_path / title, **files))
        assert said == (0, "")
    return gateway


async def found(
    gateway: Gateway, *keys: str, root: str = "-S", options: tuple[str, ...] = ()
) -> list[dict[str, str]]:
    """What findscu shows of each answer: keyword to value."""
    wanted = [part for key in keys for part in ("-k", key)]
    code, said = await dcmtk("findscu", gateway, "-v", root, *options, *wanted)
    assert code == 0, said
    answers = [block for block in said.split("Find Response")[1:] if "# Dicom-Data-Set" in block]
    return [{keyword: value.strip(" \0") for value, keyword in SHOWN.findall(block)} for block in answers]


def asked(
    port: int, level: str, calling: str = "FINDSCU", root: str = STUDY_FIND, **keys: Any
) -> tuple[list[int], list[Dataset]]:
    """All statuses, and the answers."""
    question = Dataset()
    question.SpecificCharacterSet = "ISO_IR 192"
    question.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        question[keyword] = DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE)
    ae = AE(ae_title=calling)
    ae.add_requested_context(root)
    association = ae.associate(HOST, port, ae_title="HOICHAN")
    assert association.is_established
    answers = list(association.send_c_find(question, root))
    association.release()
    return [int(status.Status) for status, _ in answers], [ds for _, ds in answers if ds is not None]


async def test_findscu_finds_a_study_by_name_date_and_id(filled: Gateway, hospital: Hospital) -> None:
    keys = (
        "StudyInstanceUID",
        "PatientID",
        "StudyID",
        "NumberOfStudyRelatedInstances",
        "ReferringPhysicianName",
    )
    for condition in ("PatientName=pham*", "StudyDate=20261001-", "PatientID=BN61", "ModalitiesInStudy=CT"):
        [one] = await found(filled, "QueryRetrieveLevel=STUDY", *keys, condition)
        assert (one["StudyInstanceUID"], one["PatientID"], one["StudyID"]) == ("2.25.61", "BN61", "S61")
        assert one["NumberOfStudyRelatedInstances"] == "4"
        assert one["RetrieveAETitle"].strip() == "HOICHAN"
        assert "ReferringPhysicianName" in one
    assert len(await found(filled, "QueryRetrieveLevel=STUDY", "StudyInstanceUID")) == 2
    assert await found(filled, "QueryRetrieveLevel=STUDY", "PatientName=nobody") == []
    assert hospital.noted == [("searched", 3, "FINDSCU")] * 6  # once an association


async def test_each_level_lists_what_is_below_the_one_above(filled: Gateway) -> None:
    series = await found(
        filled, "QueryRetrieveLevel=SERIES", "StudyInstanceUID=2.25.61", "SeriesInstanceUID", "Modality"
    )
    assert sorted(one["SeriesInstanceUID"] for one in series) == ["2.25.61.1", "2.25.61.2"]
    images = await found(
        filled,
        "QueryRetrieveLevel=IMAGE",
        "StudyInstanceUID=2.25.61",
        "SeriesInstanceUID=2.25.61.1",
        "SOPInstanceUID",
        "Rows",
        options=("-xi",),
    )
    assert [(one["SOPInstanceUID"]) for one in images] == ["2.25.61.1.1", "2.25.61.1.3"]


async def test_patients_are_found_once_each(filled: Gateway) -> None:
    statuses, patients = await asyncio.to_thread(
        asked,
        filled.port,
        "PATIENT",
        root=str(PatientRootQueryRetrieveInformationModelFind),
        PatientID="",
        PatientName="",
        NumberOfPatientRelatedStudies="",
    )
    assert statuses == [0xFF00, 0xFF00, 0]
    assert [(one.PatientID, str(one.PatientName), one.NumberOfPatientRelatedStudies) for one in patients] == [
        ("BN61", "PHẠM^Thị Lan", 1),
        ("BN62", "Trần^Thị Hoa", 1),
    ]
    _, [study] = await asyncio.to_thread(
        asked,
        filled.port,
        "STUDY",
        root=str(PatientRootQueryRetrieveInformationModelFind),
        PatientID="BN62",
        StudyInstanceUID="",
    )
    assert study.StudyInstanceUID == "2.25.62"


async def test_letters_are_answered_in_utf_8_and_understood_in_other_sets(filled: Gateway) -> None:
    for charset, name in (("ISO_IR 192", "TRẦN*"), ("ISO_IR 100", "TR*"), ("GB18030", "TRẦN*")):
        _, [one] = await asyncio.to_thread(
            asked, filled.port, "STUDY", SpecificCharacterSet=charset, PatientName=name, StudyInstanceUID=""
        )
        assert (one.SpecificCharacterSet, str(one.PatientName)) == ("ISO_IR 192", "Trần^Thị Hoa")


@pytest.mark.parametrize("program", ["findscu", "getscu", "movescu"])
async def test_who_only_sends_is_told_nothing(filled: Gateway, program: str, tmp_path: Path) -> None:
    wanted = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=2.25.61"]
    to = {"findscu": [], "getscu": ["-od", str(tmp_path)], "movescu": ["-aem", "SOMEWHERE"]}[program]
    code, said = await dcmtk(program, filled, "-v", "-S", "-aet", SENDER, *to, *wanted)
    assert code != 0
    assert re.search("No (acceptable|adequate)? ?presentation context", said, re.IGNORECASE)
    assert "PHẠM" not in said
    image = in_folder(tmp_path / "more", one=a_file(a_dataset(SOPInstanceUID="2.25.61.77")))
    assert await dcmtk("storescu", filled, "-aet", SENDER, "+sd", image) == (0, "")


async def test_another_hospital_finds_its_own_alone(filled: Gateway) -> None:
    _, studies = await asyncio.to_thread(
        asked,
        filled.port,
        "STUDY",
        "OTHER",
        PatientName="",
        StudyInstanceUID="",
        NumberOfStudyRelatedInstances="",
    )
    assert {(one.StudyInstanceUID, one.NumberOfStudyRelatedInstances) for one in studies} == {
        ("2.25.61", 3),
        ("2.25.63", 1),
    }
    assert await asyncio.to_thread(asked, filled.port, "STUDY", StudyInstanceUID="2.25.63") == ([0], [])
    keys = {"StudyInstanceUID": "2.25.63", "SeriesInstanceUID": "2.25.63.1", "SOPInstanceUID": ""}
    assert await asyncio.to_thread(asked, filled.port, "IMAGE", **keys) == ([0], [])


async def test_a_removed_study_is_not_there(filled: Gateway, hospital: Hospital) -> None:
    async with hospital.engine.begin() as connection:
        await connection.execute(update(index.studies).values(removed_at_ms=1))
    assert await asyncio.to_thread(asked, filled.port, "STUDY", StudyInstanceUID="") == ([0], [])


async def test_keys_that_cannot_be_matched_are_said_to_be_ignored(filled: Gateway) -> None:
    statuses, _ = await asyncio.to_thread(
        asked, filled.port, "STUDY", StudyInstanceUID="2.25.61", StationName="CT1"
    )
    assert statuses == [0xFF01, 0]


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        ("PATIENT", {"PatientID": ""}),  # not of this root
        ("NOTHING", {"StudyInstanceUID": ""}),
        ("SERIES", {"SeriesInstanceUID": ""}),
        ("IMAGE", {"StudyInstanceUID": "2.25.61", "SeriesInstanceUID": "*"}),
        ("STUDY", {"StudyDate": "yesterday"}),
        ("STUDY", {"PatientID": "x" * 300}),
        ("STUDY", {"StudyInstanceUID": ["2.25.1"] * 201}),
    ],
)
async def test_questions_that_are_none_are_refused(
    gateway: Gateway, level: str, keys: dict[str, Any]
) -> None:
    assert await asyncio.to_thread(asked, gateway.port, level, **keys) == ([0xA900], [])


async def test_more_answers_than_agreed_are_said_to_be_too_many(hospital: Hospital, tmp_path: Path) -> None:
    gateway = Gateway(0, "HOICHAN", hospital, limits=Limits(answers=3))
    await gateway.start()
    try:
        files = {f"s{n}": a_file(a_dataset(SOPInstanceUID=f"2.25.5.{n}")) for n in range(5)}
        assert await dcmtk("storescu", gateway, "+sd", in_folder(tmp_path / "ct", **files)) == (0, "")
        keys = {"StudyInstanceUID": "2.25.1", "SeriesInstanceUID": "2.25.1.1", "SOPInstanceUID": ""}
        statuses, _ = await asyncio.to_thread(asked, gateway.port, "IMAGE", **keys)
        assert statuses == [0xFF00, 0xFF00, 0xFF00, 0xA700]
    finally:
        await gateway.stop()


async def test_a_database_that_is_away_is_no_empty_answer(filled: Gateway, hospital: Hospital) -> None:
    hospital.is_down = True
    assert await asyncio.to_thread(asked, filled.port, "STUDY", StudyInstanceUID="") == ([0xA700], [])


# By hand


def element(tag: int, value: bytes) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value


QUESTION = element(0x00080052, b"STUDY ") + element(0x0020000D, b"")


async def test_a_cancel_ends_the_answers(
    gateway: Gateway, connect: Callable[[], Any], tmp_path: Path
) -> None:
    def a_slice(n: int) -> bytes:
        uids = dict.fromkeys(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"), f"2.25.7.{n}")
        return a_file(a_dataset(**uids))

    files = {f"s{n:03}": a_slice(n) for n in range(80)}
    assert await dcmtk("storescu", gateway, "+sd", in_folder(tmp_path / "ct", **files)) == (0, "")
    requestor: Requestor = await connect()
    assert await requestor.associate(STUDY_FIND, IMPLICIT_LITTLE) == 2
    await requestor.command(0x0020, 0, b"", STUDY_FIND.encode())
    await requestor.data(QUESTION, control=2)
    await requestor.command(0x0FFF, 0x0101, b"", b"", to=7)
    statuses = [await requestor.status() for _ in range(1)]
    while statuses[-1] in (0xFF00, None):
        statuses.append(await requestor.status())
    assert statuses[-1] == 0xFE00
    assert statuses.count(0xFF00) < 80
    await requestor.command(0x0FFF, 0x0101, b"", b"", to=7)  # too late: there is nothing to cancel any more
    await requestor.command(0x0020, 0, b"", STUDY_FIND.encode())
    await requestor.data(element(0x00080052, b"STUDY ") + element(0x0020000D, b"2.25.404"), control=2)
    assert await requestor.status() == 0


DEEP = struct.pack("<HHLHHL", 0x0008, 0x1140, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        QUESTION + DEEP * 3000,
        QUESTION + struct.pack("<HHL", 0x0020, 0x0010, 0xFFFFFFF0),
        QUESTION + struct.pack("<HHL", 0x0020, 0x0010, 0xFFFFFFFF),
        QUESTION + b"\1\2\3",
        QUESTION + QUESTION,
        b"".join(element(0x00090000 + n, b"") for n in range(1, MAX_ELEMENTS + 2)),
        element(0x00080052, b"STUDY ") + element(0x00100020, b"A\x00B "),
    ],
    ids=["nothing", "deep", "lying", "endless", "cut", "twice", "many", "nul"],
)
async def test_identifiers_that_mean_harm_are_refused(
    data: bytes, gateway: Gateway, connect: Callable[[], Any]
) -> None:
    requestor: Requestor = await connect()
    assert await requestor.associate(STUDY_FIND, IMPLICIT_LITTLE) == 2
    for _ in range(2):  # and the association is none the worse for it
        await requestor.command(0x0020, 0, b"", STUDY_FIND.encode())
        assert await requestor.answer_to(data) == 0xA900


async def test_an_identifier_of_a_mebibyte_is_cut_off_while_another_stores(
    gateway: Gateway, connect: Callable[[], Any], hospital: Hospital, tmp_path: Path
) -> None:
    files = {f"s{n}": a_file(a_dataset(SOPInstanceUID=f"2.25.5.{n}")) for n in range(20)}
    storing = asyncio.create_task(dcmtk("storescu", gateway, "+sd", in_folder(tmp_path / "ct", **files)))
    for data in (QUESTION + element(0x00100020, b"x" * (1 << 20)), QUESTION + DEEP * (1 << 16)):
        requestor: Requestor = await connect()
        assert await requestor.associate(STUDY_FIND, IMPLICIT_LITTLE) == 2
        await requestor.command(0x0020, 0, b"", STUDY_FIND.encode())
        for start in range(0, len(data), 60_000):
            await requestor.data(data[start : start + 60_000], control=0)
        kind, _ = await requestor.receive()
        assert kind == 7
    assert await storing == (0, "")
    assert len(await hospital.rows()) == 20
    assert await is_well(gateway)
