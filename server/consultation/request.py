"""request: a doctor writes down the case, saved as one types, and sends it."""

import datetime as dt
from collections.abc import Container, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import earlier_codes, readiness, share
from server.consultation.grants import grant_case
from server.consultation.journey import Stage, Step, Urgency, WrongStage, steps_for
from server.consultation.minutes.draft import answered
from server.consultation.model import Consultation, LabValue, Question
from server.consultation.take import take
from server.people.birth import BadBirthDate, BirthDate
from server.people.model import Hospital
from server.people.names import clean_name, fold
from server.people.staff import desk_of
from server.platform import keys
from server.platform.db import now, today
from server.platform.errors import Invalid, Refusal, Said, Stale, later
from server.platform.events import audit, tell
from server.platform.policy import Principal

SPECIALTIES: Mapping[str, str] = {
    "internal": later("Nội tổng hợp"),
    "cardiology": later("Tim mạch"),
    "respiratory": later("Hô hấp"),
    "neurology": later("Thần kinh, đột quỵ"),
    "surgery": later("Ngoại tổng hợp"),
    "trauma": later("Chấn thương chỉnh hình"),
    "neurosurgery": later("Ngoại thần kinh"),
    "obstetrics": later("Sản phụ khoa"),
    "paediatrics": later("Nhi khoa"),
    "intensive": later("Hồi sức cấp cứu"),
    "infection": later("Truyền nhiễm"),
    "oncology": later("Ung bướu"),
    "imaging": later("Chẩn đoán hình ảnh"),
    "other": later("Chuyên khoa khác"),
}
INFORMED_HOW: Mapping[str, str] = {
    "patient": later("Người bệnh đồng ý"),
    "family": later("Người nhà đồng ý"),
    "emergency": later("Cấp cứu, chưa hỏi được"),
}


class LabDraft(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("", max_length=100)
    value: str = Field("", max_length=100)
    unit: str = Field("", max_length=40)
    taken_on: dt.date | None = None


class Draft(BaseModel):
    """What is on the form, whole or in part: absent fields are left as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int | None = None
    same_patient: bool = False  # said by the doctor, where the images name another one
    urgency: Urgency | None = None
    specialty: str | None = Field(None, max_length=40)
    target_hospital_id: int | None = None
    patient_name: str | None = Field(None, max_length=120)
    birth_text: str | None = Field(None, max_length=20)
    sex: int | None = Field(None, ge=1, le=3)
    id_kind: str | None = Field(None, pattern="^(cccd|cmnd|passport|none)$")
    id_number: str | None = Field(None, max_length=40)
    insurance: str | None = Field(None, max_length=40)
    address: str | None = Field(None, max_length=300)
    admission_number: str | None = Field(None, max_length=40)
    department: str | None = Field(None, max_length=100)
    room: str | None = Field(None, max_length=40)
    bed: str | None = Field(None, max_length=40)
    admitted_on: dt.date | None = None
    treated_until: dt.date | None = None
    summary: str | None = Field(None, max_length=20_000)
    course: str | None = Field(None, max_length=20_000)
    treatment: str | None = Field(None, max_length=20_000)
    diagnosis: str | None = Field(None, max_length=2_000)
    icd10: str | None = Field(None, max_length=200)
    informed_how: str | None = Field(None, pattern="^(|patient|family|emergency)$")
    informed_by: str | None = Field(None, max_length=120)
    contract: str | None = Field(None, max_length=100)
    contract_reason: str | None = Field(None, max_length=500)
    questions: tuple[str, ...] | None = Field(None, max_length=20)
    labs: tuple[LabDraft, ...] | None = Field(None, max_length=100)


PLAIN = frozenset(Draft.model_fields) - {"version", "same_patient", "questions", "labs"}


class NotReady(Refusal):
    """Sent too early: `missing` on the page says what is still needed."""

    code = "not-ready"
    status = 422
    sentence = later("Chưa gửi được: còn thiếu {what}.")


class NotWhole(NotReady):
    """Others already read it: what sending needs may change, but not go."""

    code = "not-whole"
    sentence = later("Yêu cầu đã gửi không để trống được: {what}. Hãy điền lại, trang sẽ tự lưu.")


class QuestionAnswered(Refusal):
    code = "question-answered"
    sentence = later(
        "Câu hỏi {number} đã có câu trả lời trong biên bản nên không sửa, bỏ hay đổi chỗ được. "
        "Hãy tải lại trang; cần hỏi thêm thì thêm câu hỏi mới ở cuối."
    )


async def begin(session: AsyncSession, by: Principal) -> Consultation:
    """An empty draft; its number counts the hospital's cases, and the hospital's row puts writers in order."""
    code, number = (
        await session.execute(
            update(Hospital)
            .where(Hospital.id == by.hospital_id)
            .values(cases_begun=Hospital.cases_begun + 1)
            .returning(Hospital.code, Hospital.cases_begun)
            .execution_options(synchronize_session=False)
        )
    ).one()
    case = Consultation(
        public_id=keys.opaque(),
        code=f"{code}-{number:04}",
        hospital_id=by.hospital_id,
        requested_by_id=by.person_id,
        stage=Stage.DRAFT,
        questions=[],
        labs=[],
    )
    session.add(case)
    await session.flush()
    return case


async def save(session: AsyncSession, case: Consultation, draft: Draft, by: Principal) -> None:
    """Keep what was typed, as it was typed: half a number is kept too, and judged when sending.

    Once sent, each change is judged. Raises WrongStage, Stale, Invalid, NotWhole, OtherPatient, QuestionAnswered.
    """
    steps = steps_for(case.stage, by, side=case.side_of(by), urgency=case.urgency)
    if Step.EDIT not in steps:
        raise WrongStage
    if draft.version is not None and draft.version != case.version:
        raise Stale
    given = draft.model_dump(include=draft.model_fields_set & PLAIN)
    if case.stage is not Stage.DRAFT:
        for fixed in ("target_hospital_id", "urgency"):
            given.pop(fixed, None)  # changed at the desk once sent
    await _check_target(session, given, by)
    if "informed_how" in given and given["informed_how"] != case.informed_how:
        case.informed_at = now() if given["informed_how"] else None
    for name, value in given.items():
        setattr(case, name, value if value is not None else _empty(name))
    case.patient_name_key = fold(case.patient_name)
    if draft.birth_text is not None:
        _read_birth(case)
    if draft.questions is not None:
        _keep_questions(case, draft.questions, await answered(session, case))
    if draft.labs is not None:
        case.labs = [
            LabValue(
                name=lab.name.strip(), value=lab.value.strip(), unit=lab.unit.strip(), taken_on=lab.taken_on
            )
            for lab in draft.labs
            if lab.name.strip() or lab.value.strip()
        ]
    if case.stage is not Stage.DRAFT:
        _must_be_whole(case, NotWhole)
        await share.must_be_one_patient(session, case, by, same_patient=draft.same_patient)
        await audit(session, Step.EDIT.value, f"consultation:{case.public_id}", by=by)
    case.changed_at = now()
    await session.flush()


def _read_birth(case: Consultation) -> None:
    try:
        birth = BirthDate.parse(case.birth_text, today())
    except BadBirthDate:
        case.birth_on = None
        return
    case.birth_on, case.birth_precision = birth.first_day, birth.precision.value


def _empty(name: str) -> object:
    """What stands for nothing in each column."""
    nothing: dict[str, object] = {
        "admitted_on": None,
        "treated_until": None,
        "target_hospital_id": None,
        "urgency": Urgency.ROUTINE,
        "sex": 3,
        "id_kind": "cccd",
    }
    return nothing.get(name, "")


def _keep_questions(case: Consultation, texts: Sequence[str], answered_ids: Container[int]) -> None:
    """Question n keeps its row, and with it the answer in the draft of the minutes. Raises QuestionAnswered."""
    wanted = [text.strip() for text in texts if text.strip()]
    for question in case.questions:
        if question.id in answered_ids and wanted[question.number - 1 : question.number] != [question.text]:
            raise QuestionAnswered(number=question.number)
    for number, text in enumerate(wanted, 1):
        if number <= len(case.questions):
            case.questions[number - 1].text = text
        else:
            case.questions.append(Question(number=number, text=text))
    del case.questions[len(wanted) :]


async def _check_target(session: AsyncSession, given: dict[str, Any], by: Principal) -> None:
    target = given.get("target_hospital_id")
    if target is None:
        return
    found = await session.get(Hospital, target)
    if found is None or found.closed_at or found.tier == "department" or target == by.hospital_id:
        raise Invalid({"target_hospital_id": later("Hãy chọn một bệnh viện trong danh sách.")})


async def send(session: AsyncSession, case: Consultation, by: Principal) -> None:
    """Send the request to the desk of the target hospital; an emergency rings there."""
    _must_be_whole(case, NotReady)
    await share.must_be_one_patient(session, case, by, refusal=share.OtherPatientTied)
    assert case.target_hospital_id is not None
    await take(session, case, Step.REQUEST, by)
    case.sent_at = now()
    case.informed_by = case.informed_by or by.name
    await grant_case(session, case, case.target_hospital_id)
    await earlier_codes.remember(session, case)
    await tell(session, await desk_of(session, case.target_hospital_id), case.id, "requested")


def _must_be_whole(case: Consultation, refusal: type[NotReady]) -> None:
    if wrong := readiness.doubts(case):
        raise Invalid(wrong)
    if needed := [hint.text for hint in readiness.hints(case) if hint.is_needed]:
        raise refusal(what=[Said(text) for text in needed])
    case.patient_name = clean_name(case.patient_name)


async def answer_more(session: AsyncSession, case: Consultation, answer: str, by: Principal) -> None:
    """The doctor answers what the desk asked; the case is back in the queue."""
    if not answer.strip():
        raise Invalid({"answer": later("Hãy viết câu trả lời.")})
    await take(session, case, Step.ANSWER_MORE, by)
    case.desk_answer = answer.strip()
    case.taken_at = None
    if case.target_hospital_id:
        await tell(session, await desk_of(session, case.target_hospital_id), case.id, "answered-more")
