"""Which web process owns a room: a lock that ends with the process that holds it, so nothing has to expire.

Where the database is a file, all processes are on one machine and lock a file; else they lock a number in
PostgreSQL, on a connection kept for that. A room's people must come to its owner: another process tells
them `elsewhere`, and their pages try again.
"""

import asyncio
import fcntl
import logging
import os
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from server.platform.db import Database

log = logging.getLogger(__name__)


class FileLeases:
    """One locked file a room."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    async def hold(self, room: str) -> int | None:
        while room not in self._held:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = os.open(self._folder / room, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return None
            if os.fstat(file).st_nlink:
                self._held[room] = file
            else:  # its last owner removed the name before we had the lock
                os.close(file)
        return 1

    async def release(self, room: str) -> None:
        file = self._held.pop(room, None)
        if file is not None:
            (self._folder / room).unlink(missing_ok=True)
            os.close(file)

    async def close(self) -> None:
        for room in tuple(self._held):
            await self.release(room)


class AdvisoryLeases:
    """One advisory lock a room, all on one connection. When that breaks, they are taken anew at once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._line: AsyncConnection | None = None
        self._held: set[str] = set()
        self._turn = asyncio.Lock()

    async def hold(self, room: str) -> int | None:
        if room in self._held:
            return 1
        taking = asyncio.ensure_future(self._take(room))
        try:
            return await asyncio.shield(taking)  # a statement that is cut off would break the line
        except asyncio.CancelledError:
            await taking
            await self.release(room)
            raise

    async def _take(self, room: str) -> int | None:
        if await self._ask("pg_try_advisory_lock", room):
            self._held.add(room)
            return 1
        return None

    async def release(self, room: str) -> None:
        if room in self._held:
            self._held.discard(room)
            await asyncio.shield(self._ask("pg_advisory_unlock", room))

    async def close(self) -> None:
        """End the line, and with it its locks."""
        line, self._line = self._line, None
        if line is not None:
            await line.invalidate()
            await line.close()

    async def _ask(self, function: str, room: str) -> bool:
        """Ask on our line, on a new one when that broke. False where the database does not answer: nobody
        owns a room without it.
        """
        async with self._turn:
            for _ in range(2):
                try:
                    if self._line is None:
                        await self._connect()
                    return await self._call(function, room)
                except (SQLAlchemyError, OSError) as problem:
                    log.warning("the line to the database broke (%s)", type(problem).__name__)
                    await self.close()
            return False

    async def _connect(self) -> None:
        self._line = await self._engine.connect()
        for room in self._held:
            if not await self._call("pg_try_advisory_lock", room):
                log.error("room %s has another owner now", room)

    async def _call(self, function: str, room: str) -> bool:
        assert self._line is not None
        asked = text(f"SELECT {function}(hashtextextended(:room, 0))")
        return bool(await self._line.scalar(asked, {"room": room}))


def make_leases(database: Database, data_dir: Path) -> FileLeases | AdvisoryLeases:
    return FileLeases(data_dir / "rooms") if database.is_sqlite else AdvisoryLeases(database.engine)
