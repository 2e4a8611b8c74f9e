"""What the minutes hold (Thông tư 32/2023/TT-BYT, mẫu 27/BV2), and the one text that is signed.

`canonical` writes form and annex as JSON in one way only; `digest` is its SHA-256 and is what a signer signs.
Signatures and addenda come after that text and speak of it, so they are not part of it. Pictures are in it
by their own SHA-256.
"""

import dataclasses
import datetime as dt
import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from pydantic import TypeAdapter

FORM: Final = "27/BV2"
VERSION: Final = 1  # of the canonical text


@dataclass(frozen=True)
class Member:
    """Who took part: name, title apart from it (chức danh, học vị), place of work (đơn vị)."""

    name: str = ""
    title: str = ""
    unit: str = ""


@dataclass(frozen=True)
class MinutesForm:
    """Every field of the form, in its order. Empty ones are printed as dotted lines."""

    authority: str = ""  # cơ quan chủ quản: Sở Y tế …
    facility: str = ""  # tên cơ sở
    department: str = ""  # khoa
    admission_number: str = ""  # số vào viện
    patient_name: str = ""
    age: str = ""  # with its unit: "67 tuổi"
    sex: str = ""  # "Nam" or "Nữ"
    treated_from: dt.date | None = None
    treated_to: dt.date | None = None
    bed: str = ""
    room: str = ""
    ward: str = ""  # the department where the bed stands
    diagnosis: str = ""
    held_at: dt.datetime | None = None  # aware
    chair: Member = Member()
    secretary: Member = Member()
    members: tuple[Member, ...] = ()
    course: str = ""  # tóm tắt quá trình diễn biến bệnh, quá trình điều trị và chăm sóc
    conclusion: str = ""
    next_treatment: str = ""
    written_on: dt.date | None = None  # ngày … tháng … năm … above the signatures


@dataclass(frozen=True)
class SiteStay:
    """One connected place, from when to when; `left_at` is empty for who stayed to the end of the record."""

    site: str
    people: str
    joined_at: dt.datetime
    left_at: dt.datetime | None = None


@dataclass(frozen=True)
class Question:
    """A numbered question: a conclusion, or the reason why there is none yet."""

    number: int
    text: str
    conclusion: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Consent:
    """Whose leave to record, when and how it was given."""

    name: str
    at: dt.datetime
    how: str


@dataclass(frozen=True)
class Gap:
    """A time without connection; `until` is empty where it did not come back."""

    site: str
    since: dt.datetime
    until: dt.datetime | None = None


@dataclass(frozen=True)
class Informed:
    """That the patient was told of the consultation beforehand: who told whom, when, how."""

    who: str
    at: dt.datetime
    how: str


@dataclass(frozen=True)
class KeyImage:
    """An image worth keeping: its place in the study, its window, a small picture (JPEG or PNG bytes)."""

    caption: str
    study: str  # words: "CT ngực 21/11/2026"
    study_uid: str
    sop_uid: str
    frame: int
    series: str  # its number and description, as shown
    image: str  # its number in the series, as shown
    window: str  # "W 1500 · L -600", empty where there is none
    picture: bytes = b""


Role = Literal["secretary", "chair"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True)
class Signature:
    """Who signed at which end, when and how; `digest` is what the signer saw and signed."""

    role: Role
    name: str
    title: str
    unit: str
    at: dt.datetime
    how: str
    digest: str


@dataclass(frozen=True)
class Addendum:
    """What was added after the signatures; signed by who wrote it."""

    number: int
    text: str
    name: str
    title: str
    unit: str
    at: dt.datetime
    how: str
    digest: str


@dataclass(frozen=True)
class Annex:
    """The facts of the remote session, kept off the form so that the form stays exact."""

    consultation: str  # code of the case
    sites: tuple[SiteStay, ...] = ()
    questions: tuple[Question, ...] = ()
    recorded: bool = False
    consents: tuple[Consent, ...] = ()
    gaps: tuple[Gap, ...] = ()
    informed: Informed | None = None
    contract: str = ""  # number of the support contract; empty: "chưa có"
    contract_reason: str = ""  # why the consultation was held without one
    key_images: tuple[KeyImage, ...] = ()
    signatures: tuple[Signature, ...] = ()
    addenda: tuple[Addendum, ...] = ()

    @property
    def is_signed(self) -> bool:
        return {signature.role for signature in self.signatures} == {"secretary", "chair"}


_AFTER: Final = ("signatures", "addenda")  # what comes after the signed text


def canonical(form: MinutesForm, annex: Annex) -> bytes:
    """The text that is signed: JSON in UTF-8, keys sorted, NFC, instants in UTC to the second."""
    facts = _plain(annex)
    for name in _AFTER:
        del facts[name]
    whole = {"form": FORM, "version": VERSION, "minutes": _plain(form), "annex": facts}
    return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(form: MinutesForm, annex: Annex) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(form, annex)).hexdigest()


def clean(text: str) -> str:
    """Text as it is signed: NFC, line feeds only, no half surrogates."""
    return (
        unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
        .encode(errors="replace")
        .decode()
    )


def _plain(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case bytes():
            return picture_digest(value) if value else ""
        case dt.datetime():
            return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case dt.date():
            return value.isoformat()
        case tuple():
            return [_plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value


def picture_digest(picture: bytes) -> str:
    """The name of a picture in the canonical text."""
    return hashlib.sha256(picture).hexdigest()


_FORM: Final = TypeAdapter(MinutesForm)
_ANNEX: Final = TypeAdapter(Annex)


def restore(content: bytes, pictures: Mapping[str, bytes]) -> tuple[MinutesForm, Annex]:
    """Read a canonical text back; `pictures` by their SHA-256. Add signatures and addenda with `replace`.

    Raises KeyError where a picture is missing, ValueError where the text is of another form or version.
    """
    whole = json.loads(content)
    if (whole["form"], whole["version"]) != (FORM, VERSION):
        raise ValueError("minutes of another form or version")
    annex = _ANNEX.validate_python(whole["annex"] | {"key_images": ()})
    images = (
        image | {"picture": pictures[image["picture"]] if image["picture"] else b""}
        for image in whole["annex"]["key_images"]
    )
    return _FORM.validate_python(whole["minutes"]), dataclasses.replace(
        annex, key_images=tuple(KeyImage(**image) for image in images)
    )
