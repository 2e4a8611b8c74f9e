"""A booked session as a calendar file (RFC 5545, iTIP of RFC 5546): code and link, never the patient."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event, Timezone, vCalAddress, vText

from server.platform.errors import later

Gettext: TypeAlias = Callable[[str], str]
ZONE: Final = "Asia/Ho_Chi_Minh"
MEDIA_TYPE: Final = "text/calendar; charset=utf-8"


class Method(StrEnum):
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True)
class Guest:
    """Who is asked to come; without an address the name stands in the description alone."""

    name: str
    email: str = ""


@dataclass(frozen=True)
class Booking:
    """A session as booked. `revision` counts its changes (SEQUENCE), the last made at `changed_at`."""

    session: str  # opaque id: the UID stays the same through every change
    code: str  # of the case: "LT-0012"
    title: str  # without the patient: "Hội chẩn Tim mạch, BVĐK Lệ Thủy"
    starts_at: dt.datetime
    ends_at: dt.datetime
    link: str
    place: str
    revision: int
    changed_at: dt.datetime
    organiser: Guest
    guests: Sequence[Guest] = ()


def invitation(
    booking: Booking, *, method: Method = Method.REQUEST, host: str, gettext: Gettext = str
) -> bytes:
    """The .ics file that asks for, moves (a higher revision) or takes back a session; `host` ends its UID."""
    calendar = Calendar()
    calendar.add("prodid", "-//hoichan//Hoi chan tu xa//VI")
    calendar.add("version", "2.0")
    calendar.add("method", method.value)
    calendar.add_component(_zone())
    calendar.add_component(_event(booking, method, host, gettext))
    return bytes(calendar.to_ical())


def _event(booking: Booking, method: Method, host: str, gettext: Gettext) -> Event:
    event = Event()
    event.add("uid", f"{booking.session}@{host}")
    event.add("sequence", booking.revision)
    event.add("dtstamp", booking.changed_at.astimezone(dt.UTC))
    event.add("last-modified", booking.changed_at.astimezone(dt.UTC))
    event.add("dtstart", booking.starts_at.astimezone(ZoneInfo(ZONE)))
    event.add("dtend", booking.ends_at.astimezone(ZoneInfo(ZONE)))
    event.add("summary", f"{booking.title} ({booking.code})")
    note = gettext(later("Ca hội chẩn {code}. Vào phòng: {link}"))
    event.add("description", note.format(code=booking.code, link=booking.link))
    event.add("location", booking.place or booking.link)
    event.add("url", booking.link)
    event.add("status", "CANCELLED" if method is Method.CANCEL else "CONFIRMED")
    event.add("class", "PRIVATE")
    _people(event, booking)
    if method is Method.REQUEST:
        event.add_component(_reminder(booking, gettext))
    return event


def _people(event: Event, booking: Booking) -> None:
    if booking.organiser.email:
        event.add("organizer", _address(booking.organiser))
    for guest in booking.guests:
        if guest.email:
            event.add(
                "attendee", _address(guest, partstat="NEEDS-ACTION", rsvp="TRUE", role="REQ-PARTICIPANT")
            )


def _address(guest: Guest, **parameters: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{guest.email}")
    address.params["cn"] = vText(guest.name)
    for name, value in parameters.items():
        address.params[name] = vText(value)
    return address


def _reminder(booking: Booking, gettext: Gettext) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", gettext(later("Ca hội chẩn {code} sắp bắt đầu")).format(code=booking.code))
    alarm.add("trigger", dt.timedelta(minutes=-15))
    return alarm


@cache
def _zone() -> Timezone:
    # Seven hours ahead without summer time since 1975: older rules only make the file long.
    return Timezone.from_tzid(ZONE, first_date=dt.date(2000, 1, 1))
