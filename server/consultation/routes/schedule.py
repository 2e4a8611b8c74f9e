"""schedule: booking, calendar, agenda"""

import asyncio
import datetime as dt
from typing import Literal

from aiohttp import web

from server.consultation import schedule
from server.consultation.join import NoSession
from server.consultation.journey import Side
from server.consultation.model import Consultation
from server.consultation.routes.answer import Command, Reason, Short, done, page_of
from server.consultation.views.agenda import agenda_page, schedule_page
from server.consultation.views.lines import next_session
from server.platform.db import HERE, now, today
from server.platform.errors import Invalid, later
from server.platform.http import SESSION, SETTINGS, THING, parse, principal
from server.platform.pages import gettext, render

routes = web.RouteTableDef()
FURTHEST_DAYS = 3660


class Schedule(Command):
    specialist_id: int
    day: dt.date | None = None
    time: dt.time | None = None  # local, Asia/Ho_Chi_Minh
    minutes: int = 30
    place: Short = ""
    kind: Literal["live", "written"] = "live"
    starts_now: bool = False

    @property
    def starts_at(self) -> dt.datetime:
        if self.starts_now:
            return now()
        if self.day is None or self.time is None:
            raise Invalid({"time": later("Hãy chọn ngày và giờ.")})
        return dt.datetime.combine(self.day, self.time, HERE)


@routes.get("/consultations/{consultation}/schedule")
async def get_schedule(asked: web.Request) -> web.Response:
    return render(asked, await schedule_page(asked[SESSION], asked[THING], principal(asked)))


@routes.post("/consultations/{consultation}/schedule")
async def post_schedule(asked: web.Request) -> web.Response:
    case, by = asked[THING], principal(asked)
    command = await parse(asked, Schedule)
    await schedule.schedule(
        asked[SESSION],
        case,
        by,
        specialist_id=command.specialist_id,
        starts_at=command.starts_at,
        minutes=command.minutes,
        place=command.place,
        kind=command.kind,
    )
    return done(asked, page_of(case))


@routes.post("/consultations/{consultation}/schedule/{session}")
async def post_reschedule(asked: web.Request) -> web.Response:
    case, by = asked[THING], principal(asked)
    command = await parse(asked, Schedule)
    booked = await schedule.session_of(asked[SESSION], case, asked.match_info["session"])
    await schedule.reschedule(
        asked[SESSION],
        case,
        booked,
        by,
        specialist_id=command.specialist_id,
        starts_at=command.starts_at,
        minutes=command.minutes,
        place=command.place,
    )
    return done(asked, page_of(case))


@routes.post("/consultations/{consultation}/cancel")
async def post_cancel(asked: web.Request) -> web.Response:
    command = await parse(asked, Reason)
    case, by = asked[THING], principal(asked)
    await schedule.cancel(asked[SESSION], case, by, command.reason)
    # The desk's leave to see the case has ended with it.
    return done(asked, page_of(case) if case.side_of(by) is Side.ASKING else "/desk")


@routes.post("/consultations/{consultation}/reopen")
async def post_reopen(asked: web.Request) -> web.Response:
    await schedule.reopen(asked[SESSION], asked[THING], principal(asked))
    return done(asked, page_of(asked[THING]))


@routes.get("/agenda")
async def get_agenda(asked: web.Request) -> web.Response:
    return render(asked, await agenda_page(asked[SESSION], principal(asked), _day(asked)))


def _day(asked: web.Request) -> dt.date:
    """`?day=2026-11-22`; today where nothing readable, or no day within ten years, is given."""
    try:
        day = dt.date.fromisoformat(asked.query.get("day", ""))
    except ValueError:
        return today()
    return day if abs((day - today()).days) < FURTHEST_DAYS else today()


@routes.get("/consultations/{consultation}/calendar.ics")
async def get_calendar(asked: web.Request) -> web.Response:
    """The session to come as a calendar file; a cancelled one takes itself back."""
    # The pages are open sooner without the library, which few requests need.
    from server.consultation.calendar import MEDIA_TYPE, Booking, Guest, Method, invitation

    case: Consultation = asked[THING]
    booked = next_session(case) or (case.sessions[-1] if case.sessions else None)
    if booked is None:
        raise NoSession
    settings, say = asked.app[SETTINGS], gettext(asked)
    booking = Booking(
        session=booked.public_id,
        code=case.code,
        title=say(later("Hội chẩn, {hospital}")).format(hospital=case.hospital.short_name),
        starts_at=booked.starts_at,
        ends_at=booked.ends_at,
        link=f"{settings.origin}{page_of(case)}/check",
        place=booked.place,
        revision=booked.revision,
        changed_at=case.changed_at,
        organiser=Guest(case.target_hospital.name if case.target_hospital else ""),
        guests=[Guest(case.requested_by.full_name), Guest(booked.specialist.full_name)],
    )
    method = Method.CANCEL if booked.cancelled_at else Method.REQUEST
    body = await asyncio.to_thread(
        invitation, booking, method=method, host=settings.origin.split("://")[1], gettext=say
    )
    return web.Response(
        body=body,
        headers={
            "Content-Type": MEDIA_TYPE,
            "Content-Disposition": f'attachment; filename="hoi-chan-{case.code}.ics"',
        },
    )
