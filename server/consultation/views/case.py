"""The case page: one page that tells the whole story of a case, with its next step."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import deliveries, marks, outcome, readiness, share
from server.consultation.deliveries import DeliveryLine
from server.consultation.hand_over import successors
from server.consultation.journey import CLOSED, DOT_OF, Side, Stage, Step, steps_for
from server.consultation.minutes import seals
from server.consultation.minutes.addenda import addenda_of
from server.consultation.minutes.key_images import has_key_images
from server.consultation.minutes.record import minutes_of
from server.consultation.model import (
    Addendum,
    Consultation,
    Document,
    LiveSession,
    Minutes,
    Outcome,
    SharedStudy,
)
from server.consultation.next_step import NextStep, next_step
from server.consultation.views.lines import CaseLine, case_line, next_session
from server.consultation.views.request import documents_of, supporting_hospitals
from server.people.model import Hospital, Person
from server.platform.events import Event
from server.platform.pages import Page, full_name
from server.platform.policy import Principal, Role

COPIED = frozenset({Stage.SIGNED, Stage.OUTCOME_KNOWN})  # whose studies may become teaching copies


@dataclass(frozen=True)
class Happening:
    at: dt.datetime
    step: str
    stage: str
    who: str


@dataclass(frozen=True)
class Site:
    hospital: str
    person: str
    role: str


@dataclass(frozen=True)
class CasePage(Page):
    template: ClassVar[str] = "case.html"
    case: Consultation
    line: CaseLine
    side: Side
    steps: frozenset[Step]
    next: NextStep
    dot: int
    warnings: Sequence[str]
    studies: Sequence[share.StudyLine]
    may_copy: bool  # a study, for teaching
    shared: Sequence[SharedStudy]
    mark_count: int
    documents: Sequence[Document]
    current: LiveSession | None
    timeline: Sequence[Happening]
    people: Sequence[Site]
    minutes: Minutes | None
    has_key_images: bool
    may_describe: bool  # write under the key images
    answers: Mapping[int, str]  # by the number of the question
    is_as_signed: bool
    addenda: Sequence[Addendum]
    deliveries: Sequence[DeliveryLine]
    outcomes: Sequence[Outcome]
    outcome_due_at: dt.datetime | None
    hospitals: Sequence[Hospital]
    successors: Sequence[Person]  # to whom this person may hand the case over
    inbox: Sequence[share.StudyLine]


async def case_page(session: AsyncSession, case: Consultation, by: Principal) -> CasePage:
    side = case.side_of(by)
    steps = steps_for(case.stage, by, side=side, urgency=case.urgency)
    current = next_session(case)
    signed, addenda = await minutes_of(session, case), await addenda_of(session, case)
    is_as_signed = await seals.is_as_signed(session, case, signed, addenda)
    is_asking = side is Side.ASKING
    studies = await share.studies_of(session, case, by)
    drawn = await marks.standing(session, case, {study.id for study in studies})
    return CasePage(
        case=case,
        line=case_line(case),
        side=side,
        steps=steps,
        next=next_step(case, by, current, signed),
        dot=DOT_OF[case.stage],
        warnings=readiness.warnings(case),
        studies=studies,
        mark_count=len(drawn),
        may_copy=case.stage in COPIED and by.has(Role.DOCTOR, Role.SPECIALIST),
        shared=await share.shared_studies(session, case),
        documents=await documents_of(session, case),
        current=current,
        timeline=await timeline(session, case),
        people=people(case),
        minutes=signed,
        has_key_images=await has_key_images(session, case),
        may_describe=signed is None and Step.MINUTES in steps,
        answers=answers(signed) if is_as_signed else {},
        is_as_signed=is_as_signed,
        addenda=addenda if is_as_signed else [],
        deliveries=await deliveries.lines(session, case, by),
        outcomes=await outcome.outcomes_of(session, case),
        outcome_due_at=await outcome.due_at(session, case) if is_asking else None,
        hospitals=await other_hospitals(session, case, by) if Step.REDIRECT in steps else [],
        successors=await successors(session, case, by) if Step.HAND_OVER in steps else [],
        inbox=await share.inbox(session, by) if is_asking and case.stage not in CLOSED else [],
    )


def answers(signed: Minutes | None) -> dict[int, str]:
    """The conclusion of each question, or why there is none, from the text under signature."""
    if signed is None:
        return {}
    questions = json.loads(signed.content)["annex"]["questions"]
    return {one["number"]: one["conclusion"] or one["reason"] for one in questions}


def people(case: Consultation) -> list[Site]:
    supporting = case.target_hospital.short_name if case.target_hospital else ""
    specialists = {booked.specialist.full_name for booked in case.sessions if booked.cancelled_at is None}
    return [
        Site(case.hospital.short_name, case.requested_by.full_name, "doctor"),
        *(Site(supporting, name, "specialist") for name in sorted(specialists)),
    ]


async def timeline(session: AsyncSession, case: Consultation) -> list[Happening]:
    rows = await session.execute(
        select(Event.at, Event.step, Event.stage, Person.title, Person.name)
        .outerjoin(Person, Person.id == Event.person_id)
        .where(Event.consultation_id == case.id)
        .order_by(Event.id)
    )
    return [
        Happening(row.at, row.step, row.stage, full_name(row.title or "", row.name or "")) for row in rows
    ]


async def other_hospitals(session: AsyncSession, case: Consultation, by: Principal) -> list[Hospital]:
    """Where the desk can pass the case on to."""
    known = {case.hospital_id, case.target_hospital_id}
    return [hospital for hospital in await supporting_hospitals(session, by) if hospital.id not in known]
