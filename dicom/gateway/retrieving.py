"""C-GET and C-MOVE (PS3.4 C.4.2, C.4.3): a hospital's own images, as they were received, each noted for the audit."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Final

from dicom.gateway import contexts, identifier, queries
from dicom.gateway.calling import FAULTS, MAX_CONTEXTS, CallFailed, Proposed, call, hang_up
from dicom.gateway.command import SOME_FAILED, Command, Status, Tag, Value
from dicom.gateway.finding import DatabaseAway, rows
from dicom.gateway.identifier import BadIdentifier
from dicom.gateway.queries import IDS
from dicom.gateway.sending import Instance, Outcome, Sender
from dicom.gateway.session import Session
from dicom.index import instances, studies
from dicom.ports import Malformed, Scope
from dicom.query import Level, Query
from dicom.query.statements import search

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 100  # rows in memory
_FAILED_LIST: Final = 0x00080058  # Failed SOP Instance UID List
_MOST_FAILED_NAMED: Final = 900  # of UIDs, what a value of explicit VR holds
_COLUMNS: Final = (
    studies.c.id.label("study_id"),
    *(instances.c[name] for name in ("sop_class_uid", "sop_uid", "transfer_syntax_uid", "blob")),
)


@dataclass(slots=True)
class Tally:
    """Sub-operations of a retrieval: how many are left, and what became of the others."""

    remaining: int
    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    failed: list[str] = field(default_factory=list)

    def note(self, sop_uid: str, outcome: Outcome) -> None:
        self.remaining -= 1
        self.counts[outcome] += 1
        if outcome is Outcome.FAILED and len(self.failed) < _MOST_FAILED_NAMED:
            self.failed.append(sop_uid)

    def values(self, *, is_over: bool) -> dict[Tag, Value]:
        """The counters of a response; the last one has none of those that remain (PS3.4 C.4.3.1.3)."""
        tags = (
            (Tag.COMPLETED, Outcome.COMPLETED),
            (Tag.FAILED, Outcome.FAILED),
            (Tag.WARNING, Outcome.WARNING),
        )
        counted: dict[Tag, Value] = {tag: min(self.counts[outcome], 0xFFFF) for tag, outcome in tags}
        return counted if is_over else counted | {Tag.REMAINING: min(self.remaining, 0xFFFF)}

    def status(self) -> Status:
        """How it ended, when all were tried."""
        if not self.counts[Outcome.FAILED] and not self.counts[Outcome.WARNING]:
            return Status.SUCCESS
        gone = self.counts[Outcome.COMPLETED] + self.counts[Outcome.WARNING]
        return SOME_FAILED if gone else Status.NONE_COULD_BE_SENT


async def get(session: Session, context_id: int, command: Command) -> None:
    """Send what is asked for on the association that it was asked on."""
    asked = await _asked(session, context_id, command)
    if asked is not None:
        sender = Sender(session.link, asked=command)
        await _Retrieval(session, context_id, command, asked, sender).run()


async def move(session: Session, context_id: int, command: Command) -> None:
    """Send what is asked for to a PACS that the same hospital has registered."""
    asked = await _asked(session, context_id, command)
    if asked is None:
        return
    try:
        to = await session.ports.destination(session.owner_id, command.destination)
        proposed = await _proposed(session, asked)
    except Exception:
        _log.exception("a destination could not be looked up")
        await session.answer(context_id, command, Status.OUT_OF_RESOURCES, "unavailable")
        return
    if to is None:
        await session.answer(context_id, command, Status.MOVE_DESTINATION_UNKNOWN)
        return
    if not asked.ids:  # nothing to call anybody for
        values = Tally(0).values(is_over=True)
        await session.answer(context_id, command, Status.SUCCESS, values=values)
        return
    try:
        link = await call(to, session.ours, proposed, session.limits)
    except CallFailed as failed:
        _log.info("C-MOVE failed: %s", failed)
        values = Tally(0).values(is_over=True) | {Tag.FAILED: min(len(asked.ids), 0xFFFF)}
        await session.answer(context_id, command, Status.NONE_COULD_BE_SENT, str(failed), values)
        return
    originator: dict[Tag, Value] = {
        Tag.MOVE_ORIGINATOR: session.calling,
        Tag.MOVE_MESSAGE_ID: command.message_id,
    }
    sender = Sender(link, originator=originator)
    try:
        await _Retrieval(session, context_id, command, asked, sender, to.ae_title).run()
    except BaseException:
        sender.is_broken = True  # the retrieval itself broke off
        raise
    finally:
        await hang_up(link, is_intact=not sender.is_broken)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a retrieval is to send: fixed at its beginning, by id."""

    query: Query
    ids: list[int]


async def _asked(session: Session, context_id: int, command: Command) -> _Asked | None:
    """Read the identifier and look up what it names; None when the request was answered with a refusal."""
    abstract_syntax, transfer_syntax = session.link.syntaxes[context_id]
    data = b""
    if command.has_data_set:
        data = await session.link.small_data_set(context_id, session.limits.identifier_bytes)
    most = session.limits.answers
    try:
        root = contexts.root(abstract_syntax)
        query = replace(queries.retrieve(data, identifier.encoding_of(transfer_syntax), root), limit=most)
        found = await rows(session, query.statement(_scope(session)).with_only_columns(IDS[Level.INSTANCE]))
    except (BadIdentifier, Malformed):
        _log.info("a retrieval was refused: its identifier is none")
        await session.answer(context_id, command, Status.DOES_NOT_MATCH, "bad-identifier")
        return None
    except DatabaseAway:
        await session.answer(context_id, command, Status.OUT_OF_RESOURCES, "unavailable")
        return None
    if len(found) > most:
        await session.answer(context_id, command, Status.OUT_OF_RESOURCES, "too-many")
        return None
    return _Asked(query, [int(row["id"]) for row in found])


def _scope(session: Session) -> Scope:
    return Scope(owner_id=session.owner_id, study_ids=None, may_store=False)


async def _proposed(session: Session, asked: _Asked) -> list[Proposed]:
    """One presentation context for each SOP class and transfer syntax that is there, while there is room."""
    columns = instances.c.sop_class_uid, instances.c.transfer_syntax_uid
    statement = search(Level.INSTANCE, _scope(session), asked.query.where, is_narrow=True)
    kinds = statement.with_only_columns(*columns).order_by(None).distinct().limit(MAX_CONTEXTS)
    return [
        Proposed(row["sop_class_uid"], (row["transfer_syntax_uid"],)) for row in await rows(session, kinds)
    ]


@dataclass(slots=True)
class _Retrieval:
    """The sub-operations of one C-GET or C-MOVE, and the responses about them."""

    session: Session
    context_id: int
    command: Command
    asked: _Asked
    sender: Sender
    destination: str = ""  # "": the calling application entity itself

    async def run(self) -> None:
        tally = Tally(len(self.asked.ids))
        try:
            async for one in self._instances():
                if self.sender.is_cancelled or self.session.link.is_cancelled(self.command):
                    await self._answer(Status.CANCELLED, tally)
                    return
                await self._note(one)
                tally.note(one.sop_uid, await self._send(one))
                await self._answer(Status.PENDING, tally)
        except DatabaseAway:
            await self._answer(Status.OUT_OF_RESOURCES, tally)
            return
        tally.counts[Outcome.FAILED] += tally.remaining  # removed meanwhile
        await self._answer(tally.status(), tally)

    async def _instances(self) -> AsyncIterator[Instance]:
        session = self.session
        for start in range(0, len(self.asked.ids), _AT_ONCE):
            chunk = [IDS[Level.INSTANCE].in_(self.asked.ids[start : start + _AT_ONCE])]
            statement = search(Level.INSTANCE, _scope(session), chunk, is_narrow=True)
            for row in await rows(session, statement.with_only_columns(*_COLUMNS)):
                yield Instance(
                    row["study_id"],
                    row["sop_class_uid"],
                    row["sop_uid"],
                    row["transfer_syntax_uid"],
                    session.ports.store.path(row["blob"]),
                )

    async def _note(self, one: Instance) -> None:
        """For the audit, once an association, study and destination, before the first byte."""
        session, what = self.session, (one.study_id, self.destination)
        if what in session.retrieved:
            return
        try:
            await session.ports.retrieved(session.owner_id, session.calling, *what)
        except Exception as error:
            _log.exception("a retrieval could not be noted")
            raise DatabaseAway from error
        session.retrieved.add(what)

    async def _send(self, one: Instance) -> Outcome:
        """Where the images go elsewhere and that breaks, whoever asked is still there to be told."""
        if self.sender.is_broken:
            return Outcome.FAILED
        try:
            return await self.sender.send(one)
        except FAULTS:
            if self.sender.link is self.session.link:
                raise
            self.sender.is_broken = True
            return Outcome.FAILED

    async def _answer(self, status: Status, tally: Tally) -> None:
        is_over = status is not Status.PENDING
        values = tally.values(is_over=is_over and status is not Status.CANCELLED)
        data_set = []
        if is_over and tally.failed:
            syntax = self.session.link.syntaxes[self.context_id][1]
            named = {_FAILED_LIST: ("UI", identifier.value("UI", tally.failed))}
            data_set = [identifier.write(named, identifier.encoding_of(syntax))]
        await self.session.answer(self.context_id, self.command, status, "", values, data_set)
