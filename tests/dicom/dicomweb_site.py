"""A small real DICOMweb server over the tests' site, and the client that hospitals use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from dicomweb_client import DICOMwebClient

from dicom.ports import Refused
from dicom.web import routes
from tests.dicom.viewer_site import Site, a_site

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


@asynccontextmanager
async def a_dicomweb(folder: Path) -> AsyncIterator[DicomWeb]:
    async with a_site(folder) as site:
        app = web.Application(middlewares=[_refusals])
        app.add_routes(routes("/dicom-web", site))
        async with TestServer(app) as server, ClientSession() as http:
            # dicomweb-client names a host without its port, so addresses cannot come from the request.
            site.public_url = str(server.make_url("")).rstrip("/")
            yield DicomWeb(site, str(server.make_url("/dicom-web")), http)


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        problem = {"code": refused.code, "detail": refused.sentence, "status": refused.status}
        return web.json_response(problem, status=refused.status, content_type="application/problem+json")
