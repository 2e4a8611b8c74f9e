"""A case as lists show it, and what has to be loaded for it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select
from sqlalchemy import case as by_case
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server.consultation import triage
from server.consultation.journey import ANSWER_WITHIN_MIN, WAITING_FOR_DESK, Stage, Urgency
from server.consultation.model import Consultation, LiveSession
from server.people.birth import Age
from server.people.names import capitals
from server.platform.db import today

SESSIONS = selectinload(Consultation.sessions).selectinload(LiveSession.specialist)
FOR_LINES = (
    selectinload(Consultation.hospital),
    selectinload(Consultation.target_hospital),
    SESSIONS,
)
WHOLE = (
    *FOR_LINES,
    selectinload(Consultation.requested_by),
    selectinload(Consultation.questions),
    selectinload(Consultation.labs),
)


@dataclass(frozen=True)
class CaseLine:
    """Never more of the patient than a list needs."""

    id: str
    code: str
    patient: str  # IN HOA
    age: Age | None
    sex: int
    urgency: Urgency
    stage: Stage
    specialty: str
    diagnosis: str
    asking: str
    supporting: str
    since: dt.datetime  # what the clock counts from
    answer_by: dt.datetime | None  # target of the desk's first answer
    is_ringing: bool
    session_at: dt.datetime | None = None
    specialist: str = ""


def next_session(case: Consultation) -> LiveSession | None:
    """The session to come or running."""
    return next((booked for booked in case.sessions if not booked.is_over), None)


def case_line(case: Consultation, booked: LiveSession | None = None) -> CaseLine:
    """With `booked`, or else the next session of the case."""
    booked = booked or next_session(case)
    since = case.sent_at or case.created_at
    waits = case.stage in WAITING_FOR_DESK and case.sent_at is not None
    return CaseLine(
        id=case.public_id,
        code=case.code,
        patient=capitals(case.patient_name) or "—",
        age=case.birth.age(today()) if case.birth else None,
        sex=case.sex,
        urgency=case.urgency,
        stage=case.stage,
        specialty=case.specialty,
        diagnosis=case.diagnosis,
        asking=case.hospital.short_name,
        supporting=case.target_hospital.short_name if case.target_hospital else "",
        since=since,
        answer_by=since + dt.timedelta(minutes=ANSWER_WITHIN_MIN[case.urgency]) if waits else None,
        is_ringing=triage.is_ringing(case),
        session_at=booked.starts_at if booked else None,
        specialist=booked.specialist.full_name if booked else "",
    )


LAST_CHANGED = (Consultation.changed_at.desc(), Consultation.id.desc())
LONGEST_WAIT = (
    by_case(triage.ORDER, value=Consultation.urgency),
    func.coalesce(Consultation.sent_at, Consultation.created_at),
    Consultation.id,
)
PAGE_LENGTH = 100


async def some_cases(
    session: AsyncSession,
    *conditions: ColumnElement[bool],
    limit: int = PAGE_LENGTH,
    offset: int = 0,
    order: Sequence[SQLColumnExpression[Any]] = LAST_CHANGED,
) -> list[Consultation]:
    """Cases in the asker's scope, loaded for their lines."""
    found = await session.scalars(
        select(Consultation)
        .where(*conditions)
        .options(*FOR_LINES)
        .order_by(*order)
        .limit(limit)
        .offset(offset)
    )
    return list(found)


async def page_of_cases(
    session: AsyncSession, *conditions: ColumnElement[bool], page: int
) -> tuple[list[Consultation], bool]:
    """Page `page` (from 1) of the cases, the last changed first; whether there are more."""
    found = await some_cases(session, *conditions, limit=PAGE_LENGTH + 1, offset=(page - 1) * PAGE_LENGTH)
    return found[:PAGE_LENGTH], len(found) > PAGE_LENGTH


def page_in(text: str) -> int:
    """The number of a page; the first where nothing readable is given."""
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 and int(text) else 1
