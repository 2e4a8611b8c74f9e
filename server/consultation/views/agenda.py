"""agenda: the sessions of a day; schedule: booking one."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import schedule
from server.consultation.model import Consultation, LiveSession
from server.consultation.views.lines import CaseLine, case_line, next_session, some_cases
from server.people.model import Membership, Person
from server.platform.db import today
from server.platform.pages import Page
from server.platform.policy import Principal

DAY = dt.timedelta(days=1)
DAYS_SHOWN = 7  # beside the booking form


@dataclass(frozen=True)
class Slot:
    session: LiveSession
    case: CaseLine
    specialist: str


@dataclass(frozen=True)
class AgendaPage(Page):
    template: ClassVar[str] = "agenda.html"
    day: dt.date
    before: dt.date
    after: dt.date
    today: dt.date
    slots: Sequence[Slot]


@dataclass(frozen=True)
class SchedulePage(Page):
    template: ClassVar[str] = "schedule.html"
    case: Consultation
    line: CaseLine
    specialists: Sequence[tuple[Membership, Person]]
    booked: Sequence[Slot]
    current: LiveSession | None
    day: dt.date


async def slots(session: AsyncSession, by: Principal, day: dt.date, *, days: int = 1) -> list[Slot]:
    found = await schedule.agenda(session, by, day, days=days)
    ids = [booked.consultation_id for booked in found]
    cases = {case.id: case for case in await some_cases(session, Consultation.id.in_(ids), limit=len(ids))}
    return [
        Slot(booked, case_line(cases[booked.consultation_id], booked), booked.specialist.full_name)
        for booked in found
        if booked.consultation_id in cases
    ]


async def agenda_page(session: AsyncSession, by: Principal, day: dt.date) -> AgendaPage:
    return AgendaPage(
        day=day, before=day - DAY, after=day + DAY, today=today(), slots=await slots(session, by, day)
    )


async def schedule_page(session: AsyncSession, case: Consultation, by: Principal) -> SchedulePage:
    day = today()
    return SchedulePage(
        case=case,
        line=case_line(case),
        specialists=await schedule.specialists(session, by),
        booked=await slots(session, by, day, days=DAYS_SHOWN),
        current=next_session(case),
        day=day,
    )
