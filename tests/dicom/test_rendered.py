"""Rendered resources and thumbnails of PS3.18, against pydicom's own arithmetic and through dicomweb-client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_modality_lut, apply_windowing

from dicom.sandbox import Sandbox
from tests.dicom.builders import a_dataset, a_file, a_real_file
from tests.dicom.dicomweb_site import DicomWeb, a_dicomweb

LEVELS = ("study", "series", "instance", "frame")


@pytest_asyncio.fixture
async def web(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[DicomWeb]:
    async with a_dicomweb(tmp_path, sandbox) as web:
        yield web


def paths(ds: pydicom.Dataset) -> dict[str, str]:
    study = f"/studies/{ds.StudyInstanceUID}"
    series = f"{study}/series/{ds.SeriesInstanceUID}"
    instance = f"{series}/instances/{ds.SOPInstanceUID}"
    return dict(zip(LEVELS, (study, series, instance, f"{instance}/frames/1"), strict=True))


async def a_ct(web: DicomWeb) -> pydicom.Dataset:
    content = a_real_file("CT_small.dcm")
    assert (await web.store(content))[0] == 200
    return pydicom.dcmread(BytesIO(content))


async def picture(web: DicomWeb, path: str, accept: str = "image/png") -> NDArray[Any]:
    async with web.http.get(web.root + path, headers={"Accept": accept}) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == accept
        found: NDArray[Any] = imagecodecs.imread(await answer.read())
        return found


@pytest.mark.parametrize("level", LEVELS)
async def test_every_level_has_a_picture_and_a_thumbnail(level: str, web: DicomWeb) -> None:
    path = paths(await a_ct(web))[level]
    for accept in ("image/png", "image/jpeg"):
        assert (await picture(web, f"{path}/rendered", accept)).shape == (128, 128)
        assert max((await picture(web, f"{path}/thumbnail", accept)).shape) == 160
    assert (await picture(web, f"{path}/thumbnail?viewport=64,32")).shape == (32, 32)
    async with web.http.get(f"{web.root}{path}/rendered") as answer:
        assert answer.content_type == "image/jpeg"
        assert answer.headers["X-Of-The-Server"] == "1"
        etag = answer.headers["ETag"]
    assert await web.status(f"{path}/rendered", headers={"If-None-Match": etag}) == 304
    assert await web.status(f"{path}/rendered?quality=40", headers={"If-None-Match": etag}) == 200
    assert await web.status(f"{path}/rendered", headers={"Accept": "image/gif"}) == 406
    assert web.site.seen, "audited as viewed"


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", "linear-exact"])
async def test_a_window_shows_what_the_standard_computes(function: str, web: DicomWeb) -> None:
    ds = await a_ct(web)
    values = apply_modality_lut(ds.pixel_array, ds).astype(np.float64)
    ds.WindowCenter, ds.WindowWidth = 40, 350
    ds.VOILUTFunction = function.upper().replace("-", "_")
    low, high = float(values.min()), float(values.max())
    # pydicom maps onto the values that the file can hold; ours are shares of 255.
    ds.BitsStored, ds.PixelRepresentation, ds.RescaleSlope, ds.RescaleIntercept = 8, 0, 1, 0
    expected = apply_windowing(values, ds)
    assert low < 0 < high
    shown = await picture(web, f"{paths(ds)['frame']}/rendered?window=40,350,{function}")
    assert np.abs(shown.astype(float) - expected).max() <= 1


async def test_a_viewport_fits_cuts_and_mirrors(web: DicomWeb) -> None:
    ds = await a_ct(web)
    path = f"{paths(ds)['instance']}/rendered?window=40,350,linear"
    whole = await picture(web, path)
    assert (await picture(web, f"{path}&viewport=300,200")).shape == (200, 200)
    quarter = await picture(web, f"{path}&viewport=64,64,32,16,64,64")
    assert np.array_equal(quarter, whole[16:80, 32:96])
    mirrored = await picture(web, f"{path}&viewport=64,64,32,16,-64,64")
    assert np.array_equal(mirrored, quarter[:, ::-1])
    small = await picture(web, f"{path}&viewport=16,16")
    means = whole.reshape(16, 8, 16, 8).mean(axis=(1, 3))
    assert np.abs(small - means).mean() < 8


async def test_a_dark_is_bright_image_and_a_coloured_one_are_shown_as_meant(web: DicomWeb) -> None:
    inverse = a_dataset(PhotometricInterpretation="MONOCHROME1", WindowCenter=128, WindowWidth=256)
    inverse.PixelData = bytes(len(inverse.PixelData))
    colour = a_real_file("SC_rgb_rle.dcm")
    assert (await web.store(a_file(inverse), colour))[0] == 200
    assert (await picture(web, f"{paths(inverse)['frame']}/rendered?window=2000,4000,LINEAR")).min() == 255
    ds = pydicom.dcmread(BytesIO(colour))
    shown = await picture(web, f"{paths(ds)['frame']}/rendered")
    assert np.array_equal(shown, ds.pixel_array)


async def test_a_series_is_the_middle_image_or_all_of_them_in_parts(web: DicomWeb) -> None:
    slices = [
        a_dataset(SOPInstanceUID=f"2.25.1.1.{n}", InstanceNumber=n, PixelData=bytes([n]) * (64 * 64 * 2))
        for n in range(1, 6)
    ]
    assert (await web.store(*map(a_file, slices)))[0] == 200
    series = paths(slices[0])["series"]
    window = "window=640,1280,LINEAR_EXACT"
    levels = [(256 * n + n) / 1280 * 255 for n in range(1, 6)]
    assert abs((await picture(web, f"{series}/rendered?{window}")).mean() - levels[2]) < 1
    accept = 'multipart/related; type="image/png"'
    async with web.http.get(f"{web.root}{series}/rendered?{window}", headers={"Accept": accept}) as answer:
        assert answer.status == 200
        parts = (await answer.read()).split(b"\x89PNG")[1:]
    means = [imagecodecs.png_decode(b"\x89PNG" + part).mean() for part in parts]
    assert np.allclose(means, levels, atol=1)


async def test_dicomweb_client_gets_pictures(web: DicomWeb) -> None:
    ds = await a_ct(web)
    names = str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)
    params = {"window": "40,350,linear", "viewport": "64,64", "quality": 80}
    for question in (
        lambda client: client.retrieve_instance_rendered(*names, ("image/jpeg",), params),
        lambda client: client.retrieve_instance_frames_rendered(*names, [1], ("image/jpeg",), params),
        lambda client: client.retrieve_series_rendered(*names[:2], ("image/jpeg",), params),
    ):
        assert imagecodecs.jpeg8_decode(await web.ask(question)).shape == (64, 64)


@pytest.mark.parametrize(
    "query",
    [
        *("quality=0", "quality=101", "quality=9.5", "quality=x", "window=1,2", "window=1,2,CUBIC"),
        *("window=1,0,LINEAR", "window=nan,1,LINEAR", "window=1e9,1,LINEAR", "viewport=0,5", "viewport=5"),
        *("viewport=99999,5", "viewport=5,5,1,1", "viewport=5,5,-1,0,3,3", "viewport=5,5,0,0,0,3"),
        *("window=%3Cscript%3E,1,LINEAR", "viewport=5,5,0,0,1,2,3"),
    ],
)
async def test_parameters_that_are_none_are_refused_without_repeating_them(query: str, web: DicomWeb) -> None:
    path = paths(await a_ct(web))["instance"]
    async with web.http.get(f"{web.root}{path}/rendered?{query}") as answer:
        assert answer.status == 400
        assert "script" not in await answer.text()


async def test_what_is_not_applied_is_said_and_what_has_no_picture_is_not_given(web: DicomWeb) -> None:
    path = paths(await a_ct(web))["instance"]
    async with web.http.get(f"{web.root}{path}/rendered?annotation=patient&iccprofile=srgb") as answer:
        assert answer.headers["Warning"].endswith("annotation, iccprofile")
    async with web.http.get(f"{web.root}{path}/rendered?iccprofile=no") as answer:
        assert "Warning" not in answer.headers
    assert await web.status(f"{path}/rendered?viewport=5,5,128,0,4,4") == 422
    assert await web.status(f"{path}/frames/2/thumbnail") == 404
    content = a_real_file("reportsi.dcm")
    assert (await web.store(content))[0] == 200
    report = pydicom.dcmread(BytesIO(content))
    assert await web.status(f"{paths(report)['instance']}/rendered") == 406
