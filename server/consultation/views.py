"""The pages of the journey: what each template may use, gathered with few queries."""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server.consultation import minutes, outcome, request, schedule, share, triage
from server.consultation.form import form as forms
from server.consultation.journey import (
    ANSWER_WITHIN_MIN,
    CLOSED,
    DOT_OF,
    WAITING_FOR_DESK,
    Side,
    Stage,
    Step,
    Urgency,
    steps_for,
)
from server.consultation.model import (
    Addendum,
    Consultation,
    Document,
    LiveSession,
    Minutes,
    Outcome,
    SharedStudy,
)
from server.people.model import Hospital, Membership, Person
from server.people.names import capitals
from server.platform.db import HERE, now
from server.platform.errors import later
from server.platform.events import Event, Notice
from server.platform.pages import Page, full_name
from server.platform.policy import Principal, Role


@dataclass(frozen=True)
class CaseLine:
    """A case as lists show it: never more of the patient than the page needs."""

    id: str
    code: str
    patient: str  # IN HOA
    age: str
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


@dataclass(frozen=True)
class Task:
    """One thing that waits for this person now: a sentence and a button."""

    case: CaseLine
    sentence: str
    button: str
    href: str
    is_urgent: bool = False


@dataclass(frozen=True)
class News:
    id: int
    case: CaseLine
    kind: str
    at: dt.datetime


@dataclass(frozen=True)
class HomePage(Page):
    template: ClassVar[str] = "home.html"
    tasks: Sequence[Task]
    news: Sequence[News]
    today: Sequence["Slot"]
    may_ask: bool
    has_desk: bool


@dataclass(frozen=True)
class CasesPage(Page):
    template: ClassVar[str] = "cases.html"
    cases: Sequence[CaseLine]
    search: str
    filter: str  # open | closed | all
    may_ask: bool


@dataclass(frozen=True)
class Choice:
    value: str
    text: str


@dataclass(frozen=True)
class RequestPage(Page):
    template: ClassVar[str] = "request.html"
    case: Consultation
    hospitals: Sequence[Hospital]
    hints: Sequence[request.Hint]
    doubts: dict[str, str]
    warnings: Sequence[str]
    documents: Sequence[Document]
    studies: Sequence[share.StudyLine]
    inbox: Sequence[share.StudyLine]
    earlier_patients: Sequence[str] = ()


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
    next_sentence: str
    next_button: str
    next_href: str
    dot: int
    warnings: Sequence[str]
    studies: Sequence[share.StudyLine]
    shared: Sequence[SharedStudy]
    documents: Sequence[Document]
    sessions: Sequence[LiveSession]
    current: LiveSession | None
    timeline: Sequence[Happening]
    people: Sequence[Site]
    minutes: Minutes | None
    answers: Mapping[int, str]  # by the number of the question
    addenda: Sequence[Addendum]
    outcomes: Sequence[Outcome]
    outcome_due_at: dt.datetime | None
    hospitals: Sequence[Hospital]
    inbox: Sequence[share.StudyLine]


@dataclass(frozen=True)
class DeskPage(Page):
    template: ClassVar[str] = "desk.html"
    waiting: Sequence[CaseLine]
    to_schedule: Sequence[CaseLine]
    needs_more: Sequence[CaseLine]
    ringing: int


@dataclass(frozen=True)
class DeskQueue(DeskPage):
    """The part of the desk that renews itself."""

    template: ClassVar[str] = "desk_queue.html"


@dataclass(frozen=True)
class SchedulePage(Page):
    template: ClassVar[str] = "schedule.html"
    case: Consultation
    line: CaseLine
    specialists: Sequence[tuple[Membership, Person]]
    booked: Sequence["Slot"]
    current: LiveSession | None
    day: dt.date
    fields: dict[str, str] = field(default_factory=dict)  # what was wrong
    typed: dict[str, str] = field(default_factory=dict)
    error: str = ""


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
class InboxPage(Page):
    template: ClassVar[str] = "inbox.html"
    studies: Sequence[share.StudyLine]
    cases: Sequence[CaseLine]
    upload_limit_bytes: int


@dataclass(frozen=True)
class CheckPage(Page):
    template: ClassVar[str] = "check.html"
    room: dict[str, object]
    line: CaseLine


@dataclass(frozen=True)
class RoomPage(CheckPage):
    template: ClassVar[str] = "room.html"


@dataclass(frozen=True)
class MinutesPage(Page):
    template: ClassVar[str] = "minutes.html"
    case: Consultation
    line: CaseLine
    form: forms.MinutesForm
    annex: forms.Annex
    digest: str
    lacking: Sequence[str]
    role: str  # which signature is this person's, "" for none
    has_signed: bool
    is_locked: bool
    is_signed: bool
    may_write: bool
    may_add: bool
    may_answer: bool
    data: dict[str, object]  # for the script


WITH_HOSPITALS = (
    selectinload(Consultation.hospital),
    selectinload(Consultation.target_hospital),
)
WHOLE = (
    *WITH_HOSPITALS,
    selectinload(Consultation.requested_by),
    selectinload(Consultation.questions),
    selectinload(Consultation.labs),
    selectinload(Consultation.sessions).selectinload(LiveSession.specialist),
)


def case_line(case: Consultation, booked: LiveSession | None = None) -> CaseLine:
    """Needs the hospitals loaded, and the specialist of `booked`."""
    since = case.sent_at or case.created_at
    waits = case.stage in WAITING_FOR_DESK and case.sent_at is not None
    return CaseLine(
        id=case.public_id,
        code=case.code,
        patient=capitals(case.patient_name) or "—",
        age=str(case.birth.age(request.today())) if case.birth else "",
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


async def load_whole(session: AsyncSession, public_id: str) -> Consultation | None:
    """The case with all that its page shows, within the principal's scope."""
    found: Consultation | None = await session.scalar(
        select(Consultation).where(Consultation.public_id == public_id).options(*WHOLE)
    )
    return found


async def supporting_hospitals(session: AsyncSession, by: Principal) -> list[Hospital]:
    """Where a case can be sent."""
    found = await session.scalars(
        select(Hospital)
        .where(Hospital.id != by.hospital_id, Hospital.closed_at.is_(None))
        .where(Hospital.tier.in_(("provincial", "central", "private")))
        .order_by(Hospital.tier.desc(), Hospital.name)
    )
    return list(found)


async def documents_of(session: AsyncSession, case: Consultation) -> list[Document]:
    found = await session.scalars(
        select(Document)
        .where(Document.consultation_id == case.id, Document.removed_at.is_(None))
        .order_by(Document.id)
    )
    return list(found)


def next_session(case: Consultation) -> LiveSession | None:
    """The session to come or running; needs the sessions loaded."""
    return next((booked for booked in case.sessions if not booked.is_over), None)


async def request_page(session: AsyncSession, case: Consultation, by: Principal) -> RequestPage:
    studies = await share.studies_of(session, case, by)
    return RequestPage(
        case=case,
        hospitals=await supporting_hospitals(session, by),
        hints=request.hints(case, studies=len(studies)),
        doubts=request.doubts(case),
        warnings=request.warnings(case),
        documents=await documents_of(session, case),
        studies=studies,
        inbox=await share.inbox(session, by),
    )


async def case_page(session: AsyncSession, case: Consultation, by: Principal) -> CasePage:
    side = case.side_of(by)
    steps = steps_for(case.stage, by, side=side, urgency=case.urgency)
    current = next_session(case)
    signed = await minutes.minutes_of(session, case)
    shared = await session.scalars(
        select(SharedStudy).where(SharedStudy.consultation_id == case.id, SharedStudy.removed_at.is_(None))
    )
    sentence, button, href = next_step(case, by, steps, current, signed)
    return CasePage(
        case=case,
        line=case_line(case, current),
        side=side,
        steps=steps,
        next_sentence=sentence,
        next_button=button,
        next_href=href,
        dot=DOT_OF[case.stage],
        warnings=request.warnings(case),
        studies=await share.studies_of(session, case, by),
        shared=list(shared),
        documents=await documents_of(session, case),
        sessions=case.sessions,
        current=current,
        timeline=await timeline(session, case),
        people=_people(case),
        minutes=signed,
        answers=answers_of(signed),
        addenda=list(
            await session.scalars(
                select(Addendum).where(Addendum.consultation_id == case.id).order_by(Addendum.number)
            )
        ),
        outcomes=list(
            await session.scalars(
                select(Outcome).where(Outcome.consultation_id == case.id).order_by(Outcome.id)
            )
        ),
        outcome_due_at=await outcome.due_at(session, case) if side is Side.ASKING else None,
        hospitals=[
            hospital
            for hospital in await supporting_hospitals(session, by)
            if hospital.id not in {case.hospital_id, case.target_hospital_id}
        ]
        if Step.REDIRECT in steps
        else [],
        inbox=await share.inbox(session, by) if side is Side.ASKING and case.stage not in CLOSED else [],
    )


def answers_of(signed: Minutes | None) -> dict[int, str]:
    """The conclusion of each question, or why there is none, from the text under signature."""
    if signed is None:
        return {}
    questions = json.loads(signed.content)["annex"]["questions"]
    return {one["number"]: one["conclusion"] or one["reason"] for one in questions}


def _people(case: Consultation) -> list[Site]:
    found = [Site(case.hospital.short_name, case.requested_by.full_name, "doctor")]
    supporting = case.target_hospital.short_name if case.target_hospital else ""
    seen = {booked.specialist.full_name for booked in case.sessions if booked.cancelled_at is None}
    return found + [Site(supporting, name, "specialist") for name in sorted(seen)]


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


def next_step(
    case: Consultation,
    by: Principal,
    steps: frozenset[Step],
    current: LiveSession | None,
    kept: Minutes | None,
) -> tuple[str, str, str]:
    """The next step of the case for this person: sentence, button, where the button leads ("" for none)."""
    here = f"/consultations/{case.public_id}"
    signed = kept is not None and by.person_id in {kept.secretary_id, kept.chair_id}
    may_sit = current is None or current.kind == "live"
    ways: tuple[tuple[bool, str, str, str], ...] = (
        (Step.REQUEST in steps, later("Yêu cầu chưa gửi."), later("Viết tiếp"), f"{here}/request"),
        (Step.ANSWER_MORE in steps, later("Nơi hỗ trợ hỏi thêm."), later("Trả lời"), f"{here}#answer-more"),
        (Step.ACCEPT in steps, later("Ca đang chờ phân loại."), later("Phân loại"), f"{here}#triage"),
        (
            Step.SCHEDULE in steps and case.stage is Stage.ACCEPTED,
            later("Ca đã nhận, chưa có lịch."),
            later("Xếp lịch"),
            f"{here}/schedule",
        ),
        (
            Step.ANSWER in steps and not may_sit,
            later("Ca cần trả lời bằng văn bản."),
            later("Trả lời"),
            f"{here}/minutes",
        ),
        (
            Step.JOIN in steps and may_sit,
            later("Phòng hội chẩn đã sẵn sàng."),
            later("Vào phòng"),
            f"{here}/check",
        ),
        (
            Step.SIGN in steps and not signed,
            later("Biên bản chờ bạn đọc và ký."),
            later("Đọc và ký"),
            f"{here}/minutes",
        ),
        (
            Step.SIGN in steps,
            later("Bạn đã ký, đang chờ bên kia ký."),
            later("Xem biên bản"),
            f"{here}/minutes",
        ),
        (Step.OUTCOME in steps, later("Người bệnh thế nào rồi?"), later("Báo kết quả"), f"{here}#outcome"),
        (Step.REOPEN in steps, later("Ca đã dừng."), later("Mở lại ca"), f"{here}#reopen"),
        (kept is not None, later("Biên bản đã ký."), later("Xem biên bản"), f"{here}/minutes"),
    )
    for holds, sentence, button, href in ways:
        if holds:
            return sentence, button, href
    return WAITING_SENTENCES.get(case.stage, ""), "", ""


WAITING_SENTENCES = {
    Stage.REQUESTED: later("Đang chờ điều phối viên nhận ca."),
    Stage.REDIRECTED: later("Đang chờ nơi được chuyển đến nhận ca."),
    Stage.REOPENED: later("Đang chờ điều phối viên nhận lại ca."),
    Stage.ACCEPTED: later("Ca đã được nhận, đang chờ xếp lịch."),
    Stage.SCHEDULED: later("Đã xếp lịch, đang chờ đến giờ."),
    Stage.NEEDS_MORE: later("Đang chờ bác sĩ bổ sung."),
    Stage.ANSWERED: later("Đang hoàn tất biên bản."),
    Stage.MINUTES_OPEN: later("Đang hoàn tất biên bản."),
    Stage.IN_SESSION: later("Đang hội chẩn."),
}


async def lines(session: AsyncSession, cases: Sequence[Consultation]) -> list[CaseLine]:
    """Lines for cases whose hospitals are loaded, with the next session of each."""
    return [case_line(case, next_session(case)) for case in cases]


async def some_cases(session: AsyncSession, *conditions: object, limit: int = 100) -> list[Consultation]:
    found = await session.scalars(
        select(Consultation)
        .where(*conditions)  # type: ignore[arg-type]
        .options(*WITH_HOSPITALS, selectinload(Consultation.sessions).selectinload(LiveSession.specialist))
        .order_by(Consultation.changed_at.desc())
        .limit(limit)
    )
    return list(found)


async def home_page(session: AsyncSession, by: Principal) -> HomePage:
    """What waits for this person, what is new, and today's sessions."""
    open_cases = await some_cases(session, Consultation.stage.not_in((Stage.DECLINED, Stage.CANCELLED)))
    signed = {
        row.consultation_id: row
        for row in await session.scalars(
            select(Minutes).where(Minutes.consultation_id.in_([case.id for case in open_cases]))
        )
    }
    tasks: list[Task] = []
    for case in open_cases:
        if case.stage is Stage.OUTCOME_KNOWN:
            continue
        current = next_session(case)
        steps = steps_for(case.stage, by, side=case.side_of(by), urgency=case.urgency)
        sentence, button, href = next_step(case, by, steps, current, signed.get(case.id))
        if not button or (button == "Xem biên bản"):
            continue
        tasks.append(Task(case_line(case, current), sentence, button, href, triage.is_ringing(case)))
    tasks.sort(key=lambda task: (triage.ORDER[task.case.urgency], task.case.session_at or task.case.since))
    return HomePage(
        tasks=tasks,
        news=await news(session, by),
        today=await slots(session, by, request.today()),
        may_ask=by.has(Role.DOCTOR),
        has_desk=by.has(Role.COORDINATOR),
    )


async def news(session: AsyncSession, by: Principal) -> list[News]:
    """Unseen notices about cases that the person may still see."""
    found = await session.scalars(
        select(Notice)
        .where(Notice.person_id == by.person_id, Notice.seen_at.is_(None))
        .order_by(Notice.id.desc())
        .limit(30)
    )
    notices = list(found)
    cases = {
        case.id: case
        for case in await some_cases(session, Consultation.id.in_([row.consultation_id for row in notices]))
    }
    return [
        News(row.id, case_line(cases[row.consultation_id]), row.kind, row.at)
        for row in notices
        if row.consultation_id in cases
    ]


async def slots(session: AsyncSession, by: Principal, day: dt.date) -> list[Slot]:
    found = await schedule.agenda(session, by, day)
    cases = {
        case.id: case
        for case in await some_cases(
            session, Consultation.id.in_([booked.consultation_id for booked in found]), limit=500
        )
    }
    return [
        Slot(booked, case_line(cases[booked.consultation_id], booked), booked.specialist.full_name)
        for booked in found
        if booked.consultation_id in cases
    ]


async def desk(session: AsyncSession, by: Principal, kind: type[DeskPage]) -> DeskPage:
    waiting = await triage.queue(session, by)
    cases = await some_cases(session, Consultation.id.in_([case.id for case in waiting]), limit=500)
    by_id = {case.id: case for case in cases}
    ordered = [by_id[case.id] for case in waiting]

    def those(*stages: Stage) -> list[CaseLine]:
        return [case_line(case, next_session(case)) for case in ordered if case.stage in stages]

    return kind(
        waiting=those(*WAITING_FOR_DESK),
        to_schedule=those(Stage.ACCEPTED),
        needs_more=those(Stage.NEEDS_MORE),
        ringing=sum(triage.is_ringing(case) for case in ordered),
    )


async def schedule_page(
    session: AsyncSession,
    case: Consultation,
    by: Principal,
    *,
    fields: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    error: str = "",
) -> SchedulePage:
    """Needs the case whole."""
    day = request.today()
    return SchedulePage(
        case=case,
        line=case_line(case, next_session(case)),
        specialists=await schedule.specialists(session, by),
        booked=[slot for n in range(7) for slot in await slots(session, by, day + dt.timedelta(days=n))],
        current=next_session(case),
        day=day,
        fields=fields or {},
        typed=typed or {},
        error=error,
    )


async def minutes_page(session: AsyncSession, case: Consultation, by: Principal) -> MinutesPage:
    form, annex = await minutes.compose(session, case)
    signed = await minutes.minutes_of(session, case)
    role = await minutes.role_of(session, case, by) or ""
    steps = steps_for(case.stage, by, side=case.side_of(by), urgency=case.urgency)
    here = f"/consultations/{case.public_id}/minutes"
    return MinutesPage(
        case=case,
        line=case_line(case, next_session(case)),
        form=form,
        annex=annex,
        digest=forms.digest(form, annex) if signed is None else signed.digest,
        lacking=minutes.lacking(form, annex),
        role=role,
        has_signed=bool(signed and role and getattr(signed, f"{role}_id") is not None),
        is_locked=signed is not None,
        is_signed=signed is not None and signed.signed_at is not None,
        may_write=Step.MINUTES in steps and signed is None,
        may_add=Step.ADD in steps and role != "",
        may_answer=Step.ANSWER in steps
        and any(row.kind == "written" and row.specialist_id == by.person_id for row in case.sessions),
        data={
            "minutes_root": here,
            "fixed": fixed_digest(form, annex),
            "may_write": Step.MINUTES in steps and signed is None,
            "is_locked": signed is not None,
            "questions": [
                {"id": question.id, "number": question.number, "text": question.text}
                for question in case.questions
            ],
        },
    )


def fixed_digest(form: forms.MinutesForm, annex: forms.Annex) -> str:
    """Changes when anything does that the draft and its key images do not hold: the page is old then."""
    rest = dataclasses.replace(form, course="", conclusion="", next_treatment="")
    return forms.digest(rest, dataclasses.replace(annex, questions=(), key_images=()))


def images_digest(annex: forms.Annex) -> str:
    """Changes when the key images do: their pictures are large, and asked for only then."""
    return forms.digest(forms.MinutesForm(), forms.Annex("", key_images=annex.key_images))


def form_as_json(page: MinutesPage) -> dict[str, object]:
    """What the script of the minutes needs: who may do what, what is lacking, the digest, the live fields."""
    answers = {one.number: one for one in page.annex.questions}
    asked = [(question, answers.get(question.number)) for question in page.case.questions]
    return {
        "digest": page.digest,
        "fixed": fixed_digest(page.form, page.annex),
        "images": images_digest(page.annex),
        "lacking": list(page.lacking),
        "is_locked": page.is_locked,
        "is_signed": page.is_signed,
        "may_write": page.may_write,
        "course": page.form.course,
        "conclusion": page.form.conclusion,
        "next_treatment": page.form.next_treatment,
        "questions": [
            {
                "id": question.id,
                "number": question.number,
                "text": question.text,
                "conclusion": answer.conclusion if answer else "",
                "reason": answer.reason if answer else "",
            }
            for question, answer in asked
        ],
    }


async def agenda_page(session: AsyncSession, by: Principal, day: dt.date) -> AgendaPage:
    one = dt.timedelta(days=1)
    return AgendaPage(
        day=day,
        before=day - one,
        after=day + one,
        today=now().astimezone(HERE).date(),
        slots=await slots(session, by, day),
    )
