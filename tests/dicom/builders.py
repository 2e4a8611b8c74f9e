"""Small things that the tests of dicom/ are made of."""

from __future__ import annotations

import hashlib
from typing import Any

from dicom.ingest import Received
from dicom.instance import Summary
from dicom.store import BlobKey
from dicom.uid import InstanceUID, SeriesUID, StudyUID

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


def a_summary(**changes: Any) -> Summary:
    """A CT slice of a made-up patient."""
    known: dict[str, Any] = {
        "study_uid": StudyUID("2.25.1"),
        "series_uid": SeriesUID("2.25.1.1"),
        "sop_uid": InstanceUID("2.25.1.1.1"),
        "sop_class_uid": CT_IMAGE,
        "transfer_syntax_uid": EXPLICIT_LITTLE,
        "patient_id": "BN0001",
        "patient_name": "NGUYỄN^Văn Thử",
        "patient_birth_date": "19700101",
        "patient_sex": "M",
        "study_date": "20261122",
        "study_time": "0700",
        "accession_number": "A1",
        "study_description": "CT sọ não",
        "modality": "CT",
        "series_number": 1,
        "series_description": "",
        "body_part": "HEAD",
        "number": 1,
        "frames": 1,
        "rows": 512,
        "columns": 512,
        "photometric": "MONOCHROME2",
        "bits_allocated": 16,
        "samples": 1,
        "pixel_offset": 1024,
        "frame_bytes": 524288,
        "header": b"",
    }
    return Summary(**{**known, **changes})


def a_received(content: bytes = b"first", **changes: Any) -> Received:
    """A received instance whose blob is named after its content, as the store does."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Received(BlobKey(f"1/{sha256[:2]}/{sha256[2:]}"), len(content), sha256, a_summary(**changes))
