"""hand-over: another doctor of the asking hospital goes on with the case: is asked, told, signs as secretary."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.journey import Step
from server.consultation.minutes.record import DraftLocked, minutes_of
from server.consultation.model import Consultation
from server.consultation.take import take
from server.people.model import Person
from server.people.staff import people_with
from server.platform.errors import Invalid, Refusal, later
from server.platform.events import tell
from server.platform.policy import Principal, Role


class StillThere(Refusal):
    """Nobody takes a case away from a doctor who works there."""

    code = "still-there"
    sentence = later(
        "Bác sĩ yêu cầu vẫn đang làm việc tại bệnh viện. Hãy nhờ chính người đó giao lại ca ở trang của ca."
    )


async def doctors(session: AsyncSession, hospital_id: int) -> list[Person]:
    """Who works there as a doctor now, by name."""
    found = await session.scalars(
        select(Person)
        .where(Person.id.in_(await people_with(session, hospital_id, Role.DOCTOR)))
        .where(Person.suspended_at.is_(None))
        .order_by(Person.name_key)
    )
    return list(found)


async def successors(session: AsyncSession, case: Consultation, by: Principal) -> list[Person]:
    """To whom `by` may hand the case over: its doctor to any other, the others once its doctor has left."""
    there = await doctors(session, case.hospital_id)
    is_there = any(person.id == case.requested_by_id for person in there)
    if is_there and by.person_id != case.requested_by_id:
        return []
    return [person for person in there if person.id != case.requested_by_id]


async def hand_over(session: AsyncSession, case: Consultation, by: Principal, person_id: int) -> None:
    """Raises WrongStage, WrongRole, StillThere, Invalid, and DraftLocked while one signature stands: its text
    names the doctor until now.
    """
    before = case.requested_by_id
    await take(session, case, Step.HAND_OVER, by, before=before, after=person_id)
    there = {person.id for person in await doctors(session, case.hospital_id)}
    if before in there and by.person_id != before:
        raise StillThere
    if person_id not in there - {before}:
        raise Invalid({"person_id": later("Hãy chọn một bác sĩ khác của bệnh viện.")})
    minutes = await minutes_of(session, case, lock=True)
    if minutes is not None and minutes.signed_at is None:
        raise DraftLocked
    case.requested_by_id = person_id
    await tell(session, {person_id} - {by.person_id}, case.id, "handed-over")
