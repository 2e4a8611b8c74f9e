"""`frames`: derived frames made anew and thrown away from the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from dicom.index import instances
from dicom.ingest import check
from server.imaging import Imaging
from server.platform.db import Database, migrate
from server.platform.jobs import Job
from server.platform.settings import Settings
from tests.dicom.builders import a_real_file
from tests.server.commands.test_devices import Place
from tests.services import environment


@pytest.fixture
def place(tmp_path: Path) -> Place:
    settings = Settings(data_dir=tmp_path / "data", secret_key="k" * 32)
    env = {"HOICHAN_DATA_DIR": str(settings.data_dir), "HOICHAN_SECRET_KEY": "k" * 32}
    return Place(settings, environment(env))


async def two_studies(imaging: Imaging) -> list[tuple[int, str]]:
    """Stored and their frames made: number of the study, and blob."""
    found: list[tuple[int, str]] = []
    for name in ("CT_small.dcm", "MR_small.dcm"):
        with imaging.store.new(1) as writer:
            writer.write(a_real_file(name))
            received = await check(writer, imaging.sandbox)
        [committed] = await imaging.receive(1, [received], "upload")
        await imaging.make_frames(committed.study_id)
        found.append((committed.study_id, received.blob))
    return found


async def stands(database: Database) -> tuple[list[bool], list[int]]:
    """Of each instance whether its frames are ready; and the studies that wait for work."""
    async with database.system(writes=False) as session:
        rows = await session.execute(select(instances.c.frames_at_ms).order_by(instances.c.id))
        jobs = await session.scalars(select(Job.arguments).where(Job.kind == "frames").order_by(Job.id))
        return [row.frames_at_ms is not None for row in rows], [job["study_id"] for job in jobs][2:]


async def test_what_is_missing_is_made_anew_and_all_of_it_when_told_so(place: Place) -> None:
    await migrate(place.settings.database)
    database = Database(place.settings.database)
    imaging = Imaging(place.settings, database)
    async with imaging.sandbox:
        [(one, blob), (two, other)] = await two_studies(imaging)
        assert "dựng lại 0 ảnh" in await asyncio.to_thread(place.run, "frames", "rebuild")
        imaging.frames.delete(blob)
        assert "dựng lại 1 ảnh" in await asyncio.to_thread(place.run, "frames", "rebuild")
        assert await stands(database) == ([False, True], [one])
        await imaging.make_frames(one)
        assert (imaging.frames.has(blob), await stands(database)) == (True, ([True, True], [one]))
        assert "dựng lại 2 ảnh" in await asyncio.to_thread(place.run, "frames", "rebuild", "--all")
        assert await stands(database) == ([False, False], [one, one, two])
        assert [imaging.frames.has(gone) for gone in (blob, other)] == [False, False]
    await database.close()


async def test_room_is_made_at_once(place: Place) -> None:
    await migrate(place.settings.database)
    database = Database(place.settings.database)
    imaging = Imaging(place.settings, database)
    async with imaging.sandbox:
        blobs = [blob for _, blob in await two_studies(imaging)]
    await database.close()
    place.env["HOICHAN_FRAMES_LIMIT_BYTES"] = "1000"
    assert "Còn 0,00 GiB" in await asyncio.to_thread(place.run, "frames", "trim")
    assert [imaging.frames.has(blob) for blob in blobs] == [False, False]
