"""Parts of a stored file by their place. Runs in the sandbox's child alone."""

from __future__ import annotations

import struct
import warnings
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import parse_basic_offsets, parse_fragments

from dicom.instance import BadInstance

MAX_VALUE_BYTES = 64 << 20
_DEFERRED_BYTES = 64 << 10
_CODESTREAM_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")  # JPEG and JPEG-LS, JPEG 2000

Fragment = tuple[int, int]  # offset in the file, length


def frame_table(path: Path, frames: int) -> list[list[Fragment]]:
    """Find the fragments of each encapsulated frame (PS3.5 A.4). Raises BadInstance (wrong-pixels)."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = dcmread(file, defer_size=_DEFERRED_BYTES)
        element = ds.get_item("PixelData")
        at = (
            element.value_tell if isinstance(element, RawDataElement) else getattr(element, "file_tell", None)
        )
        if at is None:
            raise BadInstance("wrong-pixels")
        file.seek(at)
        offsets = parse_basic_offsets(file)
        base = file.tell()
        items = parse_fragments(file)[1]
        fragments = [_fragment(file, item) for item in items]
        if "ExtendedOffsetTable" in ds:
            offsets = list(struct.unpack(f"<{frames}Q", ds.ExtendedOffsetTable[: 8 * frames]))
        starts = _starts(file, fragments, [base + offset for offset in offsets], frames)
    return [fragments[first:last] for first, last in pairwise([*starts, len(fragments)])]


def bulk_value(path: Path, element: str) -> bytes:
    """Read a binary value by the path that the stored header gives it: "00081140/1/00091010"."""
    *sequences, tag = element.split("/")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        item: Dataset = dcmread(path, defer_size=_DEFERRED_BYTES)
        for sequence, number in zip(sequences[::2], sequences[1::2], strict=True):
            item = item[int(sequence, 16)].value[int(number) - 1]
        found: DataElement = item[int(tag, 16)]
        value = found.value
    if not isinstance(value, bytes) or len(value) > MAX_VALUE_BYTES:
        raise BadInstance("too-costly")
    return value


def _fragment(file: BinaryIO, item: int) -> Fragment:
    file.seek(item + 4)
    return item + 8, struct.unpack("<L", file.read(4))[0]


def _starts(file: BinaryIO, fragments: list[Fragment], offsets: list[int], frames: int) -> list[int]:
    """The number of the first fragment of each frame: by count, by offset table, else by what they hold."""
    if frames == 1:
        return [0]
    if len(fragments) == frames:
        return list(range(frames))
    by_item = {offset - 8: number for number, (offset, _) in enumerate(fragments)}
    if len(offsets) == frames and all(offset in by_item for offset in offsets) and offsets == sorted(offsets):
        return [by_item[offset] for offset in offsets]
    starts = [number for number, (offset, _) in enumerate(fragments) if _is_start(file, offset)]
    if len(starts) != frames or starts[0] != 0:
        raise BadInstance("wrong-pixels")
    return starts


def _is_start(file: BinaryIO, offset: int) -> bool:
    file.seek(offset)
    return file.read(4).startswith(_CODESTREAM_STARTS)
