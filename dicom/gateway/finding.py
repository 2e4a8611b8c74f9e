"""C-FIND (PS3.4 C.4.1): the calling hospital's own studies, answered one by one until a C-CANCEL comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from pydicom.datadict import dictionary_VR

from dicom import jsonmodel
from dicom.gateway import contexts, identifier, queries
from dicom.gateway.command import Command, Status
from dicom.gateway.identifier import BadIdentifier
from dicom.gateway.queries import CHARACTER_SET, LEVEL, Question
from dicom.gateway.session import Session
from dicom.jsonmodel import Element
from dicom.ports import Malformed, Scope
from dicom.query import Level
from dicom.query.statements import first_headers

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 50  # rows in memory
_RETRIEVE_AE_TITLE: Final = 0x00080054
_RETRIEVE_URL: Final = "00081190"
_ID: Final = {Level.STUDY: "study_id", Level.SERIES: "series_id", Level.INSTANCE: "instance_id"}

Elements = dict[str, Element]


async def serve(session: Session, context_id: int, command: Command) -> None:
    """Answer a question: each match pending, then how it ended."""
    abstract_syntax, transfer_syntax = session.link.syntaxes[context_id]
    encoding = identifier.encoding_of(transfer_syntax)
    data = b""
    if command.has_data_set:
        data = await session.link.small_data_set(context_id, session.limits.identifier_bytes)
    try:
        question = queries.find(data, encoding, contexts.root(abstract_syntax))
    except (BadIdentifier, Malformed):
        _log.info("C-FIND refused: its identifier is none")
        await session.answer(context_id, command, Status.DOES_NOT_MATCH, "bad-identifier")
        return
    pending = Status.PENDING_WITHOUT_SOME_KEYS if question.ignored else Status.PENDING
    count = 0
    try:
        await note_search(session)
        async for found in _matches(session, question):
            if session.link.is_cancelled(command):
                await session.answer(context_id, command, Status.CANCELLED)
                return
            if count == session.limits.answers:
                await session.answer(context_id, command, Status.OUT_OF_RESOURCES, "too-many")
                return
            count += 1
            answer = identifier.write(_answer(question, found, session.ours), encoding)
            await session.answer(context_id, command, pending, data_set=[answer])
            await asyncio.sleep(0)  # or nobody would hear a C-CANCEL while the buffers take it all
    except DatabaseAway:
        await session.answer(context_id, command, Status.OUT_OF_RESOURCES, "unavailable")
        return
    await session.answer(context_id, command, Status.SUCCESS)


class DatabaseAway(Exception):
    """What is asked of the program around us failed: the peer may ask again."""


async def note_search(session: Session) -> None:
    """For the audit, once an association, before the first answer."""
    if session.is_searched:
        return
    try:
        await session.ports.searched(session.owner_id, session.calling)
    except Exception as error:
        _log.exception("a search could not be noted")
        raise DatabaseAway from error
    session.is_searched = True


async def rows(session: Session, statement: Any) -> Sequence[Mapping[str, Any]]:
    """Raises DatabaseAway."""
    try:
        return [row._mapping for row in await session.ports.rows(statement)]
    except Exception as error:
        _log.exception("the index could not be asked")
        raise DatabaseAway from error


def _matches(session: Session, question: Question) -> AsyncIterator[Elements]:
    """All that is known of each match, in order; a few are in memory at a time."""
    scope = Scope(owner_id=session.owner_id, study_ids=None, may_store=False)
    return (_patients if question.is_of_patients else _levels)(session, question, scope)


async def _patients(session: Session, question: Question, scope: Scope) -> AsyncIterator[Elements]:
    last: str | None = None
    while there := await rows(session, question.patients(scope, last).limit(_AT_ONCE)):
        for row in there:
            yield jsonmodel.patient(row) | {"00201200": {"vr": "IS", "Value": [row["study_count"]]}}
        last = there[-1]["patient_id"]


async def _levels(session: Session, question: Question, scope: Scope) -> AsyncIterator[Elements]:
    """What is found is fixed first, by id; one more than the limit when there is more."""
    level = question.query.level
    ids = [int(row["id"]) for row in await rows(session, question.ids(scope, session.limits.answers))]
    for start in range(0, len(ids), _AT_ONCE):
        there = await rows(session, question.of(scope, ids[start : start + _AT_ONCE]))
        more = await _from_headers(session, question, there)
        for row in there:
            yield more.get(row[_ID[level]], {}) | jsonmodel.RENDER[level](row, "")


async def _from_headers(
    session: Session, question: Question, there: Sequence[Mapping[str, Any]]
) -> Mapping[int, Elements]:
    """By id, what the index does not hold, from one instance of each: read only when it is asked for."""
    level = question.query.level
    if not there:
        return {}
    held = jsonmodel.RENDER[level](there[0], "").keys()
    wanted = {f"{tag:08X}" for tag in question.keys} - held
    wanted = {tag for tag in wanted if jsonmodel.belongs(tag, level)}
    if not wanted:
        return {}
    ids = [row[_ID[level]] for row in there]
    found = await rows(session, first_headers(level, ids))
    return await asyncio.to_thread(_chosen, [tuple(row.values()) for row in found], wanted)


def _chosen(headers: Sequence[tuple[Any, ...]], wanted: set[str]) -> Mapping[int, Elements]:
    return {
        id_: {tag: element for tag, element in jsonmodel.header(stored).items() if tag in wanted}
        for id_, stored in headers
    }


def _answer(question: Question, found: Elements, ours: str) -> dict[int, tuple[str, bytes]]:
    """The elements of an answer: each key that was asked for, empty where there is nothing to say."""
    answer: dict[int, tuple[str, bytes]] = {}
    for tag in question.keys:
        name = f"{tag:08X}"
        element = found.get(name, {}) if name != _RETRIEVE_URL else {}
        vr = element.get("vr") or _vr(tag)
        answer[tag] = vr, identifier.value(vr, element.get("Value", ()))
    said = (
        (CHARACTER_SET, "CS", "ISO_IR 192"),
        (LEVEL, "CS", question.level),
        (_RETRIEVE_AE_TITLE, "AE", ours),
    )
    return answer | {tag: (vr, identifier.value(vr, [text])) for tag, vr, text in said}


def _vr(tag: int) -> str:
    try:
        return dictionary_VR(tag).partition(" ")[0]
    except KeyError:
        return "UN"
