"""A gateway with a small hospital around it, and those who call it: dcmtk, and requestors made by hand."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import create_async_engine

from dicom import index
from dicom.gateway import Gateway
from dicom.gateway.ports import Caller, Reference, Stranger
from dicom.ingest import Committed, Quarantined, Received
from dicom.pacs.network import Destination
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from tests.dicom import builders
from tests.services import HOST

VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"


# dcmtk's own calling titles; OTHER is another hospital's.
SENDER = "SENDER"  # may send, and no more
OWNERS = {
    SENDER: 3,
    "STORESCU": 3,
    "ECHOSCU": 3,
    "FINDSCU": 3,
    "GETSCU": 3,
    "MOVESCU": 3,
    "COMMIT": 3,
    "OTHER": 4,
}


class Hospital:
    """The program around the gateway: knows two titles, keeps an index, notes who was turned away."""

    def __init__(self, store: BlobStore, sandbox: Sandbox, database: Path) -> None:
        self.store, self.sandbox = store, sandbox
        self.engine = create_async_engine(f"sqlite+aiosqlite:///{database}")
        self.turned_away: list[tuple[str, str, str]] = []
        self.transactions: list[int] = []
        self.is_down = False
        self.quarantined: list[tuple[int, str, str, str, int, str]] = []
        self.asked: list[tuple[int, str, str, list[Reference]]] = []
        self.reported: list[int] = []
        self.noted: list[tuple[str | int, ...]] = []
        self.destinations: dict[tuple[int, str], Destination] = {}
        self.certificates: dict[str, str] = {}

    async def admit(self, calling: str, address: str, certificate: str) -> Caller | Stranger:
        if calling not in OWNERS:
            return Stranger.TITLE
        if address != "127.0.0.1":
            return Stranger.ADDRESS
        if certificate != self.certificates.get(calling, ""):
            return Stranger.CERTIFICATE
        return Caller(OWNERS[calling], may_retrieve=calling != SENDER)

    async def rejected(self, calling: str, called: str, address: str, reason: str) -> None:
        self.turned_away.append((calling, address, reason))

    async def commit(self, owner_id: int, received: Sequence[Received], sender: str) -> list[Committed]:
        if self.is_down:
            raise ConnectionError("the database is away")
        self.transactions.append(len(received))
        async with self.engine.begin() as connection:
            return await index.add_all(connection, owner_id, received, "c-store")

    async def quarantine(self, owner_id: int, files: Sequence[Quarantined], source: str, sender: str) -> None:
        if self.is_down:
            raise ConnectionError("the database is away")
        self.quarantined += [
            (owner_id, source, sender, file.code, file.size_bytes, file.sha256) for file in files
        ]

    async def rows(self, statement: Select[Any] | None = None) -> list[Any]:
        if self.is_down:
            raise ConnectionError("the database is away")
        statement = select(index.instances).order_by("sop_uid") if statement is None else statement
        async with self.engine.connect() as connection:
            return list((await connection.execute(statement)).all())

    async def asked_for_commitment(
        self, owner_id: int, calling: str, transaction_uid: str, references: Sequence[Reference]
    ) -> int:
        if self.is_down:
            raise ConnectionError("the database is away")
        self.asked.append((owner_id, calling, transaction_uid, list(references)))
        return len(self.asked)

    async def reported_commitment(self, request_id: int) -> None:
        self.reported.append(request_id)

    async def searched(self, owner_id: int, calling: str) -> None:
        self.noted.append(("searched", owner_id, calling))

    async def retrieved(self, owner_id: int, calling: str, study_id: int, destination: str) -> None:
        self.noted.append(("retrieved", owner_id, calling, study_id, destination))

    async def destination(self, owner_id: int, ae_title: str) -> Destination | None:
        return self.destinations.get((owner_id, ae_title))


async def dcmtk(
    program: str, gateway: Gateway, *arguments: str | Path, called: str = "HOICHAN"
) -> tuple[int, str]:
    """Run a dcmtk client against the gateway: its exit code and all that it said."""
    process = await asyncio.create_subprocess_exec(
        f"/usr/bin/{program}",  # pynetdicom ships programs of the same names
        "-aec",
        called,
        *map(str, arguments[:-1] if program == "storescu" else arguments),
        "127.0.0.1",
        str(gateway.port),
        *([str(arguments[-1])] if program == "storescu" else []),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "TCP_NODELAY": "1"},
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")


def in_folder(folder: Path, **files: bytes) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


TAGS = {"action": 0x1008, "to": 0x0120, "destination": 0x0600}


class Requestor:
    """An association made by hand, as no honest toolkit would send it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, kind: int, body: bytes, length: int | None = None) -> None:
        self.writer.write(struct.pack(">BBL", kind, 0, len(body) if length is None else length) + body)
        await self.writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        kind, _, length = struct.unpack(">BBL", await self.reader.readexactly(6))
        return kind, await self.reader.readexactly(length)

    async def associate(
        self, abstract: str = builders.CT_IMAGE, transfer: str = builders.EXPLICIT_LITTLE
    ) -> int:
        await self.send(1, a_request(abstract, transfer))
        return (await self.receive())[0]

    async def action(self, content: bytes) -> int:
        """Ask for storage commitment; the status of the answer."""
        await self.command(0x0130, 0, b"1.2.840.10008.1.20.1.1", b"1.2.840.10008.1.20.1", action=1)
        return await self.answer_to(content)

    async def answer_to(self, content: bytes) -> int:
        """Send the data set behind a command; the status of the first answer."""
        for start in range(0, len(content) or 1, 60_000):
            last = 2 if start + 60_000 >= len(content) else 0
            await self.data(content[start : start + 60_000], control=last)
        status = await self.status()
        assert status is not None
        return status

    async def status(self) -> int | None:
        """What the next P-DATA says; None of one with a data set."""
        kind, body = await self.receive()
        assert kind == 4
        if not body[5] & 1:
            return None
        at = body.index(struct.pack("<HHL", 0, 0x0900, 2)) + 8
        status: int = struct.unpack_from("<H", body, at)[0]
        return status

    async def command(
        self, field: int, data_set_type: int, instance_uid: bytes, class_uid: bytes, **more: int | str
    ) -> None:
        values = {
            0x0002: class_uid,
            0x0100: struct.pack("<H", field),
            0x0110: struct.pack("<H", 7),
            0x0800: struct.pack("<H", data_set_type),
            0x1000: instance_uid,
        }
        values |= {
            TAGS[name]: struct.pack("<H", one) if isinstance(one, int) else one.encode()
            for name, one in more.items()
        }
        elements = [struct.pack("<HHL", 0, tag, len(value)) + value for tag, value in values.items()]
        await self.data(b"".join(elements), control=3)

    async def data(self, value: bytes, control: int) -> None:
        await self.send(4, struct.pack(">LBB", len(value) + 2, 1, control) + value)

    async def store(self, content: bytes, instance_uid: bytes, class_uid: str = builders.CT_IMAGE) -> int:
        """Send a data set under any name; the status of the answer."""
        await self.command(1, 0, instance_uid, class_uid.encode())
        return await self.answer_to(content)


def a_request(abstract: str, transfer: str, calling: str = "STORESCU") -> bytes:
    def item(kind: int, value: bytes) -> bytes:
        return struct.pack(">BBH", kind, 0, len(value)) + value

    context = bytes([1, 0, 0, 0]) + item(0x30, abstract.encode()) + item(0x40, transfer.encode())
    titles = b"HOICHAN".ljust(16) + calling.encode().ljust(16)
    parts = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, context)
    return (
        struct.pack(">HH", 1, 0) + titles + bytes(32) + parts + item(0x50, item(0x51, struct.pack(">L", 0)))
    )


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def is_well(gateway: Gateway) -> bool:
    started = time.monotonic()
    return await dcmtk("echoscu", gateway) == (0, "") and time.monotonic() - started < 2


def told(report: Dataset) -> tuple[str, list[str], dict[str, int]]:
    """Transaction, what is kept, and what failed with its reason."""
    kept = [str(one.ReferencedSOPInstanceUID) for one in report.get("ReferencedSOPSequence", [])]
    failed = {
        str(one.ReferencedSOPInstanceUID): int(one.FailureReason)
        for one in report.get("FailedSOPSequence", [])
    }
    return str(report.TransactionUID), kept, failed


@asynccontextmanager
async def device(answer: int = 0) -> AsyncIterator[tuple[Destination, list[Dataset]]]:
    """Where a modality listens for reports."""
    reports: list[Dataset] = []

    def taken(event: evt.Event) -> tuple[int, None]:
        reports.append(event.event_information)
        return answer, None

    ae = AE(ae_title="COMMIT")
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    server = ae.start_server((HOST, 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, taken)])
    assert server is not None
    try:
        yield Destination(HOST, server.server_address[1], "COMMIT"), reports
    finally:
        server.shutdown()
