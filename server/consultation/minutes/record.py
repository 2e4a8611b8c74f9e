"""The text under signature, the sessions it speaks of, and who may sign it."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from server.consultation.form.form import Role
from server.consultation.model import Consultation, LiveSession, Minutes
from server.platform.errors import Refusal, later
from server.platform.policy import Principal


class DraftLocked(Refusal):
    code = "draft-locked"
    sentence = later(
        "Biên bản đã có chữ ký nên không sửa được. Bấm “Mở lại để sửa”, hoặc khi đã đủ hai chữ ký thì thêm phụ lục."
    )


class NotASigner(Refusal):
    code = "not-a-signer"
    status = 403
    sentence = later(
        "Thư ký là bác sĩ bên yêu cầu, chủ tọa là chuyên gia của phiên. Bạn không ký được mục này."
    )


async def minutes_of(session: AsyncSession, case: Consultation, *, lock: bool = False) -> Minutes | None:
    query = select(Minutes).where(Minutes.consultation_id == case.id)
    found: Minutes | None = await session.scalar(query.with_for_update() if lock else query)
    return found


async def must_be_open(session: AsyncSession, case: Consultation) -> None:
    """Raises DraftLocked once somebody has signed; until this transaction ends nobody signs."""
    await session.get_one(Consultation, case.id, with_for_update=True)
    if await minutes_of(session, case) is not None:
        raise DraftLocked


async def held_sessions(session: AsyncSession, case: Consultation) -> list[LiveSession]:
    """The sessions that took place, or those booked where none has yet; the last one's specialist is the chair."""
    found = await session.scalars(
        select(LiveSession)
        .where(LiveSession.consultation_id == case.id, LiveSession.cancelled_at.is_(None))
        .options(selectinload(LiveSession.specialist))
        .order_by(LiveSession.starts_at)
    )
    rows = list(found)
    return [booked for booked in rows if booked.begun_at or booked.kind == "written"] or rows


async def role_of(session: AsyncSession, case: Consultation, by: Principal) -> Role | None:
    """Which signature is this person's: the form names them, so nobody signs in their place."""
    if by.person_id == case.requested_by_id and by.hospital_id == case.hospital_id:
        return "secretary"
    held = await held_sessions(session, case)
    is_chair = bool(held) and (by.person_id, by.hospital_id) == (held[-1].specialist_id, held[-1].hospital_id)
    return "chair" if is_chair else None
