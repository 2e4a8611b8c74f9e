"""The images that evidence speaks of, as data sets without pixels: from the index's headers."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

Json = dict[str, Any]
_PIXELS = ("7FE00008", "7FE00009", "7FE00010")
# Of the patient and the study, type 2: evidence says them as the image does, empty where it does not.
_SAID = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """An instance: its data set without bulk, and its SOP Instance UID."""

    ds: Dataset

    @property
    def sop(self) -> str:
        return str(self.ds.SOPInstanceUID)

    @property
    def is_grey(self) -> bool:
        return str(self.ds.get("PhotometricInterpretation", "")) in {"MONOCHROME1", "MONOCHROME2"}

    @property
    def frames(self) -> int:
        return int(self.ds.get("NumberOfFrames") or 1)

    @property
    def is_multiframe(self) -> bool:
        return "NumberOfFrames" in self.ds

    def clipped(self, points: list[list[float]]) -> list[list[float]]:
        """Within the image, corner to corner of the outermost pixels (PS3.3 C.10.5.1.2, C.18.6.1.2)."""
        width, height = int(self.ds.Columns), int(self.ds.Rows)
        return [[min(max(x, 0.0), width), min(max(y, 0.0), height)] for x, y in points]


def source(header: bytes, transfer_syntax: str) -> Source:
    """From the gzipped DICOM JSON of the index, which is UTF-8 and without long binary values."""
    model = {
        tag: element for tag, element in json.loads(gzip.decompress(header)).items() if tag not in _PIXELS
    }
    ds = Dataset.from_json(_without_bulk(model))
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _SAID:
        if keyword not in ds:
            setattr(ds, keyword, "")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    return Source(ds)


def _without_bulk(model: Json) -> Json:
    kept: Json = {}
    for tag, element in model.items():
        if "BulkDataURI" in element:
            continue
        if element.get("vr") == "SQ":
            items = [_without_bulk(item) for item in element.get("Value", ())]
            kept[tag] = {"vr": "SQ", "Value": items}
        else:
            kept[tag] = element
    return kept
