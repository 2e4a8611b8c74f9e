import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.people.names import BadName, capitals, clean_name, fold, sort_key, split_title, with_title


def test_a_name_typed_in_parts_becomes_one_composed_string() -> None:
    typed = unicodedata.normalize("NFD", "  Nguyễn   Thị\tHường ")
    assert clean_name(typed) == "Nguyễn Thị Hường"


@pytest.mark.parametrize(
    "text", ["", "   ", "...", "A" * 101, "Nguyễn\x00A", "Nguyễn <b>", "Trần 2", "A\u202eB"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        clean_name(text)


@pytest.mark.parametrize("name", ["H'Hen Niê", "Y Ben K’Nul", "Đỗ-Vũ Ân", "Lò Thị Ử", "Ana Ñíguez"])
def test_names_of_every_people_of_the_country_are_taken(name: str) -> None:
    assert clean_name(name) == name


def test_capitals_keep_every_mark() -> None:
    assert capitals("Đặng Thị Ngọc Ưỡng") == "ĐẶNG THỊ NGỌC ƯỠNG"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Nguyễn Thị Đường", "nguyen thi duong"),
        ("NGUYEN^THI  DUONG", "nguyen thi duong"),
        (unicodedata.normalize("NFD", "ưỡng Ởn"), "uong on"),
    ],
)
def test_a_search_key_has_no_marks(text: str, key: str) -> None:
    assert fold(text) == key


@settings(deadline=None)
@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@settings(deadline=None)
@given(st.text())
def test_composed_and_decomposed_text_fold_alike(text: str) -> None:
    assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text))


def test_people_are_sorted_by_the_last_word_in_the_vietnamese_order() -> None:
    right = [
        "Lê Văn An",
        "Trần Thị An",
        "Vũ Ân",
        "Hồ Dung",
        "Hồ Đạt",
        "Lê Hoa",
        "Lê Hòa",
        "Lê Hoan",
        "Bùi Ơn",
    ]
    assert sorted(set(right), key=sort_key) == right


def test_a_sort_key_is_digits_so_that_every_collation_agrees() -> None:
    assert set(sort_key("Đặng Thị Ưỡng")) <= set("0123456789 ")


@pytest.mark.parametrize(
    ("typed", "title", "name"),
    [
        ("BSCKII. Lê Thị Hoa", "BSCKII", "Lê Thị Hoa"),
        ("BS.CKI Nguyễn Văn Bình", "BS.CKI", "Nguyễn Văn Bình"),
        ("PGS.TS. Trần Văn Cường", "PGS.TS", "Trần Văn Cường"),
        ("TS.BS Võ Thị Duyên", "TS.BS", "Võ Thị Duyên"),
        ("ThS. BS. Mai Ê", "ThS.BS", "Mai Ê"),
        ("Lê Thị Hoa", "", "Lê Thị Hoa"),
        ("Tsai Bs", "", "Tsai Bs"),
    ],
)
def test_a_title_is_kept_apart_from_the_name(typed: str, title: str, name: str) -> None:
    assert split_title(typed) == (title, name)


def test_a_title_is_shown_before_the_name() -> None:
    assert with_title("BSCKII", "Lê Thị Hoa") == "BSCKII. Lê Thị Hoa"
    assert with_title("", "Lê Thị Hoa") == "Lê Thị Hoa"
