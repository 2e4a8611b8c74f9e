"""One association with a hospital's device, from the first byte to the last.

One message is answered before the next is read, so a sender cannot run ahead of the archive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from dicom import tls
from dicom.gateway import commitment, contexts, finding, negotiation, pdu, retrieving, storing
from dicom.gateway.command import Command, Field, Status
from dicom.gateway.link import Ended, Link
from dicom.gateway.negotiation import AssociateRequest
from dicom.gateway.pdu import AbortReason, BadPDU, Rejection, Type
from dicom.gateway.ports import Caller, GatewayPorts, Keep, Limits, Stranger
from dicom.gateway.session import Session

_log = logging.getLogger(__name__)


async def _echo(session: Session, context_id: int, command: Command) -> None:
    await session.answer(context_id, command, Status.SUCCESS)


_SERVE: Final[dict[int, Callable[[Session, int, Command], Awaitable[None]]]] = {
    Field.C_ECHO_RQ: _echo,
    Field.C_STORE_RQ: storing.serve,
    Field.N_ACTION_RQ: commitment.serve,
    Field.C_FIND_RQ: finding.serve,
    Field.C_GET_RQ: retrieving.get,
    Field.C_MOVE_RQ: retrieving.move,
}


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
    _link: Link = field(init=False)

    def __post_init__(self) -> None:
        self._link = Link(self.reader, self.writer, self.limits)

    async def run(self) -> None:
        """Serve until the end. Never raises for what the other side does."""
        try:
            async with asyncio.timeout(self.limits.negotiation_s):
                session = await self._negotiate()
            while True:
                await self._serve(session, *await self._link.next_command())
        except BadPDU as bad:
            await self._link.send_last(pdu.abort(bad.reason))
        except (Ended, TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            await self._link.close()

    @property
    def address(self) -> str:
        peer = self.writer.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    @property
    def certificate(self) -> str:
        """The fingerprint of what the other side showed; "" without TLS."""
        secured = self.writer.get_extra_info("ssl_object")
        return tls.fingerprint(secured.getpeercert(binary_form=True)) if secured else ""

    async def _negotiate(self) -> Session:
        kind, body = await pdu.read(self.reader)
        if kind is not Type.ASSOCIATE_RQ:
            raise BadPDU(AbortReason.UNEXPECTED)
        request = negotiation.read_request(body)
        caller = await self._admitted(request)
        if isinstance(caller, Rejection):
            _log.info("association rejected: %s", caller.name)
            await self._link.send_last(pdu.associate_reject(caller))
            raise Ended
        roles = contexts.roles(request.roles)
        answers = contexts.answer(request.contexts, roles, may_retrieve=caller.may_retrieve)
        proposed = {context.id: context.abstract_syntax for context in request.contexts}
        providers = {role.sop_class_uid for role in roles if role.is_scp}
        self._link.syntaxes = {
            one.id: (proposed[one.id], one.transfer_syntax) for one in answers if one.result == 0
        }
        self._link.sendable = frozenset(
            id_ for id_, (abstract_syntax, _) in self._link.syntaxes.items() if abstract_syntax in providers
        )
        self._link.data_bytes = request.data_bytes
        await self._link.send(negotiation.accept(request, answers, roles))
        self.is_established = True
        return Session(
            self._link, self.ports, self.keep, self.limits, caller.owner_id, request.calling, self.ae_title
        )

    async def _admitted(self, request: AssociateRequest) -> Caller | Rejection:
        """Who calls, or why they are nobody."""
        if self.is_full:
            return Rejection.TOO_MANY
        try:
            if request.called != self.ae_title:
                await self.ports.rejected(request.calling, request.called, self.address, "called-title")
                return Rejection.CALLED_TITLE_UNKNOWN
            caller = await self.ports.admit(request.calling, self.address, self.certificate)
            if isinstance(caller, Stranger):
                await self.ports.rejected(request.calling, request.called, self.address, caller)
                return Rejection.CALLING_TITLE_UNKNOWN
        except Exception:
            _log.exception("who calls could not be found out")
            return Rejection.CONGESTED
        return caller

    async def _serve(self, session: Session, context_id: int, command: Command) -> None:
        offered = contexts.operation(self._link.syntaxes[context_id][0])
        self.is_busy = True
        if command.field in (Field.C_ECHO_RQ, offered) and command.field in _SERVE:
            await _SERVE[command.field](session, context_id, command)
        else:
            await session.skip_data_set(context_id, command)
            if command.field == Field.N_EVENT_REPORT_RSP:
                await commitment.answered(session, command)
            elif command.field != Field.C_CANCEL_RQ:  # has no answer of its own, and nothing to cancel here
                await session.answer(context_id, command, Status.UNRECOGNIZED_OPERATION)
        self.is_busy = False
