"""Handing a case over: whoever asked may leave, and the minutes are still signed."""

from __future__ import annotations

from sqlalchemy import update

from server.people.model import Membership
from server.platform.db import now
from tests.server.house import PASSWORD, Answer, House, Walk, sign


async def a_case_of(house: House, doctor: str, *acts: str) -> str:
    walk = Walk(house, doctor=doctor)
    for act in ("draft", "send", *acts):
        await getattr(walk, act)()
    return walk.id


async def give(house: House, case: str, by: str, to: str) -> Answer:
    sent = {"person_id": house.people[to].person_id}
    return await (await house.by(by)).post(f"/consultations/{case}/hand-over", sent)


async def leave(house: House, name: str) -> None:
    async with house.database.system() as session:
        gone = update(Membership).where(Membership.id == house.people[name].membership_id)
        await session.execute(gone.values(left_at=now()))
    house.forget()


HELD = ("accept", "book", "come", "join", "end", "conclude")


async def test_after_its_doctor_left_another_takes_the_case_and_signs(house: House) -> None:
    name = f"leaving{next(house.numbers)}"
    await house.a_person(name, {"L": "doctor"})
    case = await a_case_of(house, name, *HELD)
    page = f"/consultations/{case}"
    doctor = await house.by("doctor.L")
    assert f'action="{page}/hand-over"' not in (await doctor.get(page)).text
    assert (await give(house, case, "doctor.L", "doctor.L")).code == "still-there"
    await leave(house, name)
    assert f'action="{page}/hand-over"' in (await doctor.get(page)).text
    assert (await give(house, case, "doctor.L", "doctor.L")).status == 200
    form = (await doctor.get(f"{page}/minutes/form")).json
    sent = {"role": "secretary", "password": PASSWORD, "digest": form["digest"]}
    assert (await doctor.post(f"{page}/minutes/sign", sent)).status == 200
    await sign(house, case, "chair", "specialist.P")
    assert (await house.case(case)).stage == "signed"
    shown = (await doctor.get(f"{page}/minutes")).text
    assert "Người doctor L" in shown
    assert f"Người {name}" not in shown.split("Thành viên")[0], "secretary is who signed"


async def test_a_doctor_hands_a_case_over_to_a_colleague_who_hears_of_it(house: House) -> None:
    case = await a_case_of(house, "doctor.L")
    assert (await give(house, case, "doctor.L", "colleague.L")).status == 200
    assert (await house.case(case)).requested_by_id == house.people["colleague.L"].person_id
    home = await (await house.by("colleague.L")).get("/")
    assert "Ca được giao cho bạn" in home.text
    assert (await give(house, case, "doctor.L", "doctor.L")).code == "still-there"


async def test_a_case_goes_only_to_a_doctor_of_the_asking_hospital(house: House) -> None:
    case = await a_case_of(house, "doctor.L")
    for to in ("doctor.T", "coordinator.L", "specialist.P", "doctor.L"):
        got = await give(house, case, "doctor.L", to)
        assert (got.status, got.code) == (422, "invalid"), to


async def test_a_text_that_somebody_signed_keeps_its_secretary(house: House) -> None:
    case = await a_case_of(house, "doctor.L", *HELD)
    await sign(house, case, "chair", "specialist.P")
    assert (await give(house, case, "doctor.L", "colleague.L")).code == "draft-locked"
    back = await (await house.by("specialist.P")).post(f"/consultations/{case}/minutes/give-back")
    assert back.status == 200
    assert (await give(house, case, "doctor.L", "colleague.L")).status == 200
