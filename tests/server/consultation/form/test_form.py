import dataclasses
import datetime as dt
import hashlib
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.consultation.form.form import (
    Annex,
    KeyImage,
    MinutesForm,
    canonical,
    digest,
    picture_digest,
    restore,
)
from tests.server.consultation.form.builders import a_form, a_signature, an_addendum, an_annex, at

FIELDS = [field.name for field in dataclasses.fields(MinutesForm)]
AFTER = {"signatures", "addenda"}


def test_the_signed_text_is_json_with_every_field_of_the_form() -> None:
    whole = json.loads(canonical(a_form(), an_annex()))
    assert whole["form"] == "27/BV2"
    assert set(whole["minutes"]) == set(FIELDS)
    assert set(whole["annex"]) == {field.name for field in dataclasses.fields(Annex)} - AFTER
    assert whole["minutes"]["held_at"] == "2026-11-22T07:30:00Z"


def test_the_digest_is_the_sha256_of_the_text() -> None:
    assert digest(a_form(), an_annex()) == hashlib.sha256(canonical(a_form(), an_annex())).hexdigest()


@pytest.mark.parametrize("name", FIELDS)
def test_a_change_of_any_field_changes_the_digest(name: str) -> None:
    emptied = dataclasses.replace(a_form(), **{name: getattr(MinutesForm(), name)})
    assert digest(emptied, an_annex()) != digest(a_form(), an_annex())


def test_a_change_of_a_picture_changes_the_digest() -> None:
    annex = an_annex()
    first, *others = annex.key_images
    other = dataclasses.replace(annex, key_images=(dataclasses.replace(first, picture=b"other"), *others))
    assert digest(a_form(), other) != digest(a_form(), annex)


def test_signatures_and_addenda_do_not_change_the_digest() -> None:
    form, annex = a_form(), an_annex()
    signed = dataclasses.replace(
        annex, signatures=(a_signature("chair", form, annex),), addenda=(an_addendum(),)
    )
    assert digest(form, signed) == digest(form, annex)


def test_minutes_are_signed_when_both_ends_have_signed() -> None:
    form, annex = a_form(), an_annex()
    one = dataclasses.replace(annex, signatures=(a_signature("chair", form, annex),))
    both = dataclasses.replace(one, signatures=(*one.signatures, a_signature("secretary", form, annex)))
    assert (annex.is_signed, one.is_signed, both.is_signed) == (False, False, True)


def test_the_same_words_composed_or_not_are_the_same_text() -> None:
    form = a_form()
    decomposed = dataclasses.replace(
        form, course=unicodedata.normalize("NFD", form.course).replace("\n", "\r\n")
    )
    assert decomposed.course != form.course
    assert canonical(decomposed, an_annex()) == canonical(form, an_annex())


def test_the_same_instant_in_another_zone_is_the_same_text() -> None:
    form = a_form()
    elsewhere = dataclasses.replace(form, held_at=at(7, 30).astimezone(dt.timezone(dt.timedelta(hours=7))))
    assert canonical(elsewhere, an_annex()) == canonical(form, an_annex())


def test_a_text_read_back_is_what_was_signed() -> None:
    form, annex = a_form(), an_annex()
    pictures = {picture_digest(image.picture): image.picture for image in annex.key_images}
    assert restore(canonical(form, annex), pictures) == (form, annex)


def test_an_empty_form_can_be_read_back() -> None:
    form, annex = MinutesForm(), Annex("LT-1", key_images=(KeyImage("", "", "", "", 1, "", "", ""),))
    assert restore(canonical(form, annex), {}) == (form, annex)


def test_a_text_without_its_pictures_is_not_read_back() -> None:
    with pytest.raises(KeyError):
        restore(canonical(a_form(), an_annex()), {})


def test_a_text_of_another_version_is_not_read_back() -> None:
    other = canonical(a_form(), an_annex()).replace(b'"version":1', b'"version":2')
    with pytest.raises(ValueError, match="version"):
        restore(other, {})


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_text_can_be_signed_and_read_back(text: str) -> None:
    content = canonical(MinutesForm(course=text), Annex("LT-1"))
    assert canonical(*restore(content, {})) == content
