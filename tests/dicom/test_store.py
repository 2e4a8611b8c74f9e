"""Blobs: durable, hidden names, nothing left of a crashed writer."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from dicom.store import BlobMissing, BlobStore

KEY = b"k" * 32


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", KEY)


async def test_what_was_written_is_read_back(store: BlobStore) -> None:
    with store.new(7) as writer:
        writer.write(b"one ")
        writer.write(memoryview(b"two"))
        assert writer.path.read_bytes() == b"one two"
        key = await writer.commit()
    assert (writer.size_bytes, writer.sha256) == (7, hashlib.sha256(b"one two").hexdigest())
    assert store.path(key).read_bytes() == b"one two"
    with store.open(key) as file:
        assert file.read() == b"one two"


def a_blob(store: BlobStore, owner_id: int, content: bytes) -> str:
    with store.new(owner_id) as writer:
        writer.write(content)
        return writer.commit_here()


def test_the_same_bytes_have_one_name_an_owner_and_another_for_others(
    store: BlobStore, tmp_path: Path
) -> None:
    ours = a_blob(store, 7, b"same")
    assert a_blob(store, 7, b"same") == ours
    theirs = a_blob(store, 8, b"same")
    assert theirs.split("/")[1:] != ours.split("/")[1:]
    elsewhere = BlobStore(tmp_path / "other", b"another key of ours")
    assert a_blob(elsewhere, 7, b"same") != ours
    assert hashlib.sha256(b"same").hexdigest()[:16] not in ours


def test_without_a_commit_nothing_is_left(store: BlobStore) -> None:
    with store.new(7) as writer:
        writer.write(b"half")
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_deleted_blob_is_missing_and_may_be_deleted_again(store: BlobStore) -> None:
    key = a_blob(store, 7, b"gone")
    store.delete(key)
    store.delete(key)
    with pytest.raises(BlobMissing):
        store.open(key)


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "7/ab/../../x", "1.2.3", "/etc/passwd", "7/ab/" + "g" * 62]
)
def test_what_is_no_key_reaches_no_file(store: BlobStore, key: str) -> None:
    with pytest.raises(BlobMissing):
        store.path(key)


def test_a_start_removes_what_a_crash_left_and_spares_who_is_writing(store: BlobStore) -> None:
    crash = "import os, pathlib, sys; from dicom.store import BlobStore\n"
    crash += "BlobStore(pathlib.Path(sys.argv[1]), b'k' * 32).new(7).write(b'half'); os._exit(1)"
    subprocess.run([sys.executable, "-c", crash, str(store.root)], check=False, cwd=Path(__file__).parents[2])
    writer = store.new(7)
    writer.write(b"still writing")
    assert len(list((store.root / "incoming").iterdir())) == 2
    BlobStore(store.root, KEY)
    assert list((store.root / "incoming").iterdir()) == [writer.path]
    assert store.path(writer.commit_here()).read_bytes() == b"still writing"
