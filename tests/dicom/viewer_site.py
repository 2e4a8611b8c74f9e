"""A small real server for the viewer: SQLite, a store, a sandbox, and one hospital that may read its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from dicom import index
from dicom.framecache import FrameCache
from dicom.ingest import Committed, Quarantined, Received
from dicom.ports import Refused, Scope
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from dicom.web.viewer import viewer_routes
from server.platform.db import end

OWNER = 7


@dataclass
class Site:
    """Ports of `dicom/web/viewer.py`; what a test may read and was seen is to be set and looked at."""

    store: BlobStore
    sandbox: Sandbox
    frames: FrameCache
    engine: AsyncEngine
    readable: Scope = field(default_factory=lambda: Scope(OWNER, None, may_store=True))
    seen: list[int] = field(default_factory=list)
    lists: int = 0
    quarantined: list[tuple[int, str, str, str, int, str]] = field(default_factory=list)
    shelf: str = ""  # the key to the browser's shelf of frames; without one there is none
    public_url: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"X-Of-The-Server": "1"})

    async def scope(self, request: web.Request) -> Scope:
        return self.readable

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.engine.connect()

    async def rows(self, statement: Select[Any]) -> Sequence[Any]:
        async with self.engine.connect() as connection:
            rows: Sequence[Any] = (await connection.execute(statement)).all()
            return rows

    async def viewed(self, request: web.Request, study_id: int) -> None:
        self.seen.append(study_id)

    async def listed(self, request: web.Request) -> None:
        self.lists += 1

    async def commit(
        self, scope: Scope, received: Sequence[Received], source: str, sender: str
    ) -> list[Committed]:
        async with self.engine.begin() as connection:
            return await index.add_all(connection, scope.owner_id, received, source)

    def person(self, request: web.Request) -> str:
        return "huyen"

    async def quarantine(self, owner_id: int, files: Sequence[Quarantined], source: str, sender: str) -> None:
        self.quarantined += [
            (owner_id, source, sender, file.code, file.size_bytes, file.sha256) for file in files
        ]

    async def put(self, path: Path, owner_id: int = OWNER) -> Committed:
        """Take in a file as the server would."""
        with self.store.new(owner_id) as writer:
            writer.write(path.read_bytes())
            summary = await self.sandbox.summarise(writer.path)
            blob = await writer.commit()
        received = Received(blob, writer.size_bytes, writer.sha256, summary)
        scope = Scope(owner_id, None, may_store=True)
        return (await self.commit(scope, [received], "upload", "test"))[0]

    def app(self, dist: Path | None = None) -> web.Application:
        """The routes alone, or with them a page of nothing but the viewer, as Vite built it into `dist`."""
        app = web.Application(middlewares=[_refusals])
        app.add_routes(viewer_routes("/images", self))
        if dist is not None:
            app.router.add_get("/", _page(dist, self))
            app.router.add_get("/page.css", _style)
            app.router.add_static("/static", dist)
        return app


@asynccontextmanager
async def a_site(folder: Path, sandbox: Sandbox) -> AsyncIterator[Site]:
    store = BlobStore(folder / "blobs", b"a key of the tests")
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'index.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(index.metadata.create_all)
    frames = FrameCache(folder / "frames", store, sandbox)
    yield Site(store, sandbox, frames, engine)
    await frames.close()
    await end(engine)


# As the product serves the room: nothing inline, no eval, WebAssembly allowed.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'"
)


async def _style(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="html, body, main { height: 100%; margin: 0 }", content_type="text/css")


def _page(dist: Path, site: Site) -> Handler:
    built = json.loads((dist / ".vite" / "manifest.json").read_text())["src/viewer/harness/main.ts"]
    page = f"""<!doctype html><html lang="vi"><meta charset="utf-8"><title>Xem ảnh</title>$SHELF
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="/page.css"><link rel="stylesheet" href="/static/{built["css"][0]}">
    <main id="viewer"></main><script type="module" src="/static/{built["file"]}"></script></html>"""

    async def answer(_request: web.Request) -> web.StreamResponse:
        shelf = f'<meta name="shelf" content="{site.shelf}">' if site.shelf else ""
        text, headers = page.replace("$SHELF", shelf), {"Content-Security-Policy": _POLICY}
        return web.Response(text=text, content_type="text/html", headers=headers)

    return answer


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return web.json_response({"code": refused.code, "detail": refused.sentence}, status=refused.status)
