"""Booking: intervals never overlap, whoever asks first and from whichever process."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys

import pytest
from sqlalchemy import event, select

from server.consultation.model import LiveSession
from server.platform.db import HERE, now
from tests.server.house import Answer, House, Walk, whole

BOOKINGS = 50
# A second process: books cases over HTTP's own code path, with its own engine and pool.
CHILD = """
import asyncio, json, sys
from server.platform.db import Database
from server.platform.errors import Refusal
from tests.server.racing import book
async def main():
    asked = json.load(sys.stdin)
    database = Database(asked["url"])
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    found = await asyncio.gather(*(book(database, asked, case) for case in asked["cases"]))
    await database.close()
    print(json.dumps(found))
asyncio.run(main())
"""


def slot(house: House, minutes_later: int = 0) -> tuple[str, str]:
    """A local day and time tomorrow or later that no other test uses."""
    at = now() + dt.timedelta(days=30, minutes=240 * next(house.numbers) + minutes_later)
    local = at.astimezone(HERE)
    return local.date().isoformat(), f"{local:%H:%M}"


async def book(house: House, case: str, specialist: str, slot: tuple[str, str], **more: object) -> Answer:
    command = {
        "specialist_id": house.people[specialist].person_id,
        "day": slot[0],
        "time": slot[1],
        "minutes": 30,
        **more,
    }
    return await (await house.by("coordinator.P")).post(f"/consultations/{case}/schedule", command)


def later(slot: tuple[str, str], minutes: int) -> tuple[str, str]:
    at = dt.datetime.fromisoformat(f"{slot[0]}T{slot[1]}") + dt.timedelta(minutes=minutes)
    return at.date().isoformat(), f"{at:%H:%M}"


@pytest.mark.parametrize(
    ("minutes", "length", "is_taken"),
    [(0, 30, True), (10, 10, True), (-15, 30, True), (29, 30, True), (-30, 30, False), (30, 30, False)],
)
async def test_intervals_that_overlap_are_refused(
    house: House, minutes: int, length: int, is_taken: bool
) -> None:
    at = slot(house)
    first, second = await house.a_consultation("accepted"), await house.a_consultation("accepted")
    assert (await book(house, first, "specialist.P", at)).status == 200
    got = await book(house, second, "specialist.P", later(at, minutes), minutes=length)
    assert got.code == ("slot-taken" if is_taken else "")
    assert (await house.case(second)).stage == ("accepted" if is_taken else "scheduled")


async def test_one_place_holds_one_session_at_once(house: House) -> None:
    at = slot(house)
    cases = [await house.a_consultation("accepted") for _ in range(3)]
    assert (await book(house, cases[0], "specialist.P", at, place="Phòng 1")).status == 200
    assert (await book(house, cases[1], "unbooked.P", at, place="Phòng 1")).code == "slot-taken"
    assert (await book(house, cases[1], "unbooked.P", at, place="Phòng 2")).status == 200
    assert (await book(house, cases[2], "many.P", at)).status == 200


async def test_an_answer_in_writing_holds_nobody(house: House) -> None:
    at = slot(house)
    first, second = await house.a_consultation("accepted"), await house.a_consultation("accepted")
    assert (await book(house, first, "specialist.P", at, kind="written")).status == 200
    assert (await book(house, second, "specialist.P", at)).status == 200


async def test_moving_a_session_onto_another_is_refused_and_moves_nothing(house: House) -> None:
    at = slot(house)
    first, second = await house.a_consultation("accepted"), await house.a_consultation("accepted")
    await book(house, first, "specialist.P", at)
    await book(house, second, "specialist.P", later(at, 60))
    room = (await house.case(second)).sessions[0]
    desk = await house.by("coordinator.P")
    command = {
        "specialist_id": house.people["specialist.P"].person_id,
        "day": at[0],
        "time": at[1],
        "minutes": 30,
    }
    path = f"/consultations/{second}/schedule/{room.public_id}"
    assert (await desk.post(path, command)).code == "slot-taken"
    stands = (await house.case(second)).sessions[0]
    assert (stands.starts_at, stands.revision) == (room.starts_at, 0)
    moved = later(at, 120)
    got = await desk.post(path, command | {"day": moved[0], "time": moved[1]})
    assert got.status == 200
    assert (await house.case(second)).sessions[0].revision == 1


async def test_a_session_over_midnight_stands_on_both_days(house: House) -> None:
    day = (now() + dt.timedelta(days=330 + next(house.numbers) % 30)).astimezone(HERE).date()
    case = await house.a_consultation("accepted")
    at = day.isoformat(), "23:30"
    assert (await book(house, case, "specialist.P", at, minutes=240)).status == 200
    desk = await house.by("coordinator.P")
    for days, is_shown in ((-1, False), (0, True), (1, True), (2, False)):
        page = await desk.get(f"/agenda?day={day + dt.timedelta(days=days)}", headers={"Accept": "text/html"})
        assert (f"/consultations/{case}" in page.text) is is_shown, days


async def test_the_booking_page_asks_once_for_the_sessions_of_a_week(house: House) -> None:
    case, asked = await house.a_consultation("accepted"), list[str]()

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        if "FROM sessions JOIN consultations" in statement.replace("\n", ""):
            asked.append(statement)

    engine = house.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        page = await (await house.by("coordinator.P")).get(f"/consultations/{case}/schedule")
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert page.status == 200
    assert len(asked) == 1


async def test_booking_anew_frees_what_was_held(house: House) -> None:
    at = slot(house)
    first, second = await house.a_consultation("accepted"), await house.a_consultation("accepted")
    await book(house, first, "specialist.P", at)
    await book(house, first, "specialist.P", later(at, 60))
    assert (await book(house, second, "specialist.P", at)).status == 200
    assert [one.cancelled_at is None for one in (await house.case(first)).sessions] == [False, True]


async def test_cancelling_frees_the_time_and_reopening_starts_at_the_desk(house: House) -> None:
    at = slot(house)
    first, second = await house.a_consultation("accepted"), await house.a_consultation("accepted")
    await book(house, first, "specialist.P", at)
    doctor, desk = await house.by("doctor.L"), await house.by("coordinator.P")
    assert (await doctor.post(f"/consultations/{first}/cancel")).code == "invalid"
    assert (await doctor.post(f"/consultations/{first}/cancel", {"reason": "Đã ổn"})).status == 200
    assert (await desk.get(f"/consultations/{first}")).status == 404
    assert (await book(house, second, "specialist.P", at)).status == 200
    assert (await doctor.post(f"/consultations/{first}/reopen")).status == 200
    assert (await desk.get(f"/consultations/{first}")).status == 200
    assert (await desk.post(f"/consultations/{first}/accept")).status == 200


async def test_the_desk_that_cancels_is_sent_where_it_may_look(house: House) -> None:
    case = await house.a_consultation("scheduled")
    desk = await house.by("coordinator.P")
    got = await desk.post(f"/consultations/{case}/cancel", {"reason": "Chuyên gia ốm"})
    assert got.json["href"] == "/desk"


async def test_a_consultation_has_several_sessions(house: House) -> None:
    case = await house.a_consultation("minutes-open")
    assert (await book(house, case, "unbooked.P", slot(house))).status == 200
    stands = await house.case(case)
    assert stands.stage == "scheduled"
    assert [one.ended_at is not None for one in stands.sessions] == [True, False]


async def test_an_emergency_goes_to_a_session_at_once(house: House) -> None:
    from server.consultation.journey import Urgency

    case = specialist = ""
    for urgency, code in ((Urgency.ROUTINE, "wrong-stage"), (Urgency.EMERGENCY, "")):
        specialist = f"now{urgency}{next(house.numbers)}.P"
        await house.a_person(specialist, {"P": "specialist"})
        case = await house.a_consultation("requested", urgency=urgency)
        got = await book(house, case, specialist, slot(house), starts_now=True)
        assert got.code == code
    stands = await house.case(case)
    assert stands.stage == "scheduled"
    assert stands.taken_at
    assert stands.answered_at
    assert (await (await house.by(specialist)).post(f"/consultations/{case}/join")).status == 200
    assert (await house.case(case)).stage == "in-session"


async def test_an_emergency_rings_until_somebody_takes_it(house: House) -> None:
    from server.consultation.journey import Urgency
    from server.consultation.triage import is_ringing

    case = await house.a_consultation("requested", urgency=Urgency.EMERGENCY)
    assert is_ringing(await house.case(case))
    desk = await house.by("coordinator.P")
    assert (await desk.post(f"/consultations/{case}/take-up")).status == 200
    stands = await house.case(case)
    assert not is_ringing(stands)
    assert stands.taken_by_id == house.people["coordinator.P"].person_id
    assert (await (await house.by("many.P")).post(f"/consultations/{case}/take-up")).status == 200
    assert (await house.case(case)).taken_by_id == house.people["coordinator.P"].person_id


async def test_two_desks_that_accept_at_once_accept_once(house: House) -> None:
    case = await house.a_consultation("requested")
    askers = [await house.by("coordinator.P"), await house.by("many.P")]
    got = await asyncio.gather(*(asker.post(f"/consultations/{case}/accept") for asker in askers))
    assert sorted(one.code for one in got) == ["", "wrong-stage"]


async def test_two_who_join_at_once_both_come_in(house: House) -> None:
    walk = Walk(house)
    for act in ("draft", "send", "accept", "book", "come"):
        await getattr(walk, act)()
    askers = [await house.by(name) for name in ("doctor.L", "specialist.P", "colleague.L")]
    got = await asyncio.gather(*(asker.post(f"/consultations/{walk.id}/join") for asker in askers))
    assert [one.status for one in got] == [200, 200, 200]
    assert (await house.case(walk.id)).stage == "in-session"


@pytest.mark.long
async def test_of_fifty_bookings_from_two_processes_one_stays(house: House) -> None:
    """One specialist, who works in both supporting hospitals; half of the cases at each of them."""
    name = f"wanted{next(house.numbers)}"
    specialist = await house.a_person(name, {"P": "specialist", "Q": "specialist"})
    walks = [
        Walk(house, desk=f"coordinator.{'PQ'[n % 2]}", facts={"questions": ("?",)}) for n in range(BOOKINGS)
    ]
    for walk in walks:
        for act in ("draft", "send", "accept"):
            await getattr(walk, act)()
    starts_at = (now() + dt.timedelta(days=200)).isoformat()

    async def child(part: list[Walk]) -> list[str]:
        asked = {
            "url": house.database.url,
            "cases": [[walk.id, house.people[walk.desk].membership_id] for walk in part],
            "specialist": specialist.person_id,
            "starts_at": starts_at,
            "data_dir": str(house.settings.data_dir),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CHILD.replace("json.load(sys.stdin)", "json.loads(sys.stdin.readline())"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        assert await process.stdout.readline() == b"ready\n"
        ready.release()
        await go.wait()
        process.stdin.write(b"go\n")
        process.stdin.close()
        said = await process.stdout.read()
        assert await process.wait() == 0
        return list(json.loads(said))

    ready, go = asyncio.Semaphore(0), asyncio.Event()
    children = [asyncio.create_task(child(walks[half::2] if half else walks[::2])) for half in (0, 1)]
    for _ in children:
        await ready.acquire()
    go.set()
    found = [code for one in await asyncio.gather(*children) for code in one]
    assert sorted(set(found)) == ["", "slot-taken"]
    assert found.count("") == 1
    async with house.database.system(writes=False) as session:
        held = select(LiveSession).where(LiveSession.specialist_id == specialist.person_id)
        assert len(list(await session.scalars(held))) == 1
        stages = [(await whole(session, walk.id)).stage.value for walk in walks]
    assert stages.count("scheduled") == 1
    assert stages.count("accepted") == BOOKINGS - 1
