"""Power cuts by the hundred: what the gateway acknowledged is there afterwards, byte for byte.

`make soak`; SOAK_KILLS says how many cuts (50 when it does not).
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

from dicom.store import BlobStore
from server.platform import keys
from server.platform.settings import Settings
from tests.dicom.builders import a_dataset
from tests.product import hoichan
from tests.services import HOST, ROOT, Server, started, until

KILLS = int(os.environ.get("SOAK_KILLS", "50"))
SENDERS = 4
PIXELS = 64 * 64 * 2


def gateway(folder: Path) -> Server:
    def command(ports: list[int]) -> list[str]:
        words = [f"HOICHAN_DIMSE_PORT={ports[0]}", f"HOICHAN_DATA_DIR={folder / 'data'}", "HOICHAN_DEMO=true"]
        return ["env", *words, sys.executable, "-m", "server", "run", "--role", "gateway"]

    return Server(command, folder, cwd=ROOT)


def send(port: int, acknowledged: dict[str, bytes], stop: threading.Event) -> None:
    """Store one instance after another; note those that were answered with success."""
    client = AE("STORESCU")
    client.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = client.associate(HOST, port, ae_title="HOICHAN")
    while association.is_established and not stop.is_set():
        pixels = random.randbytes(PIXELS)
        ds = a_dataset(
            StudyInstanceUID=generate_uid(),
            SOPInstanceUID=generate_uid(),
            Rows=64,
            Columns=64,
            PixelData=pixels,
        )
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        status = association.send_c_store(ds)
        if getattr(status, "Status", None) == 0x0000:
            acknowledged[ds.SOPInstanceUID] = pixels
    if association.is_established:
        association.abort()


def has_grown(things: dict[str, bytes], before: int) -> bool:
    return len(things) > before


def kept(data: Path) -> Iterator[tuple[str, str]]:
    """(SOP Instance UID, store key) of every instance in the index."""
    with sqlite3.connect(data / "hoichan.db") as connection:
        yield from connection.execute("SELECT sop_uid, blob FROM instances")


# pynetdicom's client leaves the socket of a cut association to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path: Path) -> None:
    with hoichan(tmp_path):
        pass  # makes the demo hospital and its modalities
    acknowledged: dict[str, bytes] = {}
    for _ in range(KILLS):
        with started(gateway(tmp_path), signal.SIGKILL) as (port,):
            stop = threading.Event()
            senders = [threading.Thread(target=send, args=(port, acknowledged, stop)) for _ in range(SENDERS)]
            for sender in senders:
                sender.start()
            until(partial(has_grown, acknowledged, len(acknowledged)), "nothing is acknowledged")
            stop.wait(random.uniform(0, 1))
        stop.set()
        for sender in senders:
            sender.join()

    settings = Settings(data_dir=tmp_path / "data", demo=True)
    store = BlobStore(settings.store_dir, keys.derive(settings.key, "store"))
    blobs = dict(kept(settings.data_dir))

    assert len(acknowledged) >= KILLS
    for sop_uid, pixels in acknowledged.items():
        assert pydicom.dcmread(store.path(blobs[sop_uid])).PixelData == pixels
