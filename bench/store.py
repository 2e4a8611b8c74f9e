"""C-STORE of slices of the CT, each flushed to the disk before its answer; dcmtk's storescu sends to both.

Orthanc flushes too, by its default (SyncStorageArea). TCP_NODELAY is set on both sides of either.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench.data import ct_series
from bench.measured import Measured
from bench.product import Archive, both
from tests.services import HOST

ASSOCIATIONS = (1, 4)


async def run() -> AsyncIterator[Measured]:
    files = ct_series()
    half = len(files) // len(ASSOCIATIONS)
    async with both() as (ours, peer):
        for number, associations in enumerate(ASSOCIATIONS):
            some = files[number * half : (number + 1) * half]  # new to both
            mine = await _per_s(ours, some, associations)
            theirs = await _per_s(peer, some, associations)
            unit = f"instances/s, durable, {associations} associations"
            yield Measured("store" if associations == 1 else f"store-{associations}", mine, unit, theirs)


async def _per_s(archive: Archive, files: Sequence[Path], associations: int) -> float:
    begun = time.monotonic()
    await asyncio.gather(*(_send(archive, files[number::associations]) for number in range(associations)))
    return len(files) / (time.monotonic() - begun)


async def _send(archive: Archive, files: Sequence[Path]) -> None:
    """One association. Raises RuntimeError where an instance is not taken."""
    process = await asyncio.create_subprocess_exec(
        *("/usr/bin/storescu", "-aec", archive.ae_title, HOST, str(archive.dimse_port), *map(str, files)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TCP_NODELAY": "1"},
    )
    _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{archive.ae_title}: {said.decode()[-500:]}")
