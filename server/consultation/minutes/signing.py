"""Two signatures, one at each end, under the text that both saw; and the answer in writing."""

from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import evidence
from server.consultation.form import form as forms
from server.consultation.journey import Stage, Step
from server.consultation.minutes import seals
from server.consultation.minutes.compose import compose
from server.consultation.minutes.draft import open_draft
from server.consultation.minutes.record import DraftLocked, NotASigner, held_sessions, minutes_of, role_of
from server.consultation.model import Consultation, Minutes
from server.consultation.take import take
from server.platform.db import now
from server.platform.errors import Refusal, Said, later
from server.platform.events import audit, tell
from server.platform.jobs import enqueue
from server.platform.policy import Principal


class NotConcluded(Refusal):
    """A question has neither a conclusion nor a reason why not."""

    code = "not-concluded"
    status = 422
    sentence = later("Chưa ký được: còn thiếu {what}.")


class TextChanged(Refusal):
    """What the signer saw is not what is there now."""

    code = "text-changed"
    sentence = later("Biên bản vừa thay đổi sau khi bạn mở. Hãy đọc lại bản mới rồi ký.")


class AlreadySigned(Refusal):
    code = "already-signed"
    sentence = later("Chữ ký này đã có. Hãy tải lại trang.")


def lacking(form: forms.MinutesForm, annex: forms.Annex) -> list[Said]:
    """What stops the signing."""
    found = [
        Said(later("kết luận hoặc lý do cho câu hỏi {number}"), {"number": question.number})
        for question in annex.questions
        if not question.conclusion.strip() and not question.reason.strip()
    ]
    if not form.conclusion.strip():
        found.append(Said(later("kết luận chung")))
    if not form.next_treatment.strip():
        found.append(Said(later("hướng điều trị tiếp")))
    return found


async def sign(
    session: AsyncSession, case: Consultation, by: Principal, *, role: forms.Role, digest: str
) -> Minutes:
    """Put one signature under the text that the signer saw. The password was asked for before.

    Raises NotASigner, NotConcluded, TextChanged, NotAsSigned, AlreadySigned, WrongStage.
    """
    if role != await role_of(session, case, by):
        raise NotASigner
    await session.get_one(Consultation, case.id, with_for_update=True, populate_existing=False)
    minutes = await minutes_of(session, case, lock=True)
    if minutes is None:
        form, annex = await compose(session, case)
        if missing := lacking(form, annex):
            raise NotConcluded(what=missing)
        if digest != forms.digest(form, annex):
            raise TextChanged
        minutes = Minutes(consultation_id=case.id, content=forms.canonical(form, annex), digest=digest)
        session.add(minutes)
    elif digest != minutes.digest:
        raise TextChanged
    else:
        await seals.must_be_as_signed(session, case, minutes, ())
    if getattr(minutes, f"{role}_id") is not None:
        raise AlreadySigned
    setattr(minutes, f"{role}_id", by.person_id)
    setattr(minutes, f"{role}_at", now())
    await _go_on(session, case, minutes, role, by)
    return minutes


async def _go_on(
    session: AsyncSession, case: Consultation, minutes: Minutes, role: forms.Role, by: Principal
) -> None:
    is_complete = minutes.secretary_id is not None and minutes.chair_id is not None
    minutes.signed_at = now() if is_complete else None
    step = Step.COMPLETE if is_complete else Step.SIGN
    at = seals.signed_at(minutes, role)
    await take(session, case, step, by, role=role, digest=minutes.digest, at=at)
    held = await held_sessions(session, case)
    others = {case.requested_by_id, *(booked.specialist_id for booked in held)} - {by.person_id}
    if is_complete:
        enqueue(session, evidence.JOB, consultation_id=case.id)
    await tell(session, others, case.id, "signed" if is_complete else "signed-one")


async def give_back(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """Take the only signature off again, so that the draft can be mended; both sides may ask for it."""
    minutes = await minutes_of(session, case, lock=True)
    if minutes is None or minutes.signed_at or case.stage not in {Stage.MINUTES_OPEN, Stage.ANSWERED}:
        raise DraftLocked
    if await role_of(session, case, by) is None:
        raise NotASigner
    await session.delete(minutes)
    await audit(session, seals.GIVE_BACK, f"consultation:{case.public_id}", by=by)


async def answer(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """The specialist answers in writing, without a call: the same draft, the same minutes."""
    held = await held_sessions(session, case)
    booked = next((row for row in held if row.kind == "written"), None)
    if booked is None or booked.specialist_id != by.person_id:
        raise NotASigner
    await take(session, case, Step.ANSWER, by)
    await open_draft(session, case, by)
    booked.begun_at = booked.ended_at = now()
    await tell(session, {case.requested_by_id}, case.id, "answered")
