"""Raw frames and metadata of a 432-slice CT over WADO-RS, ours against Orthanc, with the same requests.

Before anything is timed every frame of both is held against the pixels that were sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import ClientSession
from pydicom import dcmread
from pydicom.dataset import Dataset

from bench.data import STUDY, ct_series
from bench.load import compare
from bench.measured import Measured
from bench.product import Archive, both, until_encoded

ACCEPT = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
GZIP = {"Accept": "application/dicom+json", "Accept-Encoding": "gzip"}


async def run() -> AsyncIterator[Measured]:
    files = ct_series()
    async with both() as (ours, peer):
        for archive in (ours, peer):
            await archive.store(file.read_bytes() for file in files)
        await until_encoded(ours.data_dir)
        frames = {_frame_path(ds): ds.PixelData for ds in map(dcmread, files)}
        series = STUDY.derived("ct-head")
        for archive in (ours, peer):
            await _check(archive, frames, series)
        paths = list(frames)
        for connections in (1, 8, 32):
            mine, theirs = await compare(ours, peer, paths, {"Accept": ACCEPT}, connections=connections)
            name = "frames" if connections == 8 else f"frames-{connections}"
            unit = f"raw frames/s, {connections} connections"
            yield Measured(name, mine.per_s, unit, theirs.per_s)
            unit = f"ms, slowest of 100 frames, {connections} connections"
            yield Measured(f"{name}-p99", mine.p99_ms, unit, theirs.p99_ms)
        path = f"/studies/{STUDY.uid}/series/{series}/metadata"
        mine, theirs = await compare(ours, peer, [path], GZIP, connections=1)
        yield Measured("metadata", mine.p50_ms, "ms, metadata of 432 instances", theirs.p50_ms)


def _frame_path(ds: Dataset) -> str:
    return f"/studies/{STUDY.uid}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}/frames/1"


async def _check(archive: Archive, frames: dict[str, bytes], series: str) -> None:
    """Raises RuntimeError where a frame is not, byte for byte, what was sent, or an instance is not there."""
    async with ClientSession() as http:
        for path, pixels in frames.items():
            body = await archive.get(http, path, ACCEPT)
            content = body[body.index(b"\r\n\r\n") + 4 : body.rindex(b"\r\n--")]
            if content != pixels:
                raise RuntimeError(f"{archive.url} gave another frame than it was sent")
        metadata = await archive.json(http, f"/studies/{STUDY.uid}/series/{series}/metadata")
    if len(metadata) != len(frames):
        raise RuntimeError(f"{archive.url} gave metadata of {len(metadata)} instances")
