"""OHIF as it is published, at one origin with a DICOMweb behind it: what hospitals have beside us."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from tests.services import HOST
from tools.python_env import environment
from tools.web_build import npm

PACKAGE: Final = "@ohif/app@3.13.2"
# What the registry says of the package, and what its bytes must be.
SHA512: Final = "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
ROOT: Final = "/dicom-web"
CONFIGURATION: Final = {
    "routerBasename": "/",
    "showStudyList": True,
    "extensions": [],
    "modes": [],
    "maxNumberOfWebWorkers": 1,
    "showCPUFallbackMessage": False,
    "investigationalUseDialog": {"option": "never"},
    "defaultDataSourceName": "hoichan",
    "dataSources": [
        {
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "hoichan",
            "configuration": {
                "friendlyName": "hoichan",
                "name": "hoichan",
                "qidoRoot": ROOT,
                "wadoRoot": ROOT,
                "qidoSupportsIncludeField": True,
                "supportsFuzzyMatching": True,
                "supportsWildcard": True,
                "imageRendering": "wadors",
                "thumbnailRendering": "thumbnail",
                "thumbnailRequestStrategy": "fetch",
                "enableStudyLazyLoad": True,
                "singlepart": "bulkdata,video",
                "bulkDataURI": {"enabled": True},
                "omitQuotationForMultipartRequest": True,
                "dicomUploadEnabled": False,
            },
        }
    ],
}
_TO_US = ("Accept", "Accept-Encoding", "If-None-Match", "Range")
_TO_OHIF = ("Content-Type", "Content-Encoding", "Content-Range", "ETag", "Cache-Control", "Warning")


def fetched(folder: Path) -> Path:
    """The built app, in a folder below `folder`; fetched once. Raises ValueError where its bytes are others."""
    app = folder / PACKAGE.replace("/", "-")
    if not app.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pack = npm("pack", "--silent", PACKAGE)
        said = subprocess.run(pack, cwd=folder, env=environment(), check=True, capture_output=True, text=True)
        archive = folder / said.stdout.split()[-1]
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != SHA512:
            raise ValueError(f"{PACKAGE} is not what it was")
        with tarfile.open(archive) as files:
            files.extractall(folder / "part", filter="data")
        (folder / "part").rename(app)
        archive.unlink()
    return app / "package" / "dist"


@dataclass
class Ohif:
    """A running one; `asked` is what it asked of the DICOMweb: path with query, status."""

    url: str
    asked: list[tuple[str, int]] = field(default_factory=list)


@asynccontextmanager
async def ohif(app: Path, dicomweb: str, token: str = "") -> AsyncIterator[Ohif]:
    """Serve the app's files as they are, beside the DICOMweb at `dicomweb`, which is asked with the token.

    As behind a hospital's reverse proxy: one origin, and the name that the browser knows goes on to the service.
    """
    running = Ohif("")

    async def configuration(_: web.Request) -> web.Response:
        return web.Response(
            text=f"window.config = {json.dumps(CONFIGURATION)};", content_type="text/javascript"
        )

    async def file(request: web.Request) -> web.FileResponse:
        path = app / request.match_info["path"]
        return web.FileResponse(path if path.is_file() else app / "index.html")

    async def proxied(request: web.Request) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _TO_US if name in request.headers}
        headers |= {"Host": request.host} | ({"Authorization": f"Bearer {token}"} if token else {})
        async with http.get(dicomweb + request.raw_path.removeprefix(ROOT), headers=headers) as answer:
            running.asked.append((request.path_qs, answer.status))
            kept = {name: answer.headers[name] for name in _TO_OHIF if name in answer.headers}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    served = web.Application()
    served.router.add_get("/app-config.js", configuration)
    served.router.add_get(ROOT + "/{path:.*}", proxied)
    served.router.add_get("/{path:.*}", file)
    server = TestServer(served, host=HOST)
    async with ClientSession(auto_decompress=False) as http, server:
        running.url = str(server.make_url("")).rstrip("/")
        yield running
