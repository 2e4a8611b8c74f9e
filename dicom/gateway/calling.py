"""An association that we open: to report, and to send images to a PACS of the hospital that asked for it.

In the gateway's own process and not in the child of `dicom/pacs`: what comes back is association items and
command sets alone, which the acceptor reads from strangers as well.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from dicom.gateway import negotiation, pdu
from dicom.gateway.link import Ended, Link
from dicom.gateway.negotiation import ProposedContext, Role
from dicom.gateway.pdu import AbortReason, BadPDU, Type
from dicom.gateway.ports import Limits
from dicom.pacs.network import Destination

MAX_CONTEXTS: Final = 128
CONNECT_S: Final = 10
_RELEASE_S: Final = 5
_READ_AHEAD_BYTES: Final = 256 << 10
# What ends an association from the other side, or because of it.
FAULTS: Final = (BadPDU, Ended, TimeoutError, asyncio.IncompleteReadError, OSError)


class CallFailed(Exception):
    """Nobody answered, or not as DICOM provides, or the association was rejected or broke: the code says which."""


class Proposed(NamedTuple):
    """A presentation context to propose: one abstract syntax, the transfer syntaxes that will do."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


async def call(
    to: Destination, ours: str, proposed: Sequence[Proposed], limits: Limits, roles: Sequence[Role] = ()
) -> Link:
    """An established association, to be given to `hang_up`. Raises CallFailed."""
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                to.address,
                to.port,
                limit=_READ_AHEAD_BYTES,
                ssl=to.security.context() if to.security else None,
                server_hostname="" if to.security else None,
            )
    except ssl.SSLError as error:
        raise CallFailed("tls") from error
    except (OSError, TimeoutError) as error:
        raise CallFailed("no-answer") from error
    link = Link(reader, writer, limits)
    try:
        async with asyncio.timeout(limits.negotiation_s):
            await _associate(link, to, ours, proposed, roles)
    except FAULTS as error:
        await hang_up(link, is_intact=False)
        raise CallFailed("no-dicom") from error
    except BaseException:
        await link.close()
        raise
    return link


async def hang_up(link: Link, *, is_intact: bool) -> None:
    """Release an association, or abort one that is in no state to be."""
    with suppress(*FAULTS):
        if is_intact:
            await link.send(pdu.release_request())
            async with asyncio.timeout(_RELEASE_S):
                await pdu.read(link.reader)
        else:
            await link.send(pdu.abort(AbortReason.NOT_SPECIFIED))
    await link.close()


async def _associate(
    link: Link, to: Destination, ours: str, proposed: Sequence[Proposed], roles: Sequence[Role]
) -> None:
    contexts = [ProposedContext(2 * n + 1, *one) for n, one in enumerate(proposed[:MAX_CONTEXTS])]
    await link.send(negotiation.request(to.ae_title, ours, contexts, roles))
    kind, body = await pdu.read(link.reader)
    if kind is Type.ASSOCIATE_RJ:
        raise CallFailed("rejected")
    if kind is not Type.ASSOCIATE_AC:
        raise BadPDU(AbortReason.UNEXPECTED)
    accepted = negotiation.read_accept(body)
    link.data_bytes = accepted.data_bytes
    link.syntaxes = {
        one.id: (one.abstract_syntax, accepted.contexts[one.id])
        for one in contexts
        if accepted.contexts.get(one.id) in one.transfer_syntaxes
    }
    link.sendable = frozenset(link.syntaxes)
