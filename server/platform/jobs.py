"""Work for later: one table, claimed by workers without duplicates on both databases."""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from server.platform.db import Base, Database, now

log = logging.getLogger(__name__)

LEASE = dt.timedelta(minutes=5)
ATTEMPTS = 5
KEPT = dt.timedelta(days=7)
IDLE_S = 1.0


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_done_at_run_at", "done_at", "run_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    run_at: Mapped[dt.datetime] = mapped_column(default=now)
    claimed_until: Mapped[dt.datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[dt.datetime | None]
    failure: Mapped[str | None]  # the kind of exception, never its text


def enqueue(session: AsyncSession, kind: str, *, run_at: dt.datetime | None = None, **arguments: Any) -> None:
    session.add(Job(kind=kind, arguments=arguments, run_at=run_at or now()))


async def enqueue_once(session: AsyncSession, kind: str, *, run_at: dt.datetime, **arguments: Any) -> None:
    """Enqueue, unless such a job waits: it is not taken before this transaction ends, so it sees what that writes."""
    waiting = (
        select(Job.arguments)
        .where(Job.kind == kind, Job.done_at.is_(None), Job.claimed_until.is_(None), Job.attempts == 0)
        .with_for_update(skip_locked=True)
    )
    if arguments not in (await session.scalars(waiting)).all():
        enqueue(session, kind, run_at=run_at, **arguments)


def _is_dead() -> ColumnElement[bool]:
    """A worker that died in the last attempt leaves its claim behind: only once that ran out is it over."""
    return and_(
        Job.done_at.is_(None),
        Job.attempts >= ATTEMPTS,
        or_(Job.claimed_until.is_(None), Job.claimed_until < now()),
    )


async def claim(database: Database) -> Job | None:
    """Take the oldest job that is due and not being done: SKIP LOCKED where the database has it."""
    at = now()
    due = (
        select(Job.id)
        .where(Job.done_at.is_(None), Job.run_at <= at, Job.attempts < ATTEMPTS)
        .where(or_(Job.claimed_until.is_(None), Job.claimed_until < at))
        .order_by(Job.run_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    async with database.system() as session:
        found = await session.scalars(
            update(Job)
            .where(Job.id == due)
            .values(claimed_until=at + LEASE, attempts=Job.attempts + 1)
            .returning(Job)
            .execution_options(synchronize_session=False)
        )
        return found.one_or_none()


Handler = Callable[..., Awaitable[None]]


async def work_once(database: Database, handlers: Mapping[str, Handler]) -> bool:
    """Do one job; say whether there was one."""
    waiting = await database.rows(  # a look, each second, costs neither the write lock nor a transaction
        select(Job.id)
        .where(Job.done_at.is_(None), Job.run_at <= now(), Job.attempts < ATTEMPTS)
        .where(or_(Job.claimed_until.is_(None), Job.claimed_until < now()))
        .limit(1)
    )
    job = await claim(database) if waiting else None
    if job is None:
        return False
    outcome: dict[str, Any]
    try:
        await handlers[job.kind](**job.arguments)
        outcome = {"done_at": now(), "claimed_until": None, "failure": None}
    except Exception as fault:
        log.exception("job failed", extra={"job": job.id, "kind": job.kind})
        wait = dt.timedelta(seconds=2**job.attempts)
        outcome = {"run_at": now() + wait, "claimed_until": None, "failure": type(fault).__name__}
    async with database.system() as session:
        await session.execute(update(Job).where(Job.id == job.id).values(**outcome))
    return True


async def work(database: Database, handlers: Mapping[str, Handler]) -> None:
    """Do jobs for ever, one after another; run several of these to do several at once."""
    while True:
        if not await work_once(database, handlers):
            await asyncio.sleep(IDLE_S)


async def given_up(session: AsyncSession) -> dict[str, int]:
    """How many jobs of each kind failed so often that nobody tries them any more."""
    found = await session.execute(
        select(Job.kind, func.count().label("jobs")).where(_is_dead()).group_by(Job.kind)
    )
    return {row.kind: row.jobs for row in found}


async def try_again(session: AsyncSession) -> int:
    """Give the jobs that were given up all their attempts anew; how many."""
    again = update(Job).where(_is_dead())
    done = await session.execute(again.values(attempts=0, run_at=now(), claimed_until=None).returning(Job.id))
    return len(done.all())


async def sweep(session: AsyncSession) -> None:
    await session.execute(delete(Job).where(Job.done_at < now() - KEPT))
