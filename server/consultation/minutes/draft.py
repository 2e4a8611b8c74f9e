"""The live draft as rows: numbered updates of one document, folded when many, closed by the first signature."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.journey import Step, steps_for
from server.consultation.minutes import document
from server.consultation.minutes.record import DraftLocked, must_be_open
from server.consultation.model import Consultation, DraftUpdate, LiveSession
from server.platform.events import ring
from server.platform.policy import Principal

FOLD_AT = 200  # updates of a draft: each write reads them all


def course_of(case: Consultation) -> str:
    """Until somebody writes it anew in the draft: what the request said."""
    return "\n".join(part for part in (case.summary, case.course, case.treatment) if part.strip())


async def open_draft(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """Begin the draft with what the request says; once."""
    last, _ = await updates_since(session, case, 0)
    if not last:
        first = document.begin({document.COURSE: course_of(case)})
        await _keep(session, case, 1, first, by)


async def updates_since(session: AsyncSession, case: Consultation, seq: int) -> tuple[int, list[bytes]]:
    rows = await session.execute(
        select(DraftUpdate.seq, DraftUpdate.update)
        .where(DraftUpdate.consultation_id == case.id, DraftUpdate.seq > seq)
        .order_by(DraftUpdate.seq)
    )
    found = [(row.seq, row.update) for row in rows]
    return (found[-1][0] if found else seq), [update for _, update in found]


async def answered(session: AsyncSession, case: Consultation) -> frozenset[int]:
    """The questions (ids) that have a conclusion, or a reason why not, in the draft."""
    _, updates = await updates_since(session, case, 0)
    text = document.apply(updates)
    return frozenset(one.id for one in case.questions if text.answer(one.id) or text.reason(one.id))


async def write(session: AsyncSession, case: Consultation, update: bytes, by: Principal) -> int:
    """Keep one update of the draft; its number. Raises DraftLocked once somebody has signed."""
    if Step.MINUTES not in steps_for(case.stage, by, side=case.side_of(by), urgency=case.urgency):
        raise DraftLocked
    await must_be_open(session, case)
    last, updates = await updates_since(session, case, 0)
    document.check(update, updates, document.field_names(question.id for question in case.questions))
    if len(updates) >= FOLD_AT:
        await _fold(session, case, last, updates)
    await _keep(session, case, last + 1, update, by)
    await ring_rooms(session, case, last + 1)
    return last + 1


async def _keep(session: AsyncSession, case: Consultation, seq: int, update: bytes, by: Principal) -> None:
    session.add(DraftUpdate(consultation_id=case.id, seq=seq, update=update, by_id=by.person_id))
    await session.flush()


async def _fold(session: AsyncSession, case: Consultation, last: int, updates: Sequence[bytes]) -> None:
    """Put one row in place of many, under the last number: who asks since an earlier one gets all of it."""
    of_case = DraftUpdate.consultation_id == case.id
    await session.execute(delete(DraftUpdate).where(of_case, DraftUpdate.seq < last))
    row = await session.get_one(DraftUpdate, (case.id, last))
    row.update = document.compact(updates)


async def ring_rooms(session: AsyncSession, case: Consultation, seq: int | None = None) -> None:
    """Tell the open rooms that draft or key images changed, with the draft's last number."""
    if seq is None:
        seq, _ = await updates_since(session, case, 0)
    rooms = await session.scalars(
        select(LiveSession.public_id).where(
            LiveSession.consultation_id == case.id,
            LiveSession.begun_at.is_not(None),
            LiveSession.ended_at.is_(None),
        )
    )
    for room in rooms:
        ring(session, f"minutes:{room}", seq=seq)
