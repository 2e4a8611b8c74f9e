"""What is done with each attribute: PS3.15 table E.1-1 (edition 2026c) with the options that teaching takes.

The table comes with the package dicom-anonymizer. A compound code (X/Z, X/D, Z/D, X/Z/D) asks for the mildest
deed that the attribute's Type in its IOD allows; we take the strictest one's replacement, a dummy before an
empty value before nothing, which is conformant for every Type and tells as little.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Final

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as edition
from pydicom.tag import BaseTag, Tag

EDITION: Final = "2026c"


class Action(StrEnum):
    """PS3.15 table E.1-1a, the codes that are left once compound ones are resolved."""

    DUMMY = "D"
    EMPTY = "Z"
    REMOVE = "X"
    KEEP = "K"
    CLEAN = "C"
    MAP = "U"


_CODES: Final = (
    (Action.DUMMY, edition.D_TAGS),
    (Action.EMPTY, edition.Z_TAGS),
    (Action.REMOVE, edition.X_TAGS),
    (Action.MAP, edition.U_TAGS),
    (Action.DUMMY, edition.Z_D_TAGS),
    (Action.EMPTY, edition.X_Z_TAGS),
    (Action.DUMMY, edition.X_D_TAGS),
    (Action.DUMMY, edition.X_Z_D_TAGS),
    (Action.CLEAN, edition.X_Z_U_STAR_TAGS),  # the sequence stays, its references are mapped
)

# Rows of the options' columns, as far as a teaching copy uses them.
PATIENT_CHARACTERISTICS: Final = frozenset({"PatientSex", "PatientAge"})  # height and weight go
DESCRIPTORS: Final = frozenset(
    {
        "AcquisitionProtocolDescription",
        "ContrastBolusAgent",
        "PerformedProcedureStepDescription",
        "ProtocolName",
        "RequestedProcedureDescription",
        "SeriesDescription",
        "StudyDescription",
    }
)
# PS3.16 CID 7050. Safe private attributes are none (113111): every private one is removed.
METHODS: Final = {
    "basic": ("113100", "Basic Application Confidentiality Profile"),
    "pixels": ("113101", "Clean Pixel Data Option"),
    "descriptors": ("113105", "Clean Descriptors Option"),
    "dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient": ("113108", "Retain Patient Characteristics Option"),
}


@cache
def _table() -> dict[BaseTag, Action]:
    rows = {Tag(*tag): action for action, tags in _CODES for tag in tags if len(tag) == 2}
    # An own record of what was done replaces an earlier one.
    rows[Tag("DeidentificationMethodCodeSequence")] = Action.REMOVE
    return rows


def listed() -> dict[BaseTag, Action]:
    """Every attribute of the table; repeating groups (50xx, 60xx) and private ones are not in it."""
    return dict(_table())


def action_of(tag: BaseTag) -> Action | None:
    """What the table says; None where it says nothing."""
    if tag.is_private or 0x5000 <= tag.group <= 0x50FF or 0x6000 <= tag.group <= 0x60FF:
        return Action.REMOVE  # private, curves, overlays
    return _table().get(tag)
