"""A photo of a film as a Secondary Capture image (PS3.3 A.8.1). Runs in the sandbox's child alone.

The photo is decoded and encoded once more: turned as the camera held it, and with nothing left of what the camera
wrote beside the picture (EXIF: place, time, device). It has no scale, and says so: nothing can be measured on it.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGBaseline8Bit, SecondaryCaptureImageStorage

from dicom.codestream import Unreadable, read_header
from dicom.instance import BadInstance

CONVERSION: Final = "DF"  # digitized film (PS3.3 C.8.6.1): what tells a photo of a film from a screenshot
MAX_PIXELS: Final = 128 << 20  # of what is decoded: three bytes each
KEPT_PIXELS: Final = 24 << 20  # beyond this it is halved: no film shows more
LEVEL: Final = 92  # of JPEG; letters on the film stay sharp
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_ORIENTATION: Final = 0x0112
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif")

Photo = NDArray[np.uint8]


def capture(path: Path, header: dict[str, str]) -> bytes:
    """The Part 10 file of a photo. `header`: values of the data set by keyword, those of the patient among them.

    Raises BadInstance for what is no photo, or is larger than any camera makes.
    """
    data = path.read_bytes()
    photo = _halved(_turned(*_decoded(data)))
    rows, columns = photo.shape[:2]
    is_grey = photo.ndim == 2
    encoded = bytes(imagecodecs.jpeg8_encode(photo, level=LEVEL, subsampling=None if is_grey else "422"))
    ds = Dataset()
    for keyword, value in header.items():
        setattr(ds, keyword, value)
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.Modality = "OT"
    ds.ConversionType = CONVERSION
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.PatientOrientation = None  # type 2C: only a person could say, and the film itself does
    ds.Laterality = None
    ds.BurnedInAnnotation = "YES"  # a film bears its patient's name
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionRatio = f"{photo.size / len(encoded):.2f}"
    ds.LossyImageCompressionMethod = "ISO_10918_1"
    ds.SamplesPerPixel = 1 if is_grey else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if is_grey else "YBR_FULL_422"
    if not is_grey:
        ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = encapsulate([encoded])
    return _written(ds)


def _written(ds: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = UID(ds.SOPInstanceUID)
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.file_meta = meta
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _decoded(data: bytes) -> tuple[NDArray[Any], int]:
    """The pixels as the camera held them, and the EXIF orientation (1 to 8). Its size is looked at first."""
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        raise BadInstance("photo-heic")
    try:
        if data.startswith(b"\xff\xd8\xff"):
            size = read_header(data)
            _check(size.rows, size.columns, is_known=size.components in (1, 3))
            return imagecodecs.jpeg8_decode(data), _orientation(_jpeg_exif(data))
        if data.startswith(_PNG):
            columns, rows, bits = struct.unpack_from(">LLB", data, 16)
            _check(rows * (2 if bits == 16 else 1), columns, is_known=True)
            return imagecodecs.png_decode(data), _orientation(_png_exif(data))
    except (Unreadable, struct.error, imagecodecs.Jpeg8Error, imagecodecs.PngError, ValueError) as error:
        raise BadInstance("photo-broken") from error
    raise BadInstance("not-a-photo" if data else "empty")


def _check(rows: int, columns: int, *, is_known: bool) -> None:
    if not is_known or rows * columns == 0:
        raise BadInstance("photo-broken")
    if rows * columns > MAX_PIXELS:
        raise BadInstance("too-many-pixels")


def _turned(pixels: NDArray[Any], orientation: int) -> Photo:
    """Eight bits, grey or RGB, upright (EXIF 2.32, table 6)."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise BadInstance("photo-broken")
    if pixels.ndim == 3:
        pixels = {1: pixels[..., 0], 2: pixels[..., 0]}.get(pixels.shape[2], pixels[..., :3])
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    across = orientation in (2, 3, 6, 7)
    down = orientation in (3, 4, 7, 8)
    return np.ascontiguousarray(pixels[:: -1 if down else 1, :: -1 if across else 1])


def _halved(photo: Photo) -> Photo:
    while photo.shape[0] * photo.shape[1] > KEPT_PIXELS:
        rows, columns = photo.shape[0] // 2, photo.shape[1] // 2
        even = photo[: 2 * rows, : 2 * columns].astype(np.uint16)
        sums = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
        photo = ((sums + 2) >> 2).astype(np.uint8)
    return photo


def _jpeg_exif(data: bytes) -> bytes:
    """The TIFF structure of the first APP1 segment that is EXIF; b"" where there is none."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] not in (0xDA, 0xD9):
        (length,) = struct.unpack_from(">H", data, position + 2)
        segment = data[position + 4 : position + 2 + length]
        if data[position + 1] == 0xE1 and segment.startswith(b"Exif\0\0"):
            return segment[6:]
        position += 2 + length
    return b""


def _png_exif(data: bytes) -> bytes:
    position = len(_PNG)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">L4s", data, position)
        if name == b"eXIf":
            return data[position + 8 : position + 8 + length]
        if name == b"IDAT":
            break
        position += 12 + length
    return b""


def _orientation(tiff: bytes) -> int:
    """The orientation in the first directory; 1 (upright) for what cannot be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}L", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHLH", tiff, entry)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
