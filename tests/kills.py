"""Power cuts at the archive's doors: devices and browsers that remember what was acknowledged, and the check after.

A cut is at a byte of what a device says (then the gateway is killed from outside), or at a seam of the gateway's own
work (`nursery.Seam`). Others send meanwhile, so that each cut meets them at moments of its own.
"""

from __future__ import annotations

import hashlib
import io
import random
import socket
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import generate_uid

from dicom.gateway import command as commands
from dicom.gateway import negotiation, pdu
from dicom.gateway.command import Field, Tag, Value
from dicom.gateway.negotiation import ProposedContext
from dicom.gateway.part10 import data_set_offset
from dicom.store import BlobStore
from server.platform import keys
from server.platform.settings import Settings
from tests.dicom.builders import CT_IMAGE, EXPLICIT_LITTLE, a_dataset
from tests.nursery import Nursery, Seam
from tests.services import HOST

COMMITMENT, COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
STORES: Final = 3  # of one association
BESIDE: Final = 2  # devices that send while another meets the cut
PIECE_BYTES: Final = 8 << 10
_STORAGE, _COMMIT = 1, 3  # presentation contexts

# What a gateway does for one image and one commitment, from the first thing to the last.
SEAMS: Final = tuple(
    Seam(target, when, nth)
    for target, moments in {
        "server.peers:Peers.admit": [("after", 1)],
        "dicom.store:BlobWriter.write": [("after", 9)],
        "dicom.store:BlobWriter.flush": [("before", 2), ("after", 3)],
        "dicom.store:BlobStore.name": [("after", 4)],  # flushed, without its name yet
        "dicom.store:_flush_folder": [("before", 5), ("after", 5)],
        "dicom.ingest:check": [("after", 4)],
        "dicom.index:add_all": [("before", 3), ("after", 4)],
        "server.imaging:Imaging.receive": [("after", 2)],
        "dicom.gateway.session:Session.answer": [("before", 5), ("after", 6)],
        "server.pacs.commitments:ask": [("after", 1)],
        "server.peers:Peers.asked_for_commitment": [("after", 1)],
        "dicom.gateway.commitment:verify": [("after", 1)],
        "server.peers:Peers.reported_commitment": [("before", 1), ("after", 1)],
    }.items()
    for when, nth in moments
)


class Hung(Exception):
    """The other side is gone."""


@dataclass
class Ledger:
    """What devices were told. Instances are data sets by SOP Instance UID."""

    acknowledged: dict[str, bytes] = field(default_factory=dict)
    unanswered: dict[str, bytes] = field(default_factory=dict)  # to be sent again, as a modality does
    requests: set[str] = field(default_factory=set)  # transactions of commitment that were taken
    committed: set[str] = field(default_factory=set)  # instances that were said to be kept
    refused: list[int] = field(default_factory=list)  # statuses that no image deserves here


@dataclass
class Device:
    """One association by hand: three images, then a commitment of them. `cut`: the byte that is not sent."""

    port: int
    ledger: Ledger
    cut: float = float("inf")
    at_cut: Callable[[], None] = lambda: None
    sent: int = 0
    is_over: bool = False  # it came to its end

    def run(self) -> None:
        """To the end, or until the gateway is gone."""
        with suppress(OSError, Hung), socket.create_connection((HOST, self.port), timeout=30) as self._line:
            self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._associate()
            stored = [self._store(n, *self._image()) for n in range(STORES)]
            self._commit(stored)
            self._send(pdu.release_request())
            self._receive()
            self.is_over = True

    def _image(self) -> tuple[str, bytes]:
        with suppress(KeyError):
            return self.ledger.unanswered.popitem()
        uid, study_uid, series_uid = (str(generate_uid()) for _ in range(3))
        ds = a_dataset(StudyInstanceUID=study_uid, SOPInstanceUID=uid, SeriesInstanceUID=series_uid)
        ds.PixelData = random.randbytes(64 * 64 * 2)
        return uid, encoded(ds)

    def _associate(self) -> None:
        contexts = [
            ProposedContext(_STORAGE, CT_IMAGE, (EXPLICIT_LITTLE,)),
            ProposedContext(_COMMIT, COMMITMENT, (EXPLICIT_LITTLE,)),
        ]
        self._send(negotiation.request("HOICHAN", "STORESCU", contexts))
        assert self._receive()[0] == pdu.Type.ASSOCIATE_AC

    def _store(self, number: int, uid: str, data: bytes) -> str:
        names: dict[Tag, Value] = {
            Tag.AFFECTED_SOP_CLASS: CT_IMAGE,
            Tag.AFFECTED_SOP_INSTANCE: uid,
            Tag.PRIORITY: 0,
        }
        try:
            self._message(_STORAGE, commands.request(Field.C_STORE_RQ, number + 1, names), data)
            status, _ = self._answer()
        except BaseException:
            self.ledger.unanswered[uid] = data
            raise
        if status == 0:
            self.ledger.acknowledged[uid] = data
        else:
            self.ledger.refused.append(status)
        return uid

    def _commit(self, stored: list[str]) -> None:
        request, transaction = Dataset(), str(generate_uid())
        request.TransactionUID, request.ReferencedSOPSequence = (
            transaction,
            [a_reference(one) for one in stored],
        )
        asked: dict[Tag, Value] = {
            Tag.REQUESTED_SOP_CLASS: COMMITMENT,
            Tag.REQUESTED_SOP_INSTANCE: COMMITMENT_INSTANCE,
            Tag.ACTION_TYPE: 1,
        }
        self._message(_COMMIT, commands.request(Field.N_ACTION_RQ, 90, asked), encoded(request))
        status, _ = self._answer()
        if status != 0:
            self.ledger.refused.append(status)
            return
        self.ledger.requests.add(transaction)
        _, data = self._answer()
        report = read_dataset(io.BytesIO(data), False, True)
        self.ledger.refused += [one.FailureReason for one in report.get("FailedSOPSequence", [])]
        kept = report.get("ReferencedSOPSequence", [])
        self.ledger.committed |= {one.ReferencedSOPInstanceUID for one in kept}
        taken = commands.Command(Field.N_EVENT_REPORT_RQ, self._heard.message_id, False, COMMITMENT, "")
        self._message(_COMMIT, commands.response(taken, commands.Status.SUCCESS))

    def _message(self, context: int, command: bytes, data: bytes = b"") -> None:
        self._send(pdu.data(context, command, is_command=True, is_last=True))
        for start in range(0, len(data), PIECE_BYTES):
            is_last = start + PIECE_BYTES >= len(data)
            piece = data[start : start + PIECE_BYTES]
            self._send(pdu.data(context, piece, is_command=False, is_last=is_last))

    def _answer(self) -> tuple[int, bytes]:
        """Status and data set of the next message."""
        command, data, is_last = b"", b"", False
        while not is_last:
            for one in pdu.fragments(self._receive()[1]):
                if one.is_command:
                    command += one.data
                    if one.is_last:
                        self._heard = commands.parse(command)
                        is_last = not self._heard.has_data_set
                else:
                    data += one.data
                    is_last = one.is_last
        return self._heard.status, data

    def _send(self, said: bytes) -> None:
        room = self.cut - self.sent
        if room <= len(said):
            self._line.sendall(said[: int(room)])
            self.at_cut()
            raise Hung
        self._line.sendall(said)
        self.sent += len(said)

    def _receive(self) -> tuple[int, bytes]:
        kind, _, length = struct.unpack(">BBL", self._exactly(6))
        return kind, self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        got = b""
        while len(got) < length:
            more = self._line.recv(length - len(got))
            if not more:
                raise Hung
            got += more
        return got


def encoded(ds: Dataset) -> bytes:
    """A data set in Explicit VR Little Endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, ds)
    return buffer.getvalue()


def a_reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT_IMAGE, uid
    return item


def whole_bytes(nursery: Nursery, ledger: Ledger) -> int:
    """What one association says from its first byte to its last; it is not cut."""
    device = Device(nursery.start(), ledger)
    device.run()
    nursery.kill()
    assert len(ledger.committed) == STORES
    return device.sent


def cut_at_byte(nursery: Nursery, ledger: Ledger, byte: float) -> None:
    """Kill the gateway from outside when a device has said so much."""
    port = nursery.start()
    with others(port, ledger):
        Device(port, ledger, cut=byte, at_cut=nursery.kill).run()
        nursery.kill()


def cut_at_seam(nursery: Nursery, ledger: Ledger, seam: Seam) -> None:
    """Let the gateway end in the middle of its own work; devices come until it has."""
    port = nursery.start(seam)
    with others(port, ledger):
        while True:
            device = Device(port, ledger)
            device.run()
            if not device.is_over:
                break
        nursery.ended()


class others:  # noqa: N801 - read as a phrase
    """Devices that send beside, until the gateway is gone."""

    def __init__(self, port: int, ledger: Ledger) -> None:
        self._threads = [threading.Thread(target=Device(port, ledger).run) for _ in range(BESIDE)]

    def __enter__(self) -> None:
        for one in self._threads:
            one.start()

    def __exit__(self, *_: object) -> None:
        for one in self._threads:
            one.join()


# --- what is there afterwards ------------------------------------------------------------------


@dataclass(frozen=True)
class Archive:
    """What a hospital finds on its disk."""

    data: Path

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """(SOP Instance UID, store key, size) of every instance in the index."""
        with sqlite3.connect(self.data / "hoichan.db") as connection:
            yield from connection.execute("SELECT sop_uid, blob, size_bytes FROM instances")

    def transactions(self) -> set[str]:
        with sqlite3.connect(self.data / "hoichan.db") as connection:
            return {uid for (uid,) in connection.execute("SELECT transaction_uid FROM storage_commitments")}

    def faults(self, acknowledged: dict[str, bytes]) -> list[str]:
        """What is not as it was acknowledged; `acknowledged`: data sets by SOP Instance UID."""
        settings = Settings(data_dir=self.data, demo=True)
        store = BlobStore(settings.store_dir, keys.derive(settings.key, "store"))
        rows = list(self.rows())
        blobs = {uid: key for uid, key, _ in rows}
        found = [f"twice: {uid}" for uid in blobs if sum(row[0] == uid for row in rows) > 1]
        found += [f"lost: {uid}" for uid in acknowledged if uid not in blobs]
        for uid, key, size_bytes in rows:
            content = store.path(key).read_bytes()
            if len(content) != size_bytes or not is_whole(store, key, content):
                found.append(f"half: {uid}")
            if content[data_set_offset(content) :] != acknowledged.get(
                uid, content[data_set_offset(content) :]
            ):
                found.append(f"other bytes: {uid}")
        for path in store.root.glob("[0-9]*/[0-9a-f][0-9a-f]/*"):
            key = path.relative_to(store.root).as_posix()
            if not is_whole(store, key, path.read_bytes()):
                found.append(f"half file: {key}")
        return found + [f"leftover: {path.name}" for path in (store.root / "incoming").iterdir()]


def is_whole(store: BlobStore, key: str, content: bytes) -> bool:
    """Whether a file holds what its name says it holds."""
    return store.name(int(key.partition("/")[0]), hashlib.sha256(content).digest()) == key
