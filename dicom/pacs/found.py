"""What a PACS is asked and what it answers, as plain values, the same for DIMSE and DICOMweb."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeAlias

from dicom import uid
from dicom.instance import name_key

MAX_FOUND: Final = 200  # studies shown for one question
MAX_ASKED: Final = 2_000  # answers looked at for one question
MAX_INSTANCES: Final = 20_000  # of one study
MAX_TEXT: Final = 200  # characters of one value

STUDY_KEYS: Final = (
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "StudyDescription",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedInstances",
)
# The letters under Vietnamese marks: an archive that does not fold may hold them with marks or without.
_MAY_BE_MARKED: Final = frozenset("aeiouyd")


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; "" is anything. Dates are DA text (YYYYMMDD), both included."""

    name: str = ""
    patient_id: str = ""
    first_day: str = ""
    last_day: str = ""

    @property
    def dates(self) -> str:
        """The date range as matching takes it (PS3.4 C.2.2.2.5)."""
        return f"{self.first_day}-{self.last_day}" if self.first_day or self.last_day else ""

    def fits(self, name: str) -> bool:
        """Whether a name has every word that was asked for, marks and case apart."""
        words = name_key(name).split()
        return all(any(word.startswith(part) for word in words) for part in name_key(self.name).split())


@dataclass(frozen=True, slots=True)
class Found:
    """A study that the PACS has, as its answer says it."""

    study_uid: str
    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    date: str
    time: str
    accession_number: str
    description: str
    modalities: tuple[str, ...]
    instances: int | None  # None: the PACS does not say

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self | None:
        """From attributes by keyword; None for what names no study."""
        texts = {key: str(values.get(key) or "")[:MAX_TEXT].strip(" \0") for key in STUDY_KEYS}
        if not uid.is_acceptable(texts["StudyInstanceUID"]):
            return None
        count = texts["NumberOfStudyRelatedInstances"]
        return cls(
            study_uid=texts["StudyInstanceUID"],
            patient_id=texts["PatientID"],
            patient_name=texts["PatientName"].replace("^", " ").strip(),
            birth_date=texts["PatientBirthDate"],
            sex=texts["PatientSex"],
            date=texts["StudyDate"],
            time=texts["StudyTime"],
            accession_number=texts["AccessionNumber"],
            description=texts["StudyDescription"],
            modalities=tuple(word for word in texts["ModalitiesInStudy"].split("\\") if word),
            instances=int(count) if count.isascii() and count.isdigit() and len(count) < 8 else None,
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """Every instance of the study, before the first of them comes."""

    sop_uids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """An instance as a file, gone as soon as the next event is asked for."""

    path: Path


@dataclass(frozen=True, slots=True)
class Moved:
    """So many instances went from the PACS to our gateway."""

    count: int


Event: TypeAlias = Listed | Arrived | Moved


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A Part 10 file of ours in Explicit VR Little Endian, and its SOP class."""

    path: Path
    sop_class_uid: str


class Archive(Protocol):
    """One connection to a PACS. Everything raises PacsFailure."""

    async def test(self) -> None:
        """Ask for nothing, in all the ways that a search and a retrieval will."""

    async def search(self, question: Question) -> list[Found]:
        """At most MAX_FOUND studies, the newest first."""

    def retrieve(self, study_uid: str, have: Set[str], folder: Path) -> AsyncGenerator[Event, None]:
        """Fetch what is not in `have` (SOP Instance UIDs), into `folder`. To be closed (`aclosing`): then it ends."""

    async def store(self, outgoing: Sequence[Outgoing]) -> None:
        """Send all of these; what the archive has already it may be sent again."""


def patterns(name: str) -> list[str]:
    """A name as matching takes it (PS3.4 C.2.2.2.4), from exact to wide: an archive may fold marks and case or not.

    The first is as typed and may need UTF-8. The others are ASCII, a marked letter being anything: as names are
    written, in capitals, and at last the words' first letters alone. `Question.fits` chooses among the answers.

    >>> patterns("đỗ văn Nam")
    ['*đỗ*văn*Nam*', '*V*n*Nam*', '*V*N*NAM*', '*V*N*']
    """
    words = name.translate(dict.fromkeys(map(ord, "^*?\\="), " ")).split()
    plain = _ascii(word.title() for word in words)
    initials = _ascii(word[0].upper() for word in words if word[0].lower() not in _MAY_BE_MARKED)
    found = [f"*{'*'.join(words)}*", plain, plain.upper(), initials]
    return [one for one in dict.fromkeys(found) if one.strip("*")]


def _ascii(words: Iterable[str]) -> str:
    letters = "".join(letter if letter.isascii() else "*" for letter in "*".join(words))
    return "*" + "".join(part + "*" for part in letters.split("*") if part)


def chosen(question: Question, answers: list[Found]) -> list[Found]:
    """Those that fit, each study once, the newest first."""
    fitting = {one.study_uid: one for one in answers if question.fits(one.patient_name)}
    newest = sorted(fitting.values(), key=lambda one: (one.date, one.time), reverse=True)
    return newest[:MAX_FOUND]
