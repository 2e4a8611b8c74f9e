from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.people.birth import BirthDate
from server.people.identifiers import (
    BadCardText,
    BadDocumentNumber,
    BadInsuranceNumber,
    CitizenCard,
    CitizenNumber,
    DocumentKind,
    Doubt,
    Sex,
    document_number,
    insurance_number,
)

TODAY = date(2026, 11, 22)


def born(text: str) -> BirthDate:
    return BirthDate.parse(text, TODAY)


@pytest.mark.parametrize(
    ("digits", "sex", "year"),
    [
        ("044058000001", Sex.MALE, 1958),
        ("044158000001", Sex.FEMALE, 1958),
        ("001203000001", Sex.MALE, 2003),
        ("079325000001", Sex.FEMALE, 2025),
    ],
)
def test_a_citizen_number_tells_sex_and_birth_year(digits: str, sex: Sex, year: int) -> None:
    number = CitizenNumber.parse(digits)
    assert (number.sex, number.birth_year) == (sex, year)
    assert number.doubts(sex, born(str(year)), TODAY) == ()


@pytest.mark.parametrize(
    ("digits", "sex", "birth", "doubts"),
    [
        ("044058000001", Sex.FEMALE, "1958", (Doubt.SEX,)),
        ("044058000001", Sex.MALE, "1959", (Doubt.BIRTH_YEAR,)),
        ("044058000001", Sex.UNKNOWN, "1958", ()),
        ("003058000001", Sex.MALE, "1958", (Doubt.PROVINCE,)),
        ("003058000001", Sex.FEMALE, "1959", (Doubt.PROVINCE, Doubt.SEX, Doubt.BIRTH_YEAR)),
        ("044958000001", Sex.MALE, "1958", (Doubt.CENTURY,)),
        ("044227000001", Sex.MALE, "2026", (Doubt.CENTURY,)),
        ("203058000001", Sex.MALE, "1958", ()),
    ],
)
def test_a_mismatch_is_a_doubt_and_no_refusal(
    digits: str, sex: Sex, birth: str, doubts: tuple[Doubt, ...]
) -> None:
    assert CitizenNumber.parse(digits).doubts(sex, born(birth), TODAY) == doubts


def test_what_the_form_does_not_say_is_not_doubted() -> None:
    assert CitizenNumber.parse("044058000001").doubts(None, None, TODAY) == ()


def test_each_doubt_says_what_to_look_at() -> None:
    assert all("Hãy xem lại" in doubt.sentence for doubt in Doubt)


@settings(deadline=None)
@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.sampled_from([None, *Sex]), st.integers(1900, 2026))
def test_every_twelve_digits_are_taken_whatever_else_the_form_says(
    digits: str, sex: Sex | None, year: int
) -> None:
    assert set(CitizenNumber.parse(digits).doubts(sex, born(str(year)), TODAY)) <= set(Doubt)


@pytest.mark.parametrize(
    ("kind", "typed", "number"),
    [
        (DocumentKind.CCCD, "044 058 000.001", "044058000001"),
        (DocumentKind.CMND, "194-123-456", "194123456"),
        (DocumentKind.PASSPORT, "c1234567", "C1234567"),
        (DocumentKind.NONE, " ", ""),
    ],
)
def test_spaces_and_dots_of_a_typed_number_are_dropped(kind: DocumentKind, typed: str, number: str) -> None:
    assert document_number(kind, typed) == number


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        (DocumentKind.CCCD, "04405800000"),
        (DocumentKind.CCCD, "0440580000011"),
        (DocumentKind.CCCD, "04405800000O"),
        (DocumentKind.CCCD, "٠٤٤٠٥٨٠٠٠٠٠١"),
        (DocumentKind.CMND, "19412345"),
        (DocumentKind.PASSPORT, "ABCDEFG"),
        (DocumentKind.PASSPORT, "C1"),
        (DocumentKind.NONE, "1"),
    ],
)
def test_a_number_of_another_form_is_refused(kind: DocumentKind, typed: str) -> None:
    with pytest.raises(BadDocumentNumber):
        document_number(kind, typed)


@pytest.mark.parametrize("typed", ["DN4010123456789", "dn 4 01 0123456789", "HT2441234567890", "0123456789"])
def test_insurance_numbers_of_both_kinds_are_taken(typed: str) -> None:
    assert insurance_number(typed) == typed.replace(" ", "").upper()


@pytest.mark.parametrize("typed", ["", "DN6010123456789", "D40101234567890", "DN401012345678", "01234567890"])
def test_other_insurance_numbers_are_refused(typed: str) -> None:
    with pytest.raises(BadInsuranceNumber):
        insurance_number(typed)


def test_a_scanned_card_fills_the_form() -> None:
    card = CitizenCard.parse(
        "044158000001|194123456|Trần Thị Bưởi|12031958|Nữ|Thôn 1, Phong Thủy, Lệ Thủy, Quảng Bình|01012022",
        TODAY,
    )
    assert card.number.digits == "044158000001"
    assert card.old_number == "194123456"
    assert card.name == "Trần Thị Bưởi"
    assert str(card.birth) == "12/03/1958"
    assert card.sex is Sex.FEMALE
    assert card.address == "Thôn 1, Phong Thủy, Lệ Thủy, Quảng Bình"
    assert card.number.doubts(card.sex, card.birth, TODAY) == ()


def test_a_card_without_an_older_number_is_taken() -> None:
    assert CitizenCard.parse("044158000001||Trần Thị B|12031958|Nữ|Lệ Thủy|01012022", TODAY).old_number == ""


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(st.text(max_size=15), min_size=7, max_size=8).map("|".join)))
def test_any_other_scanned_text_is_refused_and_breaks_nothing(text: str) -> None:
    with pytest.raises(BadCardText):
        CitizenCard.parse(text, TODAY)
