"""Files and archives on their way in: what is kept, what is refused, and that nothing else is left."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from dicom import ingest
from dicom.ingest import Committed, Outcome, Received
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from tests.dicom import builders
from tests.dicom.builders import a_dataset, a_file


class Index:
    """Commits as the index does, in memory: the first bytes of an instance stay."""

    def __init__(self) -> None:
        self.kept: dict[str, Received] = {}
        self.transactions = 0

    async def commit(self, batch: Sequence[Received]) -> list[Committed]:
        self.transactions += 1
        return [self._one(received) for received in batch]

    def _one(self, received: Received) -> Committed:
        first = self.kept.setdefault(received.summary.sop_uid, received)
        return Committed(7, 1, len(self.kept), first is received, first.blob != received.blob)


@pytest.fixture
def index() -> Index:
    return Index()


class Door:
    """Takes files by their content, as an upload does."""

    def __init__(self, tmp_path: Path, store: BlobStore, sandbox: Sandbox, index: Index) -> None:
        self._path = tmp_path / "upload"
        self._store, self._sandbox, self._index = store, sandbox, index

    async def take(self, content: bytes, name: str = "file.dcm") -> Outcome:
        self._path.write_bytes(content)
        return await ingest.receive(self._path, name, 3, self._store, self._sandbox, self._index.commit)

    async def refusal(self, content: bytes) -> str:
        outcome = await self.take(content)
        assert outcome.instances == 0
        [refused] = outcome.refused
        return refused.code


@pytest.fixture
def door(tmp_path: Path, store: BlobStore, sandbox: Sandbox, index: Index) -> Door:
    return Door(tmp_path, store, sandbox, index)


def a_zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def a_slice(number: int) -> bytes:
    return a_file(a_dataset(SOPInstanceUID=f"2.25.1.1.{number}", InstanceNumber=number))


def files_in(store: BlobStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


async def test_a_file_is_kept_byte_for_byte(door: Door, store: BlobStore, index: Index) -> None:
    content = a_file()
    outcome = await door.take(content)
    assert (outcome.instances, outcome.study_ids, outcome.refused) == (1, {7}, [])
    [received] = index.kept.values()
    assert store.path(received.blob).read_bytes() == content
    assert received.size_bytes == len(content)


async def test_a_zip_gives_its_instances_and_names_what_is_none(door: Door, index: Index) -> None:
    content = a_zip(
        *((f"CT/IM{n:04}", a_slice(n)) for n in range(100)),
        ("viewer/autorun.inf", b"[autorun]"),
        ("CT/cut.dcm", a_slice(200)[:2000]),
        ("DICOMDIR", builders.a_real_file("DICOMDIR")),
        ("__MACOSX/CT/._IM0001", b"\0\5\x16\7"),
    )
    outcome = await door.take(content, "ảnh.zip")
    assert outcome.instances == 100
    assert {(refused.name, refused.code) for refused in outcome.refused} == {
        ("autorun.inf", "not-dicom"),
        ("cut.dcm", "truncated"),
    }
    assert all(refused.sentence.endswith(".") for refused in outcome.refused)
    assert index.transactions == 2


async def test_refused_files_leave_nothing_behind(door: Door, store: BlobStore, index: Index) -> None:
    await door.take(b"no image")
    await door.take(a_zip(("a", b"no"), ("b", a_slice(1)[:900])))
    assert files_in(store) == []
    assert index.transactions == 0


async def test_other_bytes_of_a_known_instance_are_refused_and_not_kept(door: Door, store: BlobStore) -> None:
    await door.take(a_file())
    other = a_file(a_dataset(PatientName="KHÁC"))
    outcome = await door.take(other)
    assert [refused.code for refused in outcome.refused] == ["instance-differs"]
    [blob] = files_in(store)
    assert blob.read_bytes() == a_file()


async def test_the_same_file_again_is_welcome(door: Door, store: BlobStore) -> None:
    for _ in range(2):
        assert (await door.take(a_file())).instances == 1
    assert len(files_in(store)) == 1


@pytest.mark.parametrize(
    "name", ["../../etc/x", "/etc/x", "CT/../../x", "..\\..\\x", "C:\\x", "\\\\host\\share\\x", "a/.."]
)
async def test_an_archive_with_a_name_that_leads_out_is_refused(name: str, door: Door) -> None:
    assert await door.refusal(a_zip(("good.dcm", a_file()), (name, a_file()))) == "unsafe-name"


async def test_ten_thousand_entries_are_refused_at_once(door: Door) -> None:
    content = a_zip(*((str(n), b"") for n in range(10_000)), method=zipfile.ZIP_STORED)
    started = time.monotonic()
    assert await door.refusal(content) == "too-many-entries"
    assert time.monotonic() - started < 0.5


async def test_an_end_record_that_lies_about_its_entries_is_refused(door: Door) -> None:
    content = bytearray(a_zip(*((str(n), b"") for n in range(10_000)), method=zipfile.ZIP_STORED))
    end = content.rindex(b"PK\x05\x06")
    struct.pack_into("<2H", content, end + 8, 5, 5)
    assert await door.refusal(bytes(content)) == "too-many-entries"


async def test_an_archive_inside_an_archive_is_refused(door: Door) -> None:
    assert await door.refusal(a_zip(("inner.zip", a_zip(("a", a_file()))))) == "nested-archive"


async def test_a_zip_bomb_is_refused_before_it_unfolds(door: Door) -> None:
    assert await door.refusal(a_zip(("big", bytes(128) + b"DICM" + bytes(200 << 20)))) == "too-costly"


async def test_an_archive_that_is_broken_or_locked_is_refused(door: Door) -> None:
    whole = a_zip(("a.dcm", a_file()))
    assert await door.refusal(whole[:-30]) == "bad-archive"
    locked = bytearray(whole)
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert await door.refusal(bytes(locked)) == "bad-archive"
    flipped = bytearray(whole)
    flipped[200] ^= 0xFF
    assert await door.refusal(bytes(flipped)) in {"bad-archive", "not-dicom"}


async def test_an_archive_with_nothing_in_it_is_refused(door: Door) -> None:
    assert await door.refusal(a_zip()) == "empty"
    assert await door.refusal(a_zip(("folder/", b""))) == "empty"


async def test_an_instance_that_also_looks_like_a_zip_is_an_instance(door: Door, store: BlobStore) -> None:
    content = b"PK\x03\x04" + a_file()[4:]
    assert (await door.take(content)).instances == 1
    assert files_in(store)[0].read_bytes() == content
