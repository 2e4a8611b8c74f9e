"""C-STORE (PS3.4 B): data sets are written to the disk as they come, so memory does not grow with them."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from dicom import ingest, uid
from dicom.gateway.command import Command, Status
from dicom.gateway.part10 import file_meta
from dicom.gateway.pdu import AbortReason, BadPDU
from dicom.gateway.session import Session
from dicom.ingest import Committed
from dicom.instance import BadInstance
from dicom.store import BlobWriter

_log = logging.getLogger(__name__)
_STATUS_OF: Final = {"bad-identifiers": Status.DOES_NOT_MATCH, "unavailable": Status.OUT_OF_RESOURCES}


async def serve(session: Session, context_id: int, command: Command) -> None:
    """Keep an instance, then answer."""
    try:
        committed = await _receive(session, context_id, command)
    except BadInstance as refused:
        _log.info("C-STORE refused: %s", refused.code)
        status = _STATUS_OF.get(refused.code, Status.CANNOT_UNDERSTAND)
        await session.answer(context_id, command, status, refused.code)
        return
    if committed.differs:
        await session.answer(context_id, command, Status.KEPT_THE_FIRST, "instance-differs")
    else:
        await session.answer(context_id, command, Status.SUCCESS)


async def _receive(session: Session, context_id: int, command: Command) -> Committed:
    """Write, check and commit a data set. Raises BadInstance, always behind the data set's end."""
    abstract_syntax, transfer_syntax = session.link.syntaxes[context_id]
    store = session.ports.store
    if not command.has_data_set:
        raise BadInstance("truncated")
    if command.sop_class_uid != abstract_syntax or not uid.is_acceptable(command.sop_instance_uid):
        await _copy(session, context_id, None)
        raise BadInstance("bad-identifiers")
    try:
        with store.new(session.owner_id) as writer:
            writer.write(file_meta(abstract_syntax, command.sop_instance_uid, transfer_syntax))
            await _copy(session, context_id, writer)
            names = abstract_syntax, command.sop_instance_uid
            received = await ingest.check(writer, session.ports.sandbox, named=names)
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            raise
        raise _unavailable() from error  # a full disk: the sender keeps its image and comes again
    try:
        committed = await session.keep(session.owner_id, session.calling, received)
    except Exception as error:
        raise _unavailable() from error
    if committed.differs:
        await asyncio.to_thread(store.delete, received.blob)
    return committed


def _unavailable() -> BadInstance:
    _log.exception("a received instance could not be kept")
    return BadInstance("unavailable")


async def _copy(session: Session, context_id: int, writer: BlobWriter | None) -> None:
    """Read a data set to its end, for the answer comes behind it; write it as long as that goes well.

    Raises OSError of the writer, BadPDU for a data set beyond the limit.
    """
    size_bytes, failure = 0, None
    async for fragment in session.link.data_set(context_id):
        size_bytes += len(fragment)
        if size_bytes > session.limits.instance_bytes:
            raise BadPDU(AbortReason.NOT_SPECIFIED)
        if writer is not None and failure is None:
            try:
                writer.write(fragment)
            except OSError as error:
                failure = error
    if failure is not None:
        raise failure
