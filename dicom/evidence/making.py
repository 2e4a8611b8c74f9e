"""One object of evidence as a Part 10 file. Runs in the sandbox's child alone: `make`."""

from __future__ import annotations

import datetime as dt
import io
import warnings
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from dicom.evidence.documents import document
from dicom.evidence.sources import Source, source

Json = dict[str, Any]
MANUFACTURER: Final = "hoichan"
# Series Description: all that a viewer's list says of a series without images.
_TITLES: Final = {
    "report": "Bản đo",
    "selection": "Ảnh chính",
    "presentation": "Hình vẽ",
    "minutes": "Biên bản hội chẩn",
}
_TITLE_LENGTH: Final = 64  # of a value of LO (PS3.5 6.2)


def make(kind: str, images: list[Json], order: Json, pdf: bytes = b"") -> bytes:
    """`images`: header (gzipped DICOM JSON) and syntax of every image that is spoken of, the study's first image for
    the minutes. `order`: marks, key_images, person, and what names the object: series_uid, sop_uid, number, at (ISO).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tolerant in: the source's own oddities are not ours
        sources = {one.sop: one for one in (source(each["header"], each["syntax"]) for each in images)}
        at = dt.datetime.fromisoformat(order["at"])
        ds = _made(kind, sources, order, pdf, at)
        _date(ds, at)
        file = io.BytesIO()
        dcmwrite(file, _whole(ds), enforce_file_format=True)
        return file.getvalue()


def _made(kind: str, sources: dict[str, Source], order: Json, pdf: bytes, at: dt.datetime) -> Dataset:
    named = {
        "series_instance_uid": order["series_uid"],
        "series_number": order["number"],
        "series_description": _title(kind, order["person"]["name"]),
        "sop_instance_uid": order["sop_uid"],
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
    }
    if kind == "minutes":
        return document(next(iter(sources.values())), pdf, at, **named)
    # highdicom is heavy: only a child that is asked for it reads it.
    from dicom.evidence.presentations import presentation
    from dicom.evidence.reports import report
    from dicom.evidence.selections import selection

    if kind == "report":
        return report(sources, order["marks"], order["person"], **named)
    if kind == "selection":
        return selection(sources, order["key_images"], order["person"], **named)
    more = {"manufacturer_model_name": MANUFACTURER, "software_versions": "1", "device_serial_number": "1"}
    return presentation(
        sources,
        order["marks"],
        order["key_images"],
        content_creator_name=order["person"]["name"],
        **named,
        **more,
    )


def _title(kind: str, name: str) -> str:
    """A report says whose it is, for there may be several."""
    family, given, middle = (*name.split("^"), "", "")[:3]
    who = " ".join(word for word in (family, middle, given) if word)
    return (f"{_TITLES[kind]}: {who}" if kind == "report" else _TITLES[kind])[:_TITLE_LENGTH]


def _date(ds: Dataset, at: dt.datetime) -> None:
    """Made again, it is the same to the byte: its dates are those of the signature, not of the making."""
    day, time = at.strftime("%Y%m%d"), at.strftime("%H%M%S")
    for name, value in (
        ("InstanceCreationDate", day), ("InstanceCreationTime", time), ("ContentDate", day), ("ContentTime", time),
        ("SeriesDate", day), ("SeriesTime", time), ("PresentationCreationDate", day),
        ("PresentationCreationTime", time),
    ):  # fmt: skip
        if name in ds:
            setattr(ds, name, value)
    for equipment in ds.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = day + time
    ds.TimezoneOffsetFromUTC = at.strftime("%z") or "+0000"


def _whole(ds: Dataset) -> Dataset:
    """A plain data set with a head of its own."""
    whole = Dataset(ds)
    whole.file_meta = ds.file_meta
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    whole.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return whole
