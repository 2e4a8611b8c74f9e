"""SQLite under SQLAlchemy's asyncio: what takes microseconds is done at once, what may wait is done in a thread.

aiosqlite changes threads four times for each statement, which takes longer than the statement. Here a SELECT runs in
the event loop's own thread, but no longer than SHORT_S: then it is broken off and done again in a thread. What
waits for a lock or for the disk (a transaction that writes begins when another is over, and ends on the disk) and
what may touch many rows (UPDATE, DELETE) is in a thread from the start.

The classes speak as aiosqlite's do, as far as SQLAlchemy asks: `create_async_engine(…, async_creator=…)`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

T = TypeVar("T")
Parameters = Sequence[Any]

SHORT_S: Final = 0.005
_STEPS: Final = 10_000  # of SQLite's machine between two looks at the clock: about a tenth of a millisecond
_FIRST_ROWS: Final = 500  # are fetched together with the statement
_READS: Final = "SELECT"
_AT_ONCE: Final = frozenset({"PRAGMA", "SAVEPOINT", "RELEASE"})
_WAIT_MS: Final = 15_000  # for another's transaction


def creator(path: str, threads: int) -> Callable[..., Awaitable[Connection]]:
    """What SQLAlchemy calls for each new connection; all of them share so many threads."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="sqlite")

    async def connect(*_: Any, **__: Any) -> Connection:
        raw = await asyncio.get_running_loop().run_in_executor(pool, _open, path)
        return Connection(raw, pool)

    return connect


def _open(path: str) -> sqlite3.Connection:
    raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    for pragma in (f"busy_timeout={_WAIT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


class Connection:
    """One connection: one statement at a time, in whichever thread."""

    def __init__(self, raw: sqlite3.Connection, pool: ThreadPoolExecutor) -> None:
        self._connection: sqlite3.Connection | None = raw
        self._pool = pool
        self._in_thread: asyncio.Future[Any] | None = None
        self._writes = False
        self._until = float("inf")
        raw.set_progress_handler(self._is_late, _STEPS)

    @property
    def _conn(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ValueError("Connection closed")
        return self._connection

    def cursor(self) -> Cursor:
        return Cursor(self, self._conn.cursor())

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        self._conn.create_function(*arguments, **options)

    async def commit(self) -> None:
        await self.do(self._conn.commit, at_once=not self._writes)
        self._writes = False

    async def rollback(self) -> None:
        await self.do(self._conn.rollback, at_once=not self._writes)
        self._writes = False

    async def close(self) -> None:
        raw, self._connection = self._connection, None
        if raw is not None:
            await self.do(raw.close)

    def stop(self) -> None:
        """Close without waiting for anything."""
        raw, self._connection = self._connection, None
        if raw is not None:
            self._pool.submit(raw.close)

    async def execute(self, cursor: sqlite3.Cursor, statement: str, parameters: Parameters) -> list[Any]:
        """Run a statement; the first rows of its answer."""
        word = statement.split(None, 1)[0].upper()
        try:
            if word == "BEGIN":
                return await self._begin(cursor, statement)
            if word == _READS:
                return await self._read(cursor, statement, parameters)
            # Who has the lock already waits for nobody; an INSERT touches one row.
            at_once = word in _AT_ONCE or (word == "INSERT" and self._writes)
            return await self.do(self._rows, cursor, statement, parameters, at_once=at_once)
        except asyncio.CancelledError:
            if self._connection is not None:
                self._connection.interrupt()  # nobody waits for the answer
            raise

    async def _begin(self, cursor: sqlite3.Cursor, statement: str) -> list[Any]:
        self._writes = "IMMEDIATE" in statement
        try:
            return await self.do(self._without_waiting, cursor, statement, at_once=True)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        return await self.do(self._rows, cursor, statement)

    async def _read(self, cursor: sqlite3.Cursor, statement: str, parameters: Parameters) -> list[Any]:
        try:
            return await self.do(self._rows, cursor, statement, parameters, at_once=True, short=True)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
        return await self.do(self._rows, cursor, statement, parameters)

    async def do(
        self, work: Callable[..., T], *arguments: Any, at_once: bool = False, short: bool = False
    ) -> T:
        """Work with the connection, behind what still runs for somebody who gave up waiting."""
        if self._in_thread is not None and not self._in_thread.done():
            await asyncio.wait([self._in_thread])
        if at_once:
            self._until = time.monotonic() + SHORT_S if short else float("inf")
            try:
                return work(*arguments)
            finally:
                self._until = float("inf")
        done: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        self._in_thread = done
        return await asyncio.shield(done)

    def _is_late(self) -> bool:
        return time.monotonic() > self._until

    @staticmethod
    def _without_waiting(cursor: sqlite3.Cursor, statement: str) -> list[Any]:
        cursor.execute("PRAGMA busy_timeout=0")
        try:
            cursor.execute(statement)
        finally:
            cursor.execute(f"PRAGMA busy_timeout={_WAIT_MS}")
        return []

    @staticmethod
    def _rows(cursor: sqlite3.Cursor, statement: str, parameters: Parameters = ()) -> list[Any]:
        cursor.execute(statement, parameters)
        return cursor.fetchmany(_FIRST_ROWS) if cursor.description else []


class Cursor:
    """One statement and its answer."""

    def __init__(self, connection: Connection, raw: sqlite3.Cursor) -> None:
        self._connection = connection
        self._raw = raw
        self._rows: list[Any] = []
        self.arraysize = 1

    async def __aenter__(self) -> Cursor:
        return self

    @property
    def description(self) -> Any:
        return self._raw.description

    @property
    def rowcount(self) -> int:
        return self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._raw.lastrowid

    async def execute(self, statement: str, parameters: Parameters = ()) -> Cursor:
        self._rows = await self._connection.execute(self._raw, statement, parameters)
        return self

    async def executemany(self, statement: str, parameters: Iterable[Parameters]) -> Cursor:
        await self._connection.do(self._raw.executemany, statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        if len(rows) == _FIRST_ROWS:
            rows += await self._connection.do(self._raw.fetchall)
        return rows

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        size = size or self.arraysize
        if len(self._rows) < size:
            self._rows += await self._connection.do(self._raw.fetchmany, size - len(self._rows))
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    async def fetchone(self) -> Any:
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def close(self) -> None:
        self._raw.close()
