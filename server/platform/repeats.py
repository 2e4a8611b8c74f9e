"""What one source does again and again, told in one row a minute: a flood of refusals cannot fill the audit."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Source = TypeVar("Source", bound=Hashable)
EVERY_S = 60.0
SOURCES = 50  # at once; more are told as one, `others`, for a row of the audit stays for ever


class Repeats(Generic[Source]):
    """Tells the first of each source at once, and how many more came at the end of each minute with any."""

    def __init__(
        self, tell: Callable[[Source, int], Awaitable[None]], others: Source, every_s: float = EVERY_S
    ) -> None:
        self._tell, self._others, self._every_s = tell, others, every_s
        self._untold: dict[Source, int] = {}
        self._watches: dict[Source, asyncio.Task[None]] = {}
        self._soon: set[asyncio.Task[None]] = set()

    def soon(self, source: Source) -> None:
        """`note`, behind the answer: how long it takes must tell a stranger nothing."""
        task = asyncio.create_task(self.note(source))
        self._soon.add(task)
        task.add_done_callback(self._soon.discard)

    async def note(self, source: Source) -> None:
        if source not in self._untold and len(self._untold) >= SOURCES:
            source = self._others
        if source in self._untold:
            self._untold[source] += 1
            return
        self._untold[source] = 0
        self._watches[source] = asyncio.create_task(self._watch(source))
        try:
            await self._tell(source, 1)
        except Exception:
            self._untold[source] += 1
            log.exception("what one source did could not be told")

    async def _watch(self, source: Source) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            if not await self._tell_rest(source):
                del self._untold[source], self._watches[source]
                return

    async def _tell_rest(self, source: Source) -> bool:
        """False when nothing more came. What cannot be told now is told with the next minute's."""
        count = self._untold[source]
        if count:
            try:
                await self._tell(source, count)
                self._untold[source] -= count
            except Exception:
                log.exception("repeats of one source could not be told")
        return count > 0

    async def close(self) -> None:
        """Tell what is left."""
        await asyncio.gather(*self._soon, return_exceptions=True)
        for watch in self._watches.values():
            watch.cancel()
        await asyncio.gather(*self._watches.values(), return_exceptions=True)
        for source in list(self._untold):
            await self._tell_rest(source)
        self._untold.clear()
        self._watches.clear()
