"""What a signed case leaves goes into the PACS of both hospitals, where they take it: the worker's side."""

import datetime as dt
import logging
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.index import instances
from dicom.pacs.failures import PacsFailure
from dicom.pacs.found import Outgoing
from dicom.store import BlobStore
from server.consultation.deliveries import FAILED, JOB, SENT, WAITING
from server.consultation.model import Consultation, Delivery, Evidence
from server.pacs.connections import archive_of, taking_evidence
from server.pacs.model import PacsConnection
from server.people.model import Hospital
from server.platform.db import Database, now
from server.platform.events import audit
from server.platform.jobs import enqueue
from server.platform.settings import Settings

log = logging.getLogger(__name__)

# Between attempts: a PACS that is being started, one that is serviced, one that is off overnight.
AGAIN: Final = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480))


async def begin(session: AsyncSession, case: Consultation) -> None:
    """Once all is made: one delivery for each connection that takes evidence. Those that are there stay."""
    hospitals = {number for number in (case.hospital_id, case.target_hospital_id) if number is not None}
    known = set(
        await session.scalars(select(Delivery.connection_id).where(Delivery.consultation_id == case.id))
    )
    for connection in await taking_evidence(session, hospitals):
        if connection.id in known:
            continue
        hospital = await session.get_one(Hospital, connection.hospital_id)
        delivery = Delivery(
            consultation_id=case.id,
            hospital_id=connection.hospital_id,
            connection_id=connection.id,
            place=f"{connection.name}, {hospital.short_name}",
        )
        session.add(delivery)
        await session.flush()
        enqueue(session, JOB, delivery_id=delivery.id)


class Deliverer:
    """Sends one delivery; what fails is tried again by a plan, and by a person after that."""

    def __init__(self, settings: Settings, database: Database, store: BlobStore) -> None:
        self._settings, self._database, self._store = settings, database, store

    async def deliver(self, delivery_id: int) -> None:
        async with self._database.system(writes=False) as session:
            delivery = await session.get_one(Delivery, delivery_id)
            connection = await session.get_one(PacsConnection, delivery.connection_id)
            outgoing = await self._outgoing(session, delivery.consultation_id)
        if delivery.state == SENT:
            return
        try:
            if connection.removed_at is not None or not connection.takes_evidence:
                raise PacsFailure("not-taking")
            await archive_of(connection, self._settings).store(outgoing)
        except PacsFailure as failure:
            await self._failed(delivery, failure)
            return
        async with self._database.system() as session:
            await session.execute(
                update(Delivery)
                .where(Delivery.id == delivery.id)
                .values(state=SENT, failure="", attempts=Delivery.attempts + 1, changed_at=now())
            )
            case = await session.get_one(Consultation, delivery.consultation_id)
            thing = f"consultation:{case.public_id} pacs:{connection.id}"
            count = len(outgoing)
            await audit(
                session, "send-evidence", thing, by=None, hospital_id=delivery.hospital_id, instances=count
            )

    async def _outgoing(self, session: AsyncSession, consultation_id: int) -> list[Outgoing]:
        rows = await session.execute(
            select(instances.c.blob, instances.c.sop_class_uid)
            .join(
                Evidence,
                (Evidence.study_id == instances.c.study_id) & (Evidence.sop_uid == instances.c.sop_uid),
            )
            .where(Evidence.consultation_id == consultation_id)
            .order_by(Evidence.id)
        )
        return [Outgoing(self._store.path(row.blob), row.sop_class_uid) for row in rows]

    async def _failed(self, delivery: Delivery, failure: PacsFailure) -> None:
        """Wait for the next attempt, or for a person when there have been enough."""
        log.info("evidence was not delivered: %s", failure.code)
        goes_on = delivery.attempts < len(AGAIN) and failure.code != "not-taking"
        async with self._database.system() as session:
            await session.execute(
                update(Delivery)
                .where(Delivery.id == delivery.id, Delivery.state != SENT)
                .values(
                    state=WAITING if goes_on else FAILED,
                    failure=failure.code,
                    attempts=delivery.attempts + 1,
                    changed_at=now(),
                )
            )
            if goes_on:
                enqueue(session, JOB, run_at=now() + AGAIN[delivery.attempts], delivery_id=delivery.id)
