"""A photo of a film becomes a Secondary Capture: upright, without what the camera wrote, and without a scale."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import zlib
from gzip import decompress
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from dicom import manifest
from dicom.headervalues import Header
from dicom.instance import BadInstance
from dicom.sandbox import Sandbox
from tests.services import program

HEADER = {
    "PatientName": "TRẦN^Thị Bình",
    "PatientID": "001167900083",
    "PatientBirthDate": "19670617",
    "PatientSex": "F",
    "StudyInstanceUID": "2.25.5",
    "StudyDate": "20261122",
    "StudyTime": "101112",
    "StudyID": "1",
    "AccessionNumber": "",
    "ReferringPhysicianName": "",
    "StudyDescription": "Ảnh chụp phim",
    "SeriesInstanceUID": "2.25.5.1",
    "SeriesNumber": "1",
    "SOPInstanceUID": "2.25.5.1.1",
    "InstanceNumber": "1",
    "ContentDate": "20261122",
    "ContentTime": "101112",
    "DateOfSecondaryCapture": "20261122",
    "TimeOfSecondaryCapture": "101112",
}


def a_picture() -> NDArray[np.uint8]:
    """240 × 160, dark, with a bright corner at the top left."""
    picture = np.full((160, 240, 3), 40, dtype=np.uint8)
    picture[:48, :64] = 220
    return picture


def an_exif(orientation: int, order: str = "<") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", 8)
    entry = struct.pack(f"{order}HHLHH", 0x0112, 3, 1, orientation, 0)
    return head + struct.pack(f"{order}H", 1) + entry + bytes(4) + b"105 51 12 N, phone of BS Lan"


def a_jpeg(picture: NDArray[np.uint8], exif: bytes = b"") -> bytes:
    made = bytes(imagecodecs.jpeg8_encode(picture, level=95))
    if not exif:
        return made
    segment = b"Exif\0\0" + exif
    return made[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + made[2:]


def a_png(columns: int, rows: int, bits: int = 8, data: bytes = b"") -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))

    head = struct.pack(">LLBBBBB", columns, rows, bits, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


class Camera:
    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox, self.path = sandbox, folder / "photo"

    async def take(self, photo: bytes) -> bytes:
        self.path.write_bytes(photo)
        made: bytes = await self._sandbox.run("capture", path=self.path, header=HEADER)
        return made

    async def refusal(self, photo: bytes) -> str:
        with pytest.raises(BadInstance) as refused:
            await self.take(photo)
        return refused.value.code


@pytest.fixture
def camera(sandbox: Sandbox, tmp_path: Path) -> Camera:
    return Camera(sandbox, tmp_path)


def turned(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """How a camera stores a scene that is upright as `picture` (EXIF 2.32, table 6), said another way than we do."""
    stored: NDArray[np.uint8] = {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p.swapaxes(0, 1), 2),
        8: lambda p: np.rot90(p, -1),
    }[orientation](picture).copy()
    return stored


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
async def test_a_photo_is_turned_upright_and_says_nothing_of_its_camera(
    orientation: int, order: str, camera: Camera
) -> None:
    made = await camera.take(a_jpeg(turned(a_picture(), orientation), an_exif(orientation, order)))
    assert b"phone of BS Lan" not in made
    assert b"Exif" not in made
    ds = dcmread(io.BytesIO(made))
    assert (ds.Rows, ds.Columns) == (160, 240)
    pixels = ds.pixel_array
    assert abs(float(pixels[10:40, 10:54].mean()) - 220) < 12
    assert pixels[60:, 80:].mean() < 130


@pytest.mark.parametrize("kind", ["rgb", "grey", "rgba", "deep"])
async def test_every_kind_of_photo_is_a_valid_image(kind: str, camera: Camera, tmp_path: Path) -> None:
    picture = a_picture()
    photo = {
        "rgb": lambda: a_jpeg(picture),
        "grey": lambda: a_jpeg(np.ascontiguousarray(picture[..., 0])),
        "rgba": lambda: bytes(imagecodecs.png_encode(np.dstack([picture, picture[..., :1]]))),
        "deep": lambda: bytes(imagecodecs.png_encode(picture.astype(np.uint16) << 8)),
    }[kind]()
    path = tmp_path / "film.dcm"
    path.write_bytes(await camera.take(photo))
    said = subprocess.run(
        [program("dciodvfy"), str(path)], capture_output=True, text=True, check=False, timeout=60
    ).stderr
    assert [line for line in said.splitlines() if line.startswith("Error")] == [], said
    ds = dcmread(path)
    assert (ds.SOPClassUID.name, ds.ConversionType) == ("Secondary Capture Image Storage", "DF")
    assert (str(ds.PatientName), ds.PatientID) == ("TRẦN^Thị Bình", "001167900083")
    assert "PixelSpacing" not in ds


async def test_a_film_is_shown_as_one_and_has_no_scale(camera: Camera, sandbox: Sandbox) -> None:
    camera.path.write_bytes(await camera.take(a_jpeg(a_picture())))
    summary = await sandbox.summarise(camera.path)
    image = manifest.image(Header(json.loads(decompress(summary.header))), manifest.Luts())
    assert image["is_film"]
    assert image["spacing"] == {"kind": None, "reason": "capture"}


async def test_a_photo_of_48_megapixels_is_halved(camera: Camera) -> None:
    made = await camera.take(a_jpeg(np.full((6048, 8064, 3), 90, dtype=np.uint8)))
    assert (dcmread(io.BytesIO(made)).Rows, dcmread(io.BytesIO(made)).Columns) == (3024, 4032)


async def test_what_is_no_photo_or_hurts_is_refused_with_its_reason(camera: Camera) -> None:
    whole = a_jpeg(a_picture())
    huge = whole.replace(struct.pack(">HH", 160, 240), struct.pack(">HH", 65_500, 65_500), 1)
    for photo, code in (
        (b"", "empty"),
        (b"%PDF-1.7 " * 9, "not-a-photo"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "photo-heic"),
        (whole[: len(whole) // 8], "photo-broken"),
        (whole[:20], "photo-broken"),
        (a_png(5, 5, data=b"no zlib"), "photo-broken"),
        (a_png(1 << 30, 1 << 30), "too-many-pixels"),
        (a_png(60_000, 60_000, data=zlib.compress(bytes(1 << 20))), "too-many-pixels"),
        (huge, "too-many-pixels"),
        (b"\x89PNG\r\n\x1a\n", "photo-broken"),
    ):
        assert await camera.refusal(photo) == code, photo[:20]
    assert await camera.take(whole)
