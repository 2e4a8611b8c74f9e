"""Backup and restore: rows and originals come back, from either database into either, while work goes on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from dicom.ingest import check
from server.commands import backup as backups
from server.commands.demo.cases import CASES
from server.commands.demo.images import write_study
from server.commands.demo.journey import seed
from server.imaging import Imaging
from server.people.model import Hospital
from server.platform import keys
from server.platform.db import Database, migrate
from server.platform.events import Audit, audit, broken_links
from server.platform.settings import Settings
from server.platform.upkeep import anchor, contradicted


def settings_for(folder: Path, database_url: str) -> Settings:
    values: dict[str, Any] = {"data_dir": folder / "data", "database_url": database_url, "demo": True}
    return Settings(**values)


@pytest.fixture
async def hospital(database_url: str, tmp_path: Path) -> Settings:
    """A working place with the demo's cases and one real image."""
    settings = settings_for(tmp_path / "old", database_url)
    await migrate(settings.database)
    database = Database(settings.database)
    await seed(settings, database)
    imaging = Imaging(settings, database)
    (tmp_path / "image").mkdir()
    [file] = write_study(tmp_path / "image", tmp_path, CASES[4], "cr-leg")
    async with imaging.sandbox:
        with imaging.store.new(1) as writer:
            writer.write(file.read_bytes())
            received = await check(writer, imaging.sandbox)
    await imaging.receive(1, [received], "upload")
    await database.close()
    return settings


async def counted(settings: Settings) -> dict[str, int]:
    database = Database(settings.database)
    async with database.system(writes=False) as session:
        found = {
            table.name: await session.scalar(select(func.count()).select_from(table)) or 0
            for table in backups.tables()
        }
    await database.close()
    return found


async def test_a_backup_builds_the_same_place_again(hospital: Settings, tmp_path: Path) -> None:
    made = await backups.backup(hospital, tmp_path / "backup")
    new = settings_for(tmp_path / "new", "")

    await backups.restore(new, tmp_path / "backup")

    assert await counted(new) == await counted(hospital)
    assert len(made["blobs"]) == 1
    old_store, new_store = (Imaging(one, Database(one.database)).store for one in (hospital, new))
    for key in made["blobs"]:
        assert new_store.path(key).read_bytes() == old_store.path(key).read_bytes()
    database = Database(new.database)
    async with database.system(writes=False) as session:
        assert await broken_links(session) == []
    await database.close()


async def test_a_backup_under_load_is_one_moment(hospital: Settings, tmp_path: Path) -> None:
    database = Database(hospital.database)
    is_over = False

    async def busy() -> int:
        written = 0
        while not is_over:
            async with database.system() as session:
                await audit(session, "load", f"test:{written}", by=None, hospital_id=1)
            written += 1
            await asyncio.sleep(0)
        return written

    load = asyncio.create_task(busy())
    await asyncio.sleep(0.2)
    await backups.backup(hospital, tmp_path / "backup")
    is_over = True
    written = await load
    await database.close()
    new = settings_for(tmp_path / "new", "")
    await backups.restore(new, tmp_path / "backup")

    restored = Database(new.database)
    async with restored.system(writes=False) as session:
        assert await broken_links(session) == []
        kept = await session.scalar(select(func.count()).select_from(Audit).where(Audit.action == "load"))
    await restored.close()
    assert 0 < (kept or 0) <= written


async def test_a_second_backup_copies_only_what_is_new(hospital: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    await backups.backup(hospital, folder)
    first = {path: path.stat().st_mtime_ns for path in (folder / "blobs").iterdir()}

    await backups.backup(hospital, folder)

    assert {path: path.stat().st_mtime_ns for path in (folder / "blobs").iterdir()} == first


async def test_a_damaged_original_does_not_replace_its_good_copy(hospital: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    [key] = (await backups.backup(hospital, folder))["blobs"]
    [copy] = (folder / "blobs").iterdir()
    good = copy.read_bytes()
    original = Imaging(hospital, Database(hospital.database)).store.path(key)
    rotten = good[:-1] + bytes([good[-1] ^ 1])
    original.write_bytes(rotten)

    assert (await backups.backup(hospital, folder))["damaged"] == []
    assert copy.read_bytes() == good

    copy.write_bytes(rotten)
    made = await backups.backup(hospital, folder)
    assert (made["damaged"], made["blobs"]) == ([key], {})
    original.write_bytes(good)
    assert (await backups.backup(hospital, folder))["damaged"] == []
    assert copy.read_bytes() == good
    assert len(list(folder.glob(backups.ROWS.format("*")))) == 1


async def test_a_damaged_backup_is_refused_before_anything_is_written(
    hospital: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    await backups.backup(hospital, folder)
    rows = next(folder.glob(backups.ROWS.format("*")))
    for path in (next((folder / "blobs").iterdir()), rows, folder / backups.MANIFEST):
        whole = path.read_bytes()
        path.write_bytes(whole[:-3] + b"xyz")
        new = settings_for(tmp_path / "new", "")

        with pytest.raises(backups.NotABackup):
            await backups.restore(new, folder)

        assert not (tmp_path / "new" / "data" / "hoichan.db").exists()
        path.write_bytes(whole)


async def test_a_full_place_is_not_restored_over(hospital: Settings, tmp_path: Path) -> None:
    await backups.backup(hospital, tmp_path / "backup")

    with pytest.raises(backups.NotEmpty):
        await backups.restore(hospital, tmp_path / "backup")


async def test_an_anchor_contradicts_a_chain_that_was_cut(hospital: Settings, tmp_path: Path) -> None:
    database = Database(hospital.database)
    key = keys.derive(hospital.key, "audit")
    async with database.system() as session:
        hospital_id = await session.scalar(select(Hospital.id).where(Hospital.code == "99011"))
        await audit(session, "extra", "test:1", by=None, hospital_id=hospital_id)
    assert await anchor(database, hospital.anchors, key) > 0
    assert await contradicted(database, hospital.anchors, key) == []

    facts = hospital.anchors.read_text().splitlines()[-1].rpartition(" ")[0].split()
    facts[2] = str(int(facts[2]) + 1)  # an anchor of a link that is gone
    line = " ".join(facts)
    hospital.anchors.write_text(f"{line} {keys.mac(key, line)}\n")

    assert len(await contradicted(database, hospital.anchors, key)) == 1
    hospital.anchors.write_text(f"{line} {'0' * 64}\n")
    assert "not signed" in (await contradicted(database, hospital.anchors, key))[0]
    await database.close()
