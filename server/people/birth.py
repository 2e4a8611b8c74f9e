"""Birth dates as known (year, month or day) and ages as Vietnamese hospitals write them."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Self

from server.platform.errors import Refusal, later

OLDEST_YEARS: Final = 130


class BadBirthDate(Refusal):
    """No date, or one in the future or more than 130 years ago."""

    code = "bad-birth-date"
    status = 422
    sentence = later(
        "Ngày sinh chưa đúng. Hãy ghi ngày/tháng/năm (12/03/1958), tháng/năm (03/1958) hoặc chỉ năm (1958)."
    )


class Precision(StrEnum):
    YEAR = "year"
    MONTH = "month"
    DAY = "day"


class AgeUnit(StrEnum):
    DAYS = "days"
    MONTHS = "months"
    YEARS = "years"


_AGE_SENTENCES: Final = {
    AgeUnit.DAYS: later("{count} ngày tuổi"),
    AgeUnit.MONTHS: later("{count} tháng tuổi"),
    AgeUnit.YEARS: later("{count} tuổi"),
}


@dataclass(frozen=True)
class Age:
    """Whole units lived; of a birth known by its year alone the count may be one too many."""

    count: int
    unit: AgeUnit

    @property
    def sentence(self) -> str:
        """Msgid with `{count}`."""
        return _AGE_SENTENCES[self.unit]

    def __str__(self) -> str:
        return self.sentence.format(count=self.count)


_SHAPES: Final = (
    (re.compile(r"(?P<y>\d{4})", re.ASCII), Precision.YEAR),
    (re.compile(r"(?P<m>\d{1,2})[/.-](?P<y>\d{4})", re.ASCII), Precision.MONTH),
    (re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})", re.ASCII), Precision.MONTH),
    (re.compile(r"(?P<d>\d{1,2})[/.-](?P<m>\d{1,2})[/.-](?P<y>\d{4})", re.ASCII), Precision.DAY),
    (re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})", re.ASCII), Precision.DAY),
    (re.compile(r"(?P<d>\d{2})(?P<m>\d{2})(?P<y>\d{4})", re.ASCII), Precision.DAY),
)


@dataclass(frozen=True)
class BirthDate:
    """`first_day` is the earliest day that the known part allows."""

    first_day: date
    precision: Precision

    @classmethod
    def parse(cls, text: str, today: date) -> Self:
        """Read what people type: 1958, 03/1958, 12/03/1958, 12031958, 1958-03-12. Raises BadBirthDate."""
        for shape, precision in _SHAPES:
            if match := shape.fullmatch(text.strip()):
                return cls._of(match.groupdict(), precision, today)
        raise BadBirthDate

    @classmethod
    def _of(cls, parts: dict[str, str], precision: Precision, today: date) -> Self:
        try:
            first_day = date(int(parts["y"]), int(parts.get("m", 1)), int(parts.get("d", 1)))
        except ValueError as wrong:
            raise BadBirthDate from wrong
        if first_day > today or first_day.year < today.year - OLDEST_YEARS:
            raise BadBirthDate
        return cls(first_day, precision)

    @property
    def year(self) -> int:
        return self.first_day.year

    def may_equal(self, other: "BirthDate") -> bool:
        """Whether both can be the same day, as far as each is known."""
        known = min(_SHARED[self.precision], _SHARED[other.precision])
        return _parts(self.first_day)[:known] == _parts(other.first_day)[:known]

    def age(self, on: date) -> Age:
        """Under 1 month in days, under 36 months in months, then years; by the year if it is all we know."""
        if self.precision is Precision.YEAR:
            return Age(max(0, on.year - self.year), AgeUnit.YEARS)
        months = (on.year - self.year) * 12 + on.month - self.first_day.month
        if self.precision is Precision.DAY and on.day < _anniversary(self.first_day.day, on):
            months -= 1
        if months >= 36:
            return Age(months // 12, AgeUnit.YEARS)
        if months >= 1 or self.precision is Precision.MONTH:
            return Age(max(0, months), AgeUnit.MONTHS)
        return Age(max(0, (on - self.first_day).days), AgeUnit.DAYS)

    def __str__(self) -> str:
        return self.first_day.strftime(_FORMATS[self.precision])


_SHARED: Final = {Precision.YEAR: 1, Precision.MONTH: 2, Precision.DAY: 3}
_FORMATS: Final = {Precision.YEAR: "%Y", Precision.MONTH: "%m/%Y", Precision.DAY: "%d/%m/%Y"}


def _parts(day: date) -> tuple[int, int, int]:
    return day.year, day.month, day.day


def _anniversary(day: int, on: date) -> int:
    """The day in the month of `on` that completes a month: born on the 31st, it is the 30th in April."""
    return min(day, calendar.monthrange(on.year, on.month)[1])
