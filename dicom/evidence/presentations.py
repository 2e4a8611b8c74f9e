"""Softcopy presentation states: marks as graphics, and the window of each key image (PS3.3 A.33)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from highdicom import PresentationLUTTransformation
from highdicom.content import ReferencedImageSequence
from highdicom.pr import (
    AnnotationUnitsValues,
    ColorSoftcopyPresentationState,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from PIL import ImageCms
from pydicom.dataset import Dataset

from dicom.evidence.reports import axes, corners, lines_of
from dicom.evidence.sources import Source

Json = dict[str, Any]
_LAYER: Final = GraphicLayer("MARKS", order=1)


def presentation(
    sources: Mapping[str, Source], marks: list[Json], images: list[Json], **named: Any
) -> Dataset:
    """Of images of one kind, grey or colour, one size and one polarity (`group_of`)."""
    shown = list(dict.fromkeys([*(one["sop"] for one in marks), *(one["sop"] for one in images)]))
    datasets = [sources[sop].ds for sop in shown]
    annotations = [
        _annotation(sources[sop], frame, [one for one in marks if (one["sop"], one["frame"]) == (sop, frame)])
        for sop, frame in dict.fromkeys((one["sop"], one["frame"]) for one in marks)
    ]
    common = {
        "referenced_images": datasets,
        "content_label": "HOICHAN",
        "content_description": "Hình đo, vẽ khi hội chẩn",
        "graphic_annotations": annotations or None,
        "graphic_layers": [_LAYER] if annotations else None,
        **named,
    }
    if not sources[shown[0]].is_grey:
        return _settled(ColorSoftcopyPresentationState(**common, icc_profile=_srgb()))
    grey = GrayscaleSoftcopyPresentationState(
        **common,
        voi_lut_transformations=list(_windows(sources, images)) or None,
        presentation_lut_transformation=PresentationLUTTransformation(
            presentation_lut_shape="INVERSE" if _is_inverted(sources[shown[0]], images) else "IDENTITY"
        ),
    )
    return _settled(grey)


def _settled(ds: Dataset) -> Dataset:
    if "Laterality" not in ds:
        ds.Laterality = ""  # type 2C (PS3.3 C.7.3.1): of what part it is, the images say
    return ds


def _srgb() -> bytes:
    """The colours of an image that says nothing of them, as every viewer takes them; always the same bytes."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[12:16] = b"scnr"  # an input device, as PS3.3 C.11.15 wants it
    profile[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)  # its date (ICC.1 7.2.8)
    return bytes(profile)


def group_of(source: Source, inverted: bool) -> str:
    """What one presentation state may hold together: one series, one size, one polarity."""
    ds = source.ds
    return f"{ds.SeriesInstanceUID} {ds.Rows} {ds.Columns} {int(inverted)} {int(source.is_grey)}"


def _is_inverted(source: Source, images: list[Json]) -> bool:
    """P-values rise from black, whatever the image says of itself (PS3.3 C.11.6.1.2)."""
    is_asked = bool(images) and images[0]["voi"][2] == 1
    return is_asked != (str(source.ds.PhotometricInterpretation) == "MONOCHROME1")


def _windows(sources: Mapping[str, Source], images: list[Json]) -> Iterator[SoftcopyVOILUTTransformation]:
    """The last window of each frame, as it was seen."""
    last = {(one["sop"], one["frame"]): one for one in images}
    for (sop, frame), one in last.items():
        center, width, _ = one["voi"]
        source = sources[sop]
        yield SoftcopyVOILUTTransformation(
            window_center=center,
            window_width=max(width, 1),
            referenced_images=_references(source, frame),
        )


def _references(source: Source, frame: int) -> ReferencedImageSequence:
    return ReferencedImageSequence(
        [source.ds], referenced_frame_number=[frame] if source.is_multiframe else None
    )


def _annotation(source: Source, frame: int, marks: list[Json]) -> GraphicAnnotation:
    return GraphicAnnotation(
        referenced_images=[source.ds],
        referenced_frame_number=[frame] if source.is_multiframe else None,
        graphic_layer=_LAYER,
        graphic_objects=[graphic for one in marks for graphic in _graphics(source, one)] or None,
        text_objects=[words for one in marks for words in _words(source, one)] or None,
    )


def _graphics(source: Source, mark: Json) -> Iterator[GraphicObject]:
    points, tool = source.clipped(mark["points"]), mark["tool"]
    if tool == "text":
        return
    if tool == "ellipse":
        shapes = [(GraphicTypeValues.ELLIPSE, axes(points))]
    elif tool == "rectangle":
        shapes = [(GraphicTypeValues.POLYLINE, corners(points))]
    elif tool == "probe":
        shapes = [(GraphicTypeValues.POINT, points)]
    else:
        shapes = [(GraphicTypeValues.POLYLINE, line) for line in lines_of(tool, points)]
    for kind, data in shapes:
        yield GraphicObject(kind, np.asarray(data, np.float32), units=AnnotationUnitsValues.PIXEL)


def _words(source: Source, mark: Json) -> Iterator[TextObject]:
    """Its own words, or what it measures, beside its last point."""
    if words := mark["text"] or mark["says"]:
        x, y = source.clipped(mark["points"])[-1]
        yield TextObject(
            words, anchor_point=(x, y), anchor_point_visible=False, units=AnnotationUnitsValues.PIXEL
        )
