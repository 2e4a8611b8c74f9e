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
from dicom.ingest import Quarantined
from dicom.instance import BadInstance
from dicom.store import BlobWriter

_log = logging.getLogger(__name__)
_STATUS_OF: Final = {
    "bad-identifiers": Status.DOES_NOT_MATCH,
    "unavailable": Status.OUT_OF_RESOURCES,
    "instance-differs": Status.KEPT_THE_FIRST,
}


async def serve(session: Session, context_id: int, command: Command) -> None:
    """Keep an instance, then answer."""
    try:
        with session.ports.store.new(session.owner_id) as writer:
            code = await _refusal(session, context_id, command, writer)
            if code is not None:
                code = await _noted(session, code, writer)
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            raise
        code = _unavailable()  # a full disk: the sender keeps its image and comes again
    if code is None:
        await session.answer(context_id, command, Status.SUCCESS)
        return
    _log.info("C-STORE refused: %s", code)
    await session.answer(context_id, command, _STATUS_OF.get(code, Status.CANNOT_UNDERSTAND), code)


async def _noted(session: Session, code: str, writer: BlobWriter) -> str:
    """Write a refusal down before the sender is told; it is told to come again when that fails."""
    file = Quarantined(code, writer.size_bytes, writer.sha256)
    try:
        await session.ports.quarantine(session.owner_id, [file], "c-store", session.calling)
    except Exception:
        return _unavailable()
    return code


async def _refusal(session: Session, context_id: int, command: Command, writer: BlobWriter) -> str | None:
    """Write, check and commit a data set, to its end. Why it is not kept; None when it is. Raises OSError."""
    abstract_syntax, transfer_syntax = session.link.syntaxes[context_id]
    if not command.has_data_set:
        return "truncated"
    if command.sop_class_uid != abstract_syntax or not uid.is_acceptable(command.sop_instance_uid):
        await _copy(session, context_id, writer, is_kept=False)
        return "bad-identifiers"
    writer.write(file_meta(abstract_syntax, command.sop_instance_uid, transfer_syntax))
    await _copy(session, context_id, writer)
    names = abstract_syntax, command.sop_instance_uid
    try:
        received = await ingest.check(writer, session.ports.sandbox, named=names)
    except BadInstance as refused:
        return refused.code
    try:
        committed = await session.keep(session.owner_id, session.calling, received)
    except Exception:
        return _unavailable()
    if committed.differs:
        await asyncio.to_thread(session.ports.store.delete, received.blob)
        return "instance-differs"
    return None


def _unavailable() -> str:
    _log.exception("a received instance, or its refusal, could not be kept")
    return "unavailable"


async def _copy(session: Session, context_id: int, writer: BlobWriter, *, is_kept: bool = True) -> None:
    """Read a data set to its end, for the answer comes behind it; write it as long as that goes well.

    Raises OSError of the writer, BadPDU for a data set beyond the limit.
    """
    size_bytes, failure = 0, None
    async for fragment in session.link.data_set(context_id):
        size_bytes += len(fragment)
        if size_bytes > session.limits.instance_bytes:
            await _noted(session, "too-large", writer)
            raise BadPDU(AbortReason.NOT_SPECIFIED)
        if not is_kept or failure is not None:
            writer.skip(fragment)
            continue
        try:
            writer.write(fragment)
        except OSError as error:
            failure = error
    if failure is not None:
        raise failure
