"""Each frame as HTJ2K whose prefix is the same picture, smaller. Runs in the sandbox's child alone.

Progression RPCL with one tile-part per resolution (T.814, T.800 A.4.2): cut after tile-part r, a codestream
shows the picture halved `levels - r` times, and TLM (A.7.1) says in the header where the cuts are. A frame
is decoded once when it is made; what does not come back exactly is kept raw, and says so by its media type.
JPEG that a browser shows stays JPEG.
"""

from __future__ import annotations

import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from dicom.encoded import EncodedFrame
from dicom.frames import Image, Pixels, browser_jpeg, frame_pixels, opened

HTJ2K = "image/jphc"
JPEG = "image/jpeg"
RAW = "application/octet-stream"

_SOC, _SOT, _TLM = 0xFF4F, 0xFF90, 0xFF55
_BATCH_PIXELS = 8 << 20  # half a second of work and 16 MiB at most, but for one larger frame


class NotPyramidal(Exception):
    """The codestream is not one tile with one tile-part a resolution."""


def encode_frames(path: Path, first: int, count: int) -> list[dict[str, Any]]:
    """Encode frames of one instance, counted from 1, as the fields of EncodedFrame. Raises BadInstance.

    They are fewer than asked for when they are large, and none behind the last.
    """
    encoded: list[dict[str, Any]] = []
    size = 0
    with opened(path) as image:
        for number in range(first, min(first + count, image.frames + 1)):
            frame = encode_frame(image, number)
            encoded.append({field.name: getattr(frame, field.name) for field in fields(frame)})
            size += image.ds.Rows * image.ds.Columns * image.ds.SamplesPerPixel
            if size > _BATCH_PIXELS:
                break
    return encoded


def encode_frame(image: Image, number: int) -> EncodedFrame:
    jpeg = browser_jpeg(image, number)
    if jpeg is not None:
        return EncodedFrame(JPEG, jpeg, (len(jpeg),), 0, 255, 8, is_signed=False)
    return encode_pixels(frame_pixels(image, number), _padding(image))


def encode_pixels(pixels: Pixels, padding: tuple[int, int] | None = None) -> EncodedFrame:
    """Encode rows × columns of uint8, uint16 or int16, or rows × columns × 3 of uint8, without loss."""
    low, high = value_range(pixels, padding)
    bits, is_signed = pixels.dtype.itemsize * 8, pixels.dtype.kind == "i"
    data = _htj2k(pixels)
    try:
        cuts = read_cuts(data)
        if np.array_equal(imagecodecs.htj2k_decode(data), pixels):
            return EncodedFrame(HTJ2K, data, cuts, low, high, bits, is_signed)
    except (NotPyramidal, imagecodecs.Htj2kError):
        pass  # served raw: large, but exact
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    return EncodedFrame(RAW, data, (len(data),), low, high, bits, is_signed)


def read_cuts(codestream: bytes) -> tuple[int, ...]:
    """Lengths of the prefixes, whole to smallest, by TLM and checked against SOT. Raises NotPyramidal."""
    try:
        lengths, offset = _main_header(codestream)
        cuts = []
        for part, length in enumerate(lengths):
            marker, _, tile, psot, tile_part, _ = struct.unpack_from(">HHHIBB", codestream, offset)
            if (marker, tile, tile_part, psot) != (_SOT, 0, part, length):
                raise NotPyramidal
            offset += length
            cuts.append(offset)
    except (struct.error, IndexError) as error:
        raise NotPyramidal from error
    if not cuts or len(codestream) - offset != 2:  # EOC alone is left
        raise NotPyramidal
    cuts[-1] = len(codestream)
    return tuple(reversed(cuts))


def _main_header(codestream: bytes) -> tuple[list[int], int]:
    """Lengths of the tile-parts that TLM names (T.800 A.7.1), and where the first begins."""
    lengths: list[int] = []
    offset = 2
    if struct.unpack_from(">H", codestream)[0] != _SOC:
        raise NotPyramidal
    while True:
        marker, length = struct.unpack_from(">HH", codestream, offset)
        if marker == _SOT:
            return lengths, offset
        if marker == _TLM:
            sizes = codestream[offset + 5]
            tile_bytes, is_long = sizes >> 4 & 3, sizes >> 6 & 1
            entry = tile_bytes + (4 if is_long else 2)
            for at in range(offset + 6 + tile_bytes, offset + 2 + length, entry):
                lengths.append(int.from_bytes(codestream[at : at + entry - tile_bytes], "big"))
        offset += 2 + length


def _htj2k(pixels: Pixels) -> bytes:
    return bytes(
        imagecodecs.htj2k_encode(
            pixels, reversible=True, tlm=True, tilepart=imagecodecs.HTJ2K.TILEPART.RESOLUTIONS
        )
    )


def value_range(pixels: Pixels, padding: tuple[int, int] | None) -> tuple[int, int]:
    if pixels.ndim == 3:
        return 0, 255
    # Every fourth row and column of a large image tells the same, in a sixteenth of the time.
    step = 4 if pixels.size > 1 << 20 else 1
    values = pixels[::step, ::step].ravel()
    if padding is not None:
        inside = values[(values < padding[0]) | (values > padding[1])]
        values = inside if inside.size else values
    low, high = np.quantile(values, [0.0005, 0.9995], method="nearest")
    return int(low), int(high)


def _padding(image: Image) -> tuple[int, int] | None:
    """Stored values that are no picture (PS3.3 C.7.5.1.1.2), both ends included."""
    value = image.ds.get("PixelPaddingValue")
    if value is None or "ModalityLUTSequence" in image.ds:
        return None
    limit = image.ds.get("PixelPaddingRangeLimit", value)
    return min(int(value), int(limit)), max(int(value), int(limit))
