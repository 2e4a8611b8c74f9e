"""What a data set says of its pixels, held against what is there, before anything decodes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.uid import UID

from dicom.codestream import Unreadable, read_header
from dicom.elements import PIXEL_DATA, Buffer, Layout
from dicom.instance import BadInstance

MAX_FRAME_BYTES: Final = 128 << 20  # decoded; the largest detectors give 37 MiB
MAX_PIXEL_BYTES: Final = 8 << 30  # decoded, all frames together
_HEADER_BYTES = 1 << 20  # a codestream's frame header lies within
_RLE = "1.2.840.10008.1.2.5"
_IMAGE_CODECS = ("1.2.840.10008.1.2.4.5", "1.2.840.10008.1.2.4.7", "1.2.840.10008.1.2.4.8")
_ALSO_IMAGE_CODECS = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 92, 93, 201, 202, 203))
_VIDEO = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in range(100, 109))
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")


@dataclass(frozen=True, slots=True)
class PixelFacts:
    """Frames 0: no pixels. `frame_bytes`: length of a native frame, None where frames end within a byte."""

    frames: int = 0
    rows: int | None = None
    columns: int | None = None
    photometric: str = ""
    bits_allocated: int | None = None
    samples: int | None = None
    frame_bytes: int | None = None


def check_pixels(ds: Dataset, data: Buffer, layout: Layout, syntax: str) -> PixelFacts:
    """Raises BadInstance (wrong-pixels, too-many-pixels, truncated) where the two do not agree."""
    if layout.pixels is None:
        if "BitsAllocated" in ds or "Image Storage" in UID(str(ds.get("SOPClassUID", ""))).name:
            raise BadInstance("truncated")
        return PixelFacts()
    rows, columns = _positive(ds, "Rows"), _positive(ds, "Columns")
    samples = _positive(ds, "SamplesPerPixel", 1)
    frames = _positive(ds, "NumberOfFrames", 1)
    default_bits = {0x7FE00008: 32, 0x7FE00009: 64}.get(layout.pixels.tag)
    bits = _positive(ds, "BitsAllocated", default_bits)
    photometric = str(ds.get("PhotometricInterpretation", ""))
    frame_bits = rows * columns * samples * bits
    if photometric == "YBR_FULL_422" and not layout.fragments:
        frame_bits = frame_bits * 2 // 3  # two samples of three are there for every second column only
    if frame_bits > MAX_FRAME_BYTES * 8 or frame_bits * frames > MAX_PIXEL_BYTES * 8:
        raise BadInstance("too-many-pixels")
    facts = PixelFacts(
        frames=frames,
        rows=rows,
        columns=columns,
        photometric=photometric,
        bits_allocated=bits,
        samples=samples,
        frame_bytes=frame_bits // 8 if frame_bits % 8 == 0 and layout.pixels.tag == PIXEL_DATA else None,
    )
    if layout.pixels.length is None:
        _check_fragments(data, layout, facts, syntax)
    elif layout.pixels.length * 8 < frame_bits * frames:
        raise BadInstance("truncated")
    return facts


def _positive(ds: Dataset, keyword: str, default: int | None = None) -> int:
    value: Any = ds.get(keyword)
    if value is None or value == "":
        value = default
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInstance("wrong-pixels") from error
    if not 0 < number < 1 << 31:
        raise BadInstance("wrong-pixels")
    return number


def _check_fragments(data: Buffer, layout: Layout, facts: PixelFacts, syntax: str) -> None:
    fragments = layout.fragments[1:]  # the first item is the Basic Offset Table
    if not fragments:
        raise BadInstance("truncated")
    if syntax in _VIDEO:
        return
    if len(fragments) < facts.frames:
        raise BadInstance("truncated")
    if syntax == _RLE:
        _check_rle(data, fragments, facts)
    elif syntax.startswith(_IMAGE_CODECS) or syntax in _ALSO_IMAGE_CODECS:
        _check_codestreams(data, fragments, facts)


def _check_codestreams(data: Buffer, fragments: list[tuple[int, int]], facts: PixelFacts) -> None:
    """Every fragment that begins a codestream must be of this image's size (T.81 B.2.2, T.800 A.5.1)."""
    for i, (offset, length) in enumerate(fragments):
        if i and not data[offset : offset + 4].startswith(_STARTS):
            continue  # a frame may go on over several fragments
        try:
            header = read_header(data[offset : offset + min(length, _HEADER_BYTES)])
        except Unreadable as error:
            raise BadInstance("wrong-pixels") from error
        if (header.rows, header.columns, header.components) != (facts.rows, facts.columns, facts.samples):
            raise BadInstance("wrong-pixels")


def _check_rle(data: Buffer, fragments: list[tuple[int, int]], facts: PixelFacts) -> None:
    """A frame is one fragment with one segment for each byte of a pixel (PS3.5 G)."""
    assert facts.samples is not None
    assert facts.bits_allocated is not None
    expected = facts.samples * facts.bits_allocated // 8
    for offset, length in fragments:
        if length < 64 or int.from_bytes(data[offset : offset + 4], "little") != expected:
            raise BadInstance("wrong-pixels")
