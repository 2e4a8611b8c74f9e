"""minutes: the draft as it would print, what is lacking, who may write and sign."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.form import form as forms
from server.consultation.journey import Step, steps_for
from server.consultation.minutes.compose import compose
from server.consultation.minutes.record import minutes_of, role_of
from server.consultation.minutes.signing import lacking
from server.consultation.model import Consultation
from server.consultation.views.lines import CaseLine, case_line
from server.platform.errors import Said
from server.platform.pages import Page
from server.platform.policy import Principal


@dataclass(frozen=True)
class MinutesPage(Page):
    template: ClassVar[str] = "minutes.html"
    case: Consultation
    line: CaseLine
    form: forms.MinutesForm
    annex: forms.Annex
    digest: str
    lacking: Sequence[Said]
    role: str  # which signature is this person's, "" for none
    has_signed: bool
    is_locked: bool
    is_signed: bool
    may_write: bool
    may_add: bool
    may_answer: bool
    data: dict[str, object]  # for the script


async def minutes_page(session: AsyncSession, case: Consultation, by: Principal) -> MinutesPage:
    form, annex = await compose(session, case)
    signed = await minutes_of(session, case)
    role = await role_of(session, case, by) or ""
    steps = steps_for(case.stage, by, side=case.side_of(by), urgency=case.urgency)
    may_write = Step.MINUTES in steps and signed is None
    return MinutesPage(
        case=case,
        line=case_line(case),
        form=form,
        annex=annex,
        digest=forms.digest(form, annex) if signed is None else signed.digest,
        lacking=lacking(form, annex),
        role=role,
        has_signed=bool(signed and role and getattr(signed, f"{role}_id") is not None),
        is_locked=signed is not None,
        is_signed=signed is not None and signed.signed_at is not None,
        may_write=may_write,
        may_add=Step.ADD in steps and role != "",
        may_answer=Step.ANSWER in steps
        and any(row.kind == "written" and row.specialist_id == by.person_id for row in case.sessions),
        data={
            "minutes_root": f"/consultations/{case.public_id}/minutes",
            "fixed": fixed_digest(form, annex),
            "may_write": may_write,
            "is_locked": signed is not None,
            "questions": [
                {"id": question.id, "number": question.number, "text": question.text}
                for question in case.questions
            ],
        },
    )


def fixed_digest(form: forms.MinutesForm, annex: forms.Annex) -> str:
    """Changes when anything does that the draft and its key images do not hold: the page is old then."""
    rest = dataclasses.replace(form, course="", conclusion="", next_treatment="")
    return forms.digest(rest, dataclasses.replace(annex, questions=(), key_images=()))


def images_digest(annex: forms.Annex) -> str:
    """Changes when the key images do: their pictures are large, and asked for only then."""
    return forms.digest(forms.MinutesForm(), forms.Annex("", key_images=annex.key_images))


def form_as_json(page: MinutesPage, say: Callable[[str], str]) -> dict[str, object]:
    """What the script of the minutes needs: who may do what, what is lacking, the digest, the live fields."""
    answers = {one.number: one for one in page.annex.questions}
    asked = [(question, answers.get(question.number)) for question in page.case.questions]
    return {
        "digest": page.digest,
        "fixed": fixed_digest(page.form, page.annex),
        "images": images_digest(page.annex),
        "lacking": [one.text(say) for one in page.lacking],
        "is_locked": page.is_locked,
        "is_signed": page.is_signed,
        "may_write": page.may_write,
        "course": page.form.course,
        "conclusion": page.form.conclusion,
        "next_treatment": page.form.next_treatment,
        "questions": [
            {
                "id": question.id,
                "number": question.number,
                "text": question.text,
                "conclusion": answer.conclusion if answer else "",
                "reason": answer.reason if answer else "",
            }
            for question, answer in asked
        ],
    }
