"""The product as it is run, and Orthanc as its peer, both on free ports with a folder of their own."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector

from bench.data import FOLDER
from tests.services import HOST, Server, is_open, orthanc_settings, program, started, until

ROOT = Path(__file__).parents[1]
LOGIN = "bacsi.huyen"
QUIET_S = 300
BATCH = 50  # instances of one STOW-RS request


@dataclass(frozen=True)
class Archive:
    """One of the two: where its DICOMweb and its DIMSE port are, and what to say to be let in."""

    url: str
    headers: dict[str, str]
    data_dir: Path
    dimse_port: int
    ae_title: str

    async def store(self, files: Iterable[bytes], at_once: int = 4) -> None:
        """Send Part 10 files by STOW-RS. Raises RuntimeError where one is refused."""
        requests = _batches(files)
        # A connection a request: Orthanc closes one that was idle for a second, which may be now.
        connector = TCPConnector(force_close=True)
        async with (
            ClientSession(headers=self.headers, connector=connector) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(at_once):
                group.create_task(self._store(http, requests))

    async def _store(self, http: ClientSession, requests: Iterator[bytes]) -> None:
        headers = {
            "Content-Type": 'multipart/related; type="application/dicom"; boundary=edge',
            "Accept": "application/dicom+json",
        }
        for body in requests:
            async with http.post(f"{self.url}/studies", data=io.BytesIO(body), headers=headers) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"{self.url} answered {answer.status}: {await answer.text()}")

    async def get(self, http: ClientSession, path: str, accept: str = "application/dicom+json") -> bytes:
        async with http.get(self.url + path, headers={**self.headers, "Accept": accept}) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{path} was answered with {answer.status}")
            return await answer.read()

    async def json(self, http: ClientSession, path: str) -> Any:
        return json.loads(await self.get(http, path))


@contextmanager
def product() -> Iterator[Archive]:
    """`python -m server run` over a new SQLite database: every role, authorisation and audit as shipped."""
    with _folder() as folder:
        settings = {
            "HOICHAN_DATA_DIR": str(folder / "var"),
            "HOICHAN_DEMO": "true",
        }
        python = [sys.executable, "-m", "server"]

        def command(ports: list[int]) -> list[str]:
            where = [f"HOICHAN_LISTEN={HOST}:{ports[0]}", f"HOICHAN_DIMSE_PORT={ports[1]}"]
            return ["env", "-C", str(ROOT), *where, *python, "run"]

        def say(*words: str) -> str:
            env = {**os.environ, **settings}
            said = subprocess.run([*python, *words], cwd=ROOT, env=env, check=True, capture_output=True)
            return said.stdout.decode()

        say("demo")
        token = say("token", LOGIN).strip()
        with started(Server(command, folder, ports=2, env=settings), signal.SIGTERM) as (port, dimse):
            until(lambda: is_open(dimse), "the gateway is silent")
            headers = {"Authorization": f"Bearer {token}"}
            yield Archive(f"http://{HOST}:{port}/dicom-web", headers, folder / "var", dimse, "HOICHAN")


@contextmanager
def orthanc(**more: object) -> Iterator[Archive]:
    """Orthanc of Debian in its fastest settings: no delay, no compression, the whole series in its cache.

    `more` are settings that stand above these.
    """
    path = program("Orthanc", "/usr/sbin/Orthanc")
    with _folder() as folder:

        def command(ports: list[int]) -> list[str]:
            settings = orthanc_settings(folder, *ports) | {
                "TcpNoDelay": True,
                "KeepAlive": True,
                "HttpCompressionEnabled": False,
                "StorageCompression": False,
                "MaximumStorageCacheSize": 1024,
                "LimitFindResults": 0,
                **more,
            }
            (folder / "orthanc.json").write_text(json.dumps(settings))
            return [path, str(folder / "orthanc.json")]

        with started(Server(command, folder, ports=2, env={"TCP_NODELAY": "1"})) as (http, dimse):
            yield Archive(f"http://{HOST}:{http}/dicom-web", {}, folder, dimse, "ORTHANC")


@asynccontextmanager
async def both() -> AsyncIterator[tuple[Archive, Archive]]:
    """Ours and the peer's, at the same time on the same machine; measured in turns."""
    with product() as ours, orthanc() as peer:
        yield ours, peer


async def until_encoded(data: Path, instances: int = 1) -> None:
    """Wait until so many are there, and the worker's frame cache of all: made once, and not what is measured."""
    counts = "SELECT count(*), count(*) FILTER (WHERE frames_at_ms IS NULL AND frames_refused IS NULL) FROM instances"
    with sqlite3.connect(f"file:{data / 'hoichan.db'}?mode=ro", uri=True) as database:
        for _ in range(QUIET_S):
            there, waiting = database.execute(counts).fetchone()
            if there >= instances and not waiting:
                return
            await asyncio.sleep(1)
    raise RuntimeError("the worker did not encode the frames")


@contextmanager
def _folder() -> Iterator[Path]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _batches(files: Iterable[bytes]) -> Iterator[bytes]:
    """Bodies of STOW-RS requests."""
    left = iter(files)
    while batch := list(islice(left, BATCH)):
        parts = (b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in batch)
        yield b"".join(parts) + b"--edge--\r\n"
