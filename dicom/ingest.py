"""From received bytes to durable, checked instances."""

from __future__ import annotations

from dataclasses import dataclass

from dicom.instance import Summary
from dicom.store import BlobKey


@dataclass(frozen=True, slots=True)
class Received:
    """An instance that was checked in the sandbox and lies durably in the store, not yet in the index."""

    blob: BlobKey
    size_bytes: int
    sha256: str  # hexadecimal, of the stored bytes
    summary: Summary


@dataclass(frozen=True, slots=True)
class Committed:
    """Where a received instance is in the index. Not new: it was there already."""

    study_id: int
    series_id: int
    instance_id: int
    is_new: bool
    differs: bool = False  # there already with other bytes: the first are kept, these are not
