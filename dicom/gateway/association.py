"""One association with a hospital's device, from the first byte to the last.

Data sets are written to the disk as they come, so memory does not grow with them; one message is answered
before the next is read, so a sender cannot run ahead of the archive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from dicom import ingest, uid
from dicom.gateway import command as commands
from dicom.gateway import contexts, pdu
from dicom.gateway.command import Command, Field, Status
from dicom.gateway.part10 import file_meta
from dicom.gateway.pdu import AbortReason, AssociateRequest, BadPDU, Fragment, Rejection, Type
from dicom.gateway.ports import GatewayPorts, Keep, Limits
from dicom.ingest import Committed
from dicom.instance import BadInstance
from dicom.store import BlobWriter

_log = logging.getLogger(__name__)

_MAX_COMMAND_BYTES: Final = 16 << 10
_LAST_READS: Final = 16
_STATUS_OF = {"bad-identifiers": Status.DOES_NOT_MATCH, "unavailable": Status.OUT_OF_RESOURCES}


class _Ended(Exception):
    """The association came to an end as the protocol provides."""


@dataclass(slots=True, eq=False)
class Association:
    """A connection being served. `is_established` and `is_busy` are for who counts and who stops it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ae_title: str
    ports: GatewayPorts
    keep: Keep
    limits: Limits
    is_full: bool = False  # too many from there already: to be told so
    is_established: bool = False
    is_busy: bool = False
    _owner_id: int = 0
    _calling: str = ""
    _syntaxes: dict[int, tuple[str, str]] = field(default_factory=dict)  # id: abstract and transfer syntax
    _pending: list[Fragment] = field(default_factory=list)  # of the last P-DATA, in reverse

    async def run(self) -> None:
        """Serve until the end. Never raises for what the other side does."""
        try:
            async with asyncio.timeout(self.limits.negotiation_s):
                await self._negotiate()
            while True:
                await self._serve(await self._next_command())
        except BadPDU as bad:
            await self._send_last(pdu.abort(bad.reason))
        except (_Ended, TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await self.writer.wait_closed()

    @property
    def address(self) -> str:
        peer = self.writer.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    async def _negotiate(self) -> None:
        kind, body = await pdu.read(self.reader)
        if kind is not Type.ASSOCIATE_RQ:
            raise BadPDU(AbortReason.UNEXPECTED)
        request = pdu.associate_request(body)
        rejection = await self._rejection(request)
        if rejection is not None:
            _log.info("association rejected: %s", rejection.name)
            await self._send_last(pdu.associate_reject(rejection))
            raise _Ended
        answers = contexts.answer(request.contexts)
        proposed = {context.id: context.abstract_syntax for context in request.contexts}
        self._syntaxes = {
            one.id: (proposed[one.id], one.transfer_syntax) for one in answers if one.result == 0
        }
        self._calling = request.calling
        await self._send(pdu.associate_accept(request, answers))
        self.is_established = True

    async def _rejection(self, request: AssociateRequest) -> Rejection | None:
        if self.is_full:
            return Rejection.TOO_MANY
        try:
            if request.called != self.ae_title:
                await self.ports.rejected(request.calling, request.called, self.address, "called-title")
                return Rejection.CALLED_TITLE_UNKNOWN
            owner_id = await self.ports.admit(request.calling, self.address)
            if owner_id is None:
                await self.ports.rejected(request.calling, request.called, self.address, "calling-title")
                return Rejection.CALLING_TITLE_UNKNOWN
        except Exception:
            _log.exception("who calls could not be found out")
            return Rejection.CONGESTED
        self._owner_id = owner_id
        return None

    async def _serve(self, received: tuple[int, Command]) -> None:
        context_id, command = received
        is_storage = contexts.is_storage(self._syntaxes[context_id][0])
        self.is_busy = True
        if command.field == Field.C_ECHO_RQ:
            answer = commands.response(command, Status.SUCCESS)
        elif command.field == Field.C_STORE_RQ and is_storage:
            answer = await self._store(context_id, command)
        else:
            if command.has_data_set:
                await self._copy(context_id, None)
            answer = commands.response(command, Status.UNRECOGNIZED_OPERATION)
        if command.field != Field.C_CANCEL_RQ:  # has no answer of its own, and nothing to cancel here
            await self._send(pdu.data(context_id, command=answer))
        self.is_busy = False

    async def _store(self, context_id: int, command: Command) -> bytes:
        try:
            committed = await self._receive(context_id, command)
        except BadInstance as refused:
            _log.info("C-STORE refused: %s", refused.code)
            status = _STATUS_OF.get(refused.code, Status.CANNOT_UNDERSTAND)
            return commands.response(command, status, refused.code)
        if committed.differs:
            return commands.response(command, Status.KEPT_THE_FIRST, "instance-differs")
        return commands.response(command, Status.SUCCESS)

    async def _receive(self, context_id: int, command: Command) -> Committed:
        """Write, check and commit a data set. Raises BadInstance, always behind the data set's end."""
        abstract_syntax, transfer_syntax = self._syntaxes[context_id]
        if not command.has_data_set:
            raise BadInstance("truncated")
        if command.sop_class_uid != abstract_syntax or not uid.is_acceptable(command.sop_instance_uid):
            await self._copy(context_id, None)
            raise BadInstance("bad-identifiers")
        try:
            with self.ports.store.new(self._owner_id) as writer:
                writer.write(file_meta(abstract_syntax, command.sop_instance_uid, transfer_syntax))
                await self._copy(context_id, writer)
                names = abstract_syntax, command.sop_instance_uid
                received = await ingest.check(writer, self.ports.sandbox, named=names)
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError):
                raise
            raise self._unavailable() from error  # a full disk: the sender keeps its image and comes again
        try:
            committed = await self.keep(self._owner_id, self._calling, received)
        except Exception as error:
            raise self._unavailable() from error
        if committed.differs:
            await asyncio.to_thread(self.ports.store.delete, received.blob)
        return committed

    def _unavailable(self) -> BadInstance:
        _log.exception("a received instance could not be kept")
        return BadInstance("unavailable")

    async def _copy(self, context_id: int, writer: BlobWriter | None) -> None:
        """Read a data set to its end, for the answer comes behind it; write it as long as that goes well.

        Raises OSError of the writer, BadPDU for a data set beyond the limit.
        """
        size_bytes, failure = 0, None
        async for fragment in self._data_set(context_id):
            size_bytes += len(fragment)
            if size_bytes > self.limits.instance_bytes:
                raise BadPDU(AbortReason.NOT_SPECIFIED)
            if writer is not None and failure is None:
                try:
                    writer.write(fragment)
                except OSError as error:
                    failure = error
        if failure is not None:
            raise failure

    async def _data_set(self, context_id: int) -> AsyncIterator[memoryview]:
        while True:
            fragment = await self._next_fragment()
            if fragment.is_command or fragment.context_id != context_id:
                raise BadPDU(AbortReason.UNEXPECTED)
            yield fragment.data
            if fragment.is_last:
                return

    async def _next_command(self) -> tuple[int, Command]:
        encoded = bytearray()
        while True:
            fragment = await self._next_fragment()
            if not fragment.is_command or fragment.context_id not in self._syntaxes:
                raise BadPDU(AbortReason.UNEXPECTED)
            encoded += fragment.data
            if len(encoded) > _MAX_COMMAND_BYTES:
                raise BadPDU(AbortReason.INVALID)
            if fragment.is_last:
                return fragment.context_id, commands.parse(bytes(encoded))

    async def _next_fragment(self) -> Fragment:
        while not self._pending:
            async with asyncio.timeout(self.limits.idle_s):
                kind, body = await pdu.read(self.reader)
            match kind:
                case Type.DATA:
                    self._pending = list(pdu.fragments(body))[::-1]
                case Type.RELEASE_RQ:
                    await self._send_last(pdu.release_response())
                    raise _Ended
                case Type.ABORT:
                    raise _Ended
                case _:
                    raise BadPDU(AbortReason.UNEXPECTED)
        return self._pending.pop()

    async def _send(self, encoded: bytes) -> None:
        self.writer.write(encoded)
        async with asyncio.timeout(self.limits.idle_s):
            await self.writer.drain()

    async def _send_last(self, encoded: bytes) -> None:
        with suppress(OSError, TimeoutError):
            await self._send(encoded)
            self.writer.write_eof()
            # The peer closes first when it behaves: else our close could overtake what we said.
            async with asyncio.timeout(1):
                for _ in range(_LAST_READS):
                    if not await self.reader.read(1 << 16):
                        break
