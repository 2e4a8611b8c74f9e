"""Reading one received file: tolerant of what real devices write, refusing what could hurt.

Runs in the sandbox's child alone. The structure is checked first (`elements`), then the text is decoded, then
what is said of the pixels is held against what is there.
"""

from __future__ import annotations

import io
import mmap
import warnings
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue

from dicom import charset, elements, uid
from dicom.elements import PIXELS, Buffer, Encoding, Layout
from dicom.headers import header
from dicom.instance import BadInstance, Summary
from dicom.pixels import PixelFacts, check_pixels
from dicom.uid import InstanceUID, SeriesUID, StudyUID

MAX_INFLATED_BYTES: Final = 256 << 20
# What pydicom raises over a value that is not what its representation says.
UNREADABLE: Final = (
    *(ValueError, TypeError, AttributeError, LookupError, NotImplementedError, OverflowError),
    BytesLengthException,
)
_MAX_TEXT = 1024
_IMPLICIT = "1.2.840.10008.1.2"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_DICOMDIR = "1.2.840.10008.1.3.10"
_INT32 = range(-(1 << 31), 1 << 31)


def summarise(path: Path) -> dict[str, Any]:
    """The fields of a Summary for the Part 10 file at `path`. Raises BadInstance."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tolerant in: what matters is checked below
        if path.stat().st_size == 0:
            raise BadInstance("empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return asdict(_summary(data))


def _summary(data: Buffer) -> Summary:
    if data[128:132] != b"DICM":
        raise BadInstance("not-dicom")
    syntax, media_class, start = _file_meta(data)
    if media_class == _DICOMDIR:
        raise BadInstance("dicomdir")
    is_deflated = syntax == _DEFLATED
    if is_deflated:
        data, start = _inflate(data, start), 0
    layout = elements.walk(data, start, Encoding(implicit=syntax == _IMPLICIT, little=syntax != _BIG_ENDIAN))
    ds = _read(data, start, layout)
    facts = check_pixels(ds, data, layout, syntax)
    return _described(ds, syntax, facts, layout, is_deflated=is_deflated)


def _file_meta(data: Buffer) -> tuple[str, str, int]:
    """Transfer syntax, media storage class, and where the data set starts (PS3.10 7.1)."""
    position, found = 132, {0x00020010: "", 0x00020002: ""}
    while len(data) - position >= 8:
        element = elements.read_element(data, position, Encoding(implicit=False, little=True))
        if element.tag >> 16 != 2:
            break
        if element.length is None:
            raise BadInstance("malformed")
        position = element.offset + element.length
        if position > len(data):
            raise BadInstance("truncated")
        if element.tag in found:
            found[element.tag] = data[element.offset : position].decode("ascii", "replace").strip(" \0")
    if not uid.is_acceptable(found[0x00020010]):
        raise BadInstance("malformed")
    return found[0x00020010], found[0x00020002], position


def _inflate(data: Buffer, start: int) -> bytes:
    """The data set of a deflated file (PS3.5 A.5), up to a limit: a megabyte can unfold to a gibibyte."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data[start:], MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise BadInstance("malformed") from error
    if inflater.unconsumed_tail:
        raise BadInstance("too-costly")
    if not inflater.eof:
        raise BadInstance("truncated")
    return inflated


def _read(data: Buffer, start: int, layout: Layout) -> Dataset:
    """The data set without its pixels. Text is decoded as it is looked at."""
    end = layout.end if layout.pixels_start is None else layout.pixels_start
    encoding = layout.encoding
    ds = read_dataset(
        io.BytesIO(data[start:end]),
        is_implicit_VR=encoding.implicit,
        is_little_endian=encoding.little,
        stop_when=lambda tag, vr, length: tag in PIXELS or tag >> 16 == 0,
    )
    charset.settle(ds)
    return ds


def _described(ds: Dataset, syntax: str, facts: PixelFacts, layout: Layout, *, is_deflated: bool) -> Summary:
    identifiers = [
        _text(ds, name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    ]
    if not all(map(uid.is_acceptable, identifiers)):
        raise BadInstance("bad-identifiers")
    study_uid, series_uid, sop_uid, sop_class_uid = identifiers
    is_native = facts.frame_bytes is not None and layout.pixels is not None and not layout.fragments
    return Summary(
        study_uid=StudyUID(study_uid),
        series_uid=SeriesUID(series_uid),
        sop_uid=InstanceUID(sop_uid),
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=syntax,
        patient_id=_text(ds, "PatientID"),
        patient_name=_text(ds, "PatientName"),
        patient_birth_date=_text(ds, "PatientBirthDate"),
        patient_sex=_text(ds, "PatientSex"),
        study_date=_text(ds, "StudyDate"),
        study_time=_text(ds, "StudyTime"),
        accession_number=_text(ds, "AccessionNumber"),
        study_description=_text(ds, "StudyDescription"),
        modality=_text(ds, "Modality"),
        series_number=_number(ds, "SeriesNumber"),
        series_description=_text(ds, "SeriesDescription"),
        body_part=_text(ds, "BodyPartExamined"),
        number=_number(ds, "InstanceNumber"),
        frames=facts.frames,
        rows=facts.rows,
        columns=facts.columns,
        photometric=facts.photometric,
        bits_allocated=facts.bits_allocated,
        samples=facts.samples,
        pixel_offset=layout.pixels.offset if is_native and layout.pixels and not is_deflated else None,
        frame_bytes=facts.frame_bytes if is_native and not is_deflated else None,
        header=header(ds),
    )


def _text(ds: Dataset, keyword: str) -> str:
    """The decoded text of an element without padding and control characters; "" if absent or unreadable."""
    value = _value(ds, keyword)
    if value is None:
        return ""
    text = "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)
    text = "".join(letter for letter in text if letter.isprintable())
    return text.encode("utf-8", "replace").decode().strip()[:_MAX_TEXT]


def _number(ds: Dataset, keyword: str) -> int | None:
    try:
        number = int(_value(ds, keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number in _INT32 else None


def _value(ds: Dataset, keyword: str) -> Any:
    try:
        return ds.get(keyword)
    except UNREADABLE:
        return None
