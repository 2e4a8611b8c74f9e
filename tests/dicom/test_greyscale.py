"""Pictures that the server makes show the greys that the viewer shows: one table holds both (window.fixture.json)."""

from __future__ import annotations

import json
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from dicom.frames import frame_pixels, opened
from dicom.greyscale import Facts, facts_of, shown
from dicom.rendering import rendered
from dicom.thumbnail import picture
from tests.dicom.builders import a_dataset, a_file, a_real_file

_CASES = json.loads(
    (Path(__file__).parents[2] / "web" / "src" / "viewer" / "window.fixture.json").read_text()
)


def facts(**other: Any) -> Facts:
    plain = {"slope": 1.0, "intercept": 0.0, "units": ""}
    known = {"windows": [], "voi_function": "LINEAR", "rescale": plain, "photometric": "MONOCHROME2"}
    return {**known, "padding": None, "lut": None, **other}


def test_every_function_rescale_and_width_gives_the_greys_of_the_viewer() -> None:
    cases = [case for case in _CASES if "function" in case]
    assert len(cases) > 50
    for case in cases:
        rescale = {"slope": case["slope"], "intercept": case["intercept"], "units": ""}
        stored = np.array([case["stored"]])
        found = shown(
            stored,
            facts(voi_function=case["function"], rescale=rescale),
            [case["center"], case["width"], 0],
        )
        assert found.tolist() == [case["greys"]], case


def test_a_voi_lut_comes_before_windows_and_stretches_to_a_chosen_one() -> None:
    [case] = [case for case in _CASES if "lut" in case]
    windows = [{"center": 5.0, "width": 10.0, "name": ""}]
    stored = np.array([case["stored"]])
    assert shown(stored, facts(lut=case["lut"], windows=windows), []).tolist() == [case["greys"]]
    near = shown(stored, facts(lut=case["lut"]), [50, 302, 0])
    assert np.abs(near.astype(int) - case["greys"]).max() < 4


def test_padding_is_black_and_monochrome1_is_turned_round() -> None:
    stored = np.array([[-2000, -1950, -1900, -1899, 1000]])
    film = facts(padding=[-2000, -1900], photometric="MONOCHROME1")
    assert shown(stored, film, [0, 100, 0]).tolist() == [[0, 0, 0, 255, 0]]
    assert shown(stored, film, [0, 100, 1]).tolist() == [[0, 0, 0, 0, 255]]


def test_colours_stay_until_a_window_is_chosen() -> None:
    pixels = np.array([[[10, 128, 250]]], dtype=np.uint8)
    colour = facts(photometric="RGB")
    for voi in ([], [128, 256, 0]):
        assert shown(pixels, colour, voi).tolist() == pixels.tolist()
    assert shown(pixels, colour, [128, 256, 1]).tolist() == [[[245, 127, 5]]]


def stored_at(folder: Path, ds: Dataset | bytes) -> Path:
    path = folder / "one.dcm"
    path.write_bytes(ds if isinstance(ds, bytes) else a_file(ds))
    return path


def seen(jpeg: bytes) -> NDArray[Any]:
    found: NDArray[Any] = imagecodecs.jpeg8_decode(jpeg)
    return found


def test_a_key_image_of_an_x_ray_has_the_polarity_that_was_seen(tmp_path: Path) -> None:
    """MONOCHROME1: the least value is white, inverted or not inverted as the reader chose."""
    ds = a_dataset(PhotometricInterpretation="MONOCHROME1", WindowCenter=2048, WindowWidth=4096)
    ds.PixelData = bytes(len(ds.PixelData))
    path = stored_at(tmp_path, ds)
    assert seen(picture(path, 1, [2048, 4096, 0], 480)).min() > 250
    assert seen(picture(path, 1, [2048, 4096, 1], 480)).max() < 5


def enhanced() -> Dataset:
    """Two frames that differ in their window and rescale alone."""
    ds = a_dataset(NumberOfFrames=2)
    ds.PixelData = np.full((2, 64, 64), 100, dtype="<u2").tobytes()
    ds.PerFrameFunctionalGroupsSequence = [Dataset(), Dataset()]
    for frame, (center, slope) in zip(ds.PerFrameFunctionalGroupsSequence, ((100, 1), (100, 2)), strict=True):
        voi, rescale = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 400
        voi.VOILUTFunction = "LINEAR_EXACT"
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = slope, 0, "US"
        frame.FrameVOILUTSequence, frame.PixelValueTransformationSequence = [voi], [rescale]
    return ds


@pytest.mark.parametrize(("frame", "grey"), [(1, 127.5), (2, 191.25)])
def test_each_frame_of_an_enhanced_image_has_its_own_window_and_rescale(
    frame: int, grey: float, tmp_path: Path
) -> None:
    path = stored_at(tmp_path, enhanced())
    png = imagecodecs.png_decode(rendered(path, frame, "image/png", [], [], [], 90))
    assert np.abs(png.astype(float) - grey).max() <= 0.5


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "mlut_18.dcm", "vlut_04.dcm", "RG1_UNCR.dcm"]
)
def test_a_real_image_is_first_seen_as_pydicom_shows_it(name: str, tmp_path: Path) -> None:
    content = a_real_file(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(BytesIO(content))
        values = apply_modality_lut(ds.pixel_array, ds)
        expected = np.asarray(apply_voi_lut(values, ds), dtype=np.float64)
    with opened(stored_at(tmp_path, content)) as image:
        found = shown(frame_pixels(image, 1), facts_of(image, 1), [])
    if "WindowCenter" not in ds and "VOILUTSequence" not in ds:
        assert (found.min(), found.max()) == (0, 255)
        return
    alike = float(np.corrcoef(expected.ravel(), found.ravel())[0, 1])
    assert alike * (-1 if ds.PhotometricInterpretation == "MONOCHROME1" else 1) > 0.999
