"""Uploads by tus: small files in one request, large ones in pieces, and whatever can go wrong between."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dicom import index
from dicom.framecache import FrameCache
from dicom.instance import BadInstance
from dicom.ports import Scope
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from dicom.web.upload import add_uploads
from server.platform.db import end
from tests.dicom import builders
from tests.dicom.builders import a_dataset, a_file
from tests.dicom.viewer_site import OWNER, Site

OFFSET_STREAM = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}


class Inbox(Site):
    """The tests' site, where a header says who asks."""

    def gettext(self, request: web.Request) -> Callable[[str], str]:
        return str

    def person(self, request: web.Request) -> str:
        return request.headers.get("X-Person", "huyen")


@dataclass
class Browser:
    """A running server and a client that speaks tus to it by hand."""

    http: ClientSession
    server: BaseTestServer
    site: Inbox

    @property
    def root(self) -> str:
        return str(self.server.make_url("/uploads"))

    async def ask(
        self, method: str, path: str = "", data: Any = None, **headers: str
    ) -> tuple[int, ClientResponse, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named["Content-Type"] = OFFSET_STREAM
        address = path if path.startswith("http") else str(self.server.make_url(path or "/uploads"))
        body = None if data is None else io.BytesIO(data)
        async with self.http.request(method, address, data=body, headers={**TUS, **named}) as answer:
            text = await answer.text()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, answer, json.loads(text) if is_json and text else text

    async def send(
        self, content: bytes, name: str = "ct.dcm", **headers: str
    ) -> tuple[int, ClientResponse, Any]:
        """Creation with upload: all in one request."""
        metadata = f"filename {base64.b64encode(name.encode()).decode()}"
        return await self.ask(
            "POST", data=content, Upload_Length=str(len(content)), Upload_Metadata=metadata, **headers
        )

    async def create(self, length: int, **headers: str) -> str:
        status, answer, _ = await self.ask("POST", Upload_Length=str(length), **headers)
        assert status == 201
        return answer.headers["Location"]

    async def outcome(self, path: str, **headers: str) -> Any:
        """What became of it, as soon as it is known."""
        for _ in range(200):
            status, _, told = await self.ask("GET", path, **headers)
            assert status == 200
            if told["state"] in {"done", "refused"}:
                return told
            await asyncio.sleep(0.05)
        raise AssertionError("never checked")

    async def rows(self) -> list[Any]:
        async with self.site.engine.connect() as connection:
            return list((await connection.execute(select(index.instances))).all())

    def restarted(self) -> BaseTestServer:
        """The same site served by a new process, as it were."""
        return a_server(self.site)


def a_server(site: Inbox, max_bytes: int = 64 << 20) -> BaseTestServer:
    app = web.Application()
    add_uploads(app, "/uploads", site, max_bytes)
    return TestServer(app)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'index.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(index.metadata.create_all)
    yield engine
    await end(engine)


@pytest.fixture
async def browser(
    store: BlobStore, sandbox: Sandbox, engine: AsyncEngine, tmp_path: Path
) -> AsyncIterator[Browser]:
    site = Inbox(store, sandbox, FrameCache(tmp_path / "frames", store, sandbox), engine)
    async with a_server(site) as server, ClientSession() as http:
        yield Browser(http, server, site)


def a_zip(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n in range(count):
            archive.writestr(f"CT/{n}", a_file(a_dataset(SOPInstanceUID=f"2.25.6.{n}")))
    return out.getvalue()


def sha256(content: bytes) -> str:
    return "sha256 " + base64.b64encode(hashlib.sha256(content).digest()).decode()


async def test_the_server_says_what_it_can(browser: Browser) -> None:
    async with browser.http.options(browser.root) as answer:
        assert answer.status == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Max-Size"] == str(64 << 20)
        assert set(answer.headers["Tus-Extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "termination",
            "checksum",
        }


async def test_a_small_file_is_one_request_and_in_the_index_when_answered(browser: Browser) -> None:
    content = a_file()
    status, answer, _ = await browser.send(content, Upload_Checksum=sha256(content))
    assert status == 201
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Upload-Offset"] == str(len(content))
    assert (answer.headers["Upload-State"], answer.headers["Upload-Instances"]) == ("done", "1")
    [row] = await browser.rows()
    assert answer.headers["Upload-Studies"] == str(row.study_id)
    assert browser.site.store.path(row.blob).read_bytes() == content
    told = await browser.outcome(answer.headers["Location"])
    assert (told["state"], told["studies"], told["refused"]) == ("done", [row.study_id], [])


async def test_many_small_files_at_once_share_their_transactions(browser: Browser) -> None:
    transactions = 0
    commit = browser.site.commit

    async def counted(*arguments: Any) -> Any:
        nonlocal transactions
        transactions += 1
        return await commit(*arguments)

    browser.site.commit = counted  # type: ignore[method-assign, assignment]
    slices = [a_file(a_dataset(SOPInstanceUID=f"2.25.6.{n}")) for n in range(40)]
    answers = await asyncio.gather(*map(browser.send, slices))
    assert {status for status, _, _ in answers} == {201}
    assert len(await browser.rows()) == 40
    assert transactions < 40


async def test_a_file_in_pieces_is_whole_at_the_end(browser: Browser) -> None:
    content = a_zip(5)
    path = await browser.create(len(content))
    for start in range(0, len(content), 10_000):
        piece = content[start : start + 10_000]
        status, answer, _ = await browser.ask(
            "PATCH", path, piece, Upload_Offset=str(start), Upload_Checksum=sha256(piece)
        )
        assert (status, answer.headers["Upload-Offset"]) == (204, str(start + len(piece)))
    told = await browser.outcome(path)
    assert (told["state"], told["instances"], told["received"]) == ("done", 5, len(content))
    assert len(await browser.rows()) == 5


async def test_a_piece_that_is_not_what_was_sent_is_forgotten(browser: Browser) -> None:
    path = await browser.create(100)
    status, _, told = await browser.ask(
        "PATCH", path, b"x" * 50, Upload_Offset="0", Upload_Checksum=sha256(b"y" * 50)
    )
    assert (status, told["code"]) == (460, "checksum")
    status, answer, _ = await browser.ask("HEAD", path)
    assert (status, answer.headers["Upload-Offset"]) == (200, "0")
    content = a_file()
    status, _, told = await browser.send(content, Upload_Checksum=sha256(b"other"))
    assert status == 460
    assert await browser.rows() == []


async def test_what_is_too_large_is_refused_before_it_is_sent(browser: Browser) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 16
            yield bytes(1 << 16)

    headers = {**TUS, "Upload-Length": str(3 << 30), "Content-Type": OFFSET_STREAM}
    async with browser.http.post(browser.root, data=endless(), headers=headers, expect100=True) as answer:
        told = await answer.json(content_type=None)
    assert answer.status == 413
    assert answer.headers["Tus-Max-Size"] == str(64 << 20)
    assert told["code"] == "too-large"
    assert "64 MB" in told["detail"]
    assert sent == 0


async def test_more_bytes_than_said_are_refused(browser: Browser) -> None:
    path = await browser.create(10)
    status, _, _ = await browser.ask("PATCH", path, b"x" * 11, Upload_Offset="0")
    assert status == 413


@pytest.mark.parametrize("length", ["", "-1", "0", "x", "١", "1" * 30])
async def test_a_length_that_is_none_is_refused(length: str, browser: Browser) -> None:
    status, _, told = await browser.ask("POST", Upload_Length=length)
    assert (status, told["code"]) == (400, "malformed")


async def test_a_cut_line_loses_little_and_the_browser_goes_on(browser: Browser) -> None:
    content = a_file(a_dataset(Rows=1024, Columns=1024, PixelData=bytes(range(256)) * 8192))
    path = await browser.create(len(content))
    host, port = browser.server.host, browser.server.port
    _, writer = await asyncio.open_connection(host, port)
    head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nContent-Type: {OFFSET_STREAM}\r\n"
    writer.write(f"{head}Upload-Offset: 0\r\nContent-Length: {len(content)}\r\n\r\n".encode())
    writer.write(content[: 1 << 20])
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.transport.abort()
    await asyncio.sleep(0.1)
    _, answer, _ = await browser.ask("HEAD", path)
    offset = int(answer.headers["Upload-Offset"])
    assert offset > 1 << 19
    status, _, _ = await browser.ask("PATCH", path, content[offset:], Upload_Offset=str(offset))
    assert status == 204
    assert (await browser.outcome(path))["state"] == "done"
    [row] = await browser.rows()
    assert browser.site.store.path(row.blob).read_bytes() == content


async def test_a_line_that_hangs_gives_way_to_a_new_one(browser: Browser) -> None:
    content = a_file()
    path = await browser.create(len(content))
    _, writer = await asyncio.open_connection(browser.server.host, browser.server.port)
    head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nContent-Type: {OFFSET_STREAM}\r\n"
    writer.write(f"{head}Upload-Offset: 0\r\nContent-Length: {len(content)}\r\n\r\n".encode())
    writer.write(content[:5000])
    await writer.drain()
    await asyncio.sleep(0.2)
    _, answer, _ = await browser.ask("HEAD", path)
    assert answer.headers["Upload-Offset"] == "5000"
    status, _, _ = await browser.ask("PATCH", path, content[5000:], Upload_Offset="5000")
    assert status == 204
    assert (await browser.outcome(path))["state"] == "done"
    writer.close()


async def test_a_restart_keeps_what_was_acknowledged(browser: Browser) -> None:
    content = a_zip(3)
    path = await browser.create(len(content))
    await browser.ask("PATCH", path, content[:20_000], Upload_Offset="0")
    async with browser.restarted() as server:
        other = Browser(browser.http, server, browser.site)
        _, answer, _ = await other.ask("HEAD", path)
        assert answer.headers["Upload-Offset"] == "20000"
        await other.ask("PATCH", path, content[20_000:], Upload_Offset="20000")
        assert (await other.outcome(path))["instances"] == 3


async def test_a_restart_checks_what_was_complete(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(path: Path) -> None:
        await asyncio.sleep(600)

    content = a_file()
    path = await browser.create(len(content))
    with monkeypatch.context() as hanging:
        hanging.setattr(browser.site.sandbox, "summarise", never)
        hanging.setattr("dicom.web.upload._WAIT_S", 0.05)
        _, answer, _ = await browser.ask("PATCH", path, content, Upload_Offset="0")
        assert answer.headers["Upload-State"] == "checking"
    async with browser.restarted() as server:
        told = await Browser(browser.http, server, browser.site).outcome(path)
    assert (told["state"], told["instances"]) == ("done", 1)


async def test_only_who_began_an_upload_may_go_on_with_it(browser: Browser) -> None:
    path = await browser.create(100)
    for method in ("HEAD", "GET", "PATCH", "DELETE"):
        data = b"x" if method == "PATCH" else None
        status, _, _ = await browser.ask(method, path, data, X_Person="khac", Upload_Offset="0")
        assert status == 404
    browser.site.readable = Scope(OWNER + 1, None, may_store=True)
    assert (await browser.ask("GET", path))[0] == 404
    browser.site.readable = Scope(OWNER, None, may_store=False)
    assert (await browser.ask("POST", Upload_Length="10"))[0] == 403


async def test_an_upload_that_is_given_up_is_gone(browser: Browser) -> None:
    path = await browser.create(100)
    await browser.ask("PATCH", path, b"x" * 50, Upload_Offset="0")
    assert (await browser.ask("DELETE", path))[0] == 204
    assert (await browser.ask("HEAD", path))[0] == 404
    assert list((browser.site.store.root / "uploads").iterdir()) == []


@pytest.mark.parametrize("upload", ["x", "..%2F..%2Fetc", "A" * 22, "%00", "a.b"])
async def test_addresses_of_no_upload_are_not_found(upload: str, browser: Browser) -> None:
    assert (await browser.ask("GET", f"{browser.root}/{upload}"))[0] == 404


async def test_the_wrong_offset_version_or_content_is_refused(browser: Browser) -> None:
    path = await browser.create(100)
    assert (await browser.ask("PATCH", path, b"x", Upload_Offset="5"))[0] == 409
    async with browser.http.patch(browser.server.make_url(path), data=b"x") as answer:
        assert answer.status == 412
        assert answer.headers["Tus-Version"] == "1.0.0"
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"}
    async with browser.http.patch(browser.server.make_url(path), data=b"x", headers=headers) as answer:
        assert answer.status == 415


async def test_refused_files_say_why_in_vietnamese_and_keep_their_names_to_the_sender(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    status, answer, _ = await browser.send(b"no image", name="C:\\ảnh\\NGUYEN VAN A.jpg")
    assert (status, answer.headers["Upload-State"]) == (201, "refused")
    told = await browser.outcome(answer.headers["Location"])
    [refused] = told["refused"]
    assert (refused["name"], refused["code"]) == ("NGUYEN VAN A.jpg", "not-dicom")
    assert refused["sentence"].startswith("Tệp này không phải ảnh DICOM.")
    assert "NGUYEN" not in caplog.text
    digest = hashlib.sha256(b"no image").hexdigest()
    assert browser.site.quarantined == [(OWNER, "upload", "huyen", "not-dicom", 8, digest)]
    assert await browser.rows() == []


async def test_what_an_archive_holds_is_written_down_file_by_file_before_it_is_told(browser: Browser) -> None:
    out = io.BytesIO()
    cut = a_file()[:300]
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("NGUYEN VAN A/1", a_file())
        archive.writestr("NGUYEN VAN A/2", cut)
        archive.writestr("NGUYEN VAN A/viewer.exe", b"MZ" * 5000)
    keep, failures = browser.site.quarantine, 1

    async def away_once(*arguments: Any) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise ConnectionError("the database is away")
        await keep(*arguments)

    browser.site.quarantine = away_once  # type: ignore[method-assign, assignment]
    path = await browser.create(len(out.getvalue()))
    await browser.ask("PATCH", path, out.getvalue(), Upload_Offset="0")
    told = await browser.outcome(path)
    assert (told["state"], told["instances"], told["refused_count"]) == ("done", 1, 2)
    assert [row[3:] for row in browser.site.quarantined] == [
        ("truncated", len(cut), hashlib.sha256(cut).hexdigest()),
        ("not-dicom", 10_000, hashlib.sha256(b"MZ" * 5000).hexdigest()),
    ]


async def test_a_bomb_is_refused_and_the_next_file_is_not(browser: Browser) -> None:
    answers = await asyncio.gather(
        browser.send(builders.a_deflate_bomb()),
        browser.send(builders.a_jpeg2000_bomb()),
        browser.send(a_file()),
    )
    assert [answer.headers["Upload-State"] for _, answer, _ in answers] == ["refused", "refused", "done"]


async def test_what_was_acknowledged_waits_for_a_database_that_is_away(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise ConnectionError

    monkeypatch.setattr("dicom.web.upload._LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr("dicom.web.upload._WAIT_S", 0.05)
    content = a_zip(1)
    path = await browser.create(len(content))
    with monkeypatch.context() as cut:
        cut.setattr(browser.site, "commit", away)
        _, answer, _ = await browser.ask("PATCH", path, content, Upload_Offset="0")
        assert answer.headers["Upload-State"] == "checking"
        status, _, told = await browser.send(a_file())
        assert (status, told["code"]) == (503, "unavailable")  # not acknowledged: the browser sends it again
    told = await browser.outcome(path)
    assert (told["state"], told["instances"]) == ("done", 1)


async def test_an_overloaded_machine_is_no_verdict_on_a_file(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    summarise, asked = browser.site.sandbox.summarise, 0

    async def slow_at_first(path: Path) -> Any:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise BadInstance("unavailable")
        return await summarise(path)

    monkeypatch.setattr("dicom.web.upload._LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(browser.site.sandbox, "summarise", slow_at_first)
    content = a_file()
    path = await browser.create(len(content))
    await browser.ask("PATCH", path, content, Upload_Offset="0")
    assert ((await browser.outcome(path))["state"], asked) == ("done", 3)


async def test_a_complete_upload_is_never_too_old(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(path: Path) -> None:
        await asyncio.sleep(600)

    content = a_file()
    begun, complete = await browser.create(len(content)), await browser.create(len(content))
    with monkeypatch.context() as hanging:
        hanging.setattr(browser.site.sandbox, "summarise", never)
        hanging.setattr("dicom.web.upload._WAIT_S", 0.05)
        await browser.ask("PATCH", complete, content, Upload_Offset="0")
    for path in (begun, complete):
        record = browser.site.store.root / "uploads" / path.rpartition("/")[2] / "record.json"
        os.utime(record, (0, 0))
    async with browser.restarted() as server:
        other = Browser(browser.http, server, browser.site)
        assert (await other.outcome(complete))["state"] == "done"
        assert (await other.ask("GET", begun))[0] == 404


def test_every_reason_has_a_sentence() -> None:
    assert BadInstance("unavailable").sentence.endswith(".")
