"""Frames as we make them plain, against pydicom's own decoding of every image that it can decode."""

from __future__ import annotations

import base64
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.data import get_testdata_file, get_testdata_files
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import pixel_array

from dicom.frames import browser_jpeg, frame_pixels, opened
from dicom.instance import BadInstance
from tests.dicom.builders import a_dataset, a_file
from tests.dicom.reference import grey8

# Three of each size of image are large enough to take long: one of each kind of compression is kept.
_LARGE = (
    "RG1_",
    "RG2_",
    "RG3_",
    "NM1_",
    "MR1_",
    "MR2_",
    "US1_",
    "VL",
    "XA1_",
    "JPGExtended",
    "color3d",
    "GH",
)
_KEPT = (
    "RG1_UNCR",
    "RG3_J2KR",
    "RG3_RLE",
    "MR2_J2KI",
    "US1_J2KR",
    "US1_UNCR",
    "VL6_J2KR",
    "color3d_jpeg_baseline",
)
_WINDOWS = Path(__file__).parents[2] / "web" / "src" / "viewer" / "window.fixture.json"


def _sampled(path: str) -> bool:
    stem = Path(path).stem
    return Path(path).is_file() and (stem in _KEPT or not stem.startswith(_LARGE))


def _reference(path: Path) -> tuple[Dataset, NDArray[Any] | None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ds = pydicom.dcmread(path, force=True)
            is_deflated = ds.file_meta.get("TransferSyntaxUID") == uid.DeflatedExplicitVRLittleEndian
            pixels = ds.pixel_array if is_deflated else pixel_array(path, index=0)
            return ds, pixels if "PhotometricInterpretation" in ds else None  # cut off before it
        except Exception:
            return Dataset(), None


def _plain(ds: Dataset, pixels: NDArray[Any]) -> Any:
    """What is to come of pydicom's pixels; None where we show no such image."""
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(pixels, ds)[..., :3]
        return colours >> 8 if colours.max() > 255 else colours
    if pixels.ndim == 3:
        return pixels >> max(0, ds.BitsStored - 8)
    if "ModalityLUTSequence" in ds:
        return apply_modality_lut(pixels, ds)
    return pixels if pixels.dtype.itemsize <= 2 else None


def _decoded(path: Path, number: int = 1) -> NDArray[Any]:
    with opened(path) as image:
        return frame_pixels(image, number)


def test_every_image_that_pydicom_decodes_comes_out_as_pydicom_decodes_it() -> None:
    compared, refused, different = set(), [], []
    for name in sorted(filter(_sampled, map(str, get_testdata_files()))):
        ds, pixels = _reference(Path(name))
        if pixels is None or (expected := _plain(ds, pixels)) is None:
            continue
        try:
            found = _decoded(Path(name))
        except BadInstance as error:
            refused.append((Path(name).name, error.code))
            continue
        compared.add(str(ds.file_meta.get("TransferSyntaxUID")))
        if not np.array_equal(found, expected) or found.dtype not in (np.uint8, np.uint16, np.int8, np.int16):
            different.append(Path(name).name)
    assert (refused, different) == ([], [])
    assert compared >= {
        uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian, uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1,
        uid.JPEGLSLossless, uid.JPEGLSNearLossless, uid.JPEG2000Lossless, uid.JPEG2000,
    }  # fmt: skip


def test_htj2k_comes_out_as_it_went_in(tmp_path: Path) -> None:
    import imagecodecs

    pixels = np.random.default_rng(1).integers(0, 4096, (48, 80), dtype=np.uint16)
    codestream = bytes(imagecodecs.htj2k_encode(pixels, reversible=True))
    ds = a_dataset(Rows=48, Columns=80, BitsStored=16, PixelData=pydicom.encaps.encapsulate([codestream]))
    (tmp_path / "ht.dcm").write_bytes(a_file(ds, uid.HTJ2KLossless))
    assert np.array_equal(_decoded(tmp_path / "ht.dcm"), pixels)


def test_each_frame_of_several_is_its_own() -> None:
    path = Path(get_testdata_file("examples_palette.dcm"))  # one frame: there is no second
    with pytest.raises(BadInstance):
        _decoded(path, 2)
    for name in ("emri_small.dcm", "emri_small_jpeg_2k_lossless.dcm", "emri_small_RLE.dcm"):
        path = Path(get_testdata_file(name))
        all_frames = pydicom.dcmread(path).pixel_array
        assert np.array_equal(_decoded(path, 3), all_frames[2])
        assert not np.array_equal(all_frames[2], all_frames[0])


def test_values_that_lie_higher_up_come_down_and_what_lies_beneath_goes(tmp_path: Path) -> None:
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) % 4096
    overlay = np.random.default_rng(2).integers(0, 16, (64, 64), dtype=np.uint16)
    ds = a_dataset(BitsStored=12, HighBit=15, PixelData=((values << 4) | overlay).tobytes())
    (tmp_path / "high.dcm").write_bytes(a_file(ds))
    assert np.array_equal(_decoded(tmp_path / "high.dcm"), values)


def test_bits_above_the_stored_ones_are_no_part_of_the_value(tmp_path: Path) -> None:
    values = np.arange(64 * 64, dtype=np.int16).reshape(64, 64) % 4096 - 2048
    dirty = (values.astype(np.uint16) & 0x0FFF) | 0x5000
    ds = a_dataset(BitsStored=12, HighBit=11, PixelRepresentation=1, PixelData=dirty.tobytes())
    (tmp_path / "dirty.dcm").write_bytes(a_file(ds))
    assert np.array_equal(_decoded(tmp_path / "dirty.dcm"), values)


def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    ds = pydicom.dcmread(get_testdata_file("JPEG2000.dcm"))
    siz = ds.PixelData.index(b"\xff\x4f\xff\x51") + 8
    ds.PixelData = ds.PixelData[:siz] + (60_000).to_bytes(4, "big") * 2 + ds.PixelData[siz + 8 :]
    ds.save_as(tmp_path / "bomb.dcm")
    with pytest.raises(BadInstance) as refused:
        _decoded(tmp_path / "bomb.dcm")
    assert refused.value.code == "wrong-pixels"


def test_an_image_that_claims_too_much_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "vast.dcm").write_bytes(a_file(a_dataset(Rows=65535, Columns=65535)))
    with pytest.raises(BadInstance) as refused:
        _decoded(tmp_path / "vast.dcm")
    assert refused.value.code == "too-many-pixels"


def test_a_report_has_no_picture_and_a_dose_has_too_many_bits() -> None:
    for name, code in (("test-SR.dcm", "no-pixels"), ("rtdose.dcm", "unsupported-pixels")):
        with pytest.raises(BadInstance) as refused:
            _decoded(Path(get_testdata_file(name)))
        assert refused.value.code == code


def test_pixels_cut_short_are_refused(tmp_path: Path) -> None:
    whole = a_file(a_dataset())
    (tmp_path / "cut.dcm").write_bytes(whole[:-1000])
    with pytest.raises(BadInstance):
        _decoded(tmp_path / "cut.dcm")


def test_jpeg_goes_to_browsers_as_it_is_where_they_show_the_same_colours() -> None:
    # Names of components R, G, B, or JFIF with YBR: as browsers take it. RGB without a word of it: not.
    for name, goes in (
        ("color3d_jpeg_baseline.dcm", True),
        ("SC_rgb_jpeg_dcmtk.dcm", True),
        ("SC_rgb_dcmtk_+eb+cr.dcm", True),
        ("SC_rgb_small_odd_jpeg.dcm", True),
        ("JPEG-lossy.dcm", False),  # twelve bits
        ("JPEG2000.dcm", False),
    ):
        with opened(Path(get_testdata_file(name))) as image:
            jpeg = browser_jpeg(image, 1)
        assert (jpeg is not None) == goes, name
        assert jpeg is None or jpeg.startswith(b"\xff\xd8")


def windows() -> list[dict[str, Any]]:
    """Cases for the viewer's windowing: stored values, and the greys that pydicom makes of them."""
    stored = np.array(
        [-2048, -1100, -1025, -1024, -1, 0, 1, 39, 40, 63, 64, 65, 100, 1023, 1024, 1064, 1104, 3071]
    )
    cases = []
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        for center, width in ((40, 400), (40.5, 80), (-600, 1500), (0, 20), (100, 2), (1024, 4096)):
            if function == "SIGMOID" and width < 20:
                continue  # pydicom's own arithmetic overflows
            for slope, intercept in ((1, 0), (1, -1024), (0.5, 3.25), (-1, 100)):
                ds = a_dataset(VOILUTFunction=function, RescaleSlope=slope, RescaleIntercept=intercept)
                greys = grey8(ds, stored, (center, width))
                cases.append(
                    {"function": function, "center": center, "width": width, "slope": slope}
                    | {"intercept": intercept, "stored": stored.tolist(), "greys": greys.tolist()}
                )
    return [*cases, _lut_case()]


def _lut_case() -> dict[str, Any]:
    table = (np.sin(np.linspace(0, 1.5, 300)) * 4095).astype("<u2")
    lut = Dataset()
    lut.LUTDescriptor, lut.LUTData = [300, -100, 12], table.tolist()
    lut["LUTDescriptor"].VR, lut["LUTData"].VR = "SS", "US"
    ds = a_dataset(PixelRepresentation=1, VOILUTSequence=[lut])
    stored = np.array([-2000, -101, -100, -99, 0, 57, 198, 199, 200, 2000], dtype=np.int16)
    data = base64.b64encode(table.tobytes()).decode()
    return {
        "lut": {"first": -100, "bits": 12, "data": data},
        "stored": stored.tolist(),
        "greys": grey8(ds, stored).tolist(),
    }


def test_the_viewer_is_held_against_what_pydicom_computes() -> None:
    """The fixture of web/src/viewer/window.test.ts is what pydicom gives today. `write` writes it anew."""
    assert json.loads(_WINDOWS.read_text()) == windows()


def write() -> None:
    """By hand: python -c "import tests.dicom.test_frames as t; t.write()"."""
    _WINDOWS.write_text(json.dumps(windows(), separators=(",", ":")) + "\n")
