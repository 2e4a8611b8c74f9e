"""The rooms that this process owns: opened from their journal by the first peer, closed after the last."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from signaling import facts
from signaling.ports import Bus, Journal, Leases, May
from signaling.room import Room

JOURNAL_PAGE = 500

log = logging.getLogger(__name__)


class Closing(Exception):
    """The connection cannot go on; `code` is one of the endings."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Held:
    """A room that is ours. Facts are decided, kept and applied under its lock, one by one."""

    room: Room
    stop: Callable[[], Awaitable[None]]  # hear the room's channel no more
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


def channel(room: str) -> str:
    """The bus channel on which server code speaks into `room`."""
    return f"room.{room}"


class Rooms:
    """`rung` is called with (room, text) for each call on a held room's channel; it must not block."""

    def __init__(
        self, journal: Journal, bus: Bus, may: May, leases: Leases, rung: Callable[[str, str], None]
    ) -> None:
        self._journal, self._bus, self._may, self._leases, self._rung = journal, bus, may, leases, rung
        self._held: dict[str, Held] = {}
        self._opening = asyncio.Lock()

    def get(self, id: str) -> Held | None:
        return self._held.get(id)

    @asynccontextmanager
    async def locked(self, id: str) -> AsyncIterator[Held]:
        """Hold the lock of a room, opened first where it is closed. Raises Closing."""
        async with self._opening:
            held = self._held.get(id) or await self._open(id)
            held.users += 1
        try:
            async with held.lock:
                yield held
        finally:
            held.users -= 1
            await self.close_if_empty(id)

    async def _open(self, id: str) -> Held:
        if await self._leases.hold(id) is None:
            raise Closing("elsewhere")
        room = Room(id, self._may)
        try:
            await self._restore(room)
            stop = await self._bus.subscribe(channel(id), lambda text: self._rung(id, text))
        except Exception as problem:
            log.exception("room %s could not be opened", id)
            raise Closing("unavailable") from problem
        held = self._held[id] = Held(room, stop)
        return held

    async def _restore(self, room: Room) -> None:
        while entries := await self._journal.since(room.id, room.n, JOURNAL_PAGE):
            for entry in entries:
                fact = facts.read(entry.type, entry.data)
                if fact is not None:
                    room.restore(fact, entry.seq, entry.at_ms)
                room.n = entry.seq
        for entry in await self._journal.drawn(room.id):
            if (fact := facts.read(entry.type, entry.data)) is not None:
                room.restore(fact, 0, entry.at_ms)

    async def close_if_empty(self, id: str) -> None:
        held = self._held.get(id)
        if held is not None and held.room.is_empty and not held.users:
            await self._close(id, held)

    async def close_all(self) -> None:
        for id, held in tuple(self._held.items()):
            await self._close(id, held)

    async def _close(self, id: str, held: Held) -> None:
        del self._held[id]
        await held.stop()
        await self._leases.release(id)
