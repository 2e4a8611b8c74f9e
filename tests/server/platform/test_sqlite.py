"""SQLite in the event loop's thread and beside it: quick where it can be, never in the way of others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from server.platform.db import Database

MANY = 1234
# Some seconds of SQLite's own time, and one row.
LONG = """SELECT count(*) FROM (
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT i FROM n
)"""
LONG_ANSWER = 3_000_000


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'one.db'}")
    async with made.system() as session:
        await session.execute(text("CREATE TABLE t (i INTEGER PRIMARY KEY, word TEXT)"))
        rows = [{"i": i, "word": f"từ {i}"} for i in range(MANY)]
        await session.execute(text("INSERT INTO t VALUES (:i, :word)"), rows)
    yield made
    await made.close()


async def test_all_rows_come_however_they_are_fetched(database: Database) -> None:
    async with database.read() as connection:
        asked = text("SELECT i FROM t ORDER BY i")
        assert (await connection.scalars(asked)).all() == list(range(MANY))
        streamed = await connection.stream_scalars(asked, execution_options={"yield_per": 100})
        assert [i async for i in streamed] == list(range(MANY))
        async with connection.stream_scalars(asked) as one_by_one:
            assert await one_by_one.first() == 0


async def test_a_long_query_holds_nobody_up(database: Database) -> None:
    gaps: list[float] = []

    async def tick() -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(0.001)
            gaps.append(time.monotonic() - before)
            before = time.monotonic()

    ticking = asyncio.create_task(tick())
    begun = time.monotonic()
    async with database.read() as connection:
        assert await connection.scalar(text(LONG)) == LONG_ANSWER
    took = time.monotonic() - begun
    ticking.cancel()
    assert took > 0.2
    assert max(gaps) < took / 2


async def test_who_waits_to_write_holds_nobody_up_and_has_their_turn(database: Database) -> None:
    async def write() -> None:
        async with database.system() as session:
            await session.execute(text("UPDATE t SET word = 'second' WHERE i = 1"))

    async with database.system() as first:
        await first.execute(text("UPDATE t SET word = 'first' WHERE i = 1"))
        second = asyncio.create_task(write())
        await asyncio.sleep(0.1)
        assert not second.done()
    await second
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT word FROM t WHERE i = 1")) == "second"


async def test_who_writes_unannounced_holds_nobody_up(database: Database) -> None:
    """A fault of ours, in a transaction that was to read alone."""

    async def write() -> None:
        async with database.system(writes=False) as session:
            await session.execute(text("INSERT INTO t VALUES (-1, 'unannounced')"))

    async with database.system() as first:
        await first.execute(text("UPDATE t SET word = 'first' WHERE i = 1"))
        second = asyncio.create_task(write())
        await asyncio.sleep(0.1)  # would take as long as a lock is waited for
        assert not second.done()
    await second


async def test_who_gives_up_in_the_middle_leaves_nothing_behind(database: Database) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with database.system() as session:
            begun.set()
            await session.execute(text(f"UPDATE t SET word = ({LONG}) WHERE i = 1"))

    for _ in range(20):  # more often than the pool has connections
        begun.clear()
        writing = asyncio.create_task(write())
        await begun.wait()
        await asyncio.sleep(0.01)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    async with database.system() as session:
        assert await session.scalar(text("SELECT word FROM t WHERE i = 1")) == "từ 1"
        await session.execute(text("UPDATE t SET word = 'last' WHERE i = 1"))
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT word FROM t WHERE i = 1")) == "last"
