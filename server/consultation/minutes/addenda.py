"""Addenda: what is added after both signatures, signed itself; the signed text stays as it is."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.form.form import clean
from server.consultation.journey import Step, WrongStage
from server.consultation.minutes.record import NotASigner, minutes_of, role_of
from server.consultation.minutes.seals import addendum_digest, must_be_as_signed
from server.consultation.model import Addendum, Consultation
from server.consultation.take import take
from server.platform.db import now
from server.platform.errors import Invalid, later
from server.platform.events import tell
from server.platform.policy import Principal


async def addenda_of(session: AsyncSession, case: Consultation) -> list[Addendum]:
    found = await session.scalars(
        select(Addendum).where(Addendum.consultation_id == case.id).order_by(Addendum.number)
    )
    return list(found)


async def add(session: AsyncSession, case: Consultation, by: Principal, text: str) -> Addendum:
    """Sign an addendum to the signed text. Raises Invalid, NotASigner, NotAsSigned, WrongStage."""
    if not text.strip():
        raise Invalid({"text": later("Hãy viết nội dung phụ lục.")})
    if await role_of(session, case, by) is None:
        raise NotASigner
    minutes = await minutes_of(session, case, lock=True)
    if minutes is None:
        raise WrongStage
    earlier = await addenda_of(session, case)
    await must_be_as_signed(session, case, minutes, earlier)
    number, at, words = len(earlier) + 1, now(), clean(text.strip())
    digest = addendum_digest(minutes.digest, number, by.person_id, at, words)
    await take(session, case, Step.ADD, by, number=number, digest=digest)
    row = Addendum(
        consultation_id=case.id, number=number, text=words, by_id=by.person_id, at=at, digest=digest
    )
    session.add(row)
    others = {case.requested_by_id, minutes.chair_id, minutes.secretary_id} - {None, by.person_id}
    await tell(session, {person for person in others if person}, case.id, "addendum")
    return row
