"""Cornerstone3D on Orthanc as the peer of `first_image`: the newest of the one, Debian's of the other.

The page (bench/cornerstone) is their own example of a stack viewport, with nothing of theirs but core and image
loader, no tools: built by vite as their guide says, pressed by brotli, on one origin with Orthanc. Each choice is the
quicker one here: rendering by the processor (WebGL is software on a machine without a graphics card), Orthanc's gzip,
files kept as JPEG-LS (`IngestTranscoding`). WADO-RS goes by the whole metadata of the series, WADO-URI by Orthanc's
list of files: its short forms of metadata lack what the loader needs.
"""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestServer
from pydicom.uid import JPEGLSLossless
from yarl import URL

from bench.data import STUDY
from bench.product import ROOT, orthanc
from tools.python_env import digest, environment, is_stamped
from tools.terminal import succeeds
from tools.web_build import node, npm

FOLDER = Path(__file__).with_name("cornerstone")
BUILT = FOLDER / "dist"
STAMP = BUILT / ".stamp"
SOURCES = ("package.json", "package-lock.json", "vite.config.js", "index.html", "page.js")
PASSED_ON = ("Accept", "Accept-Encoding", "Content-Type", "Content-Encoding")


@asynccontextmanager
async def cornerstone(files: Sequence[Path]) -> AsyncIterator[dict[str, str]]:
    """The addresses of a page that shows the series of these files: by WADO-RS, and by WADO-URI."""
    _build()
    with orthanc(HttpCompressionEnabled=True, IngestTranscoding=str(JPEGLSLossless)) as archive:
        await archive.store(file.read_bytes() for file in files)
        root = URL(archive.url).origin()
        async with ClientSession(auto_decompress=False) as http, TestServer(_app(http, root)) as server:
            async with http.get(root / "series", headers={"Accept-Encoding": "identity"}) as answer:
                (series,) = await answer.json()
            frames = {"study": STUDY.uid, "series": STUDY.derived("ct-head")}
            ways = {"WADO-RS": frames, "WADO-URI": {"orthanc": series}}
            yield {way: str(server.make_url("/").with_query(words)) for way, words in ways.items()}


def _app(http: ClientSession, root: URL) -> web.Application:
    """The built page, and behind it Orthanc at `root`."""

    async def forward(request: web.Request) -> web.Response:
        async with http.get(root.join(request.rel_url), headers=_passed_on(request)) as answer:
            return web.Response(status=answer.status, headers=_passed_on(answer), body=await answer.read())

    app = web.Application()
    app.router.add_get("/{way:dicom-web|series|instances}/{rest:.*}", forward)
    app.router.add_get("/{name:.*}", _file)
    return app


async def _file(request: web.Request) -> web.Response:
    """One file as it was built and pressed."""
    file = BUILT / (request.match_info["name"] or "index.html")
    headers = {"Content-Type": mimetypes.guess_type(file.name)[0] or "application/octet-stream"}
    pressed = file.with_name(f"{file.name}.br")
    if pressed.is_file():
        return web.Response(body=pressed.read_bytes(), headers={**headers, "Content-Encoding": "br"})
    if file.is_file():
        return web.Response(body=file.read_bytes(), headers=headers)
    raise web.HTTPNotFound


def _passed_on(message: web.Request | ClientResponse) -> dict[str, str]:
    return {name: message.headers[name] for name in PASSED_ON if name in message.headers}


def _build() -> None:
    """Install and build the page, once for each state of its sources. Raises RuntimeError."""
    wanted = digest(*(FOLDER / name for name in SOURCES), ROOT / "web/build/compress.ts")
    if is_stamped(STAMP, wanted):
        return
    for command in (npm("ci", "--no-progress"), node("vite/bin/vite.js", "build")):
        if not succeeds(command, environment(), FOLDER):
            raise RuntimeError("the page of Cornerstone3D could not be built")
    STAMP.write_text(wanted)
