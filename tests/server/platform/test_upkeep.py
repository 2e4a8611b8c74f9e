"""What the clock does: anchors of the audit outside the database, jobs that nobody tries any more."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from server.__main__ import app
from server.commands import doctor
from server.platform.db import now
from server.platform.events import audit
from server.platform.jobs import ATTEMPTS, Job, enqueue, work_once
from server.platform.upkeep import anchor, contradicted
from tests.server.house import House

KEY = b"k" * 32


async def test_a_chain_that_did_not_grow_is_not_anchored_again(own_house: House, tmp_path: Path) -> None:
    database, path = own_house.database, tmp_path / "anchors.txt"
    async with database.system() as session:
        for hospital in (1, 2):
            await audit(session, "test", "test:1", by=None, hospital_id=hospital)
    assert await anchor(database, path, KEY) == 2
    assert await anchor(database, path, KEY) == 0
    async with database.system() as session:
        await audit(session, "test", "test:2", by=None, hospital_id=2)
    assert await anchor(database, path, KEY) == 1
    lines = path.read_text().splitlines()
    assert [line.split()[1:3] for line in lines] == [["1", "1"], ["2", "1"], ["2", "2"]]
    assert await contradicted(database, path, KEY) == []


async def fail(**_arguments: object) -> None:
    raise OSError("disk full")


async def a_dead_job(house: House) -> None:
    """Tried as often as the worker does, each time at once."""
    async with house.database.system() as session:
        enqueue(session, "frames", study_id=1)
    for _ in range(ATTEMPTS):
        assert await work_once(house.database, {"frames": fail})
        async with house.database.system() as session:
            await session.execute(update(Job).values(run_at=now() - dt.timedelta(seconds=1)))
    assert not await work_once(house.database, {"frames": fail})


async def test_a_job_that_was_given_up_is_told_to_those_who_run_the_service(
    own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, other, nobody = [await own_house.by(name) for name in ("administrator.P", "administrator.L", "")]
    metrics, told = 'hoichan_dead_jobs{kind="frames"} 1.0', "việc nền đã bị bỏ"
    assert metrics not in (await nobody.get("/metrics")).text
    assert told not in (await host.get("/people")).text
    await a_dead_job(own_house)
    assert metrics in (await nobody.get("/metrics")).text
    assert told in (await host.get("/people")).text
    assert told not in (await other.get("/people")).text
    (line,) = [one for one in await doctor.examine(own_house.settings) if one.what == "Việc nền"]
    assert not line.is_good
    assert "frames: 1" in line.words


async def test_a_job_in_its_last_attempt_is_not_given_up_yet(own_house: House) -> None:
    async with own_house.database.system() as session:
        later = now() + dt.timedelta(minutes=1)
        session.add(Job(kind="frames", attempts=ATTEMPTS, claimed_until=later))
    assert "hoichan_dead_jobs{" not in (await (await own_house.by("")).get("/metrics")).text


async def test_what_was_given_up_can_be_tried_again(
    own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    await a_dead_job(own_house)
    monkeypatch.setenv("HOICHAN_DATABASE_URL", own_house.settings.database)
    said = await asyncio.to_thread(CliRunner().invoke, app, ["jobs", "retry"])
    assert "1 việc" in said.output
    async with own_house.database.system(writes=False) as session:
        assert await session.scalar(select(Job.attempts)) == 0
    done: list[int] = []

    async def work(study_id: int) -> None:
        done.append(study_id)

    assert await work_once(own_house.database, {"frames": work})
    assert done == [1]
