"""Comprehensive SR: a measurement report of what one person measured (PS3.16 TID 1500), points in image pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import highdicom as hd
import numpy as np
from highdicom.sr import (
    CodedConcept,
    CoordinatesForMeasurement,
    GraphicTypeValues,
    ImageRegion,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from dicom.evidence.sources import Source

Json = dict[str, Any]

# Units of UCUM; what has no scale is counted in pixels, what has no unit is a plain number.
_UNITS: Final[Mapping[str, CodedConcept]] = {
    "mm": CodedConcept("mm", "UCUM", "mm"),
    "mm2": CodedConcept("mm2", "UCUM", "mm2"),
    "px": CodedConcept("{pixels}", "UCUM", "pixels"),
    "deg": CodedConcept("deg", "UCUM", "degrees"),
    "HU": CodedConcept("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "": CodedConcept("1", "UCUM", "no units"),
}
_NAMES: Final[Mapping[str, CodedConcept]] = {
    "length": CodedConcept("410668003", "SCT", "Length"),
    "angle": CodedConcept("1483009", "SCT", "Angle"),
    "cobb": CodedConcept("285285000", "SCT", "Cobb angle"),
    "area": CodedConcept("42798000", "SCT", "Area"),
    "HU": CodedConcept("112031", "DCM", "Attenuation Coefficient"),
    "MR": CodedConcept("110852", "DCM", "MR signal intensity"),
    "": CodedConcept("246205007", "SCT", "Quantity"),
}
_DERIVATIONS: Final[Mapping[str, CodedConcept]] = {
    "mean": CodedConcept("373098007", "SCT", "Mean"),
    "sd": CodedConcept("386136009", "SCT", "Standard Deviation"),
    "min": CodedConcept("255605001", "SCT", "Minimum"),
    "max": CodedConcept("56851009", "SCT", "Maximum"),
}
_IMAGING: Final = CodedConcept("363679005", "SCT", "Imaging")


def report(sources: Mapping[str, Source], marks: list[Json], person: Json, **named: Any) -> Dataset:
    """`marks`: with `figures`, [name, value, unit, derivation] each, as `making.py` counted them."""
    groups = [group for one in marks for group in _groups(sources[one["sop"]], one)]
    used = {one["sop"]: sources[one["sop"]].ds for one in marks}
    content = MeasurementReport(
        observation_context=ObservationContext(
            observer_person_context=ObserverContext(
                observer_type=codes.DCM.Person,
                observer_identifying_attributes=PersonObserverIdentifyingAttributes(
                    name=person["name"], organization_name=person["hospital"] or None
                ),
            )
        ),
        procedure_reported=_IMAGING,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            CodedConcept("vi", "RFC5646", "Vietnamese")
        ),
    )
    return hd.sr.ComprehensiveSR(
        evidence=list(used.values()),
        content=content[0],
        is_complete=True,
        is_final=True,
        is_verified=False,  # what was signed are the minutes
        institution_name=person["hospital"] or None,
        **named,
    )


def _groups(source: Source, mark: Json) -> Iterator[Any]:
    """The measurement group of a mark (TID 1501), of a region for what has an inside (TID 1410)."""
    if not mark["figures"]:
        return
    tracking = TrackingIdentifier(uid=mark["tracking_uid"], identifier=mark["label"])
    if mark["tool"] in {"ellipse", "rectangle"}:
        kind, points = _outline(mark["tool"], source.clipped(mark["points"]))
        image = SourceImageForRegion(str(source.ds.SOPClassUID), source.sop, _frames(source, mark))
        yield PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            referenced_region=ImageRegion(kind, points, image),
            measurements=[_measurement(source, figure, None) for figure in mark["figures"]],
        )
        return
    where = [
        CoordinatesForMeasurement(
            GraphicTypeValues.POINT if len(line) == 1 else GraphicTypeValues.POLYLINE,
            np.asarray(line, np.float32),
            SourceImageForRegion(str(source.ds.SOPClassUID), source.sop, _frames(source, mark)),
        )
        for line in lines_of(mark["tool"], source.clipped(mark["points"]))
    ]
    yield MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        measurements=[_measurement(source, figure, where) for figure in mark["figures"]],
    )


def _measurement(
    source: Source, figure: list[Any], where: list[CoordinatesForMeasurement] | None
) -> Measurement:
    name, value, unit, derivation = figure
    if name == "value":
        concept = _NAMES["HU" if unit == "HU" else "MR" if source.ds.get("Modality") == "MR" else ""]
    else:
        concept = _NAMES[name]
    return Measurement(
        name=concept,
        value=value,
        unit=_UNITS.get(unit, _UNITS[""]),
        derivation=_DERIVATIONS.get(derivation),
        referenced_coordinates=where,
    )


def _frames(source: Source, mark: Json) -> list[int] | None:
    return [mark["frame"]] if source.is_multiframe else None


def lines_of(tool: str, points: list[list[float]]) -> list[list[list[float]]]:
    """A Cobb angle is drawn with two lines; all else that is no region with one."""
    return [points[:2], points[2:]] if tool == "cobb" else [points]


def _outline(tool: str, points: list[list[float]]) -> tuple[GraphicTypeValues, Any]:
    if tool == "ellipse":
        return GraphicTypeValues.ELLIPSE, np.asarray(axes(points), np.float32)
    return GraphicTypeValues.POLYLINE, np.asarray(corners(points), np.float32)


def axes(points: list[list[float]]) -> list[list[float]]:
    """Ends of the major axis, then of the minor one (PS3.3 C.18.6.1.2), of the ellipse in the box of two corners."""
    (x0, y0), (x1, y1) = points
    across = [[min(x0, x1), (y0 + y1) / 2], [max(x0, x1), (y0 + y1) / 2]]
    down = [[(x0 + x1) / 2, min(y0, y1)], [(x0 + x1) / 2, max(y0, y1)]]
    return [*across, *down] if abs(x1 - x0) >= abs(y1 - y0) else [*down, *across]


def corners(points: list[list[float]]) -> list[list[float]]:
    """A closed line round the box."""
    (x0, y0), (x1, y1) = points
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
