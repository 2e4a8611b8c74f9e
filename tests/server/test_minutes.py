"""Signing: what was read is what is signed, once by each side, and then it never changes."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from dicom.index import instances
from server.consultation.minutes import document
from server.consultation.minutes.seals import broken_seals
from server.consultation.model import KeyImage, Minutes
from server.consultation.routes.ports import PICTURE
from server.people import sign_in
from server.people.routes.edge import PASSWORDS
from server.platform.db import HERE, now
from tests.server.consultation.form.builders import a_jpeg
from tests.server.house import PASSWORD, PATHS, Answer, House, Walk, sign, whole


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


# What one who owns the database could do to the minutes of one case.
OF_CASE = "WHERE consultation_id = :case"
FORGERIES = {
    "the text": f"UPDATE minutes SET content = :content {OF_CASE}",
    "text and digest": f"UPDATE minutes SET content = :content, digest = :digest {OF_CASE}",
    "who signed": f"UPDATE minutes SET chair_id = secretary_id {OF_CASE}",
    "when": f"UPDATE minutes SET chair_at = secretary_at {OF_CASE}",
    "an addendum": f"UPDATE addenda SET text = 'Aspirin 810 mg.' {OF_CASE}",
    "its author": f"UPDATE addenda SET by_id = by_id + 1 {OF_CASE}",
    "an addendum gone": f"DELETE FROM addenda {OF_CASE}",
    "a picture": f"UPDATE key_images SET picture = :content {OF_CASE}",
    "the text gone": f"DELETE FROM minutes {OF_CASE}",
}


@pytest.mark.long
async def test_minutes_that_were_altered_after_signing_are_not_printed(own_house: House) -> None:
    house = own_house
    doctor = await house.by("doctor.L")
    cases = {how: await signed_with_an_addendum(house) for how in FORGERIES}
    untouched = await signed_with_an_addendum(house)
    async with house.database.system(writes=False) as session:
        assert await broken_seals(session) == []
    await lift_triggers(house)
    for how, case in cases.items():
        await forge(house, case, FORGERIES[how])
    async with house.database.system(writes=False) as session:
        found = await broken_seals(session)
    # The pictures have no row of their own in the chain: the signed text names them by their digest.
    altered = [case for how, case in cases.items() if how != "a picture"]
    assert found == [f"consultation {case}: the minutes are not what was signed" for case in sorted(altered)]
    for how, case in cases.items():
        root = f"/consultations/{case}"
        for path in ("/minutes", "/minutes/pdf", "/minutes/form") if how != "the text gone" else ():
            got = await doctor.get(f"{root}{path}")
            assert (got.status, got.code) == (409, "not-as-signed"), (how, path)
        page = await doctor.get(root, headers={"Accept": "text/html"})
        assert ("không còn đúng bản đã ký" in page.text) is (how != "a picture"), how
    assert (await doctor.get(f"/consultations/{untouched}/minutes/pdf")).status == 200


async def signed_with_an_addendum(house: House) -> str:
    case = await house.a_consultation("concluded")
    study = await house.a_study("L")
    async with house.acting("doctor.L", case) as (session, row):
        by = house.people["doctor.L"].person_id
        image = KeyImage(consultation_id=row.id, study_id=study, by_id=by, picture=a_jpeg())
        image.sop_uid, image.frame, image.voi, image.view = "2.25.1", 1, [0, 0, 0], [0] * 6
        session.add(image)
    await sign(house, case, "secretary", "doctor.L")
    await sign(house, case, "chair", "specialist.P")
    sent = {"text": "Aspirin 81 mg.", "password": PASSWORD}
    got = await (await house.by("doctor.L")).post(f"/consultations/{case}/minutes/addenda", sent)
    assert got.status == 200, got.text
    return case


async def lift_triggers(house: House) -> None:
    """As one who owns the database can."""
    async with house.database.engine.begin() as connection:
        for table in ("minutes", "addenda"):
            names = ("_update", "_delete") if house.database.is_sqlite else (f" ON {table}",)
            for name in names:
                await connection.execute(text(f"DROP TRIGGER fixed_{table}{name}"))


async def forge(house: House, public_id: str, statement: str) -> None:
    async with house.database.system() as session:
        case = await whole(session, public_id)
        row = (await session.scalars(select(Minutes).where(Minutes.consultation_id == case.id))).one()
    content = row.content.replace(b"Aspirin 81 mg", b"Aspirin 810 mg")
    known = {"case": case.id, "content": content, "digest": hashlib.sha256(content).hexdigest()}
    named = {name: value for name, value in known.items() if f":{name}" in statement}
    async with house.database.engine.begin() as connection:
        done = await connection.execute(text(statement), named)
    assert done.rowcount == 1


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


async def until(event: asyncio.Event) -> None:
    async with asyncio.timeout(30):
        await event.wait()


async def test_nobody_waits_for_a_password_that_is_being_checked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check takes its time; SQLite has one writer at a time."""
    case = await house.a_consultation("concluded")
    passwords, begun, may_end = house.app[PASSWORDS], asyncio.Event(), asyncio.Event()
    real = passwords.is_right

    async def slow(*arguments: Any, **more: Any) -> Any:
        begun.set()
        await until(may_end)
        return await real(*arguments, **more)

    monkeypatch.setattr(passwords, "is_right", slow)
    signing = asyncio.create_task(sign_as(house, "doctor.L", case, "secretary"))
    await until(begun)
    async with asyncio.timeout(10):
        assert (await (await house.by("colleague.L")).post("/consultations")).status == 200
    may_end.set()
    assert (await signing).status == 200


async def test_a_signature_does_not_queue_behind_strangers() -> None:
    passwords, done = sign_in.Passwords(), list[str]()

    async def check(who: str, familiar: bool) -> None:
        await passwords.is_right("sai", None, familiar=familiar)
        done.append(who)

    strangers = (check("stranger", familiar=False) for _ in range(20))
    await asyncio.gather(*strangers, check("signer", familiar=True))
    assert done.index("signer") < 8, done


async def test_a_key_image_whose_picture_came_after_the_signature_is_not_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = await house.a_study("L", PatientName="TRAN^VAN^THU")
    case = await house.a_consultation("concluded", study_ids=(study,))
    doctor, path = await house.by("doctor.L"), f"/consultations/{case}/minutes"
    sop = await sop_of(house, study)
    sent = {"study": study, "sop": sop, "frame": 1, "voi": [0, 0, 0], "view": [0] * 6}
    assert (await doctor.post(f"{path}/key-images", sent)).status == 201
    real = house.app[PICTURE]

    async def slow(*arguments: Any) -> Any:
        await sign(house, case, "secretary", "doctor.L")
        return await real(*arguments)

    monkeypatch.setitem(house.app._state, PICTURE, slow)
    got = await doctor.post(f"{path}/key-images", sent)
    assert (got.status, got.code) == (409, "draft-locked")
    assert (await doctor.get(f"{path}/pdf")).status == 200
    assert len((await doctor.get(f"{path}/key-images")).json["images"]) == 1


async def sop_of(house: House, study: int) -> str:
    async with house.database.read() as connection:
        query = select(instances.c.sop_uid).where(instances.c.study_id == study)
        return str((await connection.execute(query)).scalar_one())
