"""Coded entries: kept where the code is one of the standard's own, and then in the standard's own words."""

from __future__ import annotations

from typing import Final, cast

from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

from dicom.deidentify.texts import DUMMY

_VALUES: Final = ("CodeValue", "LongCodeValue", "URNCodeValue")
_FREE: Final = ("CodingSchemeVersion", "CodingSchemeName", "CodingSchemeResponsibleOrganization")
_OWN_SCHEME: Final = "99ANONYMIZED"
_MEANINGS: Final = {
    (scheme, value): meaning
    for scheme, by_keyword in cast("dict[str, dict[str, dict[str, tuple[str, list[int]]]]]", concepts).items()
    for several in by_keyword.values()
    for value, (meaning, _) in several.items()
}


def is_coded(item: Dataset) -> bool:
    return any(keyword in item for keyword in _VALUES)


def clean(item: Dataset) -> None:
    """Make one code item plain: its meaning the published one, or nothing of what the device wrote."""
    scheme, value = str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeValue", ""))
    as_published = (scheme, value)
    if scheme in {"SRT", "SNM3", "99SDM"}:
        as_published = ("SCT", mapping["SRT"].get(value, ""))
    meaning = _MEANINGS.get(as_published)
    for keyword in (*_VALUES[1:], *_FREE, "EquivalentCodeSequence"):
        if keyword in item:
            delattr(item, keyword)
    if meaning is None:
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = DUMMY, _OWN_SCHEME, DUMMY
    else:
        item.CodeMeaning = meaning[:64]


KEYWORDS: Final = frozenset({"CodeValue", "CodingSchemeDesignator", "CodeMeaning"})
