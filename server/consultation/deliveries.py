"""deliveries: what a signed case leaves, on its way into the PACS of both hospitals, as the case page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.pacs.failures import FAILURES
from server.consultation.model import Consultation, Delivery
from server.platform.db import now
from server.platform.events import audit
from server.platform.jobs import enqueue
from server.platform.policy import Principal

JOB: Final = "deliver"
WAITING: Final = "waiting"
SENT: Final = "sent"
FAILED: Final = "failed"


@dataclass(frozen=True)
class DeliveryLine:
    """One PACS; `sentence` is what was in the way of the last attempt."""

    place: str
    state: str
    sentence: str
    is_own: bool


async def deliveries_of(session: AsyncSession, case: Consultation) -> Sequence[Delivery]:
    found = await session.scalars(
        select(Delivery).where(Delivery.consultation_id == case.id).order_by(Delivery.id)
    )
    return found.all()


async def lines(session: AsyncSession, case: Consultation, by: Principal) -> list[DeliveryLine]:
    return [
        DeliveryLine(one.place, one.state, FAILURES.get(one.failure, ""), one.hospital_id == by.hospital_id)
        for one in await deliveries_of(session, case)
    ]


async def send_again(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """Try those of the own hospital anew, all attempts from the first, that are not there yet."""
    for one in await deliveries_of(session, case):
        if one.hospital_id != by.hospital_id or one.state == SENT:
            continue
        one.state, one.failure, one.attempts, one.changed_at = WAITING, "", 0, now()
        enqueue(session, JOB, delivery_id=one.id)
        await audit(
            session, "resend-evidence", f"consultation:{case.public_id} pacs:{one.connection_id}", by=by
        )
