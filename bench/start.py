"""Seconds from `make run` to the first answer: in an empty home with empty caches, and the second time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bench.measured import Measured
from tools.fresh import empty_home


async def run() -> AsyncIterator[Measured]:
    with empty_home() as machine:
        first = await asyncio.to_thread(machine.first_answer)
        yield Measured("start", first, "s to the first answer, nothing installed")
        second = await asyncio.to_thread(machine.first_answer)
        yield Measured("start-again", second, "s to the first answer, second start")
