"""The DICOM JSON model (PS3.18 F): from index rows, and from the headers that are stored beside them.

A stored header is gzipped JSON of one data set without bulk values. Metadata of a series are such headers
one after the other with the address of the pixel data put in: nothing is parsed on the way.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from dicom.keywords import tag_of
from dicom.query import Level

Element = dict[str, Any]
Row = Mapping[str, Any]

PIXEL_DATA = "7FE00010"
MAX_HEADER_BYTES = 64 << 20
BITS_OF_OB = 8  # wider samples are words (PS3.5 A.2)


# Attributes of the Patient and General Study modules, then of General Series and Equipment (PS3.3 C.7).
STUDY_KEYWORDS = (
    "SpecificCharacterSet StudyDate StudyTime AccessionNumber IssuerOfAccessionNumberSequence "
    "ReferringPhysicianName ReferringPhysicianIdentificationSequence ConsultingPhysicianName "
    "TimezoneOffsetFromUTC StudyDescription ProcedureCodeSequence PhysiciansOfRecord "
    "PhysiciansOfRecordIdentificationSequence NameOfPhysiciansReadingStudy "
    "PhysiciansReadingStudyIdentificationSequence AdmittingDiagnosesDescription "
    "ReferencedStudySequence StudyInstanceUID StudyID RequestedProcedureDescription"
)
SERIES_KEYWORDS = (
    "SeriesDate SeriesTime Modality Manufacturer InstitutionName InstitutionAddress StationName "
    "SeriesDescription InstitutionalDepartmentName PerformingPhysicianName OperatorsName "
    "ManufacturerModelName ReferencedPerformedProcedureStepSequence BodyPartExamined "
    "DeviceSerialNumber SoftwareVersions ProtocolName PatientPosition SeriesInstanceUID SeriesNumber "
    "FrameOfReferenceUID Laterality PositionReferenceIndicator PerformedProcedureStepStartDate "
    "PerformedProcedureStepStartTime PerformedProcedureStepEndDate PerformedProcedureStepEndTime "
    "PerformedProcedureStepID PerformedProcedureStepDescription RequestAttributesSequence"
)
# Required in answers (PS3.18 tables 10.6.3-3 to 10.6.3-5) and not in the index: read from a stored header.
REQUIRED = {
    Level.STUDY: "ReferringPhysicianName StudyID TimezoneOffsetFromUTC",
    Level.SERIES: (
        "PerformedProcedureStepStartDate PerformedProcedureStepStartTime RequestAttributesSequence "
        "TimezoneOffsetFromUTC"
    ),
    Level.INSTANCE: "",
}


@cache
def _tags(keywords: str) -> frozenset[str]:
    return frozenset(filter(None, map(tag_of, keywords.split())))


def required_tags(level: Level) -> frozenset[str]:
    return _tags(REQUIRED[level])


def belongs(tag: str, level: Level) -> bool:
    """Whether an attribute is the same all over a study or series, so that one instance can tell it."""
    is_study = tag in _tags(STUDY_KEYWORDS) or tag.startswith("0010")
    match level:
        case Level.STUDY:
            return is_study
        case Level.SERIES:
            return is_study or tag in _tags(SERIES_KEYWORDS)
        case Level.INSTANCE:
            return True


def patient(row: Row) -> dict[str, Element]:
    """Who a study is of."""
    return {
        "00100010": _name(row["patient_name"]),
        "00100020": _element("LO", row["patient_id"]),
        "00100030": _element("DA", row["patient_birth_date"]),
        "00100040": _element("CS", row["patient_sex"]),
    }


def study(row: Row, root: str) -> dict[str, Element]:
    """A search result of the study level (PS3.18 table 10.6.3-3)."""
    return {
        "00080005": _element("CS", "ISO_IR 192"),
        "00080020": _element("DA", row["study_date"]),
        "00080030": _element("TM", row["study_time"]),
        "00080050": _element("SH", row["accession_number"]),
        "00080056": _element("CS", "ONLINE"),
        "00080061": _element("CS", *row["modalities"].split("\\")),
        "00081030": _element("LO", row["study_description"]),
        "00081190": _element("UR", f"{root}/studies/{row['study_uid']}"),
        **patient(row),
        "0020000D": _element("UI", row["study_uid"]),
        "00201206": _element("IS", row["series_count"]),
        "00201208": _element("IS", row["instance_count"]),
    }


def series(row: Row, root: str) -> dict[str, Element]:
    """A search result of the series level (table 10.6.3-4), with its study's attributes."""
    address = f"{root}/studies/{row['study_uid']}/series/{row['series_uid']}"
    return study(row, root) | {
        "00080060": _element("CS", row["modality"]),
        "0008103E": _element("LO", row["series_description"]),
        "00081190": _element("UR", address),
        "00180015": _element("CS", row["body_part"]),
        "0020000E": _element("UI", row["series_uid"]),
        "00200011": _element("IS", row["series_number"]),
        "00201209": _element("IS", row["series_instance_count"]),
    }


def instance(row: Row, root: str) -> dict[str, Element]:
    """A search result of the instance level (table 10.6.3-5), with its study's and series' attributes."""
    address = f"{root}/studies/{row['study_uid']}/series/{row['series_uid']}/instances/{row['sop_uid']}"
    return series(row, root) | {
        "00080016": _element("UI", row["sop_class_uid"]),
        "00080018": _element("UI", row["sop_uid"]),
        "00081190": _element("UR", address),
        "00083002": _element("UI", row["transfer_syntax_uid"]),
        "00200013": _element("IS", row["number"]),
        "00280008": _element("IS", row["frames"] or None),
        "00280010": _element("US", row["rows"]),
        "00280011": _element("US", row["columns"]),
        "00280100": _element("US", row["bits_allocated"]),
    }


RENDER = {Level.STUDY: study, Level.SERIES: series, Level.INSTANCE: instance}


def header(stored: bytes) -> dict[str, Element]:
    """Read a stored header, but for the values that it names instead of holding them."""
    parsed: dict[str, Element] = json.loads(_text(stored), object_hook=_without_bulk)
    return parsed


def _without_bulk(model: dict[str, Any]) -> dict[str, Any]:
    return {tag: e for tag, e in model.items() if not (isinstance(e, dict) and "BulkDataURI" in e)}


def metadata(instances: Iterable[tuple[bytes, str, int]]) -> bytes:
    """Join stored headers to one gzipped JSON array.

    Each comes with the address of its instance and the bits allocated to a sample, 0 where it has no pixels.
    """
    return gzip.compress(b"[" + b",".join(_linked(*instance) for instance in instances) + b"]", 6, mtime=0)


def _linked(stored: bytes, address: str, bits: int) -> bytes:
    """A stored header with addresses in place of what it leaves out."""
    # In JSON text a quote inside of a value is escaped, so this can only be the key.
    text = _text(stored).replace(b'"BulkDataURI":"', f'"BulkDataURI":"{address}/bulkdata/'.encode())
    if not bits:
        return text
    vr = "OW" if bits > BITS_OF_OB else "OB"
    pixels = f'"{PIXEL_DATA}":{{"vr":"{vr}","BulkDataURI":"{address}/bulkdata/{PIXEL_DATA}"}}}}'
    return text.rstrip()[:-1] + b"," + pixels.encode()


def dumps(results: Iterable[Mapping[str, Element]]) -> bytes:
    """Write search results, tags in ascending order as PS3.18 F.2.2 shows them."""
    ordered = [dict(sorted(result.items())) for result in results]
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()


def _element(vr: str, *values: str | int | None) -> Element:
    """One attribute; without a value only its VR (PS3.18 F.2.5)."""
    present = [value for value in values if value not in ("", None)]
    return {"vr": vr, "Value": present} if present else {"vr": vr}


def _name(text: str) -> Element:
    """A name by its component groups (PS3.18 F.2.2, PS3.5 6.2.1)."""
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    value = {group: part for group, part in groups if part}
    return {"vr": "PN", "Value": [value]} if value else {"vr": "PN"}


def _text(stored: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    text = inflater.decompress(stored, MAX_HEADER_BYTES)
    if not inflater.eof:
        raise ValueError("a stored header is longer than any header may be")
    return text
