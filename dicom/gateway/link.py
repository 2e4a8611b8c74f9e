"""The messages of one association, either way: commands and data sets over P-DATA (PS3.7 9, PS3.8 9.3.5).

One reader and one writer, whichever side opened the connection. What comes is read piece by piece; whoever
is at work may listen for a C-CANCEL meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from dicom.gateway import command as commands
from dicom.gateway import pdu
from dicom.gateway.command import Command, Field
from dicom.gateway.pdu import AbortReason, BadPDU, Fragment, Type
from dicom.gateway.ports import Limits

_MAX_COMMAND_BYTES: Final = 16 << 10
_LAST_READS: Final = 16
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)  # Linux; it sends an acknowledgement that waits


class Ended(Exception):
    """The association came to an end as the protocol provides."""


@dataclass(slots=True, eq=False)
class Link:
    """A connection and what was agreed on for it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    limits: Limits
    syntaxes: dict[int, tuple[str, str]] = field(default_factory=dict)  # id: abstract and transfer syntax
    sendable: frozenset[int] = frozenset()  # contexts on which we may send C-STORE requests
    data_bytes: int = pdu.MAX_DATA_BYTES  # the largest P-DATA that they take
    _pending: list[Fragment] = field(default_factory=list)  # of the last P-DATA, in reverse
    _ahead: asyncio.Task[tuple[int, Command]] | None = None
    _last_message_id: int = 0

    def message_id(self) -> int:
        """For the next request of ours."""
        self._last_message_id = self._last_message_id % 0xFFFF + 1
        return self._last_message_id

    async def next_command(self) -> tuple[int, Command]:
        """The next message's context and command. Raises BadPDU, Ended, TimeoutError."""
        async with asyncio.timeout(self.limits.idle_s):
            received = await asyncio.shield(self._listen())
        self._ahead = None
        return received

    def is_cancelled(self, request: Command) -> bool:
        """Whether a C-CANCEL of this request has come; nothing else may come while it is at work."""
        listening = self._listen()
        if not listening.done():
            return False
        self._ahead = None
        _, heard = listening.result()
        if heard.field != Field.C_CANCEL_RQ:
            raise BadPDU(AbortReason.UNEXPECTED)
        return heard.responded_to == request.message_id

    def _listen(self) -> asyncio.Task[tuple[int, Command]]:
        # A reader is never cancelled in the middle of a PDU: who waits for it may give up, it goes on.
        if self._ahead is None:
            self._ahead = asyncio.create_task(self._read_command())
        return self._ahead

    async def data_set(self, context_id: int) -> AsyncIterator[memoryview]:
        """The fragments of the data set behind a command. Raises BadPDU, Ended, TimeoutError."""
        while True:
            async with asyncio.timeout(self.limits.idle_s):
                fragment = await self._next_fragment()
            if fragment.is_command or fragment.context_id != context_id:
                raise BadPDU(AbortReason.UNEXPECTED)
            yield fragment.data
            if fragment.is_last:
                return

    async def small_data_set(self, context_id: int, most_bytes: int) -> bytes:
        """A data set as a whole. Raises BadPDU for one beyond `most_bytes`."""
        found = bytearray()
        async for fragment in self.data_set(context_id):
            found += fragment
            if len(found) > most_bytes:
                raise BadPDU(AbortReason.NOT_SPECIFIED)
        return bytes(found)

    async def _read_command(self) -> tuple[int, Command]:
        encoded = bytearray()
        while True:
            fragment = await self._next_fragment()
            if not fragment.is_command or fragment.context_id not in self.syntaxes:
                raise BadPDU(AbortReason.UNEXPECTED)
            encoded += fragment.data
            if len(encoded) > _MAX_COMMAND_BYTES:
                raise BadPDU(AbortReason.INVALID)
            if fragment.is_last:
                return fragment.context_id, commands.parse(bytes(encoded))

    async def _next_fragment(self) -> Fragment:
        while not self._pending:
            self._acknowledge_at_once()
            kind, body = await pdu.read(self.reader, self._acknowledge_at_once)
            match kind:
                case Type.DATA:
                    self._pending = list(pdu.fragments(body))[::-1]
                case Type.RELEASE_RQ:
                    await self.send_last(pdu.release_response())
                    raise Ended
                case Type.ABORT:
                    raise Ended
                case _:
                    raise BadPDU(AbortReason.UNEXPECTED)
        return self._pending.pop()

    def _acknowledge_at_once(self) -> None:
        """Around the header of a PDU. Who keeps Nagle's algorithm on (dcmtk, unless told) sends it alone, and holds the
        rest until it is acknowledged, which the system puts off by 40 ms: some 20 images a second.
        """
        if _QUICKACK is not None:
            with suppress(OSError):  # it is gone: the read will say so
                connection = self.writer.get_extra_info("socket")
                connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    async def message(self, context_id: int, command: bytes, data_set: Iterable[bytes] = ()) -> None:
        """Send a command, and the data set that belongs to it, in P-DATA as large as they take."""
        most = pdu.value_bytes(self.data_bytes)
        for value, is_last in _cut([command], most):
            await self.send(pdu.data(context_id, value, is_command=True, is_last=is_last))
        for value, is_last in _cut(data_set, most):
            await self.send(pdu.data(context_id, value, is_command=False, is_last=is_last))

    async def send(self, encoded: bytes) -> None:
        self.writer.write(encoded)
        async with asyncio.timeout(self.limits.idle_s):
            await self.writer.drain()

    async def send_last(self, encoded: bytes) -> None:
        if self._ahead is not asyncio.current_task():
            await self._listen_no_more()
        with suppress(OSError, TimeoutError):
            await self.send(encoded)
            if self.writer.can_write_eof():  # not with TLS
                self.writer.write_eof()
            # The peer closes first when it behaves: else our close could overtake what we said.
            async with asyncio.timeout(1):
                for _ in range(_LAST_READS):
                    if not await self.reader.read(1 << 16):
                        break

    async def close(self) -> None:
        await self._listen_no_more()
        self.writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self.writer.wait_closed()

    async def _listen_no_more(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)


def _cut(parts: Iterable[bytes], most: int) -> Iterable[tuple[bytes, bool]]:
    """Values of at most so many bytes, and whether each is the last; none for nothing."""
    waiting: bytes | None = None
    for part in parts:
        for start in range(0, len(part), most):
            if waiting is not None:
                yield waiting, False
            waiting = part[start : start + most]
    if waiting is not None:
        yield waiting, True
