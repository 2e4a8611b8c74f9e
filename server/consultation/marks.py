"""Marks on images, kept with the case: each version that was accepted is a row, the highest `rev` of a uid stands."""

from collections.abc import Collection, Sequence

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.index import instances
from server.consultation.grants import shared_study_ids
from server.consultation.minutes.record import minutes_of
from server.consultation.model import Consultation, LiveSession, MarkOperation
from signaling.fields import Mark, Person
from signaling.messages import Marked
from signaling.ports import NotKept
from signaling.room import judge


async def keep(session: AsyncSession, case: Consultation, mark: Mark, person: Person, room: str = "") -> bool:
    """Keep one version of a mark; False when it is there already. Raises NotKept.

    The case is held meanwhile: what stands when the first signature is given is what the evidence is made of.
    """
    await session.get_one(Consultation, case.id, with_for_update=True)
    if await are_locked(session, case):
        raise NotKept("minutes-signed")
    known = next(iter(await drawn(session, case, uid=mark.uid)), None)
    verdict = judge(known, mark, person.person, is_host=await is_host(session, case, person.person))
    if verdict == "known":
        return False
    if verdict != "newer":
        raise NotKept(verdict)
    if not await _is_of_the_case(session, case, mark):
        raise NotKept("no-such-image")
    session.add(
        MarkOperation(
            consultation_id=case.id,
            uid=mark.uid,
            rev=mark.rev,
            room=room,
            study_id=mark.study,
            sop_uid=mark.sop,
            frame=mark.frame,
            removed=mark.removed,
            mark=mark.model_dump(mode="json"),
            by_id=person.person,
            person=person.model_dump(mode="json"),
        )
    )
    return True


async def are_locked(session: AsyncSession, case: Consultation) -> bool:
    """Somebody has signed: what was drawn until then stands."""
    return await minutes_of(session, case) is not None


async def drawn(session: AsyncSession, case: Consultation, *, uid: str = "") -> list[Marked]:
    """The version that stands of every mark of the case, removed ones too; of one mark alone with `uid`."""
    of_the_case = select(MarkOperation).where(MarkOperation.consultation_id == case.id)
    last = (
        select(MarkOperation.uid, func.max(MarkOperation.rev).label("rev"))
        .where(MarkOperation.consultation_id == case.id)
        .group_by(MarkOperation.uid)
        .subquery()
    )
    query = of_the_case.join(last, (MarkOperation.uid == last.c.uid) & (MarkOperation.rev == last.c.rev))
    found = await session.scalars(
        (query.where(MarkOperation.uid == uid) if uid else query).order_by(MarkOperation.id)
    )
    return [_marked(row) for row in found]


async def standing(session: AsyncSession, case: Consultation, study_ids: Collection[int]) -> Sequence[Marked]:
    """The marks that are to be seen on these studies."""
    found = await drawn(session, case)
    return [one for one in found if not one.mark.removed and one.mark.study in study_ids]


def _marked(row: MarkOperation) -> Marked:
    return Marked.model_validate({"n": 0, "person": row.person, "mark": row.mark}, strict=False)


async def is_host(session: AsyncSession, case: Consultation, person_id: int) -> bool:
    """The specialist of a session of the case, who may change every mark."""
    found = select(LiveSession.id).where(
        LiveSession.consultation_id == case.id,
        LiveSession.specialist_id == person_id,
        LiveSession.cancelled_at.is_(None),
    )
    return bool(await session.scalar(select(exists(found))))


async def _is_of_the_case(session: AsyncSession, case: Consultation, mark: Mark) -> bool:
    """Whether the image lies in a study of the case, and has this frame."""
    image = select(instances.c.id).where(
        instances.c.study_id == mark.study,
        instances.c.sop_uid == mark.sop,
        instances.c.frames >= mark.frame,
    )
    if mark.study not in await shared_study_ids(session, case):
        return False
    return bool(await session.scalar(select(exists(image))))
