"""A request after it was sent: what was asked and answered stays together, and it stays whole."""

from __future__ import annotations

from typing import Any

import pytest

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
