"""Searches among 10,000 studies over QIDO-RS, ours against Orthanc: a patient, a name, series of a study.

Before anything is timed the answers of both are held against each other.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

from aiohttp import ClientSession

from bench.data import STUDIES, patient_id, study_uid, ten_thousand_studies
from bench.load import compare
from bench.measured import Measured
from bench.product import Archive, both

JSON = {"Accept": "application/dicom+json"}
SAMPLE = 500  # different searches of each kind
CHECKED = 25


async def run() -> AsyncIterator[Measured]:
    chance = random.Random(2026)
    numbers = chance.sample(range(STUDIES), SAMPLE)
    searches = {
        "qido": (
            "ms, one patient of 10,000",
            [f"/studies?PatientID={patient_id(n)}" for n in numbers],
        ),
        "qido-series": ("ms, series of one study", [f"/studies/{study_uid(n)}/series" for n in numbers]),
        # One word of it: Orthanc 1.10 finds nothing when a ^ or a space is asked for.
        "qido-name": (
            "ms, part of a name, about 20 of 10,000",
            [f"/studies?PatientName=*{digits}*" for digits in range(100, 1000)],
        ),
    }
    async with both() as (ours, peer):
        for archive in (ours, peer):
            await archive.store(ten_thousand_studies())
        for name, (unit, paths) in searches.items():
            await _check(ours, peer, chance.sample(paths, CHECKED))
            mine, theirs = await compare(ours, peer, paths, JSON, connections=1)
            yield Measured(name, mine.p50_ms, unit, theirs.p50_ms)
            yield Measured(f"{name}-p99", mine.p99_ms, f"{unit}, slowest of 100", theirs.p99_ms)


async def _check(ours: Archive, peer: Archive, paths: list[str]) -> None:
    """Raises RuntimeError where the two find different studies, or none."""
    async with ClientSession() as http:
        for path in paths:
            found = [
                sorted(result["0020000D"]["Value"][0] for result in await archive.json(http, path))
                for archive in (ours, peer)
            ]
            if found[0] != found[1] or not found[0]:
                raise RuntimeError(f"{path} finds {len(found[0])} here and {len(found[1])} there")
