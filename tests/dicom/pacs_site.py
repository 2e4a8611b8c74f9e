"""PACS to ask: dcmqrscp of dcmtk, with made-up patients in it, and ones that mean harm."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from pydicom.dataset import Dataset

from dicom.pacs.dimse import Dimse, Peer, Way
from dicom.pacs.network import Limits, Networks
from tests.dicom.builders import a_dataset, a_file
from tests.services import HOST, Server, program, started

HERE = Networks(["127.0.0.0/8"])
TITLE, OURS = "HOSPITAL", "HOICHAN"


def dimse(
    port: int, way: Way = Way.GET, *, called: str = TITLE, calling: str = OURS, **limits: float
) -> Dimse:
    return Dimse(Peer(HOST, port, called, calling, way), HERE, Limits(**limits))  # type: ignore[arg-type]


@contextmanager
def dcmqrscp(folder: Path, gateway_port: int = 1) -> Iterator[int]:
    """The archive of dcmtk; yields its port. It sends images to `HOICHAN` at `gateway_port`."""
    path = program("dcmqrscp")
    storage = folder / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    config = folder / "dcmqrscp.cfg"

    def command(ports: list[int]) -> Sequence[str]:
        config.write_text(
            f"NetworkTCPPort = {ports[0]}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
            f"HostTable BEGIN\nours = ({OURS}, {HOST}, {gateway_port})\nHostTable END\n"
            "VendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{TITLE} {storage} RW (500, 2048mb) ANY\nAETable END\n"
        )
        return [path, "-c", str(config)]

    with started(Server(command, folder, env={"TCP_NODELAY": "1"})) as (port,):
        yield port


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """What takes images and answers nothing else; yields its port. The bytes lie in `folder`/received as they came."""
    path = program("/usr/bin/storescp")  # pynetdicom ships one of the same name
    received = folder / "received"
    received.mkdir(parents=True)

    def command(ports: list[int]) -> Sequence[str]:
        return [path, "-aet", TITLE, "-od", str(received), *options, str(ports[0])]

    with started(Server(command, folder, env={"TCP_NODELAY": "1"})) as (port,):
        yield port


def a_study(number: int, slices: int, **changes: object) -> list[Dataset]:
    """Slices of one study in two series."""
    return [
        a_dataset(
            StudyInstanceUID=f"2.25.{number}",
            SeriesInstanceUID=f"2.25.{number}.{1 + n % 2}",
            SOPInstanceUID=f"2.25.{number}.{1 + n % 2}.{n + 1}",
            InstanceNumber=n + 1,
            **changes,
        )
        for n in range(slices)
    ]


def send(port: int, folder: Path, datasets: Sequence[Dataset], called: str = TITLE) -> None:
    """Fill a PACS, as a modality does."""
    folder.mkdir(parents=True)
    for n, ds in enumerate(datasets):
        (folder / f"{n}.dcm").write_bytes(a_file(ds))
    subprocess.run(
        ["/usr/bin/storescu", "-aec", called, "+sd", HOST, str(port), str(folder)],
        check=True,
        env={**os.environ, "TCP_NODELAY": "1"},
        capture_output=True,
    )


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Something on a port that answers as it likes."""
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(served, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
