import dataclasses
import datetime as dt

import pytest
from icalendar import Calendar, Event

from server.consultation.calendar import Booking, Guest, Method, invitation

BOOKING = Booking(
    session="s-4f7k",
    code="LT-0012",
    title="Hội chẩn Tim mạch; BVĐK Lệ Thủy, phòng 1",
    starts_at=dt.datetime(2026, 11, 23, 7, 30, tzinfo=dt.UTC),
    ends_at=dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC),
    link="https://hoichan.example/consultations/c-9/room",
    place="Phòng hội chẩn 1",
    revision=2,
    changed_at=dt.datetime(2026, 11, 22, 1, 2, 3, tzinfo=dt.UTC),
    organiser=Guest("Trần Văn Phối", "dieuphoi@hoichan.example"),
    guests=(Guest("BSCKII. Lê Thị Hoa", "hoa@hoichan.example"), Guest("BS. Nguyễn Thị Hường")),
)


def file_of(booking: Booking = BOOKING, method: Method = Method.REQUEST) -> bytes:
    return invitation(booking, method=method, host="hoichan.example")


def event_of(file: bytes) -> Event:
    (event,) = Calendar.from_ical(file).walk("VEVENT")
    assert isinstance(event, Event)
    return event


def test_an_invitation_tells_when_where_and_which_case() -> None:
    event = event_of(file_of())
    assert event["summary"] == "Hội chẩn Tim mạch; BVĐK Lệ Thủy, phòng 1 (LT-0012)"
    assert event["location"] == "Phòng hội chẩn 1"
    assert BOOKING.link in str(event["description"])
    assert event["url"] == BOOKING.link
    assert event.start == BOOKING.starts_at
    assert event.end == BOOKING.ends_at


def test_times_are_local_with_the_zone_in_the_file() -> None:
    lines = file_of().decode().split("\r\n")
    assert "DTSTART;TZID=Asia/Ho_Chi_Minh:20261123T143000" in lines
    assert "TZID:Asia/Ho_Chi_Minh" in lines
    assert "TZOFFSETTO:+0700" in lines
    assert "BEGIN:DAYLIGHT" not in lines


def test_a_moved_session_keeps_its_uid_and_counts_on() -> None:
    moved = dataclasses.replace(BOOKING, revision=3, starts_at=BOOKING.starts_at + dt.timedelta(minutes=10))
    before, after = event_of(file_of()), event_of(file_of(moved))
    assert before["uid"] == after["uid"] == "s-4f7k@hoichan.example"
    assert (before["sequence"], after["sequence"]) == (2, 3)


@pytest.mark.parametrize(
    ("method", "status", "alarms"), [(Method.REQUEST, "CONFIRMED", 1), (Method.CANCEL, "CANCELLED", 0)]
)
def test_a_session_is_asked_for_or_taken_back(method: Method, status: str, alarms: int) -> None:
    calendar = Calendar.from_ical(file_of(method=method))
    assert calendar["method"] == method.value
    (event,) = calendar.walk("VEVENT")
    assert event["status"] == status
    assert len(calendar.walk("VALARM")) == alarms


def test_who_has_an_address_is_invited() -> None:
    event = event_of(file_of())
    assert event["organizer"] == "mailto:dieuphoi@hoichan.example"
    assert event["attendee"] == "mailto:hoa@hoichan.example"
    assert event["attendee"].params["cn"] == "BSCKII. Lê Thị Hoa"


def test_the_same_booking_gives_the_same_bytes() -> None:
    assert file_of() == file_of(dataclasses.replace(BOOKING))


def test_lines_are_folded_and_end_as_the_standard_says() -> None:
    file = file_of(dataclasses.replace(BOOKING, title="Hội chẩn liên viện " * 20))
    assert all(len(line) <= 75 for line in file.split(b"\r\n"))
    assert file.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in file.replace(b"\r\n", b"")


def test_a_title_cannot_add_lines_of_its_own() -> None:
    file = file_of(
        dataclasses.replace(BOOKING, title="x\r\nATTENDEE:mailto:evil@example", place="a\nURL:evil")
    )
    assert b"\r\nATTENDEE:mailto:evil" not in file
    assert b"\r\nURL:evil" not in file
