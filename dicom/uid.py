"""Unique identifiers (PS3.5 9): checking what comes in, making our own."""

from __future__ import annotations

import re
import uuid
from typing import NewType

StudyUID = NewType("StudyUID", str)
SeriesUID = NewType("SeriesUID", str)
InstanceUID = NewType("InstanceUID", str)

MAX_LENGTH = 64
_VALID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_ACCEPTABLE = re.compile(r"[0-9]+(\.[0-9]+)+")


def is_valid(text: str) -> bool:
    """Whether the text is a UID to the letter of PS3.5 9.1; what we write always is."""
    return len(text) <= MAX_LENGTH and _VALID.fullmatch(text) is not None


def is_acceptable(text: str) -> bool:
    """Whether the text may be a key here: digits and dots, at most 64.

    Real devices write components with leading zeros; refusing their patients' images would help nobody.
    Everything else (a path, markup, a NUL, a blank) is refused.
    """
    return len(text) <= MAX_LENGTH and _ACCEPTABLE.fullmatch(text) is not None


def make() -> str:
    """A new UID under 2.25, from a random UUID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"
