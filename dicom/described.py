"""Data sets out of DICOM JSON (PS3.18 F) with bulk data beside it. Runs in the sandbox's child alone.

A data set becomes pieces of a file in Explicit VR Little Endian: bytes, and the numbers of bulk parts. What such a
part holds is not looked at here, and never whole in memory: the parent copies it to its place.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urljoin

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from dicom import uid
from dicom.codestream import Unreadable, read_header
from dicom.elements import PIXEL_DATA
from dicom.instance import BadInstance

MAX_DEPTH: Final = 64  # of sequences in each other
MAX_MADE_BYTES: Final = 64 << 20  # of all data sets, without bulk
EXPLICIT: Final = "1.2.840.10008.1.2.1"
JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.70"
_LOSSLESS_PROCESS: Final = 0xC3  # the start of frame marker of T.81's process 14
_MAX_CODESTREAM_HEADER: Final = 1 << 20
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_DECIMAL = re.compile(r" *[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)? *")
_INTEGER = re.compile(r" *[-+]?[0-9]+ *")
_CHARACTER_SET = 0x00080005
_UTF_8 = {"vr": "CS", "Value": ["ISO_IR 192"]}  # what JSON text is in
_NUMBERS = {
    "US": "H",
    "SS": "h",
    "UL": "L",
    "SL": "l",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
    "AT": "HH",
}
_BINARY = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
_ONE_TEXT = frozenset(["LT", "ST", "UR", "UT"])  # of one value: a backslash is a letter here
_TEXTS = _ONE_TEXT | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"}
_LONG = _BINARY | {"SQ", "SV", "UC", "UR", "UT", "UV"}  # with four bytes of length (PS3.5 7.1.2)
# PS3.18 10.4.3.3.2
_MAY_BE_BULK = _BINARY | {"DS", "FL", "FD", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"}
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_ITEM, _ITEM_END, _SEQUENCE_END = 0xE000, 0xE00D, 0xE0DD
_UNDEFINED = 0xFFFFFFFF
# What Python raises over a value that is not what its representation says.
_WRONG = (ValueError, TypeError, OverflowError, struct.error)

Json = dict[str, Any]


def data_sets(
    path: Path, metadata: Sequence[tuple[int, int]], bulk: Sequence[Json], base: str, most: int
) -> Json:
    """What the JSON texts at these places of a file describe: (offset, length) each.

    `bulk`: parts by `location`, `place` in the file, and `syntax` ("" for native, None for what is not taken);
    `base`: what relative addresses stand on. Each of `instances` says `text`, the number of its JSON text, and is
    refused or has pieces; where there are more than `most`, one more is told. `unused` are the parts that no data
    set names.
    """
    parts = _Parts(path, bulk, base)
    instances: list[Json] = []
    for number, (offset, length) in enumerate(metadata):
        try:
            models = _read(path, offset, length)
        except (BadInstance, RecursionError, ValueError):
            parts.are_known = False
            instances.append({"text": number, "refused": "malformed"})
            continue
        left = max(0, most + 1 - len(instances))
        instances += [{"text": number, **_instance(model, parts)} for model in models[:left]]
    return {"instances": instances, "unused": parts.unused()}


def _read(path: Path, offset: int, length: int) -> list[Any]:
    with path.open("rb") as file:
        file.seek(offset)
        text = file.read(length)
    found = json.loads(text.decode("utf-8-sig"), parse_constant=_refuse)
    return found if isinstance(found, list) else [found]


def _instance(model: Any, parts: _Parts) -> Json:
    """One data set as pieces, or the code that it is refused with; its SOP class and instance where it says them."""
    names = [_identifier(model, "00080016"), _identifier(model, "00080018")]
    try:
        if not all(names):
            raise BadInstance("bad-identifiers" if isinstance(model, dict) else "malformed")
        writer = _Writer(parts, is_one_frame=_is_one_frame(model))
        writer.data_set({**model, "00080005": _UTF_8}, depth=0)
        return {"names": names, "pieces": [_file_meta(names, writer.syntax), *writer.ended()]}
    except (BadInstance, RecursionError, *_WRONG) as refused:
        parts.note(model)
        return {"names": names, "refused": getattr(refused, "code", "malformed")}


class _Parts:
    """The bulk parts of a request by their address."""

    def __init__(self, path: Path, bulk: Sequence[Json], base: str) -> None:
        self._path = path
        self._bulk = bulk
        self._base = base
        self._used: set[int] = set()
        self._numbers: dict[str, list[int]] = {}
        self.left_bytes = MAX_MADE_BYTES
        self.are_known = True  # else a text could not be read, and nobody can say what it names
        for number, part in enumerate(bulk):
            self._numbers.setdefault(self._absolute(part["location"]), []).append(number)

    def number(self, address: Any) -> int:
        """The one part of an address. Raises BadInstance where there is none, or more."""
        if not isinstance(address, str):
            raise BadInstance("malformed")
        numbers = self._numbers.get(self._absolute(address), [])
        self._used.update(numbers)
        if len(numbers) != 1:
            raise BadInstance("wrong-bulk")
        return numbers[0]

    def length(self, number: int) -> int:
        return int(self._bulk[number]["place"][1])

    def syntax(self, number: int) -> str:
        """The transfer syntax of pixel data in a part, "" for native. Raises BadInstance for others than we take."""
        syntax = self._bulk[number]["syntax"]
        if not isinstance(syntax, str) or (syntax == JPEG_LOSSLESS and not self._is_lossless(number)):
            raise BadInstance("unsupported-bulk")
        return syntax

    def note(self, model: Any) -> None:
        """Count all that a refused data set names as used: it is refused once, for its own reason."""
        left = [model]
        while left:
            match left.pop():
                case dict() as found:
                    if isinstance(address := found.get("BulkDataURI"), str):
                        self._used.update(self._numbers.get(self._absolute(address), []))
                    left.extend(found.values())
                case list() as found:
                    left.extend(found)
                case _:
                    pass

    def unused(self) -> list[int]:
        return [n for n in range(len(self._bulk)) if n not in self._used] if self.are_known else []

    def _absolute(self, address: str) -> str:
        try:
            return urljoin(self._base, address)
        except ValueError:
            return address

    def _is_lossless(self, number: int) -> bool:
        """Whether a JPEG is what image/jpeg means where no transfer syntax is named (PS3.18 table 8.7.3-5)."""
        offset, length = self._bulk[number]["place"]
        with self._path.open("rb") as file:
            file.seek(offset)
            try:
                found = read_header(file.read(min(length, _MAX_CODESTREAM_HEADER)))
            except Unreadable:
                return False
        return found.jpeg_process == _LOSSLESS_PROCESS


class _Writer:
    """One data set on its way to pieces."""

    def __init__(self, parts: _Parts, *, is_one_frame: bool) -> None:
        self.syntax = EXPLICIT
        self._parts = parts
        self._is_one_frame = is_one_frame
        self._pieces: list[bytes | int] = []
        self._written = bytearray()

    def ended(self) -> list[bytes | int]:
        self._flush()
        return self._pieces

    def data_set(self, model: Any, depth: int) -> None:
        """Write elements in the order of their tags."""
        if depth > MAX_DEPTH:
            raise BadInstance("malformed")
        elements = dict(_elements(model))
        if depth:
            elements.pop(_CHARACTER_SET, None)  # an item takes the character set of all
        for tag in sorted(elements):
            self._element(tag, elements[tag], depth)

    def _element(self, tag: int, model: Any, depth: int) -> None:
        vr = model.get("vr") if isinstance(model, dict) else None
        values = model.keys() & {"Value", "InlineBinary", "BulkDataURI"} if vr else set()
        if not isinstance(vr, str) or len(values) > 1:
            raise BadInstance("malformed")
        if vr == "SQ" and not values - {"Value"}:
            self._sequence(tag, model.get("Value", []), depth)
        elif values == {"BulkDataURI"} and vr in _MAY_BE_BULK:
            self._bulk(tag, vr, self._parts.number(model["BulkDataURI"]), is_nested=depth > 0)
        elif values == {"InlineBinary"} and vr in _BINARY:
            self._value(tag, vr, base64.b64decode(model["InlineBinary"], validate=True))
        elif not values - {"Value"}:
            self._value(tag, vr, _encoded(vr, model.get("Value", [])))
        else:
            raise BadInstance("malformed")

    def _sequence(self, tag: int, items: Any, depth: int) -> None:
        self._write(_head(tag, "SQ", _UNDEFINED))
        for item in _listed(items):
            self._write(_mark(_ITEM, _UNDEFINED))
            self.data_set(item, depth + 1)
            self._write(_mark(_ITEM_END))
        self._write(_mark(_SEQUENCE_END))

    def _value(self, tag: int, vr: str, value: bytes) -> None:
        self._write(_head(tag, vr, len(value)) + value + _padding(vr, len(value)))

    def _bulk(self, tag: int, vr: str, number: int, *, is_nested: bool) -> None:
        length = self._parts.length(number)
        syntax = self._parts.syntax(number) if tag == PIXEL_DATA else ""
        if syntax and (is_nested or not self._is_one_frame):
            raise BadInstance("unsupported-bulk")
        if syntax:  # PS3.5 A.4: an empty offset table, then the frame in one fragment
            self.syntax = syntax
            self._write(_head(tag, "OB", _UNDEFINED) + _mark(_ITEM) + _mark(_ITEM, length + length % 2))
        else:
            self._write(_head(tag, vr, length))
        self._flush()
        self._pieces.append(number)
        self._write(_padding("OB" if syntax else vr, length))
        if syntax:
            self._write(_mark(_SEQUENCE_END))

    def _write(self, data: bytes) -> None:
        self._parts.left_bytes -= len(data)
        if self._parts.left_bytes < 0:
            raise BadInstance("too-costly")
        self._written += data

    def _flush(self) -> None:
        if self._written:
            self._pieces.append(bytes(self._written))
            self._written.clear()


def _elements(model: Any) -> Iterator[tuple[int, Any]]:
    """The elements of a data set by tag, without group lengths and the file's own group 2."""
    if not isinstance(model, dict):
        raise BadInstance("malformed")
    tags = {int(tag, 16) for tag in model if _TAG.fullmatch(tag)}
    if len(tags) != len(model):
        raise BadInstance("malformed")
    for tag, element in model.items():
        number = int(tag, 16)
        group = number >> 16
        if group == 2 or (group >= 8 and number & 0xFFFF == 0):
            continue
        if group < 8 or group == 0xFFFE:
            raise BadInstance("malformed")
        yield number, element


def _encoded(vr: str, values: Any) -> bytes:
    """The value of an element, not yet of even length. Raises BadInstance or one of _WRONG."""
    values = _listed(values)
    if vr in _NUMBERS:
        return b"".join(_number(vr, value) for value in ([] if values == [None] else values))
    if vr not in _TEXTS and values:
        raise BadInstance("malformed")
    if vr not in _TEXTS | _BINARY or (vr in _ONE_TEXT and len(values) > 1):
        raise BadInstance("malformed")
    return "\\".join(_text(vr, value) for value in values).encode()


def _number(vr: str, value: Any) -> bytes:
    if vr == "AT":
        if not isinstance(value, str) or not _TAG.fullmatch(value):
            raise BadInstance("malformed")
        return struct.pack("<HH", int(value[:4], 16), int(value[4:], 16))
    if isinstance(value, str) and vr in ("SV", "UV"):  # more than a number of JSON holds everywhere
        value = int(value)
    if isinstance(value, bool) or not math.isfinite(value):
        raise BadInstance("malformed")
    return struct.pack("<" + _NUMBERS[vr], value)


def _text(vr: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case dict() if vr == "PN" and value.keys() <= set(_NAME_GROUPS):
            return "=".join(value.get(group) or "" for group in _NAME_GROUPS).rstrip("=")
        case bool():
            raise BadInstance("malformed")
        case int() | float() | str() if vr in ("DS", "IS"):
            return _decimal(vr, value)
        case str() if vr != "PN":
            return value
        case _:
            raise BadInstance("malformed")


def _decimal(vr: str, value: float | str) -> str:
    """A number as text (PS3.5 6.2): as it came where that fits, else as near as it can be."""
    text = value if isinstance(value, str) else repr(value)
    if not text.strip():
        return ""
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise BadInstance("malformed")
    if vr == "IS":
        return text if _INTEGER.fullmatch(text) and len(text) <= 12 else _whole(text)
    return text if len(text) <= 16 else format_number_as_ds(float(text))


def _whole(text: str) -> str:
    number = float(text)
    if not number.is_integer() or abs(number) >= 1e11:  # twelve letters
        raise BadInstance("malformed")
    return str(int(number))


def _is_one_frame(model: Json) -> bool:
    """Whether there is one frame by what the data set says; what is odd is found when the file is checked."""
    match model.get("00280008"):
        case {"Value": [int() | str() as frames]}:
            return str(frames).strip() in ("", "0", "1")
        case _:
            return True


def _identifier(model: Any, tag: str) -> str:
    match model.get(tag) if isinstance(model, dict) else None:
        case {"Value": [str(found)]} if uid.is_acceptable(found):
            return found
        case _:
            return ""


def _file_meta(names: Sequence[str], syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = map(UID, names)
    meta.TransferSyntaxUID = UID(syntax)
    out = DicomBytesIO()
    write_file_meta_info(out, meta)
    return bytes(128) + b"DICM" + out.getvalue()


def _listed(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise BadInstance("malformed")
    return values


def _head(tag: int, vr: str, length: int) -> bytes:
    """The head of an element; `length` of its value without padding."""
    if length != _UNDEFINED:
        length += length % 2
    if vr not in _LONG and length > 0xFFFE:
        vr = "UN"  # PS3.5 6.2.2: too long for two bytes
    if vr in _LONG:
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def _mark(element: int, length: int = 0) -> bytes:
    return struct.pack("<HHL", 0xFFFE, element, length)


def _padding(vr: str, length: int) -> bytes:
    if length % 2 == 0:
        return b""
    return b" " if vr in _TEXTS and vr != "UI" else b"\0"


def _refuse(constant: str) -> NoReturn:
    raise BadInstance("malformed")
