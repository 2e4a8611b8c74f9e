"""Signing: what was read is what is signed, once by each side, and then it never changes."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from server.consultation.minutes import document
from server.platform.db import HERE, now
from tests.server.house import PASSWORD, PATHS, Answer, House, Walk, sign


async def sign_as(house: House, name: str, case: str, role: str, **changed: str) -> Answer:
    """Read the form, then sign it, as the page does."""
    caller = await house.by(name)
    form = (await caller.get(f"/consultations/{case}/minutes/form")).json
    command = {"role": role, "password": PASSWORD, "digest": form["digest"], **changed}
    return await caller.post(f"/consultations/{case}/minutes/sign", command)


async def test_nobody_signs_before_every_question_is_answered(house: House) -> None:
    case = await house.a_consultation("minutes-open")
    got = await sign_as(house, "doctor.L", case, "secretary")
    assert (got.status, got.code) == (422, "not-concluded")
    assert "câu hỏi 1" in got.json["title"]
    assert "câu hỏi 2" in got.json["title"]


async def test_a_signature_needs_the_password_anew(house: House) -> None:
    case = await house.a_consultation("concluded")
    for wrong in ("", "khong-phai-mat-khau"):
        got = await sign_as(house, "doctor.L", case, "secretary", password=wrong)
        assert (got.status, got.code) == (422, "wrong-password")
    assert (await house.case(case)).stage == "minutes-open"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("doctor.L", "chair"),
        ("specialist.P", "secretary"),
        ("many.P", "chair"),
        ("many.P", "secretary"),
    ],
)
async def test_each_side_signs_its_own_line_alone(house: House, name: str, role: str) -> None:
    case = await house.a_consultation("concluded")
    got = await sign_as(house, name, case, role)
    assert (got.status, got.code) == (403, "not-a-signer")


async def test_a_text_that_changed_after_reading_is_not_signed(house: House) -> None:
    case = await house.a_consultation("concluded")
    got = await sign_as(house, "doctor.L", case, "secretary", digest="0" * 64)
    assert (got.status, got.code) == (409, "text-changed")
    await sign(house, case, "secretary", "doctor.L")
    got = await sign_as(house, "specialist.P", case, "chair", digest="0" * 64)
    assert (got.status, got.code) == (409, "text-changed")


async def test_both_sides_may_sign_at_the_same_moment(house: House) -> None:
    case = await house.a_consultation("concluded")
    got = await asyncio.gather(
        sign_as(house, "doctor.L", case, "secretary"), sign_as(house, "specialist.P", case, "chair")
    )
    assert [one.status for one in got] == [200, 200], [one.text for one in got]
    assert (await house.case(case)).stage == "signed"


async def test_one_line_is_signed_once(house: House) -> None:
    case = await house.a_consultation("concluded")
    got = await asyncio.gather(
        *(sign_as(house, name, case, "secretary") for name in ("doctor.L", "doctor.L", "colleague.L"))
    )
    assert sorted(one.code for one in got) == ["", "already-signed", "not-a-signer"]


async def test_the_draft_is_locked_by_the_first_signature_until_it_is_given_back(house: House) -> None:
    from base64 import b64encode

    case = await house.a_consultation("concluded")
    doctor = await house.by("doctor.L")
    await sign(house, case, "secretary", "doctor.L")
    update = {"update": b64encode(document.begin({document.CONCLUSION: "Khác"})).decode()}
    path = f"/consultations/{case}/minutes"
    assert (await doctor.post(f"{path}/draft", update)).code == "draft-locked"
    assert (await (await house.by("many.P")).post(f"{path}/give-back")).code == "not-a-signer"
    assert (await (await house.by("specialist.P")).post(f"{path}/give-back")).status == 200
    assert (await doctor.post(f"{path}/draft", update)).status == 200
    form = (await doctor.get(f"{path}/form")).json
    assert form["digest"]
    await sign(house, case, "secretary", "doctor.L")
    await sign(house, case, "chair", "specialist.P")
    assert (await doctor.post(f"{path}/give-back")).code == "draft-locked"


@pytest.mark.parametrize("stage", ["concluded", "answered"])
async def test_another_session_is_booked_only_when_no_signature_stands(house: House, stage: str) -> None:
    """Else the second specialist would sign a text that names the first, and nothing of the second session."""
    walk = Walk(house)
    for act in PATHS[stage] if stage == "concluded" else (*PATHS[stage], "conclude"):
        await getattr(walk, act)()
    await sign(house, walk.id, "secretary", "doctor.L")
    desk, specialist = await house.by("coordinator.P"), await house.by("specialist.P")
    root = f"/consultations/{walk.id}"
    day = (now() + dt.timedelta(days=300)).astimezone(HERE).date().isoformat()
    slot = {
        "specialist_id": house.people["unbooked.P"].person_id,
        "day": day,
        "time": f"{next(house.numbers) % 24:02}:00",
    }
    got = await desk.post(f"{root}/schedule", slot)
    assert (got.status, got.code) == (409, "signature-stands")
    page = await desk.get(root, headers={"Accept": "text/html"})
    assert f'href="{root}/schedule"' not in page.text
    assert got.json["title"] in page.text, "the page says it before somebody fills in the form"
    assert (await specialist.post(f"{root}/minutes/give-back")).status == 200
    assert (await desk.post(f"{root}/schedule", slot)).status == 200


async def test_an_addendum_stands_beside_the_signed_text(house: House) -> None:
    case = await house.a_consultation("signed")
    doctor = await house.by("doctor.L")
    path = f"/consultations/{case}/minutes"
    digest = (await doctor.get(f"{path}/form")).json["digest"]
    for name, number in (("doctor.L", 1), ("specialist.P", 2)):
        caller = await house.by(name)
        assert (await caller.post(f"{path}/addenda", {"text": "a", "password": "x"})).code == "wrong-password"
        sent = {"text": f"Phụ lục {number}", "password": PASSWORD}
        assert (await caller.post(f"{path}/addenda", sent)).status == 200
    assert (await doctor.post(f"{path}/addenda", {"text": " ", "password": PASSWORD})).code == "invalid"
    assert (await doctor.get(f"{path}/form")).json["digest"] == digest
    page = await doctor.get(path)
    assert "Phụ lục 2" in page.text


CHANGES = (
    "UPDATE minutes SET digest = 'x' WHERE signed_at IS NOT NULL",
    "UPDATE minutes SET signed_at = NULL WHERE signed_at IS NOT NULL",
    "DELETE FROM minutes WHERE signed_at IS NOT NULL",
    "UPDATE audit SET action = 'x'",
    "DELETE FROM audit",
    "UPDATE events SET step = 'x'",
    "DELETE FROM events",
    "UPDATE addenda SET text = 'x'",
    "DELETE FROM addenda",
)


async def test_the_database_itself_keeps_what_was_signed(house: House) -> None:
    case = await house.a_consultation("signed")
    doctor = await house.by("doctor.L")
    sent = {"text": "Phụ lục", "password": PASSWORD}
    assert (await doctor.post(f"/consultations/{case}/minutes/addenda", sent)).status == 200
    for change in CHANGES:
        async with house.database.engine.connect() as connection:
            with pytest.raises(DBAPIError, match="never change"):
                await connection.execute(text(change))


async def test_a_text_that_is_not_signed_by_both_can_be_taken_back(house: House) -> None:
    case = await house.a_consultation("concluded")
    await sign(house, case, "chair", "specialist.P")
    async with house.database.system() as session:
        change = "UPDATE minutes SET chair_at = chair_at WHERE signed_at IS NULL RETURNING id"
        assert (await session.execute(text(change))).all()


async def test_an_answer_in_writing_is_signed_like_any_other(house: House) -> None:
    case = await house.a_consultation("answered")
    got = await sign_as(house, "specialist.P", case, "chair")
    assert got.code == "not-concluded"
