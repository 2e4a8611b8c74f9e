"""Frames of a series in one answer, over real files, a real store, sandbox and index."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from pydicom.data import get_testdata_file

from dicom.ports import Malformed
from dicom.sandbox import Sandbox
from dicom.web import joined
from dicom.web.joined import places
from tests.dicom.builders import a_dataset, a_file
from tests.dicom.viewer_site import Site, a_site

Record = tuple[dict[str, Any], bytes]
Client = TestClient[Any, Any]
COUNT, SIDE = 5, 256


def pixels(number: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.random.default_rng(number).integers(0, 4096, (SIDE, SIDE), dtype=np.uint16)


def records(body: bytes) -> list[Record]:
    """As the module's own documentation says; written anew, so that it holds."""
    found, at = [], 0
    while at < len(body):
        head, content = struct.unpack_from(">II", body, at)
        at += 8
        found.append((json.loads(body[at : at + head]), body[at + head : at + head + content]))
        at += head + content
    assert at == len(body)
    return found


@pytest_asyncio.fixture
async def site(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Site]:
    async with a_site(tmp_path, sandbox) as site:
        yield site


@pytest_asyncio.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with TestClient(TestServer(site.app())) as client:
        yield client


async def a_series(site: Site, folder: Path, count: int = COUNT) -> tuple[str, list[int]]:
    """Put in a series whose numbers run against the order of arrival: its address, and its instances in order."""
    put, found = None, dict[int, int]()
    for number in range(count, 0, -1):
        ds = a_dataset(
            Rows=SIDE,
            Columns=SIDE,
            SOPInstanceUID=f"2.25.9.{number}",
            InstanceNumber=number,
            PixelData=pixels(number).tobytes(),
        )
        path = folder / "one.dcm"
        path.write_bytes(a_file(ds))
        put = await site.put(path)
        found[number] = put.instance_id
    assert put is not None
    return f"/images/studies/{put.study_id}/series/{put.series_id}/frames", [found[n] for n in sorted(found)]


async def ask(client: Client, address: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with client.get(address, headers=headers) as answer:
        return (
            answer.status,
            {key.lower(): value for key, value in answer.headers.items()},
            await answer.read(),
        )


async def test_every_frame_of_a_series_comes_exactly_and_in_the_manifests_order(
    site: Site, client: Client, tmp_path: Path
) -> None:
    address, ids = await a_series(site, tmp_path)
    status, headers, body = await ask(client, address)
    assert (status, headers["content-type"]) == (200, joined.MEDIA_TYPE)
    found = records(body)
    assert [(head["instance"], head["frame"]) for head, _ in found] == [(one, 1) for one in ids]
    for number, (head, content) in enumerate(found, 1):
        assert head["media"] == "image/jphc"
        assert np.array_equal(imagecodecs.htj2k_decode(content), pixels(number))


async def test_a_level_gives_the_prefixes_that_single_frames_begin_with(
    site: Site, client: Client, tmp_path: Path
) -> None:
    address, ids = await a_series(site, tmp_path)
    _, _, body = await ask(client, f"{address}?level=2")
    study = address.split("/series/")[0]
    for instance, (head, content) in zip(ids, records(body), strict=True):
        _, alone, prefix = await ask(client, f"{study}/instances/{instance}/frames/1?level=2")
        assert content == prefix
        assert len(content) == head["cuts"][2] < head["cuts"][0] / 4
        facts = {key: value for key, value in head.items() if key not in {"instance", "frame", "media"}}
        assert facts == json.loads(alone["frame-facts"])


async def test_only_what_is_asked_for_comes_in_the_order_asked_for(
    site: Site, client: Client, tmp_path: Path
) -> None:
    address, ids = await a_series(site, tmp_path)
    _, _, body = await ask(client, f"{address}?frames=3-4,2-1&level=3")
    assert [head["instance"] for head, _ in records(body)] == [ids[place] for place in (2, 3, 1, 0)]
    for wrong in ("0", "6", "1-6", "x", "1-", "-1", "1,,2", "1-5,1", "٣"):
        assert (await ask(client, f"{address}?frames={wrong}"))[0] == 400, wrong


async def test_what_is_made_already_has_a_length_and_a_tag_and_may_be_kept(
    site: Site, client: Client, tmp_path: Path
) -> None:
    address, _ = await a_series(site, tmp_path)
    _, first, body = await ask(client, f"{address}?level=2")
    assert (first["cache-control"], first.get("etag")) == ("private, no-cache", None)  # made on the way
    _, second, again = await ask(client, f"{address}?level=2")
    assert again == body
    assert (second["content-length"], "immutable" in second["cache-control"]) == (str(len(body)), True)
    assert "Cookie" in second["vary"]
    assert (await ask(client, f"{address}?level=2", **{"If-None-Match": second["etag"]}))[0] == 304
    assert (await ask(client, f"{address}?level=1", **{"If-None-Match": second["etag"]}))[0] == 200
    assert (await ask(client, f"{address}?level=2&frames=1-5"))[1]["etag"] == second["etag"]


async def test_what_has_no_smaller_form_or_cannot_be_shown_is_named_and_empty(
    site: Site, client: Client
) -> None:
    put = await site.put(Path(get_testdata_file("rtdose_1frame.dcm")))
    address = f"/images/studies/{put.study_id}/series/{put.series_id}/frames"
    for _ in range(2):
        _, _, body = await ask(client, address)
        assert records(body) == [({"instance": put.instance_id, "frame": 1}, b"")]
    cine = await site.put(Path(get_testdata_file("color3d_jpeg_baseline.dcm")))
    address = f"/images/studies/{cine.study_id}/series/{cine.series_id}/frames?frames=119-120"
    [(head, content), _] = records((await ask(client, address))[2])
    assert (head["frame"], head["media"], content[:2]) == (119, "image/jpeg", b"\xff\xd8")
    [(head, content), _] = records((await ask(client, f"{address}&level=2"))[2])
    assert (len(head["cuts"]), content) == (1, b"")


async def test_an_answer_ends_where_it_is_long_enough(
    site: Site, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, ids = await a_series(site, tmp_path)
    _, _, whole = await ask(client, address)
    longest = max(len(content) for _, content in records(whole))
    monkeypatch.setattr(joined, "LARGEST", longest + 400)
    _, headers, body = await ask(client, address)
    got = records(body)
    assert 1 <= len(got) < COUNT
    assert headers["content-length"] == str(len(body))
    assert whole.startswith(body)
    rest = f"{address}?frames={len(got) + 1}-{COUNT}"
    assert records((await ask(client, rest))[2])[0][0]["instance"] == ids[len(got)]


def test_places_are_read_as_runs() -> None:
    assert places("", 3) == [1, 2, 3]
    assert places("2-3,1", 3) == [2, 3, 1]
    assert places("3-1", 3) == [3, 2, 1]
    with pytest.raises(Malformed):
        places(",".join("1" for _ in range(300)), 1000)
