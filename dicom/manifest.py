"""What a viewer must know of a study before its pixels: pure functions from the index's headers to JSON.

A header is DICOM JSON (PS3.18 F.2) as `dicom/parsing.py` wrote it; a missing or odd value becomes null, never
an error. Lengths are in mm, angles and directions in the patient's system (PS3.3 C.7.6.2.1.1), times in ms.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable
from typing import Any

from dicom.headervalues import Header, json_tag
from dicom.instance import Named
from dicom.suv import suv

Json = dict[str, Any]

# One ray through the whole body: what is measured on the detector is larger than what it shows (CP-586).
PROJECTIONS = frozenset({"CR", "DX", "MG", "IO", "PX", "RF", "RG", "XA", "XC"})
MAX_LUTS = 16
_MAX_LUT_ENTRIES = 65536
_SAME_MS = 0.5


class Luts:
    """VOI tables of a study, each once: slices of a series share them."""

    def __init__(self) -> None:
        self.tables: dict[str, Json] = {}

    def key(self, header: Header) -> str | None:
        """The name of the image's first VOI LUT (PS3.3 C.11.2.1.1), or None."""
        lut = header.item("VOILUTSequence")
        descriptor, data = lut.numbers("LUTDescriptor", 3), lut.words("LUTData")
        if not descriptor or not data:
            return None
        entries, first, bits = (int(number) for number in descriptor)
        entries = entries or _MAX_LUT_ENTRIES
        if entries == 2 * len(data) and bits <= 8:  # 8-bit entries two a word
            data = list(_little_endian(data))
        if entries > len(data) or not 8 <= bits <= 16:
            return None
        if first > 32767 and (header.number("PixelRepresentation") == 1 or _shifts_down(header)):
            first -= 65536
        values = _little_endian(data[:entries])
        key = hashlib.sha256(values + b"%d %d" % (first, bits)).hexdigest()[:12]
        if key not in self.tables and len(self.tables) >= MAX_LUTS:
            return None
        self.tables[key] = {"first": first, "bits": bits, "data": base64.b64encode(values).decode()}
        return key


def study(row: Json, series_rows: list[Json], instance_rows: list[Json]) -> Json:
    """The whole manifest; series without images are left out. The rows' headers are JSON already."""
    luts = Luts()
    of_series: dict[int, list[Json]] = {}
    for found in instance_rows:
        of_series.setdefault(found["series_id"], []).append(found)
    whole = Named(row["patient_id"], row["patient_name"], row["patient_birth_date"], row["patient_sex"])
    any_header = Header(instance_rows[0]["header"]) if instance_rows else Header({})
    return {
        "study": row["id"],
        "patient": patient(any_header, row),
        "date": row["study_date"],
        "time": row["study_time"],
        "description": row["description"],
        "other_patients": row["other_patients"],
        "series": [
            _series(found, of_series[found["id"]], luts, whole)
            for found in sorted(series_rows, key=in_order)
            if found["id"] in of_series
        ],
        "luts": luts.tables,
    }


def lacks_voi_lut(header: Json) -> bool:
    """Whether the index left the data of the first VOI LUT out, as too long."""
    lut = next(iter(header.get(json_tag("VOILUTSequence"), {}).get("Value", [])), None)
    return isinstance(lut, dict) and "BulkDataURI" in lut.get(json_tag("LUTData"), {})


def put_voi_lut(header: Json, words: bytes) -> None:
    """Put in what `lacks_voi_lut` missed, in little endian."""
    lut = header[json_tag("VOILUTSequence")]["Value"][0]
    lut[json_tag("LUTData")] = {"vr": "OW", "InlineBinary": base64.b64encode(words).decode()}


def _series(row: Json, instance_rows: list[Json], luts: Luts, whole: Named) -> Json:
    return {
        "series": row["id"],
        "number": row["number"],
        "modality": row["modality"],
        "description": row["description"],
        "body_part": row["body_part"],
        "frame_of_reference": _frame_of_reference(instance_rows),
        "instances": [_instance(found, luts, whole) for found in sorted(instance_rows, key=in_order)],
    }


def _frame_of_reference(instance_rows: list[Json]) -> str:
    """The one of the whole series (PS3.3 C.7.4.1); empty where its images name several, or none."""
    found = {Header(row["header"]).text("FrameOfReferenceUID") for row in instance_rows}
    return found.pop() if len(found) == 1 else ""


def _instance(row: Json, luts: Luts, whole: Named) -> Json:
    header = Header(row["header"])
    who = named(header)
    return {
        "other_patient": display_name(who.patient_name) or who.patient_id
        if who.differs_from(whole)
        else None,
        "instance": row["id"],
        "sop": row["sop_uid"],
        "number": row["number"],
        "frames": row["frames"],
        "rows": row["rows"],
        "columns": row["columns"],
        **image(header, luts),
    }


def in_order(row: Json) -> tuple[bool, int, int]:
    """To sort series, and the instances of one, by: their number, then as they came."""
    return row["number"] is None, row["number"] or 0, row["id"]


def image(header: Header, luts: Luts) -> Json:
    """What the viewer needs of one instance beside its row in the index."""
    modality = header.text("Modality")
    shared = header.item("SharedFunctionalGroupsSequence")
    frames = header.items("PerFrameFunctionalGroupsSequence")
    first = frames[0] if frames else Header({})
    measures = _first([g.item("PixelMeasuresSequence") for g in (shared, first)], "PixelSpacing", header)
    regions = _us_regions(header)
    return {
        "photometric": _photometric(header),
        # A photo of a film (PS3.3 C.8.6.1), not a capture that a workstation made of its own screen.
        "is_film": header.text("ConversionType") == "DF",
        "spacing": _spacing(header, measures, modality, bool(regions)),
        "aspect": _aspect(header, measures),
        "padding": _padding(header),
        "voi_lut": luts.key(header),
        "frame_ms": _frame_ms(header),
        "frame_times": _frame_times(header),
        "patient_orientation": header.texts("PatientOrientation") or None,
        "laterality": header.text("ImageLaterality") or header.text("Laterality") or None,
        "view_position": header.text("ViewPosition") or None,
        "thickness_mm": measures.number("SliceThickness") or header.number("SliceThickness"),
        "suv": suv(header),
        "us_regions": regions,
        **_of_frame(header, Header({}), shared, modality),
        "per_frame": [_changes(_of_frame(header, frame, shared, modality)) for frame in frames] or None,
    }


def patient(header: Header, row: Json) -> Json:
    """Who it is, for the corner of the image."""
    return {
        "name": display_name(row["patient_name"]),
        "id": row["patient_id"],
        "birth_date": row["patient_birth_date"],
        "sex": row["patient_sex"],
        "age": header.text("PatientAge"),
    }


def named(header: Header) -> Named:
    """Whom this image names, in the first script of it."""
    names = header.values("PatientName")
    name = names[0].get("Alphabetic", "") if names and isinstance(names[0], dict) else ""
    return Named(
        header.text("PatientID"),
        name if isinstance(name, str) else "",
        header.text("PatientBirthDate"),
        header.text("PatientSex"),
    )


def display_name(name: str) -> str:
    """A person's name as it is read: the first script of it, family name first (PS3.5 6.2.1)."""
    family, given, middle, *_ = [*name.split("=")[0].split("^"), "", "", ""]
    return " ".join(part.strip() for part in (family, middle, given) if part.strip())


def _of_frame(header: Header, frame: Header, shared: Header, modality: str) -> Json:
    """What may differ from frame to frame (PS3.3 C.7.6.16); null where the frame says nothing of its own."""
    groups = (frame, shared)
    voi = _first([g.item("FrameVOILUTSequence") for g in groups], "WindowCenter", header)
    rescale = [g.item("PixelValueTransformationSequence") for g in groups]
    return {
        "position": _group(groups, "PlanePositionSequence", "ImagePositionPatient", header, 3),
        "orientation": _group(groups, "PlaneOrientationSequence", "ImageOrientationPatient", header, 6),
        "windows": _windows(voi),
        "voi_function": voi.text("VOILUTFunction") or "LINEAR",
        "rescale": _rescale(_first(rescale, "RescaleSlope", header), header, modality),
    }


def _changes(facts: Json) -> Json:
    return {name: value for name, value in facts.items() if value not in (None, [])}


def _first(candidates: Iterable[Header], keyword: str, otherwise: Header) -> Header:
    return next((candidate for candidate in candidates if keyword in candidate), otherwise)


def _group(
    groups: Iterable[Header], sequence: str, keyword: str, header: Header, count: int
) -> list[float] | None:
    return _first([g.item(sequence) for g in groups], keyword, header).numbers(keyword, count) or None


def _photometric(header: Header) -> str:
    """As normalised: palettes and YBR are RGB by now."""
    stored = header.text("PhotometricInterpretation")
    return stored if stored in ("MONOCHROME1", "MONOCHROME2") else "RGB"


def _windows(header: Header) -> list[Json]:
    names = header.texts("WindowCenterWidthExplanation")
    pairs = zip(header.numbers("WindowCenter"), header.numbers("WindowWidth"), strict=False)
    return [
        {"center": center, "width": width, "name": names[i] if i < len(names) else ""}
        for i, (center, width) in enumerate(pairs)
        if width > 0
    ]


def _rescale(rescale: Header, header: Header, modality: str) -> Json:
    if "ModalityLUTSequence" in header:  # applied already: see frames.py
        return {
            "slope": 1.0,
            "intercept": 0.0,
            "units": header.item("ModalityLUTSequence").text("ModalityLUTType"),
        }
    slope, intercept = rescale.number("RescaleSlope"), rescale.number("RescaleIntercept")
    units = rescale.text("RescaleType") or ("HU" if modality == "CT" and slope is not None else "")
    return {"slope": slope or 1.0, "intercept": intercept or 0.0, "units": "" if units == "US" else units}


def _padding(header: Header) -> list[int] | None:
    """Stored values that are no picture (PS3.3 C.7.5.1.1.2), both ends included."""
    value = header.number("PixelPaddingValue")
    if value is None or "ModalityLUTSequence" in header:
        return None
    limit = header.number("PixelPaddingRangeLimit")
    ends = [_as_stored(end, header) for end in (value, value if limit is None else limit)]
    return [min(ends), max(ends)]


def _as_stored(value: float, header: Header) -> int:
    """A value whose VR may be US where the pixels are signed, or the other way round."""
    number = int(value)
    is_signed = header.number("PixelRepresentation") == 1
    if is_signed and number > 32767:
        return number - 65536
    return number + 65536 if not is_signed and number < 0 else number


def _spacing(header: Header, measures: Header, modality: str, has_regions: bool) -> Json:
    """How far apart pixels are, and what a length on them means; or why it cannot be said."""
    pixel = _positive(measures.numbers("PixelSpacing", 2))
    if has_regions:
        return {"kind": "us-region"}
    if modality == "US" and not pixel:
        return {"kind": None, "reason": "no-us-region"}
    is_calibrated = bool(header.text("PixelSpacingCalibrationType"))
    if "ConversionType" in header and not is_calibrated:
        return {"kind": None, "reason": "capture"}
    if modality in PROJECTIONS:
        imager = _positive(header.numbers("ImagerPixelSpacing", 2))
        if pixel and (is_calibrated or (imager and pixel != imager)):
            return _mm("pixel", pixel, is_calibrated=True)
        return _mm("imager", imager or pixel)
    return _mm("pixel", pixel)


def _mm(kind: str, spacing: list[float], *, is_calibrated: bool = False) -> Json:
    if not spacing:
        return {"kind": None, "reason": "no-spacing"}
    return {"kind": kind, "row_mm": spacing[0], "column_mm": spacing[1], "calibrated": is_calibrated}


def _positive(spacing: list[float]) -> list[float]:
    return spacing if all(distance > 0 for distance in spacing) else []


def _aspect(header: Header, measures: Header) -> float:
    """Height of a pixel divided by its width."""
    for pair in (
        measures.numbers("PixelSpacing", 2),
        header.numbers("ImagerPixelSpacing", 2),
        header.numbers("PixelAspectRatio", 2),
    ):
        if pair and pair[0] > 0 and pair[1] > 0:
            return pair[0] / pair[1]
    return 1.0


def _frame_ms(header: Header) -> float | None:
    """How long a frame of a cine is shown (PS3.3 C.7.6.5)."""
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = header.number(keyword)
        if rate is not None and rate > 0:
            return 1000 / rate
    times = header.numbers("FrameTime", 1) or header.numbers("FrameTimeVector")[1:]
    mean = sum(times) / len(times) if times else 0.0
    return mean if mean > 0 else None


def _frame_times(header: Header) -> list[float] | None:
    """How long each frame but the last is shown in ms, where they differ (PS3.3 C.7.6.5.1.2) and no rate is asked for.

    The first increment of the vector is before the first frame, and 0.
    """
    asked = (header.number(keyword) for keyword in ("RecommendedDisplayFrameRate", "CineRate", "FrameTime"))
    times = header.numbers("FrameTimeVector")[1:]
    if any(rate is not None and rate > 0 for rate in asked) or not times or min(times) <= 0:
        return None
    return times if max(times) - min(times) > _SAME_MS else None


def _us_regions(header: Header) -> list[Json]:
    """Regions of an ultrasound image and what a step in them is (PS3.3 C.8.5.5); x1 and y1 are inside."""
    found = []
    for region in header.items("SequenceOfUltrasoundRegions"):
        box = [region.number(f"RegionLocation{corner}") for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
        step = [region.number(f"PhysicalDelta{axis}") for axis in "XY"]
        if None in box or None in step:
            continue
        found.append(
            {
                "box": box,
                "step": step,
                "units": [region.number(f"PhysicalUnits{axis}Direction") for axis in "XY"],
                "format": region.number("RegionSpatialFormat"),
            }
        )
    return found


def _shifts_down(header: Header) -> bool:
    return (header.number("RescaleIntercept") or 0) < 0


def _little_endian(words: list[int]) -> bytes:
    return struct.pack(f"<{len(words)}H", *words)
