"""A signed case leaves evidence in our own archive, beside the images that it is of, for the hospital that asked."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from sqlalchemy import select

from server.consultation import evidence
from server.consultation.model import Consultation, Evidence
from server.imaging import Imaging
from server.leaving import Leaving
from server.platform.jobs import Job
from tests.dicom.test_evidence import errors, items, numbers
from tests.server.house import Answer, House, sign

CT = Path(get_testdata_file("CT_small.dcm"))
FRAME = {"frame": 1, "voi": [40, 400, 0], "view": [64, 64, 1, 0, 0, 0]}


@pytest.fixture
async def leaving(house: House) -> AsyncIterator[Leaving]:
    imaging = Imaging(house.settings, house.database)
    async with imaging.sandbox:
        yield Leaving(house.database, imaging)


async def a_real_study(house: House) -> tuple[int, str, str]:
    """Its number, Study and SOP Instance UID."""
    header = {one.keyword: one.value for one in dcmread(CT) if one.keyword and "UID" not in one.keyword}
    study = await house.a_study("L", **header)
    found = await (await house.by("doctor.L")).get(f"/images/studies/{study}")
    sop = found.json["series"][0]["instances"][0]["sop"]
    return study, str(sop).removesuffix(".1.1"), str(sop)


async def a_signed_case(house: House, *, draws: bool = True) -> tuple[int, str, str]:
    """Two people drew, one chose a key image, both signed: the case's number, its study's UID and its image's."""
    study, study_uid, sop = await a_real_study(house)
    case = await house.a_consultation("concluded", study_ids=(study,))
    if draws:
        await draw(house, case, study, sop)
    await sign(house, case, "secretary", "doctor.L")
    await sign(house, case, "chair", "specialist.P")
    return (await house.case(case)).id, study_uid, sop


async def draw(house: House, case: str, study: int, sop: str) -> None:
    mark = {"rev": 1, "study": study, "sop": sop, "frame": 1, "text": "", "removed": False}
    length = mark | {"uid": "mark-0001", "tool": "length", "points": [[10, 10], [40, 50.5]]}
    region = mark | {"uid": "mark-0002", "tool": "ellipse", "points": [[10, 10], [41, 70.5]]}
    gone = mark | {"uid": "mark-0003", "tool": "probe", "points": [[20, 20]]}
    doctor, expert = await house.by("doctor.L"), await house.by("specialist.P")
    for who, one in (
        (doctor, length),
        (expert, region),
        (expert, gone),
        (expert, gone | {"rev": 2, "removed": True}),
    ):
        assert (await who.post(f"/consultations/{case}/marks", one)).status == 204
    image = {"study": study, "sop": sop, "caption": "Khối u thùy trái", **FRAME}
    assert (await expert.post(f"/consultations/{case}/minutes/key-images", image)).status == 201


async def archived(house: House, who: str, study_uid: str) -> list[Dataset]:
    """Everything of the study, as DICOMweb gives it, but for the image."""
    caller = await house.by(who)
    listed = await caller.get(
        f"/dicom-web/studies/{study_uid}/instances", headers={"Accept": "application/dicom+json"}
    )
    if listed.status != 200:
        return []
    found = []
    for one in listed.json:
        series, sop = one["0020000E"]["Value"][0], one["00080018"]["Value"][0]
        got = await caller.get(
            f"/dicom-web/studies/{study_uid}/series/{series}/instances/{sop}",
            headers={"Accept": 'multipart/related; type="application/dicom"'},
        )
        found.append(dcmread(io.BytesIO(part_of(got))))
    return [ds for ds in found if ds.Modality != "CT"]


def part_of(got: Answer) -> bytes:
    body = got.body
    start = body.index(b"\r\n\r\n") + 4
    return body[start : body.rindex(b"\r\n--")]


async def test_evidence_is_made_once_both_have_signed_and_is_read_back(
    house: House, leaving: Leaving, tmp_path: Path
) -> None:
    case, study_uid, sop = await a_signed_case(house)
    async with house.database.system(writes=False) as session:
        jobs = await session.scalars(select(Job).where(Job.kind == evidence.JOB))
        assert case in [job.arguments["consultation_id"] for job in jobs]
    for _ in range(2):  # done again, nothing is made twice
        await leaving.make(case)
    found = await archived(house, "doctor.L", study_uid)
    assert sorted(ds.Modality for ds in found) == ["DOC", "KO", "PR", "SR", "SR"]
    for number, ds in enumerate(found):
        path = tmp_path / f"{number}.dcm"
        ds.save_as(path, enforce_file_format=True)
        assert errors(path) - errors(CT) == set()
        named = {str(one.value) for one in ds.iterall() if one.keyword == "ReferencedSOPInstanceUID"}
        assert named == (set() if ds.Modality == "DOC" else {sop})
    reports = {observer(ds): numbers(ds) for ds in found if ds.Modality == "SR"}
    [[length], [mean, *_]] = [reports[who] for who in sorted(reports, key=lambda who: len(reports[who]))]
    assert (length[0], length[3]) == ("Length", "mm")
    assert (mean[1], mean[3]) == ("Mean", "[hnsf'U]")
    minutes = next(ds for ds in found if ds.Modality == "DOC")
    assert minutes.EncapsulatedDocument[:5] == b"%PDF-"
    assert minutes.ContentDate == next(ds for ds in found if ds.Modality == "KO").ContentDate
    assert await archived(house, "doctor.T", study_uid) == []  # nobody else's


def observer(ds: Dataset) -> str:
    return next(str(item.PersonName) for item in items(ds) if item.get("ValueType") == "PNAME")


async def test_the_lists_count_images_not_what_speaks_of_them(house: House, leaving: Leaving) -> None:
    case, study_uid, _ = await a_signed_case(house)
    await leaving.make(case)
    async with house.database.system(writes=False) as session:
        kinds = await session.scalars(select(Evidence.kind).where(Evidence.consultation_id == case))
        assert sorted(kinds) == ["minutes", "presentation", "report", "report", "selection"]
        public_id = await session.scalar(select(Consultation.public_id).where(Consultation.id == case))
    page = (await (await house.by("doctor.L")).get(f"/consultations/{public_id}")).text
    assert "1 ảnh" in page
    assert "DOC" not in page
    assert study_uid not in page


async def test_without_marks_the_minutes_alone_are_left(house: House, leaving: Leaving) -> None:
    case, study_uid, _ = await a_signed_case(house, draws=False)
    await leaving.make(case)
    assert [ds.Modality for ds in await archived(house, "doctor.L", study_uid)] == ["DOC"]


async def test_nothing_is_made_before_both_have_signed(house: House, leaving: Leaving) -> None:
    study, study_uid, sop = await a_real_study(house)
    case = await house.a_consultation("concluded", study_ids=(study,))
    await draw(house, case, study, sop)
    await sign(house, case, "secretary", "doctor.L")
    await leaving.make((await house.case(case)).id)
    assert await archived(house, "doctor.L", study_uid) == []


async def test_a_case_without_images_leaves_nothing(house: House, leaving: Leaving) -> None:
    case: Any = await house.case(await house.a_consultation("signed"))
    await leaving.make(case.id)
    async with house.database.system(writes=False) as session:
        assert not (await session.scalars(select(Evidence).where(Evidence.consultation_id == case.id))).all()
