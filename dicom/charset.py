"""Which character set a data set is really written in.

Specific Character Set (0008,0005) is often missing or wrong: Vietnamese hospitals send UTF-8 under
ISO_IR 100, Chinese ones GB18030 under nothing at all.
"""

from __future__ import annotations

import warnings

from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import TEXT_VR_DELIMS

_TEXT = frozenset(["LO", "LT", "PN", "SH", "ST", "UC", "UT"])
_SILENT = frozenset(["", "ISO_IR 6", "ISO_IR 100"])  # says nothing, or what many writers say by habit
_CHARACTER_SET = 0x00080005
_MOST_SETS = 8
_WELL_KNOWN = (0x00100010, 0x00081030, 0x0008103E, 0x00080080, 0x00081040, 0x00104000)


def settle(ds: Dataset) -> None:
    """Make `ds` decode its text by what is written in it. To be called before any element is looked at."""
    declared = _declared(ds)
    if declared not in _SILENT:
        return
    guessed = _guess(b"\n".join(_raw_text(ds)))
    if guessed is not None:
        ds.set_original_encoding(ds.original_encoding[0], ds.original_encoding[1], convert_encodings(guessed))


def text(value: bytes, declared: str) -> str:
    """A value alone, in the character set that its data set declares; what cannot be decoded becomes U+FFFD."""
    if declared in _SILENT:
        declared = _guess(value) or ""
    named = [one.strip() for one in declared.split("\\")[:_MOST_SETS]]
    known = [one if one in python_encoding else "" for one in named]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bytes that do not fit
        return decode_bytes(value, convert_encodings(known), TEXT_VR_DELIMS)


def _declared(ds: Dataset) -> str:
    element = ds.get_item(_CHARACTER_SET) if _CHARACTER_SET in ds else None
    if not isinstance(element, RawDataElement) or not element.value:
        return ""
    return bytes(element.value).decode("ascii", "replace").strip(" \0")


def _raw_text(ds: Dataset) -> list[bytes]:
    """The bytes of the elements that hold text (implicit VR does not say which: there the usual ones)."""
    elements: list[DataElement | RawDataElement] = [ds.get_item(tag) for tag in ds.keys()]  # noqa: SIM118
    return [
        bytes(element.value)
        for element in elements
        if isinstance(element, RawDataElement)
        and isinstance(element.value, bytes)
        and (element.VR in _TEXT or (element.VR is None and int(element.tag) in _WELL_KNOWN))
    ]


def _guess(text: bytes) -> str | None:
    """A DICOM character set for bytes that are not ASCII; None when the standard's default will do."""
    if text.isascii():
        return None
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return "GB18030" if _is_chinese(text) else "ISO_IR 100"
    return "ISO_IR 192"


def _is_chinese(text: bytes) -> bool:
    """Whether all high bytes come in pairs, as in GB 2312; "Müller" in Latin-1 has them one by one."""
    high = 0
    for byte in text + b"\0":
        if byte >= 0xA1:
            high += 1
        elif high % 2 or byte >= 0x80:
            return False
        else:
            high = 0
    return True
