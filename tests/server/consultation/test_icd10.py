import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.consultation import icd10
from server.consultation.icd10 import Source, UnknownDiagnosisCode, check, normalise, search, title


def codes(text: str, earlier: tuple[tuple[str, str, int], ...] = (), limit: int = 8) -> list[str]:
    return [found.code for found in search(text, earlier, limit)]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("viêm phổi", "J18.9"),
        ("viem phoi", "J18.9"),
        ("VIÊM PHỔI", "J18.9"),
        ("tai biến", "I64"),
        ("tiểu đường", "E11.9"),
        ("dot quy", "I64"),
        ("nhoi mau nao", "I63.9"),
        ("COPD", "J44.9"),
        ("gay co xuong dui", "S72.0"),
        ("j18", "J18.9"),
        ("J189", "J18.9"),
        ("bỏng", "T30.0"),
        ("u phổi", "D38.1"),
        ("nhiễm trùng huyết", "A41.9"),
        ("melioidosis", "A24.4"),
        ("lobar pneumonia", "J18.1"),
    ],
)
def test_what_a_doctor_types_finds_the_code_first(typed: str, code: str) -> None:
    assert codes(typed)[0] == code


def test_pneumonia_brings_its_relatives_too() -> None:
    found = codes("viêm phổi")
    assert {"J18.9", "J18.1", "J12.9", "J15.9"} <= set(found)


def test_words_in_another_order_are_found() -> None:
    assert "S06.5" in codes("dưới màng cứng tụ máu")


def test_marks_as_typed_come_before_other_marks() -> None:
    assert codes("bỏng")[0] == "T30.0"
    assert codes("bong v")[0] == "H33.0"


def test_what_the_hospital_chose_before_comes_first() -> None:
    earlier = (("J18.9", "Viêm phổi cộng đồng mức độ nặng", 3), ("J15.2", "Viêm phổi do tụ cầu", 12))
    found = search("viêm phổi", earlier, 4)
    assert [(one.code, one.source) for one in found] == [
        ("J18.9", Source.COMMON),  # the very words typed
        ("J15.2", Source.EARLIER),
        ("J18.9", Source.EARLIER),
        ("J69.0", Source.COMMON),
    ]


def test_a_rare_disease_is_found_in_the_whole_classification() -> None:
    found = search("takayasu", (), 3)
    assert [(one.code, one.source) for one in found] == [("M31.4", Source.CLASSIFICATION)]


def test_a_code_is_not_suggested_twice_under_the_same_words() -> None:
    found = search("viêm phổi", (("J18.9", "viêm phổi", 1),), 20)
    assert len({(one.code, one.text.casefold()) for one in found}) == len(found)


@pytest.mark.parametrize("typed", ["", "   ", "zzzzqqq", "^^^"])
def test_nothing_is_suggested_for_nothing(typed: str) -> None:
    assert codes(typed) == []


@settings(deadline=None)
@given(st.text(max_size=200), st.integers(0, 5))
def test_any_text_can_be_searched(text: str, limit: int) -> None:
    assert len(search(text, (("J18.9", text, 1),), limit)) <= limit


@pytest.mark.parametrize(
    ("typed", "code"), [("j189", "J18.9"), (" J18.9 ", "J18.9"), ("I10", "I10"), ("G05.1*", "G05.1")]
)
def test_a_code_is_written_one_way(typed: str, code: str) -> None:
    assert normalise(typed) == code


@pytest.mark.parametrize("typed", ["", "J", "J1", "18.9", "J18.999", "J18,9", "Đ18.9", "J18.9; DROP"])
def test_what_has_no_form_of_a_code_is_refused(typed: str) -> None:
    with pytest.raises(UnknownDiagnosisCode):
        normalise(typed)


def test_a_code_must_exist() -> None:
    assert check("j18.9") == "J18.9"
    with pytest.raises(UnknownDiagnosisCode):
        check("J18.7")


def test_a_code_has_its_vietnamese_name_where_we_know_one() -> None:
    assert title("J18.9") == "Viêm phổi"
    assert title("M31.4") == "Aortic arch syndrome [Takayasu]"
    assert title("J18.7") == ""


def test_every_code_of_our_list_is_in_the_classification_once() -> None:
    ours = [entry.suggestion.code for entry in icd10._common()]
    assert len(ours) == len(set(ours)) > 250
    assert [code for code in ours if check(code) != code] == []
