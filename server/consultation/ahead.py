"""ahead: a booked specialist's browser fetches the images before the session, and both sides see how far it is."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case as by_case
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.index import instances
from server.consultation import share
from server.consultation.model import Arrival, Consultation, LiveSession
from server.platform.db import now
from server.platform.errors import NotFound, TooMany
from server.platform.policy import Principal

BEFORE = dt.timedelta(days=7)
EVERY = dt.timedelta(seconds=2)


@dataclass(frozen=True)
class Ahead:
    """A study to be fetched ahead of a session of one's own."""

    consultation: str
    study: int


@dataclass(frozen=True)
class Arrived:
    """How many frames of a case are with a specialist."""

    who: str
    frames: int
    of: int


@dataclass(frozen=True)
class Progress:
    """How far the images of a case are: made ready here, and fetched by those who are booked."""

    ready: int
    of: int
    arrived: Sequence[Arrived]


async def studies_ahead(session: AsyncSession, by: Principal) -> list[Ahead]:
    """What to fetch for one's own sessions of the next days, the next session first."""
    found = await session.execute(
        select(Consultation)
        .join(LiveSession, LiveSession.consultation_id == Consultation.id)
        .where(LiveSession.specialist_id == by.person_id, LiveSession.hospital_id == by.hospital_id)
        .where(LiveSession.ended_at.is_(None), LiveSession.cancelled_at.is_(None))
        .where(LiveSession.starts_at < now() + BEFORE)
        .order_by(LiveSession.starts_at)
        .limit(20)
    )
    return [
        Ahead(case.public_id, study_id)
        for case in dict.fromkeys(found.scalars())
        for study_id in sorted(await share.visible_study_ids(session, case, by))
    ]


async def arrived(
    session: AsyncSession, case: Consultation, by: Principal, study_id: int, frames: int
) -> None:
    """So many frames of the study are with this person now. Raises NotFound, TooMany."""
    if study_id not in await share.visible_study_ids(session, case, by):
        raise NotFound
    known = await session.scalar(
        select(Arrival).where(Arrival.person_id == by.person_id, Arrival.study_id == study_id)
    )
    if known is None:
        session.add(Arrival(person_id=by.person_id, study_id=study_id, frames=frames))
        return
    if known.at > now() - EVERY:
        raise TooMany(seconds=int(EVERY.total_seconds()))
    known.frames, known.at = frames, now()


async def progress(session: AsyncSession, case: Consultation, by: Principal) -> Progress:
    """Of the studies that `by` may see; `case` comes with its sessions."""
    shown = await share.visible_study_ids(session, case, by)
    is_ready = instances.c.frames_at_ms.is_not(None) | instances.c.frames_refused.is_not(None)
    rows = await session.execute(
        select(
            instances.c.study_id,
            func.sum(instances.c.frames).label("frames"),
            func.sum(by_case((is_ready, instances.c.frames), else_=0)).label("ready"),
        )
        .where(instances.c.study_id.in_(shown), instances.c.frames > 0)
        .group_by(instances.c.study_id)
    )
    counts = {row.study_id: (row.frames, row.ready) for row in rows}
    total = sum(frames for frames, _ in counts.values())
    booked = {one.specialist_id: one.specialist.full_name for one in case.sessions if not one.is_over}
    told = await session.scalars(
        select(Arrival).where(Arrival.person_id.in_(booked), Arrival.study_id.in_(counts))
    )
    fetched: dict[int, int] = {}
    for one in told:
        frames = min(one.frames, counts[one.study_id][0])
        fetched[one.person_id] = fetched.get(one.person_id, 0) + frames
    return Progress(
        ready=sum(ready for _, ready in counts.values()),
        of=total,
        arrived=[Arrived(booked[person], frames, total) for person, frames in sorted(fetched.items())],
    )
