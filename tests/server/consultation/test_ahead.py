"""Images fetched ahead of a session: for whom, what both sides read of it, and a real browser that does it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from sqlalchemy import update

from server.consultation.model import Arrival
from server.platform.db import now
from tests.conftest import NewPage
from tests.server.consultation.test_minutes_page import minutes_of
from tests.server.house import House, Walk


async def booked(house: House, studies: int = 1) -> tuple[str, list[int]]:
    ids = [await house.a_study("L") for _ in range(studies)]
    return await house.a_consultation("scheduled", study_ids=tuple(ids)), ids


async def line(house: House, name: str, case: str) -> str:
    got = await (await house.by(name)).get(f"/consultations/{case}/arrived")
    assert got.status == 200
    return " ".join(re.sub("<[^>]*>", " ", got.text).split())


async def ahead_of(house: House, name: str) -> list[tuple[str, int]]:
    got = await (await house.by(name)).get("/ahead")
    return [(one["case"], one["study"]) for one in got.json["studies"]]


async def test_the_booked_specialist_fetches_the_studies_of_the_case_until_it_is_off(house: House) -> None:
    case, ids = await booked(house, 2)
    wanted = [(f"/consultations/{case}", study) for study in ids]
    assert [one for one in await ahead_of(house, "specialist.P") if one[0] == wanted[0][0]] == wanted
    assert await ahead_of(house, "unbooked.P") == []
    assert (await (await house.by("doctor.L")).get("/ahead")).status == 403
    walk = Walk(house, id=case)
    await walk.cancel()
    assert all(one[0] != wanted[0][0] for one in await ahead_of(house, "specialist.P"))


async def test_both_sides_read_how_many_have_arrived(house: House) -> None:
    case, [study] = await booked(house)
    specialist = await house.by("specialist.P")
    told = await specialist.post(f"/consultations/{case}/arrived", {"study_id": study, "frames": 0})
    assert told.status == 200, told.text
    assert "Ảnh đã tới 0/1" in await line(house, "doctor.L", case)
    soon = await specialist.post(f"/consultations/{case}/arrived", {"study_id": study, "frames": 1})
    assert (soon.status, soon.code) == (429, "too-many")
    await _later(house, study)
    told = await specialist.post(f"/consultations/{case}/arrived", {"study_id": study, "frames": 7})
    assert told.status == 200, told.text
    for name in ("doctor.L", "coordinator.P", "specialist.P"):
        assert "Người specialist P : Ảnh đã tới đủ 1/1" in await line(house, name, case)


async def test_only_a_study_that_one_may_see_can_be_told_of(house: House) -> None:
    case, [study] = await booked(house)
    other = await house.a_study("L")
    specialist = await house.by("specialist.P")
    for wrong, status in (({"study_id": other, "frames": 1}, 404), ({"study_id": study, "frames": -1}, 422)):
        assert (await specialist.post(f"/consultations/{case}/arrived", wrong)).status == status
    unbooked = await house.by("unbooked.P")
    told = await unbooked.post(f"/consultations/{case}/arrived", {"study_id": study, "frames": 1})
    assert told.status == 404


@pytest.mark.parametrize("shared_house", ["sqlite"], indirect=True, scope="session")
async def test_a_page_that_is_open_fetches_and_the_doctor_sees_it_arrive(
    house: House, new_page: NewPage
) -> None:
    case, _ = await booked(house)
    page = await minutes_of(house, new_page, "specialist.P", case)
    await page.goto(f"{house.url}/agenda")
    async with page.expect_response(re.compile(f"/consultations/{case}/arrived$")) as told:
        pass
    assert (await told.value).status == 200
    doctors = await minutes_of(house, new_page, "doctor.L", case)
    await doctors.goto(f"{house.url}/consultations/{case}")
    # The specialist's page tells at most every five seconds, the doctor's asks every ten.
    await expect(doctors.locator(".arrived")).to_contain_text("Ảnh đã tới đủ 1/1", timeout=60_000)


async def _later(house: House, study: int) -> None:
    async with house.database.system() as session:
        long_ago = now().replace(year=2020)
        await session.execute(update(Arrival).where(Arrival.study_id == study).values(at=long_ago))
