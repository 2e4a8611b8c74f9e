"""What a 432-slice CT costs on the line: all of it without loss, and all of it small, ours against Orthanc.

Orthanc's smallest form of a series is its zip of the study; its frames over WADO-RS are raw.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import ClientSession, ClientTimeout

from bench.data import STUDY, ct_series
from bench.measured import Measured
from bench.product import Archive, both, until_encoded
from bench.pyramid import Pyramid, head_bytes

RAW = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
MB = 1e6
SMALL_LEVEL = 2  # 128² of 512²: what the viewer asks for


async def run() -> AsyncIterator[Measured]:
    files = ct_series()
    async with both() as (ours, peer), ClientSession(timeout=ClientTimeout(600)) as http:
        for archive in (ours, peer):
            await archive.store(file.read_bytes() for file in files)
        await until_encoded(ours.data_dir)
        pyramid = await Pyramid.of(ours, http)
        records, whole = await pyramid.joined(http, 0)
        pyramid.check(records)
        _, small = await pyramid.joined(http, SMALL_LEVEL)
        zipped, raw = await _zip_bytes(peer, http), await _raw_bytes(peer, http)
    yield Measured("series-bytes", whole / MB, "MB, 432 slices without loss; peer: zip", zipped / MB)
    yield Measured("series-bytes-raw", whole / MB, "MB, the same; peer: raw frames", raw / MB)
    yield Measured("low-pass-bytes", small / MB, "MB, 432 slices at 128²; peer: zip", zipped / MB)


async def _zip_bytes(peer: Archive, http: ClientSession) -> int:
    base = peer.url.removesuffix("/dicom-web")
    async with http.post(f"{base}/tools/lookup", data=STUDY.uid) as answer:
        [study] = [found["ID"] for found in await answer.json() if found["Type"] == "Study"]
    async with http.get(f"{base}/studies/{study}/archive") as answer:
        return len(await answer.read()) + head_bytes(answer)


async def _raw_bytes(peer: Archive, http: ClientSession) -> int:
    size = 0
    for instance in await peer.json(http, f"/studies/{STUDY.uid}/instances"):
        series, sop = (instance[tag]["Value"][0] for tag in ("0020000E", "00080018"))
        url = f"{peer.url}/studies/{STUDY.uid}/series/{series}/instances/{sop}/frames/1"
        async with http.get(url, headers={"Accept": RAW}) as answer:
            size += len(await answer.read()) + head_bytes(answer)
    return size
