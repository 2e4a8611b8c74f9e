"""Taking a step: the journey's table decides, then stage, event, audit and doorbell in one transaction."""

from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.journey import Step, move
from server.consultation.model import Consultation
from server.platform.db import now
from server.platform.events import Event, audit, ring
from server.platform.policy import Principal

DESK = "desk:{}"  # rung when the queue of a hospital's desk changes
CASE = "case:{}"  # rung when a case changes


async def take(
    session: AsyncSession, case: Consultation, step: Step, by: Principal, /, **facts: str | int | None
) -> None:
    """Take `step` with `case`. Raises WrongStage or WrongRole, and then nothing has changed."""
    case.stage = move(case.stage, step, by, side=case.side_of(by), urgency=case.urgency)
    case.changed_at = now()
    session.add(
        Event(
            consultation_id=case.id,
            hospital_id=case.hospital_id,
            target_hospital_id=case.target_hospital_id,
            person_id=by.person_id,
            step=step.value,
            stage=case.stage.value,
            facts={"urgency": case.urgency.value, "specialty": case.specialty, **facts},
        )
    )
    await audit(session, step.value, f"consultation:{case.public_id}", by=by, hospital_id=None, **facts)
    ring(session, CASE.format(case.id), stage=case.stage.value)
    for hospital in {case.hospital_id, case.target_hospital_id} - {None}:
        ring(session, DESK.format(hospital))
