"""schedule: a specialist, an interval and a place; only the database can say who was first."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import exists, or_, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server.consultation.grants import end_grants, grant_case, grant_studies, shared_study_ids
from server.consultation.journey import Stage, Step
from server.consultation.minutes.record import minutes_of
from server.consultation.model import Consultation, LiveSession
from server.consultation.take import take
from server.people.model import Membership, Person
from server.people.staff import desk_of, people_with
from server.platform import keys
from server.platform.db import HERE, now
from server.platform.errors import Invalid, NotFound, Refusal, later
from server.platform.events import tell
from server.platform.policy import Principal, Role

LONGEST = dt.timedelta(hours=4)
FURTHEST = dt.timedelta(days=366)
GRACE = dt.timedelta(minutes=5)
EMERGENCY_MIN = 60


class SlotTaken(Refusal):
    """Another session holds this specialist, or this room, then."""

    code = "slot-taken"
    sentence = later(
        "Chuyên gia hoặc phòng này đã có ca khác trong giờ đó. Hãy chọn giờ, chuyên gia hoặc phòng khác."
    )


class SessionOver(Refusal):
    code = "session-over"
    sentence = later("Phiên này đã kết thúc hoặc đã hủy. Hãy xếp một phiên mới.")


class SignatureStands(Refusal):
    """Another session would belong into a text that somebody has signed already."""

    code = "signature-stands"
    sentence = later(
        "Biên bản đã có một chữ ký nên chưa xếp thêm phiên được. "
        "Hãy nhờ người đã ký bấm “Mở lại để sửa” ở trang biên bản, rồi xếp lịch."
    )


async def specialists(session: AsyncSession, by: Principal) -> list[tuple[Membership, Person]]:
    """Who can be booked in the hospital of `by`."""
    found = await session.execute(
        select(Membership, Person)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.hospital_id == by.hospital_id, Membership.left_at.is_(None))
        .where(Person.suspended_at.is_(None))
        .order_by(Person.name_key)
    )
    return [(membership, person) for membership, person in found if Role.SPECIALIST in membership.roles]


async def schedule(
    session: AsyncSession,
    case: Consultation,
    by: Principal,
    *,
    specialist_id: int,
    starts_at: dt.datetime,
    minutes: int,
    place: str = "",
    kind: str = "live",
) -> LiveSession:
    """Book a session (a second one is fine once the first is over).

    Raises SlotTaken, SignatureStands, Invalid, WrongStage.
    """
    if specialist_id not in await people_with(session, by.hospital_id, Role.SPECIALIST):
        raise Invalid({"specialist_id": later("Hãy chọn một chuyên gia của bệnh viện.")})
    interval = _interval(starts_at, minutes)
    was_waiting = case.stage is not Stage.ACCEPTED
    for earlier in await _open_sessions(session, case):
        await _cancel_session(session, earlier)  # a new booking replaces one that has not begun
    await take(session, case, Step.SCHEDULE, by, specialist=specialist_id)
    if await minutes_of(session, case) is not None:
        raise SignatureStands
    booked = LiveSession(
        public_id=keys.opaque(16),
        consultation_id=case.id,
        hospital_id=by.hospital_id,
        kind=kind,
        specialist_id=specialist_id,
        place=place.strip(),
        starts_at=interval[0],
        ends_at=interval[1],
        booked_by_id=by.person_id,
    )
    await _hold(session, booked)
    if was_waiting:
        case.answered_at = case.answered_at or now()
        case.taken_at = case.taken_at or now()
        case.taken_by_id = case.taken_by_id or by.person_id
        await grant_studies(session, case, await shared_study_ids(session, case))
    await tell(session, {case.requested_by_id, specialist_id}, case.id, "scheduled")
    return booked


async def reschedule(
    session: AsyncSession,
    case: Consultation,
    booked: LiveSession,
    by: Principal,
    *,
    specialist_id: int,
    starts_at: dt.datetime,
    minutes: int,
    place: str,
) -> None:
    """Move a session that has not begun; calendars follow by the same UID and a higher SEQUENCE."""
    if booked.is_over or booked.begun_at:
        raise SessionOver
    if specialist_id not in await people_with(session, by.hospital_id, Role.SPECIALIST):
        raise Invalid({"specialist_id": later("Hãy chọn một chuyên gia của bệnh viện.")})
    interval = _interval(starts_at, minutes)
    await take(session, case, Step.SCHEDULE, by, specialist=specialist_id)
    told = {case.requested_by_id, booked.specialist_id, specialist_id}
    with session.no_autoflush:  # the look comes before the write
        booked.specialist_id, booked.place = specialist_id, place.strip()
        booked.starts_at, booked.ends_at = interval
        booked.revision += 1
        await _hold(session, booked)
    await tell(session, told, case.id, "rescheduled")


async def cancel(session: AsyncSession, case: Consultation, by: Principal, reason: str) -> None:
    """Cancel the whole case; what was granted ends."""
    if len(reason.strip()) < 3:
        raise Invalid({"reason": later("Hãy viết lý do hủy.")})
    told = {case.requested_by_id}
    if case.target_hospital_id and case.stage is not Stage.DRAFT:
        told |= await desk_of(session, case.target_hospital_id)
    await take(session, case, Step.CANCEL, by)
    for booked in await _open_sessions(session, case):
        told.add(booked.specialist_id)
        await _cancel_session(session, booked)
    case.desk_question = reason.strip()
    await end_grants(session, case, "cancelled")
    await tell(session, told - {by.person_id}, case.id, "cancelled")


async def reopen(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """A declined or cancelled case goes to the desk again."""
    await take(session, case, Step.REOPEN, by)
    if case.target_hospital_id is None or case.sent_at is None:
        case.stage = Stage.DRAFT  # it was never sent: it is a draft again
        return
    case.taken_at = case.taken_by_id = None
    case.desk_question = ""
    await grant_case(session, case, case.target_hospital_id)
    await tell(session, await desk_of(session, case.target_hospital_id), case.id, "reopened")


async def agenda(
    session: AsyncSession, by: Principal, on: dt.date, *, days: int = 1
) -> Sequence[LiveSession]:
    """The sessions of local days, from `on`, that concern `by`: the hospital's for its desk, else one's own and
    one's cases'.
    """
    starts = dt.datetime.combine(on, dt.time(), HERE)
    query = (
        select(LiveSession)
        .join(Consultation, Consultation.id == LiveSession.consultation_id)
        .where(LiveSession.starts_at < starts + dt.timedelta(days=days), LiveSession.ends_at > starts)
        .where(LiveSession.starts_at > starts - LONGEST)  # which the index knows
        .where(LiveSession.cancelled_at.is_(None))
        .options(selectinload(LiveSession.specialist))
        .order_by(LiveSession.starts_at)
    )
    return list(await session.scalars(query))


def _interval(starts_at: dt.datetime, minutes: int) -> tuple[dt.datetime, dt.datetime]:
    at = now()
    if starts_at < at - GRACE:
        raise Invalid({"starts_at": later("Giờ này đã qua. Hãy chọn giờ khác.")})
    if starts_at > at + FURTHEST:
        raise Invalid({"starts_at": later("Chỉ xếp lịch trong vòng một năm.")})
    if not dt.timedelta(minutes=5) <= dt.timedelta(minutes=minutes) <= LONGEST:
        raise Invalid({"minutes": later("Một phiên dài từ 5 phút đến 4 giờ.")})
    return starts_at, starts_at + dt.timedelta(minutes=minutes)


async def _hold(session: AsyncSession, booked: LiveSession) -> None:
    """Keep the interval. Two coordinators may ask at once: SQLite has one writer at a time and looks first,
    PostgreSQL refuses by its exclusion constraints.
    """
    if booked.kind == "live" and await session.scalar(_overlap(booked)):
        raise SlotTaken
    session.add(booked)
    try:
        await session.flush()
    except DBAPIError as clash:
        if isinstance(clash, IntegrityError) or "deadlock" in str(clash.orig):
            raise SlotTaken from clash  # of two that wait for each other PostgreSQL lets one go
        raise


def _overlap(booked: LiveSession):  # type: ignore[no-untyped-def]  # the select of a bool
    table = LiveSession.__table__.alias()
    same = table.c.specialist_id == booked.specialist_id
    if booked.place:
        same = or_(same, (table.c.hospital_id == booked.hospital_id) & (table.c.place == booked.place))
    clash = exists().where(
        table.c.kind == "live",
        table.c.cancelled_at.is_(None),
        table.c.starts_at < booked.ends_at,
        table.c.ends_at > booked.starts_at,
        same,
    )
    if booked.id is not None:
        clash = clash.where(table.c.id != booked.id)
    return select(clash)


async def _open_sessions(session: AsyncSession, case: Consultation) -> list[LiveSession]:
    found = await session.scalars(
        select(LiveSession).where(
            LiveSession.consultation_id == case.id,
            LiveSession.begun_at.is_(None),
            LiveSession.ended_at.is_(None),
            LiveSession.cancelled_at.is_(None),
        )
    )
    return list(found)


async def _cancel_session(session: AsyncSession, booked: LiveSession) -> None:
    booked.cancelled_at = now()
    booked.revision += 1
    await session.flush()


async def session_of(session: AsyncSession, case: Consultation, public_id: str) -> LiveSession:
    found = await session.scalar(
        select(LiveSession).where(LiveSession.consultation_id == case.id, LiveSession.public_id == public_id)
    )
    if found is None:
        raise NotFound
    return found
