"""The English catalogue says everything that the Vietnamese source says."""

import re

import pytest

from web.locale.texts import LANGUAGES, current, kept, untranslated

NAMED = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")


def names_in(text: str) -> set[str]:
    return {first or second for first, second in NAMED.findall(text)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    catalog = kept(language)
    missing = [str(message.id) for message in current() if message.id and message.id not in catalog]
    open_ones = [str(message.id) for message in untranslated(catalog)]
    assert missing + open_ones == [], "run `python -m web.locale.texts`, then translate what it lists"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_names_the_same_values_as_its_source(language: str) -> None:
    for message in kept(language):
        if message.id and isinstance(message.id, str):
            assert names_in(str(message.string)) == names_in(message.id), message.id
