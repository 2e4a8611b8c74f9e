"""Who was in the room as the annex tells it: never more than the journal knows."""

from __future__ import annotations

import datetime as dt
from typing import Any

from server.consultation.form.form import Member
from server.consultation.minutes.presence import members, stays_and_gaps
from server.consultation.model import RoomEvent

BEGIN = dt.datetime(2026, 11, 22, 2, 0, tzinfo=dt.UTC)
AN = {"person": 1, "name": "An", "title": "BS", "hospital": "BV L"}
BINH = {"person": 2, "name": "Bình", "title": "BS", "hospital": "BV P"}


def event(minute: float, type: str, peer: str = "", person: Any = None, room: str = "r") -> RoomEvent:
    data = {"peer": peer, "person": person, "site": person["hospital"] if person else ""}
    return RoomEvent(room=room, type=type, data=data, at=BEGIN + dt.timedelta(minutes=minute))


def told(
    *events: RoomEvent,
) -> tuple[list[tuple[str, float, float | None]], list[tuple[str, float, float | None]]]:
    """Stays and gaps: who or where, from which minute to which."""

    def minute(at: dt.datetime | None) -> float | None:
        return None if at is None else (at - BEGIN).total_seconds() / 60

    stays, gaps = stays_and_gaps(events)
    return (
        [(stay.people, minute(stay.joined_at) or 0, minute(stay.left_at)) for stay in stays],
        [(gap.site, minute(gap.since) or 0, minute(gap.until)) for gap in gaps],
    )


def test_a_line_that_comes_back_is_a_gap_within_one_stay() -> None:
    stays, gaps = told(
        event(0, "joined", "a", AN), event(5, "away", "a"), event(7, "back", "a"), event(30, "session-ended")
    )
    assert stays == [("BS An", 0, 30)]
    assert gaps == [("BV L", 5, 7)]


def test_after_a_crash_the_time_until_the_return_is_a_gap() -> None:
    """Nobody wrote that they were gone: known is the last word of the journal before."""
    stays, gaps = told(
        event(0, "joined", "a", AN),
        event(1, "joined", "b", BINH),
        event(9, "chatted"),
        event(14, "joined", "c", AN),
        event(30, "session-ended"),
    )
    assert stays == [("BS An", 0, 9), ("BS Bình", 1, 9), ("BS An", 14, 30)], "nobody saw Bình again"
    assert gaps == [("BV L", 9, 14), ("BV P", 9, None)]


def test_everyone_who_comes_back_after_a_crash_closes_a_gap() -> None:
    stays, gaps = told(
        event(0, "joined", "a", AN),
        event(1, "joined", "b", BINH),
        event(14, "joined", "c", AN),
        event(16, "joined", "d", BINH),
        event(20, "left", "d"),
        event(30, "session-ended"),
    )
    assert stays == [("BS An", 0, 1), ("BS Bình", 1, 1), ("BS An", 14, 30), ("BS Bình", 16, 20)]
    assert gaps == [("BV L", 1, 14), ("BV P", 1, 16)]


def test_who_is_away_when_the_session_ends_was_not_there_at_the_end() -> None:
    stays, gaps = told(event(0, "joined", "a", AN), event(29, "away", "a"), event(30, "session-ended"))
    assert stays == [("BS An", 0, 29)]
    assert gaps == [("BV L", 29, None)]


def test_a_clock_that_steps_back_turns_no_leaving_into_staying() -> None:
    stays, gaps = told(event(5, "joined", "a", AN), event(4.5, "left", "a"), event(30, "session-ended"))
    assert stays == [("BS An", 5, 5)]
    assert gaps == []


def test_each_room_is_told_by_itself() -> None:
    stays, _ = told(
        event(0, "joined", "a", AN),
        event(30, "session-ended"),
        event(100, "joined", "b", AN, room="s"),
        event(130, "session-ended", room="s"),
    )
    assert stays == [("BS An", 0, 30), ("BS An", 100, 130)]


def test_a_room_that_is_open_still_has_no_end() -> None:
    assert told(event(0, "joined", "a", AN), event(5, "away", "a")) == (
        [("BS An", 0, None)],
        [("BV L", 5, None)],
    )


def test_namesakes_are_different_people() -> None:
    chair, namesake = Member("An", "TS", "BV P"), {**AN, "person": 9}
    found = members(
        [event(0, "joined", "a", namesake), event(1, "joined", "b", {**AN, "person": 7})], {7: chair}
    )
    assert found == (chair, Member("An", "BS", "BV L"))
