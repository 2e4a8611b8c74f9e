"""Storage Commitment, Push Model (PS3.4 J): a device asks whether it may forget its images.

A request is durable before it is answered; then each instance is held against index and disk, and the report
goes out on the same association. When that is not taken, the program reports again on one of ours (`report`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from dicom import uid
from dicom.elements import Encoding
from dicom.gateway import command as commands
from dicom.gateway import identifier
from dicom.gateway.calling import FAULTS, CallFailed, Proposed, call, hang_up
from dicom.gateway.command import Command, Field, Status, Tag
from dicom.gateway.contexts import COMMITMENT, COMMITMENT_INSTANCE, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from dicom.gateway.identifier import BadIdentifier
from dicom.gateway.link import Link
from dicom.gateway.negotiation import Role
from dicom.gateway.pdu import AbortReason, BadPDU
from dicom.gateway.ports import Limits, Reference, TooManyOpen
from dicom.gateway.session import Session
from dicom.pacs.network import Destination
from dicom.ports import Scope
from dicom.query.statements import Statement, of_instance_uids
from dicom.store import BlobStore

_log = logging.getLogger(__name__)
_REQUEST: Final = 1  # Action Type ID
_ALL_KEPT, _SOME_FAILED = 1, 2  # Event Type ID
_AT_ONCE: Final = 200  # instances in one SELECT
_CLASS, _INSTANCE, _REASON = 0x00081150, 0x00081155, 0x00081197
_FAILED, _REFERENCED, _TRANSACTION = 0x00081198, 0x00081199, 0x00081195

Rows = Callable[[Statement], Awaitable[Sequence[Any]]]


class Reason(IntEnum):
    """Failure Reason (0008,1197), PS3.3 C.14."""

    PROCESSING_FAILURE = 0x0110  # the file is not what it was
    NO_SUCH_INSTANCE = 0x0112
    CLASS_CONFLICT = 0x0119


@dataclass(frozen=True, slots=True)
class Asked:
    transaction_uid: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What is kept, and what not and why."""

    transaction_uid: str
    kept: tuple[Reference, ...]
    failed: tuple[tuple[Reference, Reason], ...]


def read(data: bytes, encoding: Encoding, most: int) -> Asked:
    """The action information of a request for at most so many instances. Raises BadIdentifier."""
    flat = identifier.read(data, encoding, 6 * most)
    transaction_uid = flat.text(_TRANSACTION)
    items = list(flat.items(_REFERENCED, 6 * most))
    references = [(item.text(_CLASS), item.text(_INSTANCE)) for item in items]
    if not 0 < len(references) <= most:
        raise BadIdentifier("no instance, or too many")
    if not all(map(uid.is_acceptable, (transaction_uid, *(one for pair in references for one in pair)))):
        raise BadIdentifier("names that are no UID")
    return Asked(transaction_uid, tuple(dict.fromkeys(references)))


def write(report: Report, encoding: Encoding) -> bytes:
    """The event information of a report."""
    elements = {_TRANSACTION: ("UI", identifier.value("UI", [report.transaction_uid]))}
    kept = [identifier.write(_named(one), encoding) for one in report.kept]
    failed = [
        identifier.write(_named(one) | {_REASON: ("US", identifier.value("US", [reason]))}, encoding)
        for one, reason in report.failed
    ]
    for tag, items in ((_REFERENCED, kept), (_FAILED, failed)):
        if items:
            elements[tag] = ("SQ", identifier.sequence(items))
    return identifier.write(elements, encoding)


def _named(reference: Reference) -> dict[int, tuple[str, bytes]]:
    tags = zip((_CLASS, _INSTANCE), reference, strict=True)
    return {tag: ("UI", identifier.value("UI", [name])) for tag, name in tags}


async def verify(rows: Rows, store: BlobStore, owner_id: int, asked: Asked) -> Report:
    """Hold each instance against index and disk of this hospital. What other hospitals have is not there."""
    scope = Scope(owner_id=owner_id, study_ids=None, may_store=False)
    verdicts: dict[Reference, Reason | None] = {}
    for chunk in _chunks(asked.references):
        found = await rows(of_instance_uids(scope, [sop_uid for _, sop_uid in chunk]))
        verdicts |= await asyncio.to_thread(_judge, store, chunk, found)
    return Report(
        asked.transaction_uid,
        tuple(one for one, reason in verdicts.items() if reason is None),
        tuple((one, reason) for one, reason in verdicts.items() if reason is not None),
    )


def _judge(
    store: BlobStore, asked: Sequence[Reference], found: Sequence[Any]
) -> dict[Reference, Reason | None]:
    """An instance in several studies is kept when one of them keeps it."""
    verdicts: dict[Reference, Reason | None] = {}
    for sop_class, sop_uid in asked:
        reasons = [
            _on_disk(store, row) if row.sop_class_uid == sop_class else Reason.CLASS_CONFLICT
            for row in found
            if row.sop_uid == sop_uid
        ]
        kept = not reasons or None in reasons
        verdicts[sop_class, sop_uid] = (None if reasons else Reason.NO_SUCH_INSTANCE) if kept else reasons[0]
    return verdicts


def _on_disk(store: BlobStore, row: Any) -> Reason | None:
    try:
        with store.path(row.blob).open("rb") as file:
            os.fsync(file.fileno())  # it was done before the row was written; who asks now wants to be sure
            is_whole = os.fstat(file.fileno()).st_size == row.size_bytes
    except FileNotFoundError:
        return Reason.NO_SUCH_INSTANCE
    except OSError:
        return Reason.PROCESSING_FAILURE
    return None if is_whole else Reason.PROCESSING_FAILURE


def _chunks(references: Sequence[Reference]) -> Iterator[Sequence[Reference]]:
    for start in range(0, len(references), _AT_ONCE):
        yield references[start : start + _AT_ONCE]


async def serve(session: Session, context_id: int, command: Command) -> None:
    """Take a request, answer, report."""
    encoding = identifier.encoding_of(session.link.syntaxes[context_id][1])
    data = b""
    if command.has_data_set:
        data = await session.link.small_data_set(context_id, session.limits.commitment_bytes)
    if command.action_type != _REQUEST:
        await session.answer(context_id, command, Status.NO_SUCH_ACTION)
        return
    if command.sop_instance_uid != COMMITMENT_INSTANCE:
        await session.answer(context_id, command, Status.NO_SUCH_INSTANCE)
        return
    try:
        asked = read(data, encoding, session.limits.references)
        request_id = await session.ports.asked_for_commitment(
            session.owner_id, session.calling, asked.transaction_uid, asked.references
        )
    except BadIdentifier:
        _log.info("a storage commitment request was refused")
        await session.answer(context_id, command, Status.INVALID_ARGUMENT)
        return
    except TooManyOpen:
        _log.warning("a hospital waits for too many reports of storage commitment")
        await session.answer(context_id, command, Status.RESOURCE_LIMITATION)
        return
    except Exception:
        _log.exception("a storage commitment request could not be kept")
        await session.answer(context_id, command, Status.PROCESSING_FAILURE)
        return
    await session.answer(context_id, command, Status.SUCCESS, values={Tag.ACTION_TYPE: _REQUEST})
    try:
        report = await verify(session.ports.rows, session.ports.store, session.owner_id, asked)
    except Exception:
        _log.exception("a storage commitment could not be verified")
        return  # the program reports it later
    message_id = session.link.message_id()
    session.reports[message_id] = request_id
    await session.link.message(context_id, *_event(message_id, report, encoding))


async def answered(session: Session, command: Command) -> None:
    """They have taken a report, or not: then it will come again."""
    request_id = session.reports.pop(command.responded_to, None)
    if request_id is None or command.status != Status.SUCCESS:
        return
    try:
        await session.ports.reported_commitment(request_id)
    except Exception:
        _log.exception("a report that was taken could not be noted")


def _event(message_id: int, report: Report, encoding: Encoding) -> tuple[bytes, Iterable[bytes]]:
    event = commands.request(
        Field.N_EVENT_REPORT_RQ,
        message_id,
        {
            Tag.AFFECTED_SOP_CLASS: COMMITMENT,
            Tag.AFFECTED_SOP_INSTANCE: COMMITMENT_INSTANCE,
            Tag.EVENT_TYPE: _SOME_FAILED if report.failed else _ALL_KEPT,
        },
    )
    return event, [write(report, encoding)]


async def report(to: Destination, ours: str, limits: Limits, what: Report) -> bool:
    """Report on an association of ours; whether it was taken. Raises CallFailed."""
    proposed = [Proposed(COMMITMENT, (EXPLICIT_LITTLE, IMPLICIT_LITTLE))]
    roles = [Role(COMMITMENT, is_scu=False, is_scp=True)]
    link = await call(to, ours, proposed, limits, roles)
    is_intact = False
    try:
        is_taken = await _report(link, what)
        is_intact = True
    except FAULTS as error:
        raise CallFailed("broken") from error
    finally:
        await hang_up(link, is_intact=is_intact)
    return is_taken


async def _report(link: Link, what: Report) -> bool:
    for context_id, (_, transfer_syntax) in link.syntaxes.items():
        message_id = link.message_id()
        await link.message(context_id, *_event(message_id, what, identifier.encoding_of(transfer_syntax)))
        _, answer = await link.next_command()
        if answer.field != Field.N_EVENT_REPORT_RSP or answer.responded_to != message_id:
            raise BadPDU(AbortReason.UNEXPECTED)
        return answer.status == Status.SUCCESS
    return False
