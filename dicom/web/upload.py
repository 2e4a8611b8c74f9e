"""Uploads from the browser by tus 1.0 (core, creation, creation-with-upload, termination, checksum).

A folder of slices is many small files: each is one request, and is in the index when it is answered. A large
file comes in pieces, survives cut lines and restarts, and is checked when its last byte is here. What became
of an upload is at its address, for the person who made it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from aiohttp import web

from dicom import ingest, zipped
from dicom.batches import Batches
from dicom.ingest import Committed, Outcome, Quarantined, Received
from dicom.instance import REASONS, BadInstance
from dicom.ports import Malformed, NotAllowed, NotHere, Ports, Refused, Scope, TooLarge
from dicom.spool import Spool, State, Upload, new_upload
from dicom.store import BlobWriter
from dicom.texts import Gettext, later
from dicom.web import tus

_log = logging.getLogger(__name__)

MAX_UPLOAD_BYTES: Final = 2 << 30
_AT_ONCE_BYTES: Final = 16 << 20  # smaller files are taken in one go, without a place to resume from
_FLUSH_BYTES: Final = 8 << 20  # a crash costs no more of what was not acknowledged
_WAIT_S: Final = 2  # for the verdict, before the answer says that it is still being looked for
_CHECKING_AT_ONCE: Final = 2
_TRIES: Final = 5  # to check what the sandbox had no time for
_LONGEST_PAUSE_S: Final = 60


class UploadPorts(Ports, Protocol):
    """What uploads ask besides. Only who began an upload may go on with it: `person` says who that is."""

    def gettext(self, request: web.Request) -> Gettext:
        """The language of who asks."""


def add_uploads(
    app: web.Application, prefix: str, ports: UploadPorts, max_bytes: int = MAX_UPLOAD_BYTES
) -> None:
    """Add the routes of uploads below `prefix`; what a restart left unchecked is checked at the start."""
    uploads = Uploads(prefix, ports, max_bytes)
    one = prefix + "/{upload}"
    routes = [
        web.options(prefix, uploads.abilities),
        web.post(prefix, _answered(uploads, uploads.create), expect_handler=tus.expect_late),
        web.head(one, _answered(uploads, uploads.offset)),
        web.patch(one, _answered(uploads, uploads.go_on), expect_handler=tus.expect_late),
        web.delete(one, _answered(uploads, uploads.give_up)),
        web.get(one, _answered(uploads, uploads.outcome), allow_head=False),
    ]
    app.add_routes(routes)
    app.on_startup.append(uploads.start)
    app.on_cleanup.append(uploads.stop)


Handler = Callable[[web.Request], Awaitable[web.Response]]


def _answered(uploads: Uploads, handler: Handler) -> Handler:
    """Answer refusals here, for tus wants its headers on every answer."""

    async def handle(request: web.Request) -> web.Response:
        try:
            if request.method != "GET" and request.headers.get("Tus-Resumable") != tus.VERSION:
                raise tus.OtherVersion(later("Trình duyệt cần tải lại trang để gửi ảnh."))
            response = await handler(request)
        except Refused as refused:
            response = tus.problem(refused, uploads.ports.gettext(request))
            if isinstance(refused, TooLarge):
                response.headers["Tus-Max-Size"] = str(uploads.max_bytes)
            if isinstance(refused, tus.OtherVersion):
                response.headers["Tus-Version"] = tus.VERSION
        response.headers.update(tus.HEADERS)
        return response

    return handle


class Uploads:
    """All uploads of one server process."""

    def __init__(self, prefix: str, ports: UploadPorts, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._prefix = prefix
        self.ports = ports
        self._spool = Spool(ports.store.root / "uploads")
        self._batches = Batches(self._commit)
        self._receiving: dict[str, asyncio.Task[None]] = {}
        self._checking: dict[str, asyncio.Task[None]] = {}
        self._free = asyncio.Semaphore(_CHECKING_AT_ONCE)

    async def start(self, _: web.Application) -> None:
        """After a restart: check what was complete, forget what is old."""
        await asyncio.to_thread(self._spool.remove_old)
        for upload in await asyncio.to_thread(self._spool.unchecked):
            self._checking[upload.id] = self._start_check(upload)

    async def stop(self, _: web.Application) -> None:
        """Leave what is being checked to the next start."""
        checks = list(self._checking.values())
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def abilities(self, request: web.Request) -> web.Response:
        return web.Response(
            status=204, headers={**tus.HEADERS, **tus.ABILITIES, "Tus-Max-Size": str(self.max_bytes)}
        )

    async def create(self, request: web.Request) -> web.Response:
        """Creation, and with a body creation-with-upload."""
        scope, person = await self._who(request)
        length = tus.number(request, "Upload-Length")
        if length > self.max_bytes:
            await self._quarantine(scope.owner_id, person, [Quarantined("too-large", length, "")])
            raise TooLarge(
                later(
                    "Tệp lớn hơn {limit} MB, mức hệ thống nhận. Hãy chia nhỏ, hoặc gửi thư mục thay cho tệp nén."
                ),
                limit=self.max_bytes >> 20,
            )
        if length == 0:
            await self._quarantine(scope.owner_id, person, [Quarantined("empty", 0, "")])
            raise Malformed(REASONS["empty"])
        upload = new_upload(scope.owner_id, person, tus.file_name(request), length)
        has_body = request.can_read_body and request.content_length != 0
        try:
            if has_body and request.content_length == length <= _AT_ONCE_BYTES:
                await self._take_whole(request, upload)
            else:
                await asyncio.to_thread(self._spool.create, upload)
                if has_body:
                    await self._receive(request, upload)
        except OSError as error:
            raise tus.failure(error) from error
        headers = {"Location": f"{self._prefix}/{upload.id}", "Upload-Offset": str(upload.offset)}
        return web.Response(status=201, headers={**headers, **_verdict(upload)})

    async def offset(self, request: web.Request) -> web.Response:
        upload = await self._mine(request)
        headers = {"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.length)}
        return web.Response(headers={**headers, **_verdict(upload)})

    async def go_on(self, request: web.Request) -> web.Response:
        upload = await self._mine(request)
        if tus.number(request, "Upload-Offset") != upload.offset:
            raise tus.WrongOffset(later("Phần gửi không nối tiếp phần đã nhận. Trình duyệt sẽ tự gửi tiếp."))
        try:
            await self._receive(request, upload)
        except OSError as error:
            raise tus.failure(error) from error
        return web.Response(status=204, headers={"Upload-Offset": str(upload.offset), **_verdict(upload)})

    async def give_up(self, request: web.Request) -> web.Response:
        """Termination. What was taken in by then stays."""
        upload = await self._mine(request)
        if upload.id in self._checking:
            self._checking[upload.id].cancel()
        await asyncio.to_thread(self._spool.remove, upload)
        return web.Response(status=204)

    async def outcome(self, request: web.Request) -> web.Response:
        upload = await self._mine(request, takes_over=False)
        return web.json_response(_told(upload, self.ports.gettext(request)))

    async def _who(self, request: web.Request) -> tuple[Scope, str]:
        scope = await self.ports.scope(request)
        if not scope.may_store:
            raise NotAllowed(later("Bạn không gửi ảnh được ở đây. Hãy gửi vào kho của bệnh viện mình."))
        return scope, self.ports.person(request)

    async def _mine(self, request: web.Request, *, takes_over: bool = True) -> Upload:
        """The upload of this address. A line of it that still hangs ends: the browser has a new one."""
        scope, person = await self._who(request)
        upload_id = request.match_info["upload"]
        upload = await asyncio.to_thread(self._spool.find, upload_id)
        if upload is None or (upload.owner_id, upload.person) != (scope.owner_id, person):
            raise NotHere(later("Không có lần gửi này. Hãy chọn lại tệp để gửi."))
        if takes_over and (receiving := self._receiving.get(upload_id)):
            receiving.cancel()
            await asyncio.wait([receiving])
            upload = await asyncio.to_thread(self._spool.find, upload_id)
            if upload is None:
                raise NotHere(later("Không có lần gửi này. Hãy chọn lại tệp để gửi."))
        return upload

    async def _take_whole(self, request: web.Request, upload: Upload) -> None:
        """A small file in one request: straight into the store, checked and committed before the answer."""
        checksum = tus.Checksum(request)
        with self.ports.store.new(upload.owner_id) as writer:

            async def write(chunk: bytes) -> None:
                writer.write(chunk)
                checksum.update(chunk)

            await tus.copy(request, upload.length, write)
            if writer.size_bytes != upload.length:
                raise tus.Interrupted
            checksum.verify()
            try:
                outcome = await self._taken(writer, upload)
                await self._quarantine(upload.owner_id, upload.person, outcome.quarantined)
            except Exception as error:
                _log.exception("an upload could not be taken in")
                raise tus.failure(error) from error
        upload.offset = upload.length
        upload.conclude(outcome)
        await asyncio.to_thread(self._spool.note, upload)

    async def _taken(self, writer: BlobWriter, upload: Upload) -> Outcome:
        with writer.path.open("rb") as file:
            is_archive = zipped.is_zip(file.read(132))
        if is_archive:
            return await self._ingested(writer.path, upload)
        outcome = Outcome()
        try:
            received = await ingest.check(writer, self.ports.sandbox)
            committed = await self._batches.keep(upload.owner_id, upload.person, received)
            await ingest.settle(committed, received, upload.name, self.ports.store, outcome)
        except BadInstance as refused:
            outcome.refuse(upload.name, refused, writer.size_bytes, writer.sha256)
        return outcome

    async def _receive(self, request: web.Request, upload: Upload) -> None:
        """Append a piece. What is here when the line is cut stays; a piece with a wrong checksum does not."""
        if request.content_type != tus.CONTENT_TYPE or "Content-Encoding" in request.headers:
            raise tus.WrongMedia(later("Nội dung gửi lên không đúng dạng. Hãy tải lại trang rồi gửi lại."))
        checksum = tus.Checksum(request)
        task = asyncio.create_task(self._append(request, upload, checksum))
        self._receiving[upload.id] = task
        try:
            await task
        except asyncio.CancelledError as cancelled:
            raise tus.Interrupted from cancelled
        finally:
            task.cancel()
            del self._receiving[upload.id]
        if upload.state is State.CHECKING:
            await asyncio.wait([self._start_check(upload)], timeout=_WAIT_S)

    async def _append(self, request: web.Request, upload: Upload, checksum: tus.Checksum) -> None:
        begun_at = upload.offset
        file = await asyncio.to_thread(self._spool.opened, upload)
        with file:
            position = begun_at

            async def write(chunk: bytes) -> None:
                nonlocal position
                file.write(chunk)
                checksum.update(chunk)
                position += len(chunk)
                if not checksum.is_asked and position - upload.offset >= _FLUSH_BYTES:
                    await asyncio.to_thread(self._spool.advance, upload, file, position)

            try:
                await tus.copy(request, upload.length - begun_at, write)
                checksum.verify()
            except tus.WrongChecksum:
                raise
            except BaseException:
                await asyncio.to_thread(self._spool.advance, upload, file, position)
                raise
            await asyncio.to_thread(self._spool.advance, upload, file, position)

    def _start_check(self, upload: Upload) -> asyncio.Task[None]:
        task = self._checking[upload.id] = asyncio.create_task(self._check(upload))
        task.add_done_callback(lambda _: self._checking.pop(upload.id, None))
        return task

    async def _check(self, upload: Upload) -> None:
        """Take in a complete upload. It was acknowledged, so a fault of ours is no verdict: it is tried again."""
        for attempt in itertools.count(1):
            async with self._free:
                outcome = await self._tried(upload)
            is_told = outcome is not None and (attempt >= _TRIES or not outcome.was_unavailable)
            if outcome is not None and is_told and await self._is_noted(upload, outcome):
                with suppress(FileNotFoundError):  # given up meanwhile
                    await asyncio.to_thread(self._spool.conclude, upload, outcome)
                return
            await asyncio.sleep(min(2**attempt, _LONGEST_PAUSE_S))

    async def _tried(self, upload: Upload) -> Outcome | None:
        try:
            return await self._ingested(self._spool.data_path(upload), upload)
        except FileNotFoundError:
            return Outcome()  # given up meanwhile
        except Exception:
            _log.exception("an upload could not be taken in")
            return None

    async def _is_noted(self, upload: Upload, outcome: Outcome) -> bool:
        try:
            await self._quarantine(upload.owner_id, upload.person, outcome.quarantined)
        except Exception:
            _log.exception("refused files could not be written down")
            return False
        return True

    async def _quarantine(self, owner_id: int, person: str, files: Sequence[Quarantined]) -> None:
        if files:
            await self.ports.quarantine(owner_id, files, "upload", person)

    async def _ingested(self, path: Path, upload: Upload) -> Outcome:
        async def commit(batch: Sequence[Received]) -> list[Committed]:
            return await self._commit(upload.owner_id, batch, upload.person)

        return await ingest.receive(
            path, upload.name, upload.owner_id, self.ports.store, self.ports.sandbox, commit
        )

    async def _commit(self, owner_id: int, batch: Sequence[Received], person: str) -> list[Committed]:
        return await self.ports.commit(Scope(owner_id, None, may_store=True), batch, "upload", person)


def _told(upload: Upload, say: Gettext) -> dict[str, Any]:
    return {
        "state": upload.state,
        "received": upload.offset,
        "length": upload.length,
        "instances": upload.instances,
        "studies": upload.studies,
        "refused": [file | {"sentence": say(file["sentence"])} for file in upload.refused],
        "refused_count": upload.refused_count,
    }


def _verdict(upload: Upload) -> dict[str, str]:
    """The outcome in headers: a small file needs no second request. Refusals are told at its address."""
    return {
        "Upload-State": upload.state,
        "Upload-Instances": str(upload.instances),
        "Upload-Studies": ",".join(map(str, upload.studies)),
        "Upload-Refused": str(upload.refused_count),
    }
