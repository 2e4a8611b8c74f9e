"""A small real DICOMweb server over the tests' site, and the client that hospitals use."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from dicomweb_client import DICOMwebClient
from sqlalchemy import update
from sqlalchemy.ext.asyncio import create_async_engine

from dicom import index
from dicom.framecache import FrameCache
from dicom.ports import Refused
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from dicom.web import routes
from server.platform.db import end
from tests.dicom.viewer_site import Site

Answer = TypeVar("Answer")


@dataclass
class DicomWeb:
    """A running server: `site` says who asks, `root` is where, `http` and `client` ask."""

    site: Site
    root: str
    http: ClientSession

    async def ask(self, question: Callable[[DICOMwebClient], Answer]) -> Answer:
        """Run calls of dicomweb-client, which blocks, beside the server."""
        return await asyncio.to_thread(question, DICOMwebClient(self.root))

    async def json(self, path: str, **options: Any) -> Any:
        async with self.http.get(self.root + path, **options) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json(content_type=None)

    async def status(self, path: str, **options: Any) -> int:
        async with self.http.get(self.root + path, **options) as answer:
            await answer.read()
            return answer.status

    async def store(self, *files: bytes, path: str = "/studies") -> tuple[int, Any]:
        """Send files as one STOW-RS request; the status and the report."""
        body, content_type = a_multipart(files)
        headers, data = {"Content-Type": content_type}, io.BytesIO(body)
        async with self.http.post(self.root + path, data=data, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def remove(self, study_uid: str) -> None:
        """Take a study away as the server does."""
        removed = update(index.studies).where(index.studies.c.study_uid == study_uid).values(removed_at_ms=1)
        async with self.site.engine.begin() as connection:
            await connection.execute(removed)


def a_multipart(files: Sequence[bytes]) -> tuple[bytes, str]:
    """The body of a STOW-RS request and its content type."""
    parts = [b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in files]
    return b"".join(parts) + b"--edge--\r\n", 'multipart/related; type="application/dicom"; boundary=edge'


@asynccontextmanager
async def a_dicomweb(folder: Path, sandbox: Sandbox) -> AsyncIterator[DicomWeb]:
    store = BlobStore(folder / "blobs", b"a key of the tests")
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'index.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(index.metadata.create_all)
    site = Site(store, sandbox, FrameCache(folder / "frames", store, sandbox), engine)
    app = web.Application(middlewares=[_refusals])
    app.add_routes(routes("/dicom-web", site))
    app.add_routes(routes("/consultations/{consultation}/dicom-web", site))
    async with TestServer(app) as server, ClientSession() as http:
        # dicomweb-client names a host without its port, so addresses cannot come from the request.
        site.public_url = str(server.make_url("")).rstrip("/")
        yield DicomWeb(site, str(server.make_url("/dicom-web")), http)
    await site.frames.close()
    await end(engine)


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        problem = {"code": refused.code, "detail": refused.sentence, "status": refused.status}
        return web.json_response(problem, status=refused.status, content_type="application/problem+json")
