import dataclasses

import pytest

from server.consultation.form.form import Annex, Member, MinutesForm, Question
from server.consultation.form.missing import missing
from tests.server.consultation.form.builders import a_form, an_annex


def stopping(form: MinutesForm, annex: Annex) -> list[str]:
    return [lack.field for lack in missing(form, annex) if lack.stops_signing]


def concluded() -> Annex:
    return dataclasses.replace(an_annex(), questions=an_annex().questions[:2])


def test_whole_minutes_lack_nothing() -> None:
    assert missing(a_form(), concluded()) == ()


def test_a_question_without_conclusion_or_reason_stops_the_signing() -> None:
    assert stopping(a_form(), an_annex()) == ["question:3"]


def test_blanks_are_no_conclusion() -> None:
    annex = dataclasses.replace(an_annex(), questions=(Question(1, "U?", conclusion=" \n"),))
    assert stopping(dataclasses.replace(a_form(), conclusion="  "), annex) == ["conclusion", "question:1"]


@pytest.mark.parametrize(
    "field", ["course", "conclusion", "next_treatment", "diagnosis", "chair", "secretary"]
)
def test_what_the_law_asks_for_stops_the_signing(field: str) -> None:
    empty = dataclasses.replace(a_form(), **{field: getattr(MinutesForm(), field)})
    assert stopping(empty, concluded()) == [field]


def test_other_gaps_are_said_and_stop_nothing() -> None:
    form = dataclasses.replace(a_form(), bed="", members=())
    annex = dataclasses.replace(concluded(), informed=None, contract_reason="")
    lacks = missing(form, annex)
    assert [lack.field for lack in lacks] == ["bed", "members", "informed", "contract"]
    assert not any(lack.stops_signing for lack in lacks)


def test_an_empty_form_lacks_all_and_says_so_in_whole_sentences() -> None:
    lacks = missing(MinutesForm(chair=Member(" ")), Annex("LT-1"))
    assert len(lacks) == 15
    assert all(lack.sentence.endswith(".") for lack in lacks)
