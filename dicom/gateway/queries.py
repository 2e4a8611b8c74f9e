"""From the identifier of a query or retrieval (PS3.4 C.4) to a search of the index.

Matching is that of QIDO-RS (`dicom/query`), word for word: here is only decided what is asked at which level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from dicom import charset, uid
from dicom.elements import Encoding
from dicom.gateway import identifier
from dicom.gateway.contexts import Root
from dicom.gateway.identifier import BadIdentifier, Flat
from dicom.index import instances, series, studies
from dicom.ports import Scope
from dicom.query import BY_NAME, Level, Query, parse, statements
from dicom.query.statements import Statement

CHARACTER_SET, LEVEL = 0x00080005, 0x00080052
_PATIENT_ID, _STUDY, _SERIES, _INSTANCE = 0x00100020, 0x0020000D, 0x0020000E, 0x00080018
# The levels of the standard: what each lists, and the unique keys down to it.
_LEVELS: Final = {
    "PATIENT": (Level.STUDY, (_PATIENT_ID,)),
    "STUDY": (Level.STUDY, (_PATIENT_ID, _STUDY)),
    "SERIES": (Level.SERIES, (_PATIENT_ID, _STUDY, _SERIES)),
    "IMAGE": (Level.INSTANCE, (_PATIENT_ID, _STUDY, _SERIES, _INSTANCE)),
}
# Said in every answer, or about where it lies: no keys to match.
_NO_KEYS: Final = frozenset({CHARACTER_SET, LEVEL, 0x00080054, 0x00080056, 0x00080201})
IDS: Final = {
    Level.STUDY: studies.c.id,
    Level.SERIES: series.c.id,
    Level.INSTANCE: instances.c.id,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A C-FIND, checked. `keys`: the tags to be answered; `ignored`: some asked for what cannot be matched."""

    level: str
    query: Query
    keys: frozenset[int]
    ignored: bool

    @property
    def is_of_patients(self) -> bool:
        return self.level == "PATIENT"

    def ids(self, scope: Scope, most: int) -> Statement:
        """What matches, in the order of the answers; one more than `most` when there is more."""
        asked = replace(self.query, limit=most)
        return asked.statement(scope).with_only_columns(IDS[self.query.level])

    def patients(self, scope: Scope, after: str | None) -> Statement:
        """At the PATIENT level: who matches, by ID."""
        return statements.patients(scope, self.query.where, after)

    def of(self, scope: Scope, ids: list[int]) -> Statement:
        """The rows of some of them: still there, still this hospital's."""
        level = self.query.level
        return statements.search(level, scope, [IDS[level].in_(ids)], is_narrow=True)


def find(data: bytes, encoding: Encoding, root: Root) -> Question:
    """Read the identifier of a C-FIND. Raises BadIdentifier, Malformed."""
    flat = identifier.read(data, encoding)
    level, lists, unique = _level(flat, root)
    for tag in unique[:-1]:
        _single(flat, tag)
    matched: list[tuple[str, str]] = []
    ignored = False
    for tag, text in _asked(flat):
        attribute = BY_NAME.get(f"{tag:08X}")
        if attribute is None or attribute.level > lists or (level == "PATIENT" and tag >> 16 != 0x0010):
            ignored = True
        else:
            matched.append((attribute.tag, text))
    keys = frozenset(tag for tag in flat.values if tag not in _NO_KEYS and tag & 0xFFFF)
    return Question(level, parse(lists, matched), keys | {unique[-1]}, ignored)


def retrieve(data: bytes, encoding: Encoding, root: Root) -> Query:
    """Read the identifier of a C-GET or C-MOVE: unique keys alone, each given. Raises BadIdentifier, Malformed."""
    flat = identifier.read(data, encoding)
    _, _, unique = _level(flat, root)
    matched = [(f"{tag:08X}", _single(flat, tag)) for tag in unique]
    return parse(Level.INSTANCE, matched)


def _level(flat: Flat, root: Root) -> tuple[str, Level, tuple[int, ...]]:
    """The level by name, what it lists, and the unique keys down to it."""
    name = flat.text(LEVEL)
    if name not in _LEVELS or (name == "PATIENT" and root is Root.STUDY):
        raise BadIdentifier("no level of this root")
    lists, unique = _LEVELS[name]
    return name, lists, unique if root is Root.PATIENT else unique[1:]


def _single(flat: Flat, tag: int) -> str:
    """A unique key: there, and without a wild card, for * would be everything."""
    text = _text(flat, tag)
    if tag == _PATIENT_ID:
        is_whole = bool(text) and not set(text) & set("*?\\")
    else:
        is_whole = all(map(uid.is_acceptable, text.split("\\")))
    if not is_whole:
        raise BadIdentifier("a unique key is missing")
    return text


def _asked(flat: Flat) -> Iterator[tuple[int, str]]:
    for tag in flat.values:
        if tag not in _NO_KEYS and tag & 0xFFFF and (text := _text(flat, tag)):
            yield tag, text


def _text(flat: Flat, tag: int) -> str:
    declared = flat.text(CHARACTER_SET)
    return charset.text(flat.values.get(tag, b""), declared).strip(" \0")
