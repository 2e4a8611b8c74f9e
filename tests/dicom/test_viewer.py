"""The viewer's HTTP, over real files, a real store, sandbox and index."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from pydicom.data import get_testdata_file

from dicom.ports import Scope
from dicom.sandbox import Sandbox
from tests.dicom.builders import a_dataset, a_file
from tests.dicom.viewer_site import OWNER, Site, a_site


class Visit:
    """A site, a client of it, and short words for what tests ask."""

    def __init__(self, site: Site, client: TestClient[Any, Any], folder: Path) -> None:
        self.site = site
        self.client = client
        self._folder = folder

    async def put(self, name: str, owner_id: int = OWNER) -> tuple[int, int, int]:
        """Take in one of pydicom's files; give study, series, instance."""
        found = await self.site.put(Path(get_testdata_file(name)), owner_id)
        return found.study_id, found.series_id, found.instance_id

    async def put_made(self, **changes: Any) -> tuple[int, int, int]:
        path = self._folder / "made.dcm"
        path.write_bytes(a_file(a_dataset(**changes)))
        found = await self.site.put(path)
        return found.study_id, found.series_id, found.instance_id

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        async with self.client.get(f"/images/{path}", headers=headers) as response:
            return response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read()

    async def json(self, path: str) -> Any:
        status, _, body = await self.get(path)
        assert status == 200, body
        return json.loads(body)

    async def image(self, name: str) -> Any:
        """What the manifest says of the only image of one of pydicom's files."""
        study, _, _ = await self.put(name)
        [series] = (await self.json(f"studies/{study}"))["series"]
        [image] = series["instances"]
        return image


@pytest_asyncio.fixture
async def visit(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Visit]:
    async with a_site(tmp_path, sandbox) as site, TestClient(TestServer(site.app())) as client:
        yield Visit(site, client, tmp_path)


async def test_studies_are_listed_newest_first_with_readable_names(visit: Visit) -> None:
    await visit.put_made(StudyDate="20250101", PatientName="NGUYỄN^An^Văn")
    await visit.put("RG3_UNCR.dcm")
    first, second = (await visit.json("studies"))["studies"]
    assert (first["patient_name"], first["study_date"]) == ("NGUYỄN Văn An", "20250101")
    assert (second["modalities"], second["instance_count"]) == (["CR"], 1)


async def test_the_manifest_comes_gzipped_once_and_is_then_known(visit: Visit) -> None:
    study, _, instance = await visit.put("CT_small.dcm")
    status, headers, body = await visit.get(f"studies/{study}")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    [image] = json.loads(body)["series"][0]["instances"]
    assert image["instance"] == instance
    assert image["sop"] == pydicom.dcmread(get_testdata_file("CT_small.dcm")).SOPInstanceUID
    assert image["rescale"] == {"slope": 1.0, "intercept": -1024.0, "units": "HU"}
    assert image["spacing"] == {
        "kind": "pixel",
        "row_mm": 0.661468,
        "column_mm": 0.661468,
        "calibrated": False,
    }
    assert image["padding"] == [-2000, -2000]
    assert image["orientation"] == [1, 0, 0, 0, 1, 0]
    again, _, nothing = await visit.get(f"studies/{study}", **{"If-None-Match": headers["etag"]})
    assert (again, nothing) == (304, b"")


async def test_an_added_image_is_in_the_next_manifest(visit: Visit) -> None:
    study, _, _ = await visit.put_made()
    assert len((await visit.json(f"studies/{study}"))["series"][0]["instances"]) == 1
    await visit.put_made(SOPInstanceUID="2.25.1.1.2", InstanceNumber=2)
    assert len((await visit.json(f"studies/{study}"))["series"][0]["instances"]) == 2


async def test_a_frame_is_the_image_exactly_and_may_be_kept_for_ever(visit: Visit) -> None:
    study, _, instance = await visit.put("CT_small.dcm")
    status, headers, body = await visit.get(f"studies/{study}/instances/{instance}/frames/1")
    assert (status, headers["content-type"]) == (200, "image/jphc")
    assert headers["cache-control"] == "private, max-age=43200, immutable"
    assert "Cookie" in headers["vary"]  # the next person at a shared computer has another one
    decoded = imagecodecs.htj2k_decode(body)
    assert np.array_equal(decoded, pydicom.dcmread(get_testdata_file("CT_small.dcm")).pixel_array)
    facts = json.loads(headers["frame-facts"])
    assert (facts["bits"], facts["signed"], facts["cuts"][0]) == (16, True, len(body))


async def test_a_frames_head_is_its_headers_alone(visit: Visit) -> None:
    study, _, instance = await visit.put("CT_small.dcm")
    path = f"/images/studies/{study}/instances/{instance}/frames/1"
    url = visit.client.make_url(path)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    ask = f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    writer.write(ask.encode())
    head, edge, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert (head.split()[1], edge, body) == (b"200", b"\r\n\r\n", b"")
    _, _, whole = await visit.get(path.removeprefix("/images/"))
    assert f"Content-Length: {len(whole)}".encode() in head


async def test_a_level_and_a_range_give_the_parts_of_the_same_bytes(visit: Visit) -> None:
    study, _, instance = await visit.put("CT_small.dcm")
    path = f"studies/{study}/instances/{instance}/frames/1"
    _, headers, whole = await visit.get(path)
    cut = json.loads(headers["frame-facts"])["cuts"][2]
    _, of_level, prefix = await visit.get(f"{path}?level=2")
    assert prefix == whole[:cut]
    assert of_level["etag"] != headers["etag"]
    status, of_range, rest = await visit.get(path, Range=f"bytes={cut}-")
    assert (status, prefix + rest) == (206, whole)
    assert of_range["content-range"] == f"bytes {cut}-{len(whole) - 1}/{len(whole)}"
    status, _, tail = await visit.get(path, Range="bytes=-10")
    assert (status, tail) == (206, whole[-10:])
    assert (await visit.get(path, Range=f"bytes={len(whole)}-"))[0] == 416
    assert (await visit.get(path, Range="bytes=9-3"))[0] == 400
    # Of other bytes than those that are here, only the whole will do.
    assert (await visit.get(path, Range="bytes=5-", **{"If-Range": '"other"'}))[2] == whole
    assert (await visit.get(path, **{"If-None-Match": headers["etag"]}))[0] == 304


async def test_a_cine_stays_jpeg_and_has_its_rate_and_regions(visit: Visit) -> None:
    study, _, instance = await visit.put("color3d_jpeg_baseline.dcm")
    [series] = (await visit.json(f"studies/{study}"))["series"]
    [image] = series["instances"]
    assert (image["frames"], image["photometric"], round(image["frame_ms"])) == (120, "RGB", 33)
    assert image["spacing"] == {"kind": "us-region"}
    assert image["us_regions"][0]["units"] == [3, 3]
    status, headers, body = await visit.get(f"studies/{study}/instances/{instance}/frames/120")
    assert (status, headers["content-type"], body[:2]) == (200, "image/jpeg", b"\xff\xd8")


@pytest.mark.parametrize(
    ("given", "frame_ms", "times"),
    [
        ({"FrameTimeVector": [0, 50, 100]}, 75, [50, 100]),
        ({"FrameTimeVector": [0, 40, 40]}, 40, None),
        ({"FrameTimeVector": [0, 50, 100], "CineRate": "20"}, 50, None),
        ({"RecommendedDisplayFrameRate": "25", "CineRate": "20", "FrameTime": "10"}, 40, None),
        ({"FrameTime": "33"}, 33, None),
        ({"FrameTimeVector": [0, 50, 0]}, 25, None),
        ({}, None, None),
    ],
)
async def test_a_cine_has_the_rate_that_its_file_asks_for(
    visit: Visit, given: dict[str, Any], frame_ms: float | None, times: list[float] | None
) -> None:
    study, _, _ = await visit.put_made(**given)
    [image] = (await visit.json(f"studies/{study}"))["series"][0]["instances"]
    assert (image["frame_ms"], image["frame_times"]) == (frame_ms, times)


async def test_each_series_has_a_small_picture(visit: Visit) -> None:
    for name in ("RG3_UNCR.dcm", "examples_palette.dcm", "vlut_04.dcm"):
        study, series, _ = await visit.put(name)
        status, headers, body = await visit.get(f"studies/{study}/series/{series}/thumbnail")
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        picture = imagecodecs.jpeg8_decode(body)
        assert max(picture.shape) <= 160
        assert picture.std() > 10
        known, _, _ = await visit.get(
            f"studies/{study}/series/{series}/thumbnail", **{"If-None-Match": headers["etag"]}
        )
        assert known == 304


async def test_what_cannot_be_shown_says_why_in_vietnamese(visit: Visit) -> None:
    study, series, instance = await visit.put("rtdose_1frame.dcm")
    for path in (f"instances/{instance}/frames/1", f"series/{series}/thumbnail"):
        status, _, body = await visit.get(f"studies/{study}/{path}")
        assert status == 422
        assert json.loads(body)["detail"].startswith("Kiểu ảnh này")


async def test_what_one_may_not_read_is_not_there(visit: Visit) -> None:
    study, series, instance = await visit.put("CT_small.dcm")
    other, _, foreign = await visit.put("MR_small.dcm", owner_id=OWNER + 1)
    paths = ["", *(f"/{path}" for path in (f"instances/{instance}/frames/1", *_of_series(series)))]
    gone = [await visit.get(f"studies/{study + 100}{path}") for path in paths]
    for path, missing in zip(paths, gone, strict=True):
        hidden = await visit.get(f"studies/{other}{path}")
        assert (hidden[0], hidden[2]) == (missing[0], missing[2]) == (404, missing[2])
    # An instance of another study is not to be had by way of one's own.
    assert (await visit.get(f"studies/{study}/instances/{foreign}/frames/1"))[0] == 404
    assert [found["study"] for found in (await visit.json("studies"))["studies"]] == [study]
    visit.site.readable = Scope(OWNER, frozenset({other}), may_store=False)
    assert [found["study"] for found in (await visit.json("studies"))["studies"]] == [other]
    assert (await visit.get(f"studies/{study}"))[0] == 404
    assert (await visit.get(f"studies/{other}/instances/{foreign}/frames/1"))[0] == 200


async def test_a_frame_that_does_not_exist_is_not_there(visit: Visit) -> None:
    study, _, instance = await visit.put("CT_small.dcm")
    for frame in ("0", "2", "999999"):
        assert (await visit.get(f"studies/{study}/instances/{instance}/frames/{frame}"))[0] == 404
    for path in ("studies/x", f"studies/{study}/instances/../frames/1", "studies/9999999999999999999"):
        assert (await visit.get(path))[0] == 404


async def test_every_look_is_told_to_the_server(visit: Visit) -> None:
    study, series, instance = await visit.put("CT_small.dcm")
    await visit.get("studies")
    assert visit.site.seen == []
    for path in ("", f"/instances/{instance}/frames/1", *(f"/{path}" for path in _of_series(series))):
        await visit.get(f"studies/{study}{path}")
    assert visit.site.seen == [study] * 4


def _of_series(series: int) -> tuple[str, str]:
    return f"series/{series}/thumbnail", f"series/{series}/frames"


async def test_a_length_on_a_projection_is_on_the_detector_until_it_is_calibrated(visit: Visit) -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"ImagerPixelSpacing": [0.2, 0.1]}, {"kind": "imager", "row_mm": 0.2, "column_mm": 0.1}),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.2, 0.2]}, {"kind": "imager"}),
        ({"PixelSpacing": [0.2, 0.2]}, {"kind": "imager"}),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.15, 0.15]},
            {"kind": "pixel", "calibrated": True},
        ),
        (
            {"PixelSpacing": [0.2, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL"},
            {"kind": "pixel", "calibrated": True},
        ),
        ({"PixelSpacing": [0, 0.2]}, {"kind": None, "reason": "no-spacing"}),
        ({}, {"kind": None, "reason": "no-spacing"}),
    ]
    for i, (given, expected) in enumerate(cases):
        study, _, _ = await visit.put_made(Modality="DX", StudyInstanceUID=f"2.25.7.{i}", **given)
        spacing = (await visit.json(f"studies/{study}"))["series"][0]["instances"][0]["spacing"]
        assert expected.items() <= spacing.items(), given


async def test_a_long_voi_table_is_given_whole_and_once(visit: Visit) -> None:
    study, _, _ = await visit.put("vlut_04.dcm")
    manifest = await visit.json(f"studies/{study}")
    [key] = manifest["luts"]
    assert manifest["series"][0]["instances"][0]["voi_lut"] == key
    assert manifest["luts"][key]["bits"] == 16


async def test_functional_groups_speak_for_each_frame(visit: Visit) -> None:
    image = await visit.image("eCT_Supplemental.dcm")
    assert image["spacing"]["kind"] == "pixel"
    assert [frame["position"][2] for frame in image["per_frame"]] == [-159, -149]
    assert image["per_frame"][0]["windows"] == [{"center": 49, "width": 102, "name": ""}]


async def test_a_study_of_nothing_but_reports_has_no_series_to_show(visit: Visit) -> None:
    study, _, _ = await visit.put("test-SR.dcm")
    assert (await visit.json(f"studies/{study}"))["series"] == []


async def test_odd_header_values_become_null_and_break_nothing(visit: Visit) -> None:
    study, _, instance = await visit.put_made(
        ImageOrientationPatient=[1, 0, 0], PixelAspectRatio=[0, 1], WindowCenter=40, WindowWidth=0
    )
    async with visit.site.engine.begin() as connection:
        from dicom.index import instances

        [header] = (await connection.execute(instances.select())).mappings()
        elements = json.loads(gzip.decompress(header["header"]))
        elements["00281052"] = {"vr": "DS", "Value": ["không phải số"]}
        elements["00280030"] = {"vr": "DS", "Value": [None, {"x": 1}]}
        elements["00283010"] = {"vr": "SQ", "Value": [None, {}]}
        elements["00186011"] = {"vr": "SQ"}
        elements["00280004"] = 7
        written = gzip.compress(json.dumps(elements).encode())
        await connection.execute(instances.update().values(header=written))
    [image] = (await visit.json(f"studies/{study}"))["series"][0]["instances"]
    assert image["instance"] == instance
    assert (image["orientation"], image["aspect"], image["windows"]) == (None, 1, [])
    assert image["rescale"] == {"slope": 1, "intercept": 0, "units": ""}
