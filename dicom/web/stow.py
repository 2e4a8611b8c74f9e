"""STOW-RS (PS3.18 10.5): instances come in part by part, are checked in the sandbox, and kept durably.

They are files, or metadata with bulk data, of which files are made first. No instance is held in memory.
The answer is given when all that it says is stored is on the disk and in the index; what is refused is named with
its reason.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from dicom import ingest
from dicom.ingest import Quarantined, Received
from dicom.instance import BadInstance, Summary
from dicom.jsonmodel import Element
from dicom.ports import Malformed, NotAllowed, Scope, TooLarge, UnsupportedMedia
from dicom.store import BlobWriter
from dicom.texts import later
from dicom.web.accept import DICOM, JSON, MULTIPART, Offer, choose, media
from dicom.web.archive import Archive
from dicom.web.described import Described, Kept, Request
from dicom.web.parts import Parts

_log = logging.getLogger(__name__)

MAX_INSTANCE_BYTES = 1 << 30
MAX_REQUEST_BYTES = 2 << 30
MAX_INSTANCES = 10_000
MAX_PARTS = 2 * MAX_INSTANCES  # metadata and bulk data
BATCH = 100  # instances of one transaction
AT_ONCE = 4  # instances of one request that are checked and flushed while the next come in
OFFERS = (Offer(JSON), Offer("application/json"))
XML = "application/dicom+xml"

# Failure Reason (PS3.18 table I.2-2, PS3.4 table B.2-1) of what BadInstance says.
CANNOT_UNDERSTAND, DOES_NOT_MATCH, OUT_OF_RESOURCES = 0xC000, 0xA900, 0xA700
DUPLICATE, NO_SUCH_CLASS, PROCESSING_FAILURE = 0x0111, 0x0122, 0x0110
NO_SUCH_SYNTAX = 0xC122
REASONS = {
    "not-dicom": CANNOT_UNDERSTAND,
    "truncated": CANNOT_UNDERSTAND,
    "malformed": CANNOT_UNDERSTAND,
    "empty": CANNOT_UNDERSTAND,
    "wrong-bulk": CANNOT_UNDERSTAND,
    "bad-identifiers": DOES_NOT_MATCH,
    "wrong-pixels": DOES_NOT_MATCH,
    "wrong-study": DOES_NOT_MATCH,
    "too-many-pixels": OUT_OF_RESOURCES,
    "too-costly": OUT_OF_RESOURCES,
    "too-large": OUT_OF_RESOURCES,
    "unavailable": OUT_OF_RESOURCES,
    "instance-differs": DUPLICATE,
    "dicomdir": NO_SUCH_CLASS,
    "unsupported-bulk": NO_SUCH_SYNTAX,
}


@dataclass(frozen=True, slots=True)
class Failed:
    """An instance that was not kept; UIDs where it could be read."""

    code: str  # of REASONS
    file: Quarantined
    sop_class_uid: str = ""
    sop_uid: str = ""

    @property
    def reason(self) -> int:
        return REASONS.get(self.code, PROCESSING_FAILURE)


Outcome = Received | Failed


@dataclass(slots=True)
class Report:
    """What became of each instance, in the order of the request."""

    stored: list[Received] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    @property
    def status(self) -> int:
        """PS3.18 table 10.5.3-1."""
        if not self.failed:
            return 200
        return 202 if self.stored else 409

    def dumps(self, root: str) -> bytes:
        """The Store Instances Response Module (PS3.18 table I.2-1) as JSON."""
        named = [_failure(failed) for failed in self.failed if failed.sop_uid]
        unnamed = [_failure(failed) for failed in self.failed if not failed.sop_uid]
        studies = {received.summary.study_uid for received in self.stored}
        model: dict[str, Element] = {}
        if len(studies) == 1:
            model["00081190"] = {"vr": "UR", "Value": [f"{root}/studies/{studies.pop()}"]}
        for tag, items in (
            ("00081198", named),
            ("00081199", [_reference(received, root) for received in self.stored]),
            ("0008119A", unnamed),
        ):
            if items:
                model[tag] = {"vr": "SQ", "Value": items}
        return json.dumps(model).encode()


class Stow:
    """The handlers of one root."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def expect(self, request: web.Request) -> None:
        """Answer `Expect: 100-continue`, but let what is too large be refused before it is sent."""
        if (request.content_length or 0) <= MAX_REQUEST_BYTES:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0

    async def store(self, request: web.Request) -> web.StreamResponse:
        choose(request, OFFERS)
        scope = await self._archive.ports.scope(request)
        if not scope.may_store:
            raise NotAllowed(later("Ở đây chỉ được xem ảnh. Hãy gửi ảnh vào kho của bệnh viện mình."))
        kind, boundary = _body(request)
        study_uid, parts = request.match_info.get("study"), Parts(request.content, boundary)
        storing = _Storing(self._archive, scope, study_uid, self._archive.ports.person(request))
        root = self._archive.root(request)
        if kind == JSON:
            base = f"{root}/studies" if study_uid is None else f"{root}/studies/{study_uid}"
            report = await storing.all(storing.described(parts, base))
        else:
            report = await storing.all(storing.files(parts))
        if not report.stored and not report.failed:
            raise Malformed(later("Không có ảnh nào trong nội dung gửi lên. Hãy chọn ảnh rồi gửi lại."))
        body = report.dumps(root)
        return web.Response(body=body, content_type=JSON, status=report.status)


class _Storing:
    """One request: instances on their way from the line to the index."""

    def __init__(self, archive: Archive, scope: Scope, study_uid: str | None, sender: str) -> None:
        self._ports = archive.ports
        self._scope = scope
        self._study_uid = study_uid
        self._sender = sender
        self._free = asyncio.Semaphore(AT_ONCE)
        self._checking: list[asyncio.Task[Outcome]] = []
        self._refused: list[Failed] = []  # without a file
        self._size_bytes = 0
        self._report = Report()

    async def all(self, taking: Coroutine[None, None, None]) -> Report:
        """Take in all instances. Whatever ends it, no check goes on alone."""
        try:
            await taking
            await self._commit()
        finally:
            for task in self._checking:
                task.cancel()
            await asyncio.gather(*self._checking, return_exceptions=True)
        return self._report

    async def files(self, parts: Parts) -> None:
        """Take in instances that are one Part 10 file each."""
        count = 0
        while (headers := await parts.next()) is not None:
            count += 1
            if count > MAX_INSTANCES:
                raise TooLarge(later("Quá nhiều ảnh trong một lần gửi. Hãy chia thành nhiều lần."))
            await self._free.acquire()
            writer = self._ports.store.new(self._scope.owner_id)
            try:
                refused = await self._receive(parts, headers, writer)
            except BaseException:
                writer.discard()
                raise
            await self._begin(self._check(writer, refused))

    async def described(self, parts: Parts, base: str) -> None:
        """Take in instances that are metadata and bulk data. `base`: what relative addresses stand on."""
        made_bytes = 0
        with self._ports.store.new(self._scope.owner_id) as spool:
            request = Request(spool)
            try:
                await request.receive(parts, MAX_REQUEST_BYTES, MAX_PARTS)
            except BadInstance as bad:
                self._refused.append(_failed(bad.code, spool))
                return
            for instance in await request.described(self._ports.sandbox, base, MAX_INSTANCES):
                made_bytes += instance.size_bytes  # of one part perhaps, which many name
                is_too_large = instance.size_bytes > MAX_INSTANCE_BYTES or made_bytes > MAX_REQUEST_BYTES
                if refused := instance.refused or ("too-large" if is_too_large else ""):
                    self._refused.append(_failed(refused, instance.source, instance.names))
                    continue
                await self._free.acquire()
                writer = self._ports.store.new(self._scope.owner_id)
                try:
                    unwritten = await _written(request, instance, writer)
                except BaseException:
                    writer.discard()
                    raise
                await self._begin(self._check(writer, unwritten, instance.names))

    async def _begin(self, checking: Coroutine[None, None, Outcome]) -> None:
        self._checking.append(asyncio.create_task(checking))
        if len(self._checking) == BATCH:
            await self._commit()

    async def _receive(self, parts: Parts, headers: dict[str, str], writer: BlobWriter) -> BadInstance | None:
        """Write one part to its file; what is no instance or cannot be kept is skipped to its end."""
        is_dicom = media(headers.get("content-type", DICOM)).media_type == DICOM
        refused = None if is_dicom else BadInstance("not-dicom")
        async for chunk in parts.chunks():
            self._size_bytes += len(chunk)
            if self._size_bytes > MAX_REQUEST_BYTES:
                raise TooLarge(later("Dữ liệu gửi lên quá lớn. Hãy chia thành nhiều lần."))
            if refused is None and writer.size_bytes + len(chunk) > MAX_INSTANCE_BYTES:
                refused = BadInstance("too-large")
            if refused is None:
                try:
                    writer.write(chunk)
                except OSError:
                    _log.exception("a received instance could not be written")
                    refused = BadInstance("unavailable")
            if refused is not None:
                writer.skip(chunk)
        return refused

    async def _check(
        self, writer: BlobWriter, refused: BadInstance | None, names: tuple[str, str] = ("", "")
    ) -> Outcome:
        """Look at one received file and make it durable, or forget it. `names`: SOP class and instance, if known."""
        try:
            with writer:
                if refused is not None:
                    raise refused
                if self._study_uid is not None:
                    # Before it is durable: the same bytes may already lie there, rightly, and must stay.
                    summary = await self._ports.sandbox.summarise(writer.path)
                    if summary.study_uid != self._study_uid:
                        return _failed("wrong-study", writer, _names(summary))
                received = await ingest.check(writer, self._ports.sandbox)
        except BadInstance as bad:
            return _failed(bad.code, writer, names)
        except OSError:
            _log.exception("a received instance could not be kept")
            return _failed("unavailable", writer, names)
        finally:
            self._free.release()
        return received

    async def _commit(self) -> None:
        """Keep what was found good in one transaction, and note what became of each."""
        outcomes = [await task for task in self._checking]
        self._checking.clear()
        received = [outcome for outcome in outcomes if isinstance(outcome, Received)]
        failed = [*self._refused, *(outcome for outcome in outcomes if isinstance(outcome, Failed))]
        self._refused.clear()
        committed = await self._ports.commit(self._scope, received, "stow", self._sender) if received else []
        for instance, where in zip(received, committed, strict=True):
            if where.differs:
                failed.append(_failed("instance-differs", instance, _names(instance.summary)))
                await asyncio.to_thread(self._ports.store.delete, instance.blob)
            else:
                self._report.stored.append(instance)
        if files := [one.file for one in failed]:
            await self._ports.quarantine(self._scope.owner_id, files, "stow", self._sender)
        self._report.failed += failed


async def _written(request: Request, instance: Described, writer: BlobWriter) -> BadInstance | None:
    """Write an instance's file; what it is refused for where the disk takes no more."""
    try:
        await request.write(instance, writer)
    except OSError:
        _log.exception("a described instance could not be written")
        return BadInstance("unavailable")
    return None


def _failed(code: str, file: BlobWriter | Received | Kept, names: tuple[str, str] = ("", "")) -> Failed:
    return Failed(code, Quarantined(code, file.size_bytes, file.sha256), *names)


def _names(summary: Summary) -> tuple[str, str]:
    return summary.sop_class_uid, summary.sop_uid


def _body(request: web.Request) -> tuple[str, str]:
    """What the body's parts are, and their boundary. Raises UnsupportedMedia, Malformed or TooLarge."""
    asked = media(request.headers.get(hdrs.CONTENT_TYPE, ""))
    kind = asked.parameters.get("type", DICOM).lower()
    if asked.media_type == MULTIPART and kind == XML:
        raise UnsupportedMedia(
            later(
                "Mô tả ảnh bằng XML không nhận ở đây. Hãy gửi application/dicom hoặc application/dicom+json."
            )
        )
    if asked.media_type != MULTIPART or kind not in (DICOM, JSON):
        raise UnsupportedMedia(
            later("Ảnh phải được gửi dưới dạng multipart/related với type=application/dicom.")
        )
    if hdrs.CONTENT_ENCODING in request.headers:
        raise UnsupportedMedia(later("Nội dung không được nén lại khi gửi. Hãy gửi nguyên tệp DICOM."))
    if (request.content_length or 0) > MAX_REQUEST_BYTES:
        raise TooLarge(later("Dữ liệu gửi lên quá lớn. Hãy chia thành nhiều lần."))
    boundary = asked.parameters.get("boundary", "")
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise Malformed(later("Nội dung gửi lên thiếu boundary. Hãy gửi lại bằng phần mềm hỗ trợ DICOMweb."))
    return kind, boundary


def _reference(received: Received, root: str) -> dict[str, Element]:
    summary = received.summary
    path = f"/studies/{summary.study_uid}/series/{summary.series_uid}/instances/{summary.sop_uid}"
    return {
        "00081150": {"vr": "UI", "Value": [summary.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [summary.sop_uid]},
        "00081190": {"vr": "UR", "Value": [root + path]},
    }


def _failure(failed: Failed) -> dict[str, Element]:
    reason: dict[str, Element] = {"00081197": {"vr": "US", "Value": [failed.reason]}}
    if not failed.sop_uid:
        return reason
    return {
        "00081150": {"vr": "UI", "Value": [failed.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [failed.sop_uid]},
        **reason,
    }
