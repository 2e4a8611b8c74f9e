"""One frame of any common image, made plain for a simple client. Runs in the sandbox's child alone.

Plain means: whole numbers of 8 or 16 bits, stored values (before rescale and window, which the client does
from the manifest), or RGB of 8 bits. What a client would need tables or tricks for is done here: unused
bits, high bit, byte order, YBR, palettes, the modality LUT, and every compression.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import as_pixel_options

from dicom.codestream import Header, Unreadable, read_header
from dicom.instance import BadInstance

Pixels = NDArray[Any]

# 8,192 × 8,192 of 16 bits; the largest detectors have 4,300 × 4,300. Decoders need two or three times this.
MAX_FRAME_BYTES = 128 << 20
_DEFERRED_BYTES = 64 << 10  # larger values (the pixels) stay in the file until asked for
_GREY = ("MONOCHROME1", "MONOCHROME2")
_BROWSER_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
_JPEG2000 = frozenset({*uid.JPEG2000TransferSyntaxes, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K})


@dataclass(frozen=True, slots=True)
class Image:
    """An opened image: its elements without the pixels, and a file standing at the value of Pixel Data."""

    ds: Dataset
    syntax: uid.UID
    pixels: BinaryIO
    pixel_vr: str

    @property
    def frames(self) -> int:
        return int(as_pixel_options(self.ds)["number_of_frames"])


@contextmanager
def opened(path: Path) -> Iterator[Image]:
    """Open a DICOM file for its frames. Raises BadInstance where there is nothing to show."""
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # tolerant in: what cannot be decoded is refused below
        try:
            yield _image(path, file)
        except BadInstance:
            raise
        except MemoryError as error:
            raise BadInstance("too-costly") from error
        except RecursionError as error:
            raise BadInstance("malformed") from error
        except Exception as error:
            raise BadInstance("wrong-pixels") from error


def frame_pixels(image: Image, number: int) -> Pixels:
    """Decode one frame, counted from 1: rows × columns of (u)int8/16, or rows × columns × 3 of uint8 RGB.

    Raises BadInstance for what is too large, not what its header says, or not 8 to 16 bits deep.
    """
    if not 1 <= number <= image.frames:
        raise BadInstance("wrong-pixels")
    _check_size(image.ds)
    pixels, photometric = _decode(image, number - 1)
    if photometric == "PALETTE COLOR":
        return _eight_bits_of_palette(apply_color_lut(pixels, image.ds))
    if photometric not in _GREY and pixels.ndim == 2:
        raise BadInstance("wrong-pixels")
    if pixels.ndim == 3:
        return _eight_bits(pixels, int(image.ds.BitsStored))
    if "ModalityLUTSequence" in image.ds:
        pixels = apply_modality_lut(pixels, image.ds)
    return _at_most_16_bits(pixels)


def stored_pixels(image: Image, number: int) -> tuple[Pixels, str]:
    """Decode one frame, counted from 1, as it is stored, colours as RGB; and its photometric interpretation."""
    _check_size(image.ds)
    return _decode(image, number - 1)


def encoded_frame(image: Image, number: int) -> bytes:
    """One frame's codestream as it lies in the file, counted from 1."""
    return _encoded(image, number - 1)


def browser_jpeg(image: Image, number: int) -> bytes | None:
    """Return the frame as it lies in the file where a browser shows the same picture, else None."""
    if image.syntax not in _BROWSER_JPEG or "ModalityLUTSequence" in image.ds:
        return None
    encoded = _encoded(image, number - 1)
    header = _checked(image, encoded)
    if not header.is_shown_by_browsers or header.components != image.ds.SamplesPerPixel:
        return None
    photometric = image.ds.PhotometricInterpretation
    if header.components == 1:
        return encoded if photometric in _GREY and image.ds.get("PixelRepresentation", 0) == 0 else None
    # The same word on its colours that pydicom takes: the names of the components, then JFIF, then the file.
    is_rgb = header.component_ids in (b"RGB", b"rgb") or (photometric == "RGB" and not header.is_jfif)
    return encoded if is_rgb == header.is_rgb_to_browsers else None


def voi_lut(path: Path) -> bytes:
    """The data of the first VOI LUT (PS3.3 C.11.2.1.1) as words in little endian; the index leaves it out."""
    with opened(path) as image:
        return voi_lut_words(image)


def voi_lut_words(image: Image) -> bytes:
    data = image.ds.VOILUTSequence[0].LUTData
    if isinstance(data, bytes):
        words = np.frombuffer(data, dtype="<u2" if image.syntax.is_little_endian else ">u2")
    else:
        words = np.asarray(data)
    return words.astype("<u2").tobytes()


def _image(path: Path, file: BinaryIO) -> Image:
    ds = dcmread(path, force=True, defer_size=_DEFERRED_BYTES)
    syntax = _syntax(ds)
    if "PixelData" not in ds:
        has_reals = "FloatPixelData" in ds or "DoubleFloatPixelData" in ds
        raise BadInstance("unsupported-pixels" if has_reals else "no-pixels")
    element = ds.get_item("PixelData")
    if syntax.is_deflated:
        # Offsets count in the inflated bytes here: read it whole, without deferring.
        ds = dcmread(path, force=True)
        return Image(ds, syntax, io.BytesIO(ds.PixelData), str(element.VR))
    at = element.value_tell if isinstance(element, RawDataElement) else element.file_tell
    if at is None:
        raise BadInstance("wrong-pixels")
    file.seek(at)
    del ds["PixelData"]
    return Image(ds, syntax, file, str(element.VR))


def _syntax(ds: Dataset) -> uid.UID:
    named = ds.file_meta.get("TransferSyntaxUID") if hasattr(ds, "file_meta") else None
    if named:
        return uid.UID(named)
    _, is_little_endian = ds.original_encoding
    return uid.ImplicitVRLittleEndian if is_little_endian else uid.ExplicitVRBigEndian


def _check_size(ds: Dataset) -> None:
    frame_bytes = ds.Rows * ds.Columns * ds.SamplesPerPixel * ((ds.BitsAllocated + 7) // 8)
    if frame_bytes == 0:
        raise BadInstance("wrong-pixels")
    if frame_bytes > MAX_FRAME_BYTES:
        raise BadInstance("too-many-pixels")


def _encoded(image: Image, index: int) -> bytes:
    start = image.pixels.tell()
    try:
        return get_frame(
            image.pixels,
            index,
            number_of_frames=image.frames,
            extended_offsets=as_pixel_options(image.ds).get("extended_offsets"),
        )
    finally:
        image.pixels.seek(start)


def _checked(image: Image, encoded: bytes) -> Header:
    """The codestream's own header, which must say what the data set says."""
    try:
        header = read_header(encoded)
    except Unreadable as error:
        raise BadInstance("wrong-pixels") from error
    if (header.rows, header.columns) != (image.ds.Rows, image.ds.Columns):
        raise BadInstance("wrong-pixels")
    if header.components not in (1, 3) or header.bits > 16:
        raise BadInstance("wrong-pixels")
    return header


def _decode(image: Image, index: int) -> tuple[Pixels, str]:
    options: dict[str, Any] = as_pixel_options(image.ds, pixel_keyword="PixelData", pixel_vr=image.pixel_vr)
    if image.syntax.is_compressed and not image.syntax.is_deflated:
        encoded = _encoded(image, index)
        if image.syntax != uid.RLELossless:
            _checked(image, encoded)
        options.pop("extended_offsets", None)
        options["number_of_frames"] = 1
        alone = encapsulate([encoded], has_bot=False)
        pixels, facts = _decoder(image).as_array(alone, index=0, decoding_plugin="pylibjpeg", **options)
        return pixels, str(facts["photometric_interpretation"])
    return _native(image, index, options)


def _decoder(image: Image) -> Decoder:
    try:
        return get_decoder(image.syntax)
    except NotImplementedError as error:
        raise BadInstance("unsupported-pixels") from error


def _native(image: Image, index: int, options: dict[str, Any]) -> tuple[Pixels, str]:
    allocated, stored = int(options["bits_allocated"]), int(options["bits_stored"])
    above = allocated - 1 - int(image.ds.get("HighBit", stored - 1))
    is_shifted = above != allocated - stored and 0 <= above < allocated - stored and allocated > 1
    if is_shifted:  # PS3.5 8.1.1 as it was before 2011: values may lie higher up, overlays beneath them
        options["bits_stored"] = allocated
    start = image.pixels.tell()
    pixels, facts = _decoder(image).as_array(image.pixels, index=index, **options)
    image.pixels.seek(start)
    if is_shifted:
        pixels = (pixels << above) >> (allocated - stored)
    return pixels, str(facts["photometric_interpretation"])


def _eight_bits_of_palette(colours: Pixels) -> Pixels:
    # Many devices write 16-bit tables with values that never leave 8 bits.
    is_deep = colours.dtype.itemsize == 2 and int(colours.max()) > 255
    return np.ascontiguousarray((colours >> 8 if is_deep else colours)[..., :3]).astype(np.uint8)


def _eight_bits(colours: Pixels, bits_stored: int) -> Pixels:
    if colours.shape[2] != 3:
        raise BadInstance("wrong-pixels")
    return (colours >> max(0, bits_stored - 8)).astype(np.uint8)


def _at_most_16_bits(pixels: Pixels) -> Pixels:
    if pixels.dtype.itemsize == 1 and pixels.dtype.kind == "u":
        return pixels
    low, high = int(pixels.min()), int(pixels.max())
    is_signed = pixels.dtype.kind == "i"
    plain = np.dtype(np.int16 if is_signed else np.uint16)
    if pixels.dtype.kind not in "iu" or low < np.iinfo(plain).min or high > np.iinfo(plain).max:
        raise BadInstance("unsupported-pixels")
    # Native byte order, in one piece: what the encoder takes.
    return np.ascontiguousarray(pixels, dtype=plain)
