"""A request after it was sent: what was asked and answered stays together, and it stays whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from server.consultation.model import SharedStudy
from tests.server.house import Answer, House, Walk


async def save(house: House, case: str, name: str = "doctor.L", **form: Any) -> Answer:
    """What the form saves as one types."""
    return await (await house.by(name)).ask("PATCH", f"/consultations/{case}/request", json=form)


async def questions(house: House, case: str) -> list[tuple[str, str]]:
    """Each question with its conclusion, as the minutes have them."""
    form = (await (await house.by("doctor.L")).get(f"/consultations/{case}/minutes/form")).json
    return [(one["text"], one["conclusion"]) for one in form["questions"]]


async def before_a_second_session(house: House) -> str:
    """Both questions were answered in the first one."""
    walk = Walk(house)
    for act in ("draft", "send", "accept", "book", "come", "join", "end", "conclude", "book"):
        await getattr(walk, act)()
    return walk.id


ASKED = [("Có cần chuyển không?", "Không cần."), ("Dùng thuốc gì?", "Không cần.")]


@pytest.mark.parametrize(
    "texts",
    [
        ["Dùng thuốc gì?"],
        ["Dùng thuốc gì?", "Có cần chuyển không?"],
        ["Có cần mổ không?", "Dùng thuốc gì?"],
        [],
    ],
    ids=["one taken away", "changed places", "another text", "none left"],
)
async def test_a_question_with_a_conclusion_stays_as_it_was_asked(house: House, texts: list[str]) -> None:
    case = await before_a_second_session(house)
    got = await save(house, case, questions=texts)
    assert (got.status, got.code) == (409, "question-answered")
    assert await questions(house, case) == ASKED


async def test_a_second_session_may_be_asked_more(house: House) -> None:
    case = await before_a_second_session(house)
    for third in ("Bao", "Bao giờ khám lại?"):  # saved as one types
        got = await save(house, case, questions=[*(text for text, _ in ASKED), third])
        assert got.status == 200, got.text
    assert await questions(house, case) == [*ASKED, ("Bao giờ khám lại?", "")]
    page = await (await house.by("doctor.L")).get(f"/consultations/{case}/request")
    assert page.text.count("readonly") == 2


async def test_questions_are_free_until_somebody_answers(house: House) -> None:
    case = await house.a_consultation("scheduled")
    assert (await save(house, case, questions=["Dùng thuốc gì?"])).status == 200
    assert [question.text for question in (await house.case(case)).questions] == ["Dùng thuốc gì?"]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"patient_name": ""}, "not-whole"),
        ({"diagnosis": ""}, "not-whole"),
        ({"questions": []}, "not-whole"),
        ({"informed_how": ""}, "not-whole"),
        ({"id_number": "0440609000"}, "invalid"),
        ({"birth_text": "31/02/1960"}, "invalid"),
    ],
)
async def test_a_sent_request_stays_whole(house: House, form: dict[str, Any], code: str) -> None:
    case = await house.a_consultation("accepted")
    got = await save(house, case, **form)
    assert got.code == code, got.text
    assert (await house.case(case)).patient_name == "Trần Văn Thử"
    draft = await house.a_consultation("draft")
    assert (await save(house, draft, **form)).status == 200, "half a draft is kept"


# --- the images are of the patient whom the request names ---

OTHER = {
    "PatientName": "NGUYEN^THI^KHAC",
    "PatientSex": "F",
    "PatientBirthDate": "19990101",
    "PatientID": "044199000000",
}
SAME = {"PatientName": "TRAN^VAN^THU", "PatientSex": "M", "PatientBirthDate": "19600101"}


async def a_draft_with(house: House, **header: str) -> tuple[str, int]:
    """The images were tied while the form was still empty; then the patient was typed."""
    doctor, study = await house.by("doctor.L"), await house.a_study("L", **header)
    case = (await doctor.post("/consultations")).json["href"].split("/")[2]
    assert (await doctor.post(f"/consultations/{case}/studies", {"study_id": study})).status == 200
    form = Walk(house).form().model_dump(mode="json", exclude_none=True)
    saved = await save(house, case, **form)
    assert saved.status == 200, saved.text
    return case, study


async def tied(house: House, study: int) -> tuple[list[str], int | None]:
    """The accepted differences, and who accepted them."""
    async with house.database.system(writes=False) as session:
        query = select(SharedStudy).where(SharedStudy.study_id == study)
        row = (await session.scalars(query)).one()
        return sorted(row.differences), row.accepted_by_id


async def test_a_request_with_images_of_another_patient_is_not_sent(house: House) -> None:
    doctor = await house.by("doctor.L")
    case, study = await a_draft_with(house, **OTHER)
    form = await save(house, case, diagnosis="Đau ngực trái")
    assert list(form.json["differences"]) == [str(study)]
    page = await doctor.get(f"/consultations/{case}/request")
    assert form.json["differences"][str(study)] in page.text
    got = await doctor.post(f"/consultations/{case}/request")
    assert (got.status, got.code) == (409, "other-patient")
    assert (await house.case(case)).stage == "draft"
    yes = {"study_id": study, "same_patient": True}
    assert (await doctor.post(f"/consultations/{case}/studies", yes)).status == 200
    assert await tied(house, study) == (["birth", "id", "name", "sex"], house.people["doctor.L"].person_id)
    assert (await save(house, case, diagnosis="Đau ngực")).json["differences"] == {}
    assert (await doctor.post(f"/consultations/{case}/request")).status == 200


async def test_images_of_another_patient_can_be_taken_off_and_the_request_sent(house: House) -> None:
    doctor = await house.by("doctor.L")
    case, study = await a_draft_with(house, **OTHER)
    assert (await doctor.post(f"/consultations/{case}/studies/remove", {"study_id": study})).status == 200
    assert (await doctor.post(f"/consultations/{case}/request")).status == 200


async def test_a_sent_request_does_not_turn_to_another_patient_than_its_images(house: House) -> None:
    doctor = await house.by("doctor.L")
    case, study = await a_draft_with(house, **SAME)
    assert (await doctor.post(f"/consultations/{case}/request")).status == 200
    got = await save(house, case, patient_name="Nguyễn Thị Khác")
    assert (got.status, got.code) == (409, "other-patient")
    assert (await house.case(case)).patient_name == "Trần Văn Thử"
    assert (await tied(house, study)) == ([], None)
    assert (await save(house, case, patient_name="Nguyễn Thị Khác", same_patient=True)).status == 200
    assert await tied(house, study) == (["name"], house.people["doctor.L"].person_id)
    assert (await save(house, case, patient_name="Nguyễn Thị Khác", bed="3")).status == 200, "said once"


async def test_cases_begun_at_once_have_each_a_code_of_its_own(house: House) -> None:
    doctor = await house.by("doctor.L")
    begun = await asyncio.gather(*(doctor.post("/consultations") for _ in range(12)))
    ids = [one.json["href"].split("/")[2] for one in begun]
    codes = [(await house.case(one)).code for one in ids]
    assert len(set(codes)) == len(codes), codes
