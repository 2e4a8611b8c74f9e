"""What one source does again and again: told at once, then by its number, and never lost."""

from __future__ import annotations

import asyncio

from server.platform import repeats
from server.platform.repeats import Repeats


class Ledger:
    """Where it is told; `is_broken` refuses, `gate` holds up."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.is_broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def tell(self, source: str, count: int) -> None:
        await self.gate.wait()
        if self.is_broken:
            raise OSError("disk full")
        self.told.append((source, count))


async def test_the_first_is_told_at_once_and_the_rest_by_its_number() -> None:
    ledger = Ledger()
    counted = Repeats(ledger.tell, "others")
    for source in ("a", "a", "b", "a"):
        await counted.note(source)
    assert ledger.told == [("a", 1), ("b", 1)]
    await counted.close()
    assert ledger.told == [("a", 1), ("b", 1), ("a", 2)]


async def test_too_many_sources_are_told_as_one() -> None:
    ledger = Ledger()
    counted = Repeats(ledger.tell, "others")
    for number in range(repeats.SOURCES + 30):
        await counted.note(f"source {number}")
    await counted.close()
    assert len(ledger.told) == repeats.SOURCES + 2
    assert sum(count for _, count in ledger.told) == repeats.SOURCES + 30


async def test_what_could_not_be_told_is_told_later() -> None:
    ledger = Ledger()
    counted = Repeats(ledger.tell, "others")
    ledger.is_broken = True
    await counted.note("a")
    ledger.is_broken = False
    await counted.close()
    assert ledger.told == [("a", 1)]


async def test_a_stranger_does_not_wait_until_it_is_told() -> None:
    ledger = Ledger()
    counted = Repeats(ledger.tell, "others")
    ledger.gate.clear()
    counted.soon("a")
    await asyncio.sleep(0)
    assert ledger.told == []
    ledger.gate.set()
    await counted.close()
    assert ledger.told == [("a", 1)]
