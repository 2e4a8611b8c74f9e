"""Group commit: instances that arrive while a transaction runs share the next one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from dicom.ingest import Committed, Received

_MAX_BATCH = 64
_Waiting: TypeAlias = tuple[Received, asyncio.Future[Committed]]


class Batches:
    """One transaction at a time for each sender; its queue is bounded by the number of its associations."""

    def __init__(self, commit: Callable[[int, Sequence[Received], str], Awaitable[list[Committed]]]) -> None:
        self._commit = commit
        self._waiting: dict[tuple[int, str], list[_Waiting]] = defaultdict(list)
        self._running: dict[tuple[int, str], asyncio.Task[None]] = {}

    async def keep(self, owner_id: int, sender: str, received: Received) -> Committed:
        """Commit an instance, with others of its sender when there are. Raises what the commit raises."""
        key = owner_id, sender
        answer: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._waiting[key].append((received, answer))
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._run(key))
        return await answer

    async def _run(self, key: tuple[int, str]) -> None:
        try:
            while batch := self._waiting[key][:_MAX_BATCH]:
                del self._waiting[key][: len(batch)]
                await self._one(key, batch)
        finally:
            del self._running[key], self._waiting[key]

    async def _one(self, key: tuple[int, str], batch: list[_Waiting]) -> None:
        owner_id, sender = key
        try:
            committed = await self._commit(owner_id, [received for received, _ in batch], sender)
            outcomes: list[Committed | Exception] = [*committed]
        except Exception as error:
            outcomes = [error] * len(batch)
        for (_, answer), outcome in zip(batch, outcomes, strict=True):
            if answer.cancelled():
                continue
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
