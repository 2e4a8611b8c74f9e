"""Who must not be recognised: the words and numbers that may stay nowhere, whatever the table says of a place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicom.instance import name_key
from dicom.parsing import UNREADABLE

_NUMBERS = (
    "PatientID",
    "OtherPatientIDs",
    "AccessionNumber",
    "AdmissionID",
    "PatientTelephoneNumbers",
    "PatientBirthDate",
)
_MIN_NUMBER = 4  # shorter ones ("1") say nothing and would blank every series number
_WHOLE_NUMBER = 6
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")


class Identity:
    """Words of names, and numbers as letters and digits alone; both without marks and in lower case."""

    def __init__(self, names: Iterable[str], numbers: Iterable[str]) -> None:
        self._words = {word for name in names for word in words_of(name) if len(word) > 1}
        plain = (_NOT_LETTERS.sub("", name_key(number)) for number in numbers)
        self._numbers = {number for number in plain if len(number) >= _MIN_NUMBER}

    @classmethod
    def of(cls, ds: Dataset, names: Sequence[str] = (), numbers: Sequence[str] = ()) -> Identity:
        """Everybody whom a data set names, and who else is known to be meant."""
        found_names, found_numbers = list(names), list(numbers)
        for element in _readable(ds):
            if element.VR == "PN":
                found_names += texts_of(element.value)
            elif element.keyword in _NUMBERS and element.VR != "SQ":
                found_numbers += texts_of(element.value)
        return cls(found_names, found_numbers)

    def has_word(self, word: str) -> bool:
        return name_key(word) in self._words

    def is_number(self, text: str) -> bool:
        """Whether a numeric value is one of the numbers, whole: short ones are any measure's digits."""
        digits = "".join(letter for letter in text if letter.isdigit())
        return len(digits) >= _WHOLE_NUMBER and digits in self._numbers

    def is_in(self, text: str) -> bool:
        """Whether a word of a name or a number is in the text, however it is written."""
        joined = _NOT_LETTERS.sub("", name_key(text))
        return any(word in self._words for word in words_of(text)) or any(
            number in joined for number in self._numbers
        )


def words_of(text: str) -> list[str]:
    return [word for word in _NOT_LETTERS.split(name_key(text)) if word]


def texts_of(value: object) -> list[str]:
    """The single values of a text element; nothing of an empty one."""
    if value is None or value == "":
        return []
    several = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    return [str(one) for one in several]


def _readable(ds: Dataset) -> Iterator[DataElement]:
    """Every element at every depth that pydicom makes sense of."""
    for tag in list(ds.keys()):
        try:
            element = ds[tag]
            items = element.value if element.VR == "SQ" else ()
        except UNREADABLE:
            continue
        yield element
        for item in items:
            yield from _readable(item)
