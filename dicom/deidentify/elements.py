"""A whole data set, sequences and all: every element meets the table, and what the table does not name is
kept by what it is: numbers stay, texts are cleaned, unknown and private values go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from dicom.deidentify import codes
from dicom.deidentify.identity import Identity, texts_of
from dicom.deidentify.profile import DESCRIPTORS, PATIENT_CHARACTERISTICS, Action, action_of
from dicom.deidentify.texts import DUMMY, cleaned
from dicom.deidentify.values import DUMMIES, Keyed, coarse_age, time_of
from dicom.parsing import UNREADABLE

TEXT_VRS: Final = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
# What a person is shown of the copy: everything that could be read as words.
_SHOWN_VRS: Final = TEXT_VRS | {"AE", "AS", "CS", "DA", "DT", "PN", "TM", "UR"}
_DATES: Final = frozenset({"DA", "DT", "TM"})
_BYTES: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_TABLES: Final = frozenset(
    {
        *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
        *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
        "LUTData",
    }
)
_PSEUDONYMS: Final = frozenset({"PatientName", "PatientID"})
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")
_DECIMAL = re.compile(r" *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([Ee][+-]?[0-9]+)? *")
_PATIENT_GROUP: Final = 0x0010


@dataclass(frozen=True, slots=True)
class Options:
    """What stays that the Basic Profile alone would remove (PS3.15 E.3)."""

    keeps_dates: bool = True  # moved by as many days for everything of one patient
    keeps_patient: bool = True  # sex, and age in steps
    keeps_descriptors: bool = True  # their known words


@dataclass(slots=True)
class Cleaning:
    """One data set on its way: what to do with it, and what was done, counted by the table's codes."""

    keyed: Keyed
    identity: Identity
    options: Options
    counts: Counter[str] = field(default_factory=Counter)

    def clean(self, ds: Dataset) -> None:
        """Change the data set in place; Pixel Data of the top level is not its business."""
        for tag in list(ds.keys()):
            try:
                element = ds[tag]
                action = self._action(element)
                kept = self._do(action, element)
            except UNREADABLE:
                action, kept = Action.REMOVE, False  # what cannot be read cannot be judged
            if action is not Action.KEEP:
                self.counts[action.value] += 1
            if not kept:
                del ds[tag]

    def _action(self, element: DataElement) -> Action:
        tag, listed = element.tag, action_of(element.tag)
        if tag.element == 0 or tag.is_private or (listed is Action.REMOVE and not element.keyword):
            return Action.REMOVE
        if element.keyword in _PSEUDONYMS:
            return Action.EMPTY
        is_optional = (
            (element.VR in _DATES and tag.group != _PATIENT_GROUP and self.options.keeps_dates)
            or (element.keyword in PATIENT_CHARACTERISTICS and self.options.keeps_patient)
            or (element.keyword in DESCRIPTORS and self.options.keeps_descriptors)
        )
        if is_optional:
            return Action.CLEAN
        if listed is None and (element.VR in {"AE", "PN"} or element.VR in _DATES):
            return Action.EMPTY
        return listed or _unlisted(element)

    def _do(self, action: Action, element: DataElement) -> bool:
        """Whether the element stays, perhaps with another value."""
        match action:
            case Action.REMOVE:
                return False
            case Action.KEEP:
                return True
            case Action.EMPTY:
                is_person = element.keyword in _PSEUDONYMS
                element.value = self.keyed.pseudonym if is_person else [] if element.VR == "SQ" else None
                return True
            case Action.MAP | Action.CLEAN | Action.DUMMY if element.VR == "UI":
                element.value = _each(element.value, self.keyed.uid)
                return True
            case Action.MAP | Action.CLEAN | Action.DUMMY if element.VR == "SQ":
                for item in element.value:
                    self._item(item)
                return True
            case Action.DUMMY:
                return self._dummy(element)
            case _:
                return self._cleaned(element)

    def _item(self, item: Dataset) -> None:
        is_coded = codes.is_coded(item)
        if is_coded:
            codes.clean(item)
        kept = {keyword: item[keyword].value for keyword in codes.KEYWORDS if is_coded and keyword in item}
        self.clean(item)
        for keyword, value in kept.items():
            setattr(item, keyword, value)
        if "SpecificCharacterSet" in item:
            del item.SpecificCharacterSet  # the whole copy is written in one

    @staticmethod
    def _dummy(element: DataElement) -> bool:
        if element.VR not in DUMMIES:
            return False
        if not element.is_empty:
            element.value = DUMMIES[element.VR]
        return True

    def _cleaned(self, element: DataElement) -> bool:
        if element.is_empty:
            return True
        match element.VR:
            case "DA" | "DT":
                element.value = _each(element.value, self.keyed.date)
            case "TM":
                element.value = _each(element.value, time_of)
            case "AS":
                element.value = _each(element.value, coarse_age)
            case "CS":
                element.value = _each(element.value, self._code_string)
            case "DS" | "IS":
                element.value = _each(element.value, self._number)
            case _ if element.VR in TEXT_VRS:
                left = _each(element.value, lambda text: cleaned(text, self.identity))
                if not any(texts_of(left)) and action_of(element.tag) is Action.REMOVE:
                    return False
                element.value = _each(left, lambda text: text or DUMMY)
            case _:
                return False
        return True

    def _code_string(self, text: str) -> str:
        is_plain = _CODE_STRING.fullmatch(text.strip()) and not self.identity.is_in(text)
        return text.strip() if is_plain else DUMMY if text.strip() else ""

    def _number(self, text: str) -> str:
        is_plain = _DECIMAL.fullmatch(text) and not self.identity.is_number(text)
        return text.strip() if is_plain else "0"


def _unlisted(element: DataElement) -> Action:
    """What the table does not name."""
    if element.VR in _BYTES:
        return Action.KEEP if element.keyword in _TABLES else Action.REMOVE
    if element.VR == "UR" or not element.keyword:
        return Action.REMOVE
    if element.keyword in {"SpecificCharacterSet", "Modality", "PhotometricInterpretation"}:
        return Action.KEEP  # set anew, or held against what is known, in instance.py
    if element.VR in TEXT_VRS or element.VR in {"AS", "CS", "DS", "IS", "SQ"}:
        return Action.CLEAN
    return Action.MAP if element.VR == "UI" else Action.KEEP


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, MultiValue | list):
        return [change(str(one)) for one in value]
    return None if value is None else change(str(value))


def texts_left(ds: Dataset) -> Iterator[tuple[str, str]]:
    """Attribute and value of every text that is left, sequences included."""
    for element in ds.iterall():
        if element.VR in _SHOWN_VRS:
            for text in texts_of(element.value):
                yield element.keyword, text
