"""Blobs that no row names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import dicom.index
from dicom.store import BlobStore
from server.models import NAME_BLOBS
from server.platform.db import Base
from server.platform.orphans import FEW, YOUNG, clear
from tests.server.house import House

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
DAY_S = YOUNG.total_seconds()


def a_blob(store: BlobStore, content: bytes, age_s: float) -> str:
    with store.new(1) as writer:
        writer.write(content)
        key = writer.commit_here()
    os.utime(store.path(key), (time.time() - age_s,) * 2)
    return key


@pytest.fixture
def store(own_house: House) -> BlobStore:
    from server.consultation.routes.ports import STORE

    found: BlobStore = own_house.app[STORE]
    return found


async def test_a_blob_that_no_row_names_is_set_aside_after_a_day_and_forgotten_after_a_month(
    own_house: House, store: BlobStore
) -> None:
    orphan, young = a_blob(store, b"crashed", DAY_S + 60), a_blob(store, b"on its way", DAY_S - 60)
    assert await clear(own_house.database, store, NAME_BLOBS) == 1
    assert not store.path(orphan).exists()
    assert store.path(young).exists()
    assert [key for key, _ in store.aside()] == [orphan]

    os.utime(store.root / "aside" / orphan, (0, 0))
    await clear(own_house.database, store, NAME_BLOBS)
    assert list(store.aside()) == []


async def test_what_a_row_names_stays_however_old_and_comes_back_from_aside(
    own_house: House, store: BlobStore
) -> None:
    await own_house.a_study("L")
    case = await own_house.a_consultation()
    added = await (await own_house.by("doctor.L")).ask("POST", f"/consultations/{case}/documents", data=PNG)
    assert added.status == 201
    kept = set(store.old(time.time() + 60))
    assert len(kept) == 2
    for key in kept:
        os.utime(store.path(key), (0, 0))
    assert await clear(own_house.database, store, NAME_BLOBS) == 0
    assert set(store.old(time.time())) == kept

    assert store.set_aside(min(kept), time.time())
    await clear(own_house.database, store, NAME_BLOBS)
    assert set(store.old(time.time() + 60)) == kept


async def test_a_store_under_a_database_that_is_not_its_own_is_left_alone(
    own_house: House, store: BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    keys = {a_blob(store, b"image %d" % number, DAY_S + 60) for number in range(FEW + 1)}
    assert await clear(own_house.database, store, NAME_BLOBS) == 0
    assert set(store.old(time.time())) == keys
    assert "is this the right database?" in caplog.text


async def test_bytes_that_came_again_meanwhile_stay(store: BlobStore) -> None:
    key = a_blob(store, b"twice", DAY_S + 60)
    before_s = time.time() - DAY_S
    assert list(store.old(before_s)) == [key]
    with store.new(1) as writer:
        writer.write(b"twice")
        assert writer.commit_here() == key
    assert not store.set_aside(key, before_s)
    assert store.path(key).exists()


def test_the_list_of_tables_that_name_blobs_is_whole() -> None:
    every = [*dicom.index.metadata.tables.values(), *Base.metadata.tables.values()]
    columns = [column for table in every for column in table.columns if "blob" in column.name]
    assert {(column.table, column.name) for column in columns} == {(table, "blob") for table in NAME_BLOBS}


def test_the_sweep_passes_over_what_is_still_written(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, b"k" * 32)
    with store.new(1) as writer:
        writer.write(b"half")
        os.utime(writer.path, (0, 0))
        assert list(store.old(time.time())) == []
