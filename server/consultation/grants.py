"""Leave for another hospital to see a case or a study: rows with a beginning and an end."""

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.model import Consultation, Grant, SharedStudy
from server.platform.db import now


def is_live(at: dt.datetime) -> tuple[object, ...]:
    """The conditions of a grant that holds at `at`."""
    return (Grant.ended_at.is_(None), or_(Grant.until.is_(None), Grant.until > at))


async def grant_case(session: AsyncSession, case: Consultation, hospital_id: int) -> None:
    if hospital_id != case.hospital_id:
        session.add(Grant(consultation_id=case.id, hospital_id=hospital_id, study_id=None))
        await session.flush()


async def grant_studies(session: AsyncSession, case: Consultation, study_ids: Iterable[int]) -> None:
    """To the supporting hospital, each study once."""
    if case.target_hospital_id is None or case.target_hospital_id == case.hospital_id:
        return
    held = set(
        await session.scalars(
            select(Grant.study_id).where(
                Grant.consultation_id == case.id,
                Grant.hospital_id == case.target_hospital_id,
                Grant.study_id.is_not(None),
                *is_live(now()),  # type: ignore[arg-type]
            )
        )
    )
    for study_id in sorted(set(study_ids) - held):
        session.add(Grant(consultation_id=case.id, hospital_id=case.target_hospital_id, study_id=study_id))
    await session.flush()


async def shared_study_ids(session: AsyncSession, case: Consultation) -> list[int]:
    found = await session.scalars(
        select(SharedStudy.study_id)
        .where(SharedStudy.consultation_id == case.id, SharedStudy.removed_at.is_(None))
        .order_by(SharedStudy.id)
    )
    return list(found)


async def end_grants(
    session: AsyncSession, case: Consultation, why: str, *, study_id: int | None = None
) -> None:
    """End all leave to this case, or to one study of it."""
    open_ones = update(Grant).where(Grant.consultation_id == case.id, Grant.ended_at.is_(None))
    if study_id is not None:
        open_ones = open_ones.where(Grant.study_id == study_id)
    await session.execute(open_ones.values(ended_at=now(), ended_why=why))


async def end_studies_after(session: AsyncSession, case: Consultation, days: int) -> None:
    """Images stay visible for `days` after the outcome; the case and its minutes stay."""
    await session.execute(
        update(Grant)
        .where(Grant.consultation_id == case.id, Grant.ended_at.is_(None), Grant.study_id.is_not(None))
        .where(Grant.until.is_(None))
        .values(until=now() + dt.timedelta(days=days))
    )
