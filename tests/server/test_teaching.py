"""Copies for teaching through the service: asked for, looked at, blanked, released; nobody else sees them before."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage
from sqlalchemy import func, select

from dicom.index import instances, studies
from server.imaging import Imaging
from server.platform.events import Audit
from server.platform.jobs import work_once
from server.teaching.making import Maker
from server.teaching.model import TeachingCopy, TeachingImage
from server.teaching.routes import SANDBOX
from tests.server.house import PATHS, Answer, Caller, House, Walk, open_house

PATIENT, CITIZEN = "Trần Văn Thử", "044060900011"  # of the case, see Walk.form
SOURCE = {
    "PatientName": "TRAN^VAN THU",
    "PatientID": CITIZEN,
    "StudyDescription": f"CT ngực Thử {CITIZEN}",
    "InstitutionName": "BV L",
    "StudyDate": "20261122",
}


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, tmp_path / "house") as house:
        yield house


@pytest.fixture
def maker(house: House) -> Maker:
    """What the worker runs, in the sandbox of this service."""
    imaging = Imaging(house.settings, house.database)
    return Maker(house.settings, house.database, imaging.store, house.app[SANDBOX], imaging.receive)


async def a_signed_case(house: House, *study_ids: int) -> str:
    walk = Walk(house, study_ids=study_ids)
    for act in PATHS["signed"]:
        await getattr(walk, act)()
    return walk.id


async def ask(house: House, case: str, study: int, name: str = "doctor.L") -> Answer:
    return await (await house.by(name)).post(f"/consultations/{case}/teaching", {"study_id": study})


async def work(house: House, maker: Maker) -> None:
    """What waits for the worker, but for the frames of the originals."""

    async def other(**_: object) -> None:
        return

    while await work_once(house.database, {**maker.handlers(), "frames": other}):
        pass


async def made(house: House, maker: Maker, study: int, name: str = "doctor.L") -> str:
    """A copy that waits for a person: its address."""
    case = await a_signed_case(house, study)
    asked = await ask(house, case, study, name)
    assert asked.status == 200, asked.text
    await work(house, maker)
    return str(asked.json["href"])


async def numbers_of(house: House) -> list[int]:
    async with house.database.system(writes=False) as session:
        return list(await session.scalars(select(TeachingImage.id).order_by(TeachingImage.position)))


async def state_of(house: House) -> TeachingCopy:
    async with house.database.system(writes=False) as session:
        return (await session.scalars(select(TeachingCopy))).one()


async def released(house: House, maker: Maker, copy: str, name: str = "doctor.L") -> None:
    seen = [str(number) for number in await numbers_of(house)]
    got = await (await house.by(name)).post(f"{copy}/release", {"looked": True, "seen": seen})
    assert got.status == 200, got.text
    await work(house, maker)


async def files_of(caller: Caller, copy: str) -> list[bytes]:
    got = await caller.get(f"{copy}/zip")
    assert got.status == 200
    with zipfile.ZipFile(io.BytesIO(got.body)) as archive:
        return [archive.read(name) for name in archive.namelist()]


async def test_a_copy_is_made_looked_at_released_and_names_nobody(house: House, maker: Maker) -> None:
    study = await house.a_study("L", **SOURCE)
    copy = await made(house, maker, study)
    doctor = await house.by("doctor.L")
    page = await doctor.get(copy)
    assert "Mọi chữ còn lại trong tệp" in page.text
    for secret in (CITIZEN, "TRAN", "Trần Văn Thử", "20261122"):
        assert secret not in page.text
    [number] = await numbers_of(house)
    picture = await doctor.get(f"{copy}/pictures/{number}/1")
    assert picture.body.startswith(b"\xff\xd8\xff")
    await released(house, maker, copy)
    assert (await state_of(house)).state == "released"
    [file] = await files_of(doctor, copy)
    for hidden in (CITIZEN.encode(), b"TRAN", b"Th\xe1\xbb\xad", b"BV L", b"20261122"):
        assert hidden not in file
    ds = pydicom.dcmread(io.BytesIO(file))
    assert (ds.PatientIdentityRemoved, ds.StudyDescription) == ("YES", "CT ngực")
    listed = await doctor.get(f"{copy}/images/studies")
    assert [one["description"] for one in listed.json["studies"]] == ["CT ngực"]
    manifest = await doctor.get(f"{copy}/images/studies/{listed.json['studies'][0]['study']}")
    assert manifest.status == 200
    assert copy in (await (await house.by("colleague.L")).get("/teaching")).text
    assert "CT ngực" not in (await doctor.get("/inbox")).text
    await check_audit(house)


async def check_audit(house: House) -> None:
    """What was done, and by whom; nothing of the patient."""
    async with house.database.system() as session:
        rows = {
            one.action: one
            for one in await session.scalars(select(Audit).where(Audit.object.like("%teaching:%")))
        }
    assert {"ask-teaching-copy", "release-teaching-copy"} <= rows.keys()
    release = rows["release-teaching-copy"]
    assert release.person_id == house.people["doctor.L"].person_id
    assert release.facts["methods"] == "basic dates descriptors patient"
    assert release.facts["action_U"] >= 3
    assert CITIZEN not in str([one.facts for one in rows.values()])


async def test_nobody_else_sees_a_copy_before_its_release_and_no_other_hospital_after(
    house: House, maker: Maker
) -> None:
    copy = await made(house, maker, await house.a_study("L", **SOURCE))
    [number] = await numbers_of(house)
    others = ["colleague.L", "specialist.P", "doctor.T", "coordinator.P"]
    for name in others:
        caller = await house.by(name)
        for path in (copy, f"{copy}/zip", f"{copy}/pictures/{number}/1", f"{copy}/images/studies"):
            assert (await caller.get(path)).status in {403, 404}, (name, path)
        assert copy not in (await caller.get("/teaching")).text
    async with house.database.system() as session:
        assert await session.scalar(select(func.count()).select_from(studies)) == 1
    assert (await (await house.by("doctor.L")).get(f"{copy}/zip")).status == 404
    await released(house, maker, copy)
    colleague = await house.by("colleague.L")
    assert (await colleague.get(copy)).status == 200
    assert len(await files_of(colleague, copy)) == 1
    for name in others[1:]:
        caller = await house.by(name)
        for path in (copy, f"{copy}/zip", f"{copy}/images/studies"):
            assert (await caller.get(path)).status in {403, 404}, (name, path)


async def test_what_a_person_covers_is_black_in_the_released_file(house: House, maker: Maker) -> None:
    pixels = np.full((64, 64), 700, np.uint16)
    pixels[50:, :] = 20
    study = await house.a_study(
        "L", SOPClassUID=str(SecondaryCaptureImageStorage), Modality="SC", PixelData=pixels.tobytes()
    )
    copy = await made(house, maker, study)
    doctor = await house.by("doctor.L")
    [number] = await numbers_of(house)
    unlooked = await doctor.post(f"{copy}/release", {"looked": True})
    assert (unlooked.status, unlooked.code) == (422, "not-looked-at")
    for wrong in ({"left": 1}, {"left": 9, "top": 0, "right": 3, "bottom": 2}):
        assert (await doctor.post(f"{copy}/pictures/{number}/blank", wrong)).status == 422
    edges = {"left": 4, "top": 6, "right": 20, "bottom": 9, "whole_series": True}
    assert (await doctor.post(f"{copy}/pictures/{number}/blank", edges)).status == 200
    await work(house, maker)
    assert "Ảnh có vùng bị che</dt><dd>1" in (await doctor.get(copy)).text
    await released(house, maker, copy)
    [file] = await files_of(doctor, copy)
    after = pydicom.dcmread(io.BytesIO(file))
    expected = pixels.copy()
    expected[6:10, 4:21] = 20
    assert np.array_equal(after.pixel_array, expected)
    assert "113101" in {one.CodeValue for one in after.DeidentificationMethodCodeSequence}


async def test_a_copy_thrown_away_leaves_nothing_and_can_be_made_again(house: House, maker: Maker) -> None:
    study = await house.a_study("L", **SOURCE)
    case = await a_signed_case(house, study)
    first = (await ask(house, case, study)).json["href"]
    doctor = await house.by("doctor.L")
    assert (await ask(house, case, study)).json["href"] == first  # one at a time
    other = await ask(house, case, study, "colleague.L")
    assert (other.status, other.code) == (409, "copy-under-way")
    assert (await doctor.post(f"{first}/discard")).status == 200
    await work(house, maker)  # the job finds nothing to do
    assert await numbers_of(house) == []
    assert (await doctor.post(f"{first}/release", {"looked": True})).status == 409
    again = await ask(house, case, study, "colleague.L")
    assert again.status == 200
    assert again.json["href"] != first


async def test_the_supporting_specialist_makes_a_copy_for_the_own_hospital(
    house: House, maker: Maker
) -> None:
    copy = await made(house, maker, await house.a_study("L", **SOURCE), "specialist.P")
    await released(house, maker, copy, "specialist.P")
    async with house.database.system(writes=False) as session:
        owners = set(await session.scalars(select(studies.c.owner_id)))
        blobs = set(await session.scalars(select(instances.c.blob)))
    assert owners == {house.hospitals["L"], house.hospitals["P"]}
    assert len(blobs) == 2
    assert (await (await house.by("doctor.L")).get(copy)).status == 404


async def test_no_copy_of_an_open_case_nor_of_a_study_that_is_not_its_own(house: House) -> None:
    study, foreign = await house.a_study("L"), await house.a_study("T")
    walk = Walk(house, study_ids=(study,))
    for act in PATHS["requested"]:
        await getattr(walk, act)()
    early = await ask(house, walk.id, study)
    assert (early.status, early.code) == (409, "wrong-stage")
    case = await a_signed_case(house, study)
    for number in (foreign, 999_999):
        assert (await ask(house, case, number)).status == 404


async def test_a_study_of_reports_alone_is_refused_with_the_reason(house: House, maker: Maker) -> None:
    no_pixels: dict[str, Any] = dict.fromkeys(("PixelData", "Rows", "Columns", "BitsAllocated"))
    no_pixels |= {"SOPClassUID": str(ComprehensiveSRStorage), "Modality": "SR"}
    copy = await made(house, maker, await house.a_study("L", **no_pixels))
    page = await (await house.by("doctor.L")).get(copy)
    assert "Không làm được bản giảng dạy" in page.text
    assert (await state_of(house)).state == "failed"
