"""Numbers that name a person: citizen card and its QR text, older cards, passport, health insurance."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from typing import Final, Self

from server.people.birth import BirthDate
from server.people.names import clean_name
from server.platform.errors import Refusal, later


class Sex(IntEnum):
    """As the insurance's tables number it."""

    MALE = 1
    FEMALE = 2
    UNKNOWN = 3


class BadDocumentNumber(Refusal):
    """Not of the form of the chosen kind of paper."""

    code = "bad-document-number"
    status = 422
    sentence = later(
        "Số giấy tờ chưa đúng: CCCD có 12 chữ số, CMND có 9 chữ số, hộ chiếu có 6 đến 9 chữ và số. "
        "Nếu chưa có giấy tờ, hãy chọn “chưa có”."
    )


class BadInsuranceNumber(Refusal):
    """Neither a card number nor a social-insurance number."""

    code = "bad-insurance-number"
    status = 422
    sentence = later(
        "Số thẻ BHYT chưa đúng: thẻ có 15 ký tự (2 chữ, 13 số, ví dụ DN4010123456789) "
        "hoặc 10 chữ số của mã số BHXH."
    )


class BadCardText(Refusal):
    """What the scanner read is no citizen card."""

    code = "bad-card-text"
    status = 422
    sentence = later("Mã QR này không phải của thẻ căn cước. Hãy quét lại mặt có mã QR hoặc gõ số CCCD.")


class DocumentKind(StrEnum):
    CCCD = "cccd"
    CMND = "cmnd"
    PASSPORT = "passport"
    NONE = "none"  # "chưa có": a temporary code stands in until the merge


_NUMBERS: Final = {
    DocumentKind.CCCD: re.compile(r"[0-9]{12}"),
    DocumentKind.CMND: re.compile(r"[0-9]{9}"),
    DocumentKind.PASSPORT: re.compile(r"(?=[A-Z]*[0-9])[A-Z0-9]{6,9}"),
    DocumentKind.NONE: re.compile(""),
}
_SEPARATORS: Final = re.compile(r"[\s.\-]+")


def document_number(kind: DocumentKind, text: str) -> str:
    """Return the number without spaces, dots and dashes, in capitals. Raises BadDocumentNumber."""
    number = _SEPARATORS.sub("", text).upper()
    if not _NUMBERS[kind].fullmatch(number):
        raise BadDocumentNumber
    return number


_INSURANCE: Final = re.compile(r"[A-Z]{2}[1-5][0-9]{12}|[0-9]{10}")


def insurance_number(text: str) -> str:
    """Return the 15 characters of a BHYT card, or the 10-digit BHXH number. Raises BadInsuranceNumber."""
    number = _SEPARATORS.sub("", text).upper()
    if not _INSURANCE.fullmatch(number):
        raise BadInsuranceNumber
    return number


class Doubt(StrEnum):
    """What a citizen number says otherwise than the form: shown as a warning, never a block."""

    PROVINCE = "province-unknown"
    CENTURY = "century-unknown"
    SEX = "sex-differs"
    BIRTH_YEAR = "birth-year-differs"

    @property
    def sentence(self) -> str:
        return _DOUBTS[self]


_DOUBTS: Final = {
    Doubt.PROVINCE: later("Ba số đầu của CCCD không phải mã tỉnh nào. Hãy xem lại số trên thẻ."),
    Doubt.CENTURY: later("Số thứ tư của CCCD chưa từng được cấp. Hãy xem lại số trên thẻ."),
    Doubt.SEX: later("Giới tính khác với số CCCD. Hãy xem lại thẻ; nếu đúng vậy thì cứ tiếp tục."),
    Doubt.BIRTH_YEAR: later("Năm sinh khác với số CCCD. Hãy xem lại thẻ; nếu đúng vậy thì cứ tiếp tục."),
}

# Thông tư 59/2021/TT-BCA, annex 1: the 63 provinces of that time; numbers keep them after mergers.
# fmt: off
_PROVINCES: Final = frozenset({
    1, 2, 4, 6, 8, 10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25, 26, 27, 30, 31, 33, 34, 35, 36, 37, 38,
    40, 42, 44, 45, 46, 48, 49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75, 77, 79, 80,
    82, 83, 84, 86, 87, 89, 91, 92, 93, 94, 95, 96,
})
# fmt: on
_FIRST_FOREIGN: Final = 100  # born abroad: codes of countries


@dataclass(frozen=True)
class CitizenNumber:
    """Twelve digits: 3 province, 1 century and sex, 2 year of birth, 6 without meaning."""

    digits: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadDocumentNumber."""
        return cls(document_number(DocumentKind.CCCD, text))

    @property
    def _province(self) -> int:
        return int(self.digits[:3])

    @property
    def sex(self) -> Sex:
        return Sex.FEMALE if int(self.digits[3]) % 2 else Sex.MALE

    @property
    def birth_year(self) -> int:
        return 1900 + int(self.digits[3]) // 2 * 100 + int(self.digits[4:6])

    def doubts(self, sex: Sex | None, birth: BirthDate | None, today: date) -> tuple[Doubt, ...]:
        """Compare with what the form says; what it does not say is not doubted."""
        return tuple(self._doubts(sex, birth, today))

    def _doubts(self, sex: Sex | None, birth: BirthDate | None, today: date) -> Iterator[Doubt]:
        if self._province < _FIRST_FOREIGN and self._province not in _PROVINCES:
            yield Doubt.PROVINCE
        if self.birth_year > today.year:
            yield Doubt.CENTURY
            return
        if sex in (Sex.MALE, Sex.FEMALE) and sex is not self.sex:
            yield Doubt.SEX
        if birth is not None and birth.year != self.birth_year:
            yield Doubt.BIRTH_YEAR


_SEX_WORDS: Final = {"nam": Sex.MALE, "nữ": Sex.FEMALE}


@dataclass(frozen=True)
class CitizenCard:
    """What the QR code of a chip card holds; the address as printed."""

    number: CitizenNumber
    old_number: str
    name: str
    birth: BirthDate
    sex: Sex
    address: str

    @classmethod
    def parse(cls, text: str, today: date) -> Self:
        """Read `CCCD|CMND|name|ddmmyyyy|sex|address|issued ddmmyyyy`. Raises BadCardText."""
        parts = [part.strip() for part in text.split("|")]
        if len(parts) < 7:
            raise BadCardText
        try:
            return cls(
                number=CitizenNumber.parse(parts[0]),
                old_number=document_number(DocumentKind.CMND, parts[1]) if parts[1] else "",
                name=clean_name(parts[2]),
                birth=BirthDate.parse(parts[3], today),
                sex=_SEX_WORDS.get(parts[4].casefold(), Sex.UNKNOWN),
                address=parts[5][:500],
            )
        except Refusal as wrong:
            raise BadCardText from wrong
