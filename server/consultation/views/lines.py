"""A case as lists show it, and what has to be loaded for it."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
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


async def some_cases(
    session: AsyncSession, *conditions: ColumnElement[bool], limit: int = 100
) -> list[Consultation]:
    """Cases in the asker's scope, loaded for their lines, the last changed first."""
    found = await session.scalars(
        select(Consultation)
        .where(*conditions)
        .options(*FOR_LINES)
        .order_by(Consultation.changed_at.desc())
        .limit(limit)
    )
    return list(found)
