"""A photo of a film on the request form: an image of the case, of its patient, in the hospital's own studies."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
from sqlalchemy import select

from dicom.index import instances, studies
from server.consultation import share
from server.quarantine.model import RefusedFile
from tests.server.house import Answer, House

PHOTO = bytes(imagecodecs.jpeg8_encode(np.full((90, 120, 3), 60, dtype=np.uint8)))


async def send(house: House, case: str, photo: bytes = PHOTO, name: str = "doctor.L") -> Answer:
    return await (await house.by(name)).ask("POST", f"/consultations/{case}/films", data=io.BytesIO(photo))


async def a_case(house: House, **facts: object) -> str:
    known = {"birth_text": "17/06/1967", "sex": 2, "id_number": "001167900083"} | facts
    return await house.a_consultation("draft", patient="Trần Thị Bình", facts=known)


async def test_photos_become_one_study_of_the_cases_patient_that_differs_in_nothing(own_house: House) -> None:
    house = own_house
    case = await a_case(house)
    first, second = await send(house, case), await send(house, case)
    assert (first.status, second.status) == (201, 201), first.text
    assert first.json == second.json
    async with house.database.system(writes=False) as session:
        row = (await session.execute(select(studies).where(studies.c.id == first.json["study"]))).one()
        numbers = await session.scalars(
            select(instances.c.number).where(instances.c.study_id == row.id).order_by(instances.c.number)
        )
        assert list(numbers) == [1, 2]
    assert (row.owner_id, row.instance_count, row.patient_name) == (
        house.hospitals["L"],
        2,
        "TRẦN^Thị Bình",
    )
    assert (row.patient_id, row.patient_birth_date, row.patient_sex) == ("001167900083", "19670617", "F")
    assert share.differences(await house.case(case), row) == []
    doctor = await house.by("doctor.L")
    shown = await doctor.get(f"/consultations/{case}/images/studies/{row.id}")
    assert shown.json["series"][0]["instances"][0]["is_film"]
    assert "Ảnh chụp phim" in (await doctor.get(f"/consultations/{case}/request")).text


async def test_a_photo_that_cannot_be_shown_is_refused_with_its_reason_and_written_down(
    own_house: House,
) -> None:
    case = await a_case(own_house)
    for photo, words in (
        (b"%PDF-1.7 something", "không phải ảnh chụp JPG hoặc PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "Tương thích nhất"),
        (PHOTO[:100], "Ảnh chụp bị hỏng"),
    ):
        got = await send(own_house, case, photo)
        assert (got.status, got.code) == (422, "not-a-film")
        assert words in got.json["detail"]
    assert (await send(own_house, case, bytes(26 << 20))).status == 413
    async with own_house.database.system(writes=False) as session:
        found = await session.scalars(select(RefusedFile.code).order_by(RefusedFile.id))
        assert list(found) == ["not-a-photo", "photo-heic", "photo-broken", "too-large"]
        assert (await session.scalars(select(studies.c.id))).all() == []


async def test_without_a_patient_or_after_the_end_no_photo_is_taken(own_house: House) -> None:
    nameless = await own_house.a_consultation("draft", patient="")
    assert (await send(own_house, nameless)).code == "no-patient"
    over = await own_house.a_consultation("cancelled")
    assert (await send(own_house, over)).status == 409
    case = await a_case(own_house)
    assert (await send(own_house, case, name="doctor.T")).status == 404
