"""The viewer's frames (HTJ2K without loss) of a 432-slice CT, against Orthanc's raw frames of the same slices.

Before anything is timed every frame of ours is decoded and held against the pixels that were sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import ClientSession
from pydicom import dcmread

from bench.data import STUDY, ct_series
from bench.load import compare
from bench.measured import Measured
from bench.product import both, until_encoded
from bench.pyramid import Pyramid

HEADERS = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}


async def run() -> AsyncIterator[Measured]:
    files = ct_series()
    async with both() as (ours, peer):
        for archive in (ours, peer):
            await archive.store(file.read_bytes() for file in files)
        await until_encoded(ours.data_dir)
        async with ClientSession() as http:
            pyramid = await Pyramid.of(ours, http)
            pyramid.check((await pyramid.joined(http, 0))[0])
        heads = [dcmread(file, stop_before_pixels=True) for file in files]
        raw = [
            f"/studies/{STUDY.uid}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}/frames/1"
            for ds in heads
        ]
        for connections in (1, 8, 32):
            mine, theirs = await compare(
                pyramid.images, peer, pyramid.frame_paths(), HEADERS, connections=connections, of_peer=raw
            )
            name = "frames-ht" if connections == 8 else f"frames-ht-{connections}"
            unit = f"HTJ2K frames/s, {connections} connections; peer: raw"
            yield Measured(name, mine.per_s, unit, theirs.per_s)
