"""The data set of an instance as DICOM JSON (PS3.18 F), without bulk. Runs in the sandbox's child alone.

Plain elements go from their bytes to JSON at once; pydicom converts those that need thought. Most elements of an
image are plain, so this takes a fifth of the time.
"""

from __future__ import annotations

import gzip
import json
import math
import struct
from collections.abc import Callable
from typing import Any, Final

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

_BULK_BYTES: Final = 1024  # longer binary values are not in the header
_TEXTS = frozenset(["AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UI", "UC"])
_LONG_TEXTS = frozenset(["LT", "ST", "UT"])  # of one value: a backslash is a letter here
_NUMBERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d"}
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def header(ds: Dataset) -> bytes:
    """Gzipped DICOM JSON. Longer binary values are named by their path: "00081140/1/00091010"."""
    model = _json(ds, "")
    # The JSON text itself is UTF-8 (PS3.18 F.2), whatever the file was.
    if "00080005" in model:
        model["00080005"]["Value"] = ["ISO_IR 192"]
    text = json.dumps(model, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8", "replace"), compresslevel=5, mtime=0)


def _json(ds: Dataset, path: str) -> dict[str, Any]:
    model: dict[str, Any] = {}
    for tag in sorted(ds.keys()):
        name = f"{tag:08X}"
        try:
            model[name] = _plain(ds.get_item(tag)) or _converted(ds, tag, path + name)
        except RecursionError:
            raise
        except Exception:  # noqa: S112 - one unreadable value of a device is no reason to lose the others
            continue
    return model


def _plain(element: RawDataElement | DataElement) -> dict[str, Any] | None:
    """The model of an element of text in ASCII or of numbers; None where it takes more than that."""
    if not isinstance(element, RawDataElement) or not isinstance(element.value, bytes):
        return None
    try:
        vr = element.VR or dictionary_VR(element.tag)
        values = _values(element.value, vr, "<" if element.is_little_endian else ">")
    except (ValueError, KeyError):
        return None
    if values is None:
        return None
    return {"vr": vr, "Value": values} if any(value is not None for value in values) else {"vr": vr}


def _values(value: bytes, vr: str, order: str) -> list[Any] | None:
    if vr in _NUMBERS:
        return _numbers(value, order + _NUMBERS[vr])
    if value.isascii() and b"\x1b" not in value:
        return _texts(value.decode("ascii"), vr)
    return None


def _numbers(value: bytes, form: str) -> list[Any] | None:
    if len(value) % struct.calcsize(form):
        return None
    numbers = [number for (number,) in struct.iter_unpack(form, value)]
    return numbers if all(map(math.isfinite, numbers)) else None


def _texts(text: str, vr: str) -> list[Any] | None:
    if vr in _LONG_TEXTS:
        return [text.rstrip(" \0") or None]
    if vr not in _TEXTS and vr not in ("DS", "IS", "PN"):
        return None
    parts = [part.strip(" \0") for part in text.split("\\")]
    return [_value(part, vr) if part else None for part in parts]


def _value(part: str, vr: str) -> Any:
    if vr == "PN":
        return {group: name for group, name in zip(_NAME_GROUPS, part.split("="), strict=False) if name}
    if vr == "IS":
        return int(part)
    if vr == "DS":
        number = float(part)
        if not math.isfinite(number):
            raise ValueError(part)
        return number
    return part


def _converted(ds: Dataset, tag: Any, path: str) -> dict[str, Any]:
    element = ds[tag]
    if element.VR == "SQ":
        items = [_json(item, f"{path}/{i}/") for i, item in enumerate(element.value, 1)]
        return {"vr": "SQ", **({"Value": items} if items else {})}
    model: dict[str, Any] = element.to_json_dict(_named(path), _BULK_BYTES)
    json.dumps(model, allow_nan=False)  # what JSON has no word for (not a number, infinite) is left out
    return model


def _named(path: str) -> Callable[[Any], str]:
    return lambda _element: path
