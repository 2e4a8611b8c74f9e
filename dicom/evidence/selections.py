"""Key Object Selection: the key images of the minutes (PS3.16 TID 2010)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import ObserverContext, PersonObserverIdentifyingAttributes
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from dicom.evidence.sources import Source

Json = dict[str, Any]


def selection(sources: Mapping[str, Source], images: list[Json], person: Json, **named: Any) -> Dataset:
    """`images`: sop, frame and caption of each key image; `person` who answers for the choice."""
    frames: dict[str, list[int]] = {}
    for one in images:
        frames.setdefault(one["sop"], []).append(one["frame"])
    chosen = [sources[sop].ds for sop in frames]
    captions = "\n".join(one["caption"] for one in images if one["caption"])
    content = KeyObjectSelection(
        document_title=codes.DCM.ForConference,
        referenced_objects=chosen,
        observer_person_context=ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(
                name=person["name"], organization_name=person["hospital"] or None
            ),
        ),
        description=captions or None,
    )
    ds = KeyObjectSelectionDocument(
        evidence=chosen, content=content, institution_name=person["hospital"] or None, **named
    )
    for item in ds.ContentSequence:
        for reference in item.get("ReferencedSOPSequence", ()):
            uid = str(reference.ReferencedSOPInstanceUID)
            if sources[uid].is_multiframe:
                reference.ReferencedFrameNumber = sorted(set(frames[uid]))
    return ds
