"""triage: the desk of the supporting hospital takes, accepts, passes on, asks back or declines."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.grants import end_grants, grant_case, grant_studies, shared_study_ids
from server.consultation.journey import WAITING_FOR_DESK, Stage, Step, Urgency, WrongStage
from server.consultation.model import Consultation
from server.consultation.take import DESK, take
from server.people.model import Hospital
from server.people.staff import desk_of
from server.platform.db import now
from server.platform.errors import Invalid, later
from server.platform.events import audit, ring, tell
from server.platform.policy import Principal

ORDER = {Urgency.EMERGENCY: 0, Urgency.URGENT: 1, Urgency.ROUTINE: 2}


async def queue(session: AsyncSession, by: Principal) -> Sequence[Consultation]:
    """What waits at the desk of `by`: emergencies first, then the longest wait."""
    found = await session.scalars(
        select(Consultation).where(
            Consultation.target_hospital_id == by.hospital_id,
            Consultation.stage.in_((*WAITING_FOR_DESK, Stage.ACCEPTED, Stage.NEEDS_MORE)),
        )
    )
    return sorted(found, key=lambda case: (ORDER[case.urgency], case.sent_at or case.created_at))


def is_ringing(case: Consultation) -> bool:
    """An emergency rings until somebody at the desk takes it."""
    return case.urgency is Urgency.EMERGENCY and case.stage in WAITING_FOR_DESK and case.taken_at is None


async def take_up(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """Somebody at the desk says "tôi nhận": the ringing stops; the first one is named."""
    if case.stage not in WAITING_FOR_DESK:
        raise WrongStage
    if case.taken_at is None:
        case.taken_at, case.taken_by_id = now(), by.person_id
        await audit(session, "take-up", f"consultation:{case.public_id}", by=by)
        ring(session, DESK.format(by.hospital_id))


async def accept(session: AsyncSession, case: Consultation, by: Principal) -> None:
    await take(session, case, Step.ACCEPT, by)
    _answered(case, by)
    await grant_studies(session, case, await shared_study_ids(session, case))
    await tell(session, {case.requested_by_id}, case.id, "accepted")


async def redirect(
    session: AsyncSession,
    case: Consultation,
    by: Principal,
    *,
    hospital_id: int | None,
    specialty: str,
    reason: str,
) -> None:
    """Pass the case to another specialty, or to another hospital, whose desk then has it."""
    _must_say(reason)
    target = hospital_id or case.target_hospital_id
    if target == case.target_hospital_id and specialty == case.specialty:
        raise Invalid({"specialty": later("Hãy chọn chuyên khoa hoặc bệnh viện khác nơi hiện tại.")})
    found = await session.get(Hospital, target)
    if found is None or found.closed_at or found.tier == "department" or target == case.hospital_id:
        raise Invalid({"hospital_id": later("Hãy chọn một bệnh viện trong danh sách.")})
    await take(session, case, Step.REDIRECT, by, to=target)
    _answered(case, by)
    case.desk_question = reason.strip()
    case.specialty = specialty or case.specialty
    case.taken_at = case.taken_by_id = None
    if target != case.target_hospital_id:
        await end_grants(session, case, "redirected")
        case.redirected_from = by.hospital_id
        case.target_hospital_id = target
        await grant_case(session, case, found.id)
        ring(session, DESK.format(target))
    await tell(session, {case.requested_by_id} | await desk_of(session, found.id), case.id, "redirected")


async def ask_more(session: AsyncSession, case: Consultation, by: Principal, question: str) -> None:
    """Back to the doctor with a question."""
    _must_say(question)
    await take(session, case, Step.ASK_MORE, by)
    _answered(case, by)
    case.desk_question, case.desk_answer = question.strip(), ""
    await tell(session, {case.requested_by_id}, case.id, "asked-more")


async def decline(session: AsyncSession, case: Consultation, by: Principal, reason: str) -> None:
    _must_say(reason)
    await take(session, case, Step.DECLINE, by)
    _answered(case, by)
    case.desk_question = reason.strip()
    await end_grants(session, case, "declined")
    await tell(session, {case.requested_by_id}, case.id, "declined")


def _answered(case: Consultation, by: Principal) -> None:
    """The first answer stops the clock that everyone sees."""
    case.answered_at = case.answered_at or now()
    if case.taken_at is None:
        case.taken_at, case.taken_by_id = now(), by.person_id


def _must_say(reason: str) -> None:
    if len(reason.strip()) < 3:
        raise Invalid({"reason": later("Hãy viết lý do để nơi kia hiểu.")})
