"""What nobody should send: a clear refusal in Vietnamese, nothing changed, never a fault of ours."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from sqlalchemy import update

from server.consultation.minutes.draft import updates_since
from server.consultation.model import Consultation, Ticket
from server.platform.db import now
from signaling.ports import NotSeated
from tests.server.house import Answer, Caller, House, whole

VIETNAMESE = set("ăâđêôơưáàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ")


def is_refused(got: Answer, status: int, code: str) -> bool:
    return (got.status, got.code) == (status, code) and bool(VIETNAMESE & set(got.json["title"]))


async def snapshot(house: House, public_id: str) -> dict[str, Any]:
    case = await house.case(public_id)
    return {column.key: getattr(case, column.key) for column in Consultation.__table__.columns}


# (name, what is sent to PATCH …/request, the fields that the refusal names)
WRONG_FORMS: tuple[tuple[str, Any, set[str]], ...] = (
    ("an unknown field", {"stage": "signed"}, {"stage"}),
    ("another hospital's", {"hospital_id": 1}, {"hospital_id"}),
    ("a text for a number", {"sex": "1"}, {"sex"}),
    ("a number for a text", {"patient_name": 7}, {"patient_name"}),
    ("a number out of range", {"sex": 9}, {"sex"}),
    ("a number beyond the column", {"target_hospital_id": 2**40}, {"target_hospital_id"}),
    ("a number beyond everything", {"target_hospital_id": 10**40}, {"target_hospital_id"}),
    ("no date", {"admitted_on": "31/02/2026"}, {"admitted_on"}),
    ("an unknown urgency", {"urgency": "now"}, {"urgency"}),
    ("a text too long", {"summary": "a" * 20_001}, {"summary"}),
    ("too many questions", {"questions": ["?"] * 21}, {"questions"}),
    ("a zero byte", {"summary": "a\0b"}, {"summary"}),
    ("a zero byte deep inside", {"labs": [{"name": "a\0", "value": "1"}]}, {"labs"}),
    ("a health department", {"target_hospital_id": "S"}, {"target_hospital_id"}),
    ("one's own hospital", {"target_hospital_id": "L"}, {"target_hospital_id"}),
)


@pytest.mark.parametrize(("name", "sent", "fields"), WRONG_FORMS, ids=[form[0] for form in WRONG_FORMS])
async def test_a_wrong_form_is_refused_by_field(
    house: House, name: str, sent: dict[str, Any], fields: set[str]
) -> None:
    case = await house.a_consultation("draft")
    sent = (
        {key: house.hospitals.get(value, value) if value in "LS" else value for key, value in sent.items()}
        if name in {"a health department", "one's own hospital"}
        else sent
    )
    before = await snapshot(house, case)
    got = await (await house.by("doctor.L")).ask("PATCH", f"/consultations/{case}/request", json=sent)
    assert is_refused(got, 422, "invalid"), got.text
    assert set(got.json["fields"]) == fields
    assert all(VIETNAMESE & set(text) for text in got.json["fields"].values())
    assert await snapshot(house, case) == before


BODIES = (
    b"",
    b"null",
    b"[]",
    b'"a"',
    b"{",
    b'{"sex": NaN}',
    b"\xff\xfe",
    b"[" * 5000,
    b'{"patient_name": "\\ud800"}',
)


@pytest.mark.parametrize("body", BODIES)
async def test_a_body_that_is_no_form_is_refused(house: House, body: bytes) -> None:
    case = await house.a_consultation("draft")
    got = await (await house.by("doctor.L")).ask(
        "PATCH", f"/consultations/{case}/request", data=body, headers={"Content-Type": "application/json"}
    )
    assert is_refused(got, 422, "invalid"), got.text


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded; charset=no-such",
        "multipart/form-data",
        "multipart/form-data; boundary=a",
        "text/plain",
        "application/xml",
        "",
        "nonsense",
    ],
)
async def test_a_body_of_a_strange_kind_is_refused(house: House, kind: str) -> None:
    got = await (await house.by("")).ask(
        "POST", "/sign-in", data=b"login=\xff&password=b", headers={"Content-Type": kind}
    )
    assert is_refused(got, 422, "invalid") or is_refused(got, 422, "wrong-password"), got.text


async def test_a_body_over_the_limit_is_refused_before_it_is_read(house: House) -> None:
    case = await house.a_consultation("draft")
    doctor = await house.by("doctor.L")
    got = await doctor.ask(
        "PATCH",
        f"/consultations/{case}/request",
        data=io.BytesIO(b"a" * 2_000_000),
        headers={"Content-Type": "application/json"},
    )
    assert is_refused(got, 413, "too-large")
    got = await doctor.ask(
        "POST", f"/consultations/{case}/documents", data=io.BytesIO(b"%PDF-" + bytes(26 * 1024 * 1024))
    )
    assert is_refused(got, 413, "too-large")
    got = await doctor.ask("POST", f"/consultations/{case}/documents", data=b"MZ this is a program")
    assert is_refused(got, 415, "not-a-document")


@pytest.mark.parametrize("letters", [b"\xff\xfe", b"\xed\xa0\x80", "ă".encode(), b"'; DROP TABLE people--"])
async def test_strange_letters_in_headers_are_nobody(house: House, letters: bytes) -> None:
    word = letters.decode("utf-8", "surrogateescape")
    nobody = await house.by("")
    for headers in ({"Cookie": f"hoichan={word}"}, {"Authorization": f"Bearer {word}"}):
        assert (await nobody.get("/sessions", headers=headers)).status == 401
    got = await nobody.post(
        "/sign-in", {"login": "doctor.l", "password": "x"}, headers={"Cookie": f"browser={word}"}
    )
    assert got.code == "wrong-password"
    got = await (await house.by("doctor.L")).post("/consultations", headers={"X-CSRF-Token": word})
    assert is_refused(got, 403, "foreign-origin")


@pytest.mark.parametrize(
    "path",
    [
        "/consultations/%00",
        "/consultations?filter=%00",
        "/consultations?filter=%ff%fe",
        "/consultations/%ff",
        "/consultations/..%2f..%2fetc",
        "/agenda?day=0001-01-01",
        "/agenda?day=9999-12-31",
        "/agenda?day=nonsense",
        "/icd10?q=%00",
        "/icd10?q=" + "a" * 4000,
        "/nowhere/Nguyễn Văn An",
        "/sign-in?next=//evil.example",
        "/dicom-web/studies?StudyDate=nonsense",
        "/dicom-web/studies?limit=99999999999999999999",
        "/dicom-web/studies?PatientName=%00",
        "/images/studies/99999999999999999999",
        "/images/studies/%C2%B2",
    ],
)
async def test_a_strange_address_is_no_fault(house: House, path: str) -> None:
    got = await (await house.by("doctor.L")).get(path)
    assert got.status < 500, got.text
    assert "nonsense" not in got.text or got.status == 400


@pytest.mark.parametrize(
    "tail", ["minutes/draft?since=²", "minutes/draft?since=-1", "minutes/draft?since=99999999999"]
)
async def test_a_strange_number_in_the_minutes_is_no_fault(house: House, tail: str) -> None:
    case = await house.a_consultation("minutes-open")
    assert (await (await house.by("doctor.L")).get(f"/consultations/{case}/{tail}")).status == 200


@pytest.mark.parametrize(
    "query", ["first=0001-01-01&last=0001-01-02", "first=9999-12-30&last=9999-12-31", "first=&last=x"]
)
async def test_a_strange_period_is_no_fault(house: House, query: str) -> None:
    assert (await (await house.by("oversight")).get(f"/oversight?{query}")).status == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id_number", "12345"),
        ("id_number", "04406090001x"),
        ("insurance", "XX9"),
        ("birth_text", "31/02/1960"),
        ("birth_text", "2090"),
        ("patient_name", "1234"),
        ("admitted_on", (now().date() + dt.timedelta(days=9)).isoformat()),
    ],
)
async def test_a_request_that_cannot_be_right_is_kept_but_not_sent(
    house: House, field: str, value: str
) -> None:
    case = await house.a_consultation("draft")
    doctor = await house.by("doctor.L")
    kept = await doctor.ask("PATCH", f"/consultations/{case}/request", json={field: value})
    assert kept.status == 200, kept.text
    assert field in kept.json["doubts"]
    got = await doctor.post(f"/consultations/{case}/request")
    assert is_refused(got, 422, "invalid")
    assert field in got.json["fields"]
    assert value not in got.text
    assert (await house.case(case)).stage == "draft"


async def test_what_is_missing_is_named(house: House) -> None:
    case = await house.a_consultation("draft")
    doctor = await house.by("doctor.L")
    await doctor.ask("PATCH", f"/consultations/{case}/request", json={"questions": [], "summary": " "})
    got = await doctor.post(f"/consultations/{case}/request")
    assert is_refused(got, 422, "not-ready")
    assert "ít nhất một câu hỏi" in got.json["title"]


async def test_a_stale_form_is_refused_and_changes_nothing(house: House) -> None:
    case = await house.a_consultation("draft")
    version = (await house.case(case)).version
    first, second = await house.by("doctor.L"), await house.by("colleague.L")
    path = f"/consultations/{case}/request"
    assert (await first.ask("PATCH", path, json={"version": version, "bed": "7"})).status == 200
    got = await second.ask("PATCH", path, json={"version": version, "bed": "8"})
    assert is_refused(got, 409, "stale")
    assert (await house.case(case)).bed == "7"


async def test_a_ticket_opens_the_room_once_and_for_a_minute(house: House) -> None:
    from server.consultation.join import Rooms

    rooms = Rooms(house.database)
    case = await house.a_consultation("in-session")
    path = f"/consultations/{case}/join"
    ticket = (await (await house.by("doctor.L")).post(path)).json["ticket"]
    seat = await rooms.admit(ticket)
    assert (seat.person, seat.role) == (house.people["doctor.L"].person_id, "doctor")
    late = (await (await house.by("doctor.L")).post(path)).json["ticket"]
    async with house.database.system() as session:
        old = update(Ticket).where(Ticket.used_at.is_(None))
        await session.execute(old.values(expires_at=now() - dt.timedelta(seconds=1)))
    for refused in (ticket, late, "made-up", ""):
        with pytest.raises(NotSeated):
            await rooms.admit(refused)


@pytest.mark.parametrize(
    "change",
    [
        {"day": "2020-01-01", "time": "08:00"},
        {"day": "0001-01-01", "time": "00:00"},
        {"day": "9999-12-31", "time": "23:59"},
        {"minutes": 0},
        {"minutes": -5},
        {"minutes": 10**12},
        {"minutes": 600},
        {"specialist_id": 99999},
        {"specialist_id": 10**20},
        {"time": "25:00"},
        {"kind": "both"},
        {"day": None},
        {"place": "a" * 300},
    ],
    ids=str,
)
async def test_an_impossible_booking_is_refused(house: House, change: dict[str, Any]) -> None:
    case = await house.a_consultation("accepted")
    tomorrow = (now().date() + dt.timedelta(days=1)).isoformat()
    good = {
        "specialist_id": house.people["specialist.P"].person_id,
        "day": tomorrow,
        "time": "08:00",
        "minutes": 30,
    }
    desk = await house.by("coordinator.P")
    got = await desk.post(f"/consultations/{case}/schedule", good | change)
    assert is_refused(got, 422, "invalid"), got.text
    stands = await house.case(case)
    assert (stands.stage, stands.sessions) == ("accepted", [])


@pytest.mark.parametrize(
    "change",
    [{"voi": [1, 2]}, {"frame": 0}, {"sop": "../../etc"}, {"study": 10**15}, {"view": []}, {"caption": 1}],
    ids=str,
)
async def test_an_impossible_key_image_is_refused(house: House, change: dict[str, Any]) -> None:
    case = await house.a_consultation("minutes-open")
    good = {"study": 1, "sop": "1.2", "frame": 1, "voi": [40, 80, 0], "view": [0, 0, 1, 0, 0, 0]}
    doctor = await house.by("doctor.L")
    got = await doctor.post(f"/consultations/{case}/minutes/key-images", good | change)
    assert is_refused(got, 422, "invalid"), got.text
    got = await doctor.post(f"/consultations/{case}/minutes/key-images", good)
    assert is_refused(got, 404, "not-found")


async def test_numbers_that_are_none_are_refused(house: House) -> None:
    case = await house.a_consultation("minutes-open")
    body = b'{"study":1,"sop":"1.2","frame":1,"voi":[NaN,Infinity,0],"view":[0,0,1,0,0,0]}'
    got = await (await house.by("doctor.L")).ask(
        "POST",
        f"/consultations/{case}/minutes/key-images",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    assert is_refused(got, 422, "invalid")


@pytest.mark.parametrize("update_sent", ["", "!!!", "AAAA", "/////w==", "a" * 99_999])
async def test_a_draft_update_that_is_none_is_refused(house: House, update_sent: str) -> None:
    case = await house.a_consultation("in-session")
    doctor = await house.by("doctor.L")
    got = await doctor.post(f"/consultations/{case}/minutes/draft", {"update": update_sent})
    assert got.status in {409, 413, 422}, got.text
    async with house.database.system(writes=False) as session:
        last, _ = await updates_since(session, await whole(session, case), 0)
    assert last == 1


async def test_a_wrong_address_keeps_the_navigation_for_who_is_signed_in(house: House) -> None:
    page = {"Accept": "text/html"}
    known = await (await house.by("doctor.L")).get("/no-such-page", headers=page)
    assert known.status == 404
    assert 'href="/agenda"' in known.text
    stranger = await Caller(house).get("/no-such-page", headers=page)
    assert stranger.status == 404
    assert 'href="/agenda"' not in stranger.text
