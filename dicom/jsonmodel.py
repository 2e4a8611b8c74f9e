"""The DICOM JSON model (PS3.18 F): from index rows, and from the headers that are stored beside them.

A stored header is gzipped JSON of one data set without bulk values. Metadata of a series are such headers
one after the other with the address of the pixel data put in: nothing is parsed on the way.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from dicom.query import Level

Element = dict[str, Any]
Row = Mapping[str, Any]

PIXEL_DATA = "7FE00010"
MAX_HEADER_BYTES = 64 << 20
NATIVE_WORDS = 8  # more bits allocated than this are OW, less OB where encapsulated (PS3.5 A.4, 8.1.2)

# Attributes of the Patient and General Study modules, then of General Series and Equipment (PS3.3 C.7).
STUDY_TAGS = frozenset(
    "00080005 00080020 00080030 00080050 00080051 00080090 00080096 0008009C 00080201 00081030 00081032 "
    "00081048 00081049 00081060 00081062 00081080 00081110 0020000D 00200010 00321060".split()  # noqa: SIM905
)
SERIES_TAGS = frozenset(
    "00080021 00080031 00080060 00080070 00080080 00080081 00081010 0008103E 00081040 00081050 00081070 "
    "00081090 00081111 00180015 00181000 00181020 00181030 00185100 0020000E 00200011 00200052 00200060 "
    "00201040 00400244 00400245 00400250 00400251 00400253 00400254 00400275".split()  # noqa: SIM905
)
# Required in answers (PS3.18 tables 10.6.3-3 to 10.6.3-5) and not in the index: read from a stored header.
REQUIRED_TAGS = {
    Level.STUDY: frozenset({"00080090", "00080201", "00200010"}),
    Level.SERIES: frozenset({"00080201", "00400244", "00400245", "00400275"}),
    Level.INSTANCE: frozenset[str](),
}


def belongs(tag: str, level: Level) -> bool:
    """Whether an attribute is the same all over a study or series, so that one instance can tell it."""
    is_study = tag in STUDY_TAGS or tag.startswith("0010")
    match level:
        case Level.STUDY:
            return is_study
        case Level.SERIES:
            return is_study or tag in SERIES_TAGS
        case Level.INSTANCE:
            return True


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
        "00100010": _name(row["patient_name"]),
        "00100020": _element("LO", row["patient_id"]),
        "00100030": _element("DA", row["patient_birth_date"]),
        "00100040": _element("CS", row["patient_sex"]),
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
    """Read a stored header. It was written by the sandbox, so only its size is doubted."""
    parsed: dict[str, Element] = json.loads(_text(stored))
    return parsed


def metadata(instances: Iterable[tuple[bytes, str, bool, int | None]]) -> bytes:
    """Join stored headers to one gzipped JSON array.

    Each comes with the address of the instance, whether it has frames, and its bits allocated.
    """
    parts = []
    for stored, address, has_pixels, bits in instances:
        text = _text(stored)
        if has_pixels:
            link = {PIXEL_DATA: {"vr": "OW" if (bits or 0) > NATIVE_WORDS else "OB"}}
            link[PIXEL_DATA]["BulkDataURI"] = f"{address}/bulkdata/{PIXEL_DATA}"
            text = text.rstrip()[:-1] + b"," + json.dumps(link, separators=(",", ":")).encode()[1:]
        parts.append(text)
    return gzip.compress(b"[" + b",".join(parts) + b"]", compresslevel=6, mtime=0)


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
