"""One value made another one: UIDs and dates by a secret key, the same each time; ages in steps; dummies."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from typing import Final

from dicom.deidentify.texts import DUMMY

_STANDARD_UIDS: Final = "1.2.840.10008."
_FEWEST_DAYS, _MOST_DAYS = 365, 3650
_DATE_TIME = re.compile(r"([0-9]{8})([0-9]{2,6}(?:\.[0-9]{1,6})?)?([+-][0-9]{4})?")
_TIME = re.compile(r"[0-9]{2,6}(\.[0-9]{1,6})?")
_AGE = re.compile(r"([0-9]{3})([DWMY])")
_OLDEST: Final = 90

# What stands for a value of this representation that must be there (PS3.15 E.1.1, code D).
DUMMIES: Final[dict[str, object]] = {
    **dict.fromkeys(("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "CS"), DUMMY),
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101",
    "TM": "000000",
    **dict.fromkeys(("DS", "IS"), "0"),
    **dict.fromkeys(("FD", "FL"), 0.0),
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), 0),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW"), bytes(8)),
}


class Keyed:
    """What one hospital's key makes of identifiers: two runs agree, and nobody without the key finds back."""

    def __init__(self, key: bytes, patient: str) -> None:
        """`patient`: whatever tells one patient of this hospital from the others."""
        self._key = key
        spread = int.from_bytes(self._mac("days", patient)[:4], "big") % (_MOST_DAYS - _FEWEST_DAYS)
        self._shift = dt.timedelta(days=_FEWEST_DAYS + spread)
        self.pseudonym = self._mac("patient", patient).hex()[:12].upper()

    def _mac(self, what: str, text: str) -> bytes:
        return hmac.new(self._key, f"{what}\0{text}".encode(), hashlib.sha256).digest()

    def uid(self, text: str) -> str:
        """Another UID below 2.25 (PS3.5 B.2); those of the standard itself stay."""
        if text.startswith(_STANDARD_UIDS) or not text:
            return text
        drawn = bytearray(self._mac("uid", text)[:16])
        drawn[6], drawn[8] = drawn[6] & 0x0F | 0x40, drawn[8] & 0x3F | 0x80  # to the letter a UUID
        return f"2.25.{int.from_bytes(drawn, 'big')}"

    def date(self, text: str) -> str:
        """DA or DT, as many days earlier for everything of this patient; "" where it is no date."""
        found = _DATE_TIME.fullmatch(text.strip())
        if found is None:
            return ""
        try:
            day = dt.datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=dt.UTC) - self._shift
        except (ValueError, OverflowError):
            return ""
        return f"{day.year:04}{day:%m%d}{found[2] or ''}{found[3] or ''}"


def time_of(text: str) -> str:
    """TM as it is; "" where it is no time."""
    return text.strip() if _TIME.fullmatch(text.strip()) else ""


def coarse_age(text: str) -> str:
    """AS in steps of five years, from 90 on one; of children below five whole years, below one half years."""
    found = _AGE.fullmatch(text.strip())
    if found is None:
        return ""
    years = int(found[1]) / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[found[2]]
    if years < 1 and found[2] != "Y":
        return "000M" if years < 0.5 else "006M"
    whole = int(years) if years < 5 else int(years) // 5 * 5
    return f"{min(whole, _OLDEST):03}Y"
