"""home: what waits for this person, what is new, today's sessions; and the list of cases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import triage
from server.consultation.journey import Side, Stage, Urgency, steps_for
from server.consultation.model import Consultation, Minutes
from server.consultation.next_step import TASKS, NextStep, next_step
from server.consultation.views.agenda import Slot, slots
from server.consultation.views.lines import LONGEST_WAIT, CaseLine, case_line, next_session, some_cases
from server.platform.db import today
from server.platform.events import Notice
from server.platform.pages import Page
from server.platform.policy import Principal, Role

NOTHING_TO_DO = (Stage.DECLINED, Stage.CANCELLED, Stage.OUTCOME_KNOWN)
NEWS_SHOWN = 30
CASES_LOOKED_AT = 300  # the most urgent and longest waiting ones


@dataclass(frozen=True)
class Task:
    """One thing that waits for this person now."""

    case: CaseLine
    step: NextStep

    @property
    def is_urgent(self) -> bool:
        return self.case.is_ringing


@dataclass(frozen=True)
class News:
    id: int
    case: CaseLine
    kind: str
    at: datetime


@dataclass(frozen=True)
class HomePage(Page):
    template: ClassVar[str] = "home.html"
    tasks: Sequence[Task]
    news: Sequence[News]
    today: Sequence[Slot]
    may_ask: bool
    has_desk: bool


@dataclass(frozen=True)
class CasesPage(Page):
    template: ClassVar[str] = "cases.html"
    cases: Sequence[CaseLine]
    search: str
    filter: str  # open | closed | all
    may_ask: bool
    page: int
    has_more: bool


async def home_page(session: AsyncSession, by: Principal) -> HomePage:
    return HomePage(
        tasks=await tasks(session, by),
        news=await news(session, by),
        today=await slots(session, by, today()),
        may_ask=by.has(Role.DOCTOR),
        has_desk=by.has(Role.COORDINATOR),
    )


async def tasks(session: AsyncSession, by: Principal) -> list[Task]:
    """The most urgent first, then by the hour of the session or the length of the wait."""
    cases = await some_cases(session, may_wait_for(by), limit=CASES_LOOKED_AT, order=LONGEST_WAIT)
    minutes = await _minutes_by_case(session, cases)
    found = [
        Task(case_line(case), next_step(case, by, next_session(case), minutes.get(case.id))) for case in cases
    ]
    return sorted(
        (task for task in found if task.step.is_task),
        key=lambda task: (triage.ORDER[task.case.urgency], task.case.session_at or task.case.since),
    )


def may_wait_for(by: Principal) -> ColumnElement[bool]:
    """Cases in a stage in which a person of this role and side has a step to take."""

    def stages(side: Side) -> list[Stage]:
        return [
            stage
            for stage in Stage
            if stage not in NOTHING_TO_DO
            and steps_for(stage, by, side=side, urgency=Urgency.EMERGENCY) & TASKS
        ]

    is_own = Consultation.hospital_id == by.hospital_id
    return or_(
        is_own & Consultation.stage.in_(stages(Side.ASKING)),
        ~is_own & Consultation.stage.in_(stages(Side.SUPPORTING)),
    )


async def _minutes_by_case(session: AsyncSession, cases: Iterable[Consultation]) -> dict[int, Minutes]:
    ids = [case.id for case in cases]
    found = await session.scalars(select(Minutes).where(Minutes.consultation_id.in_(ids)))
    return {row.consultation_id: row for row in found}


async def news(session: AsyncSession, by: Principal) -> list[News]:
    """Unseen notices about cases that the person may still see."""
    found = await session.scalars(
        select(Notice)
        .where(Notice.person_id == by.person_id, Notice.seen_at.is_(None))
        .order_by(Notice.id.desc())
        .limit(NEWS_SHOWN)
    )
    notices = list(found)
    ids = [notice.consultation_id for notice in notices]
    cases = {case.id: case for case in await some_cases(session, Consultation.id.in_(ids))}
    return [
        News(notice.id, case_line(cases[notice.consultation_id]), notice.kind, notice.at)
        for notice in notices
        if notice.consultation_id in cases
    ]
