"""What is drawn into the pixels: regions blanked in every frame, and texts that hide in codestreams taken out."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from dicom.frames import Image, Pixels, encoded_frame, stored_pixels
from dicom.instance import BadInstance

Rect: TypeAlias = Sequence[int]  # left, top, right, bottom; the last column and row belong to it

MAX_WRITTEN_BYTES: Final = 192 << 20  # a copy is written whole in a child's memory
_MAX_REGIONS: Final = 64
# Who draws texts into images: their copies are looked at one by one (PS3.3 C.7.6.1.1.5 Burned In Annotation).
_DRAWN_INTO: Final = frozenset({"DG", "ES", "GM", "IVUS", "OT", "RF", "RG", "SC", "US", "XA", "XC"})
_SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
_STARTS_OF_DATA: Final = {0xDA, 0x90}  # SOS of JPEG and JPEG-LS, SOT of JPEG 2000
_JPEG_TEXTS: Final = {0xFE, *range(0xE1, 0xE8), *range(0xE9, 0xEE), 0xEF}  # COM, APPn but JFIF, SPIFF, Adobe
_JPEG2000_COMMENT: Final = 0x64


def must_be_looked_at(ds: Dataset) -> bool:
    """Whether texts may be drawn into this image; a device that says there are none is taken at its word
    for what seldom has them, never for the others.
    """
    said = str(ds.get("BurnedInAnnotation", ""))
    is_drawn = str(ds.get("Modality", "")) in _DRAWN_INTO
    is_captured = str(ds.get("SOPClassUID", "")).startswith(_SECONDARY_CAPTURE)
    return said == "YES" or is_drawn or is_captured


def ultrasound_regions(ds: Dataset) -> list[Rect]:
    """Where an ultrasound device draws its picture (PS3.3 C.8.5.5); around it stand names and hospitals."""
    if ds.get("Modality") not in {"US", "IVUS"}:
        return []
    found: list[Rect] = []
    for item in list(ds.get("SequenceOfUltrasoundRegions") or [])[:_MAX_REGIONS]:
        corners = [item.get(f"RegionLocation{name}") for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
        if all(isinstance(one, int) for one in corners):
            found.append([int(one) for one in corners])
    return found


def blank_mask(rows: int, columns: int, keep: Sequence[Rect], blank: Sequence[Rect]) -> NDArray[np.bool_]:
    """True where nothing may stay: outside of all that is to be kept, if there is any, and all of `blank`."""
    mask = np.full((rows, columns), bool(keep))
    for rects, value in ((keep, False), (blank, True)):
        for left, top, right, bottom in rects:
            mask[max(0, top) : max(0, bottom + 1), max(0, left) : max(0, right + 1)] = value
    return mask


def write_native(image: Image, mask: NDArray[np.bool_] | None) -> None:
    """Every frame decoded, blanked and put into the data set as plain pixels; overlays in spare bits go too."""
    ds = image.ds
    if int(ds.BitsAllocated) < 8:
        raise BadInstance("unsupported-pixels")
    if image.frames * ds.Rows * ds.Columns * ds.SamplesPerPixel * (ds.BitsAllocated // 8) > MAX_WRITTEN_BYTES:
        raise BadInstance("too-many-pixels")
    frames, photometric = [], str(ds.PhotometricInterpretation)
    for number in range(1, image.frames + 1):
        pixels, photometric = stored_pixels(image, number)
        pixels = _without_spare_bits(pixels, int(ds.BitsStored))
        if mask is not None:
            pixels = pixels.copy()
            pixels[mask] = _black(pixels, photometric)
        frames.append(np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).tobytes())
        bits, samples = pixels.dtype.itemsize * 8, 3 if pixels.ndim == 3 else 1
        ds.BitsAllocated, ds.SamplesPerPixel = bits, samples
    ds.PhotometricInterpretation = photometric
    ds.BitsStored = min(int(ds.BitsStored), int(ds.BitsAllocated))
    ds.HighBit = ds.BitsStored - 1
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    data = b"".join(frames)
    ds.PixelData = data + bytes(len(data) % 2)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian


def write_encoded(image: Image) -> None:
    """The frames as they are, but for comments and application segments of their codestreams."""
    frames = [_without_texts(encoded_frame(image, number)) for number in range(1, image.frames + 1)]
    if sum(map(len, frames)) > MAX_WRITTEN_BYTES:
        raise BadInstance("too-many-pixels")
    image.ds.PixelData = encapsulate(frames, has_bot=False)
    image.ds["PixelData"].VR = "OB"
    image.ds["PixelData"].is_undefined_length = True
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in image.ds:
            delattr(image.ds, keyword)
    image.ds.file_meta.TransferSyntaxUID = image.syntax


def _without_spare_bits(pixels: Pixels, bits_stored: int) -> Pixels:
    spare = pixels.dtype.itemsize * 8 - bits_stored
    return (pixels << spare) >> spare if 0 < spare < pixels.dtype.itemsize * 8 else pixels


def _black(pixels: Pixels, photometric: str) -> int:
    """A value that the image has already: a new extreme would change how it is windowed."""
    if pixels.ndim == 3:
        return 0
    return int(pixels.max() if photometric == "MONOCHROME1" else pixels.min())


def _without_texts(frame: bytes) -> bytes:
    """A JPEG, JPEG-LS or JPEG 2000 codestream without what may hold words; another one as it is."""
    if not re.match(rb"\xff[\xd8\x4f]\xff", frame):
        return frame
    is_jpeg = frame[1] == 0xD8
    texts = _JPEG_TEXTS if is_jpeg else {_JPEG2000_COMMENT}
    kept, rest = [frame[:2]], 2
    for marker, start, end in _segments(frame):
        rest = end
        if marker not in texts:
            kept.append(frame[start:end])
    return b"".join([*kept, frame[rest:]])


def _segments(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment in front of the coded data."""
    at = 2
    while at + 4 <= len(frame) and frame[at] == 0xFF and frame[at + 1] not in _STARTS_OF_DATA:
        if frame[at + 1] == 0xFF:  # fill byte
            yield 0xFF, at, at + 1
            at += 1
            continue
        end = at + 2 + struct.unpack_from(">H", frame, at + 2)[0]
        yield frame[at + 1], at, end
        at = end
