"""What may change outside of this process, looked up anew before it is too old to be believed."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
LARGEST = 4096


class Fresh(Generic[Key, Value]):
    """`look_up`'s answers, none given out later than `kept_s` after it was asked for.

    However many ask at once, one look-up runs for each key. From half of that age on it runs again behind an
    answer that still holds, so that under a steady load nobody waits. None and refusals are not kept.
    """

    def __init__(self, kept_s: float, look_up: Callable[[Key], Awaitable[Value | None]]) -> None:
        self._kept_s = kept_s
        self._look_up = look_up
        self._found: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._running: dict[Key, tuple[float, asyncio.Task[Value | None]]] = {}

    async def get(self, key: Key) -> Value | None:
        """The answer, looked up where none that is young enough is known. Raises what `look_up` raises."""
        now = time.monotonic()
        if (found := self._found.get(key)) is not None:
            age_s = now - found[0]
            if age_s < self._kept_s:
                if age_s > self._kept_s / 2:
                    _ = self._look(key, now)
                return found[1]
        # Whoever asked first may go away: the others still wait for it.
        return await asyncio.shield(self._look(key, now))

    def forget(self) -> None:
        """Believe nothing that was asked before now."""
        self._found.clear()
        self._running.clear()

    def _look(self, key: Key, now: float) -> asyncio.Task[Value | None]:
        """The look-up that runs, or a new one where that one is too old as well."""
        running = self._running.get(key)
        if running is not None and now - running[0] < self._kept_s:
            return running[1]
        task = asyncio.create_task(self._ask(key, now))
        task.add_done_callback(_note_failure)
        self._running[key] = now, task
        return task

    async def _ask(self, key: Key, asked_at: float) -> Value | None:
        value = None
        try:
            value = await self._look_up(key)
        finally:
            running = self._running.get(key)
            if running is not None and running[1] is asyncio.current_task():
                del self._running[key]
                self._keep(key, asked_at, value)
        return value

    def _keep(self, key: Key, asked_at: float, value: Value | None) -> None:
        self._found.pop(key, None)
        if value is not None:
            self._found[key] = asked_at, value
        if len(self._found) > LARGEST:
            self._found.popitem(last=False)


def _note_failure(task: asyncio.Task[object]) -> None:
    """Nobody may wait for it: then the next one to ask looks up again and hears of it."""
    if not task.cancelled():
        task.exception()
