"""commitments: what devices asked the gateway to answer for, until their report was taken (PS3.4 J)."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.gateway import commitment
from dicom.gateway.commitment import Asked
from dicom.gateway.ports import Limits, Reference, TooManyOpen
from dicom.store import BlobStore
from server.pacs.connections import destination
from server.pacs.model import StorageCommitment
from server.platform.db import Database, now
from server.platform.events import audit
from server.platform.jobs import enqueue
from server.platform.settings import Settings

log = logging.getLogger(__name__)

JOB: Final = "commitment"
# The gateway reports on the association of the request; who has not taken that by then is called.
CALLED_AFTER: Final = dt.timedelta(minutes=2)
KEPT: Final = dt.timedelta(days=30)
MOST_OPEN: Final = 2000  # of one hospital: a device that asks and never listens fills no disk


async def ask(
    session: AsyncSession,
    hospital_id: int,
    calling: str,
    transaction_uid: str,
    references: Sequence[Reference],
) -> int:
    """Write a request down, and the job that reports when the gateway does not. Raises TooManyOpen."""
    is_open = StorageCommitment.hospital_id == hospital_id, StorageCommitment.reported_at.is_(None)
    open_ = await session.scalar(select(func.count()).select_from(StorageCommitment).where(*is_open))
    if (open_ or 0) >= MOST_OPEN:
        raise TooManyOpen
    request = StorageCommitment(
        hospital_id=hospital_id,
        calling=calling,
        transaction_uid=transaction_uid,
        references=[list(one) for one in references],
    )
    session.add(request)
    await session.flush()
    thing, count = f"storage-commitment:{request.id}", len(references)
    await audit(session, "ask-commitment", thing, by=None, hospital_id=hospital_id, instances=count)
    enqueue(session, JOB, run_at=now() + CALLED_AFTER, request_id=request.id)
    return request.id


async def taken(session: AsyncSession, request_id: int) -> None:
    await session.execute(
        update(StorageCommitment)
        .where(StorageCommitment.id == request_id, StorageCommitment.reported_at.is_(None))
        .values(reported_at=now())
    )


async def forget(database: Database) -> None:
    """Old requests: a device that was never told keeps its images, and asks again."""
    async with database.system() as session:
        await session.execute(delete(StorageCommitment).where(StorageCommitment.asked_at < now() - KEPT))


class NotTaken(RuntimeError):
    """The device refused the report: the job is done again."""


class Reporter:
    """The worker's side: calls who did not take the report on its own association."""

    def __init__(self, settings: Settings, database: Database, store: BlobStore) -> None:
        self._settings, self._database, self._store = settings, database, store

    async def report(self, request_id: int) -> None:
        """Raises CallFailed, NotTaken."""
        async with self._database.system(writes=False) as session:
            request = await session.get(StorageCommitment, request_id)
            if request is None or request.reported_at is not None:
                return
            to = await destination(session, self._settings, request.hospital_id, request.calling)
        if to is None:
            log.info("a storage commitment is not reported: its device is no registered PACS")
            return
        asked = Asked(request.transaction_uid, tuple((one[0], one[1]) for one in request.references))
        what = await commitment.verify(self._database.rows, self._store, request.hospital_id, asked)
        if not await commitment.report(to, self._settings.dimse_ae_title, Limits(), what):
            raise NotTaken
        async with self._database.system() as session:
            await taken(session, request_id)
