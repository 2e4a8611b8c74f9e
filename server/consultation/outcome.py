"""outcome: what became of the patient, said by the asking side, heard by the specialist."""

import datetime as dt

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.grants import end_studies_after
from server.consultation.journey import Step
from server.consultation.model import Consultation, LiveSession, Minutes, Outcome
from server.consultation.take import take
from server.platform.errors import Invalid, later
from server.platform.events import tell
from server.platform.policy import Principal
from server.platform.settings import Settings

KINDS = {
    "followed": later("Theo đúng ý kiến hội chẩn"),
    "changed": later("Đã thay đổi cách xử trí"),
    "transferred": later("Đã chuyển tuyến"),
    "transfer-avoided": later("Không phải chuyển tuyến"),
}
NEEDS_REASON = frozenset({"changed", "transferred"})
DUE = (dt.timedelta(hours=24), dt.timedelta(hours=72), dt.timedelta(days=7))


async def note_outcome(
    session: AsyncSession, case: Consultation, by: Principal, settings: Settings, *, kind: str, reason: str
) -> None:
    """Keep the outcome; images stay visible to the supporting side for a set time, then no more."""
    if kind not in KINDS:
        raise Invalid({"kind": later("Hãy chọn một kết quả.")})
    if kind in NEEDS_REASON and len(reason.strip()) < 3:
        raise Invalid({"reason": later("Hãy viết lý do thay đổi hoặc chuyển tuyến.")})
    await take(session, case, Step.OUTCOME, by, outcome=kind)
    session.add(Outcome(consultation_id=case.id, kind=kind, reason=reason.strip(), by_id=by.person_id))
    await end_studies_after(session, case, settings.grant_days_after_outcome)
    specialists = await session.scalars(
        select(LiveSession.specialist_id).where(
            LiveSession.consultation_id == case.id, LiveSession.cancelled_at.is_(None)
        )
    )
    await tell(session, set(specialists), case.id, f"outcome-{kind}")


async def outcomes_of(session: AsyncSession, case: Consultation) -> list[Outcome]:
    found = await session.scalars(
        select(Outcome).where(Outcome.consultation_id == case.id).order_by(Outcome.id)
    )
    return list(found)


async def due_at(session: AsyncSession, case: Consultation) -> dt.datetime | None:
    """When the asking side should next say how the patient is: 24 h, 72 h, 7 days after the signatures."""
    signed_at = await session.scalar(select(Minutes.signed_at).where(Minutes.consultation_id == case.id))
    if signed_at is None:
        return None
    said = len(await outcomes_of(session, case))
    return signed_at + DUE[said] if said < len(DUE) else None
