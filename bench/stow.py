"""STOW-RS of slices of the CT, each flushed to the disk before the answer; the same requests to both."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench.data import ct_series
from bench.measured import Measured
from bench.product import Archive, both

CONNECTIONS = (1, 4)


async def run() -> AsyncIterator[Measured]:
    files = ct_series()
    half = len(files) // len(CONNECTIONS)
    async with both() as (ours, peer):
        for number, connections in enumerate(CONNECTIONS):
            some = files[number * half : (number + 1) * half]  # new to both
            mine = await _per_s(ours, some, connections)
            theirs = await _per_s(peer, some, connections)
            unit = f"instances/s, durable, {connections} connections"
            yield Measured("stow" if connections == 1 else f"stow-{connections}", mine, unit, theirs)


async def _per_s(archive: Archive, files: Sequence[Path], connections: int) -> float:
    contents = [file.read_bytes() for file in files]
    begun = time.monotonic()
    await archive.store(contents, connections)
    return len(files) / (time.monotonic() - begun)
