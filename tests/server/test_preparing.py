"""A study's frames are made once it has come, not between one image and the next."""

from __future__ import annotations

from sqlalchemy import select, update

from dicom.index import instances
from server.imaging import LONGEST_WAIT, MILLISECOND, QUIET, Imaging
from server.platform.db import now
from server.platform.jobs import Job, work_once
from tests.server.house import House


async def test_frames_are_made_when_a_study_is_quiet_or_has_waited_long(house: House) -> None:
    imaging = Imaging(house.settings, house.database)
    async with imaging.sandbox:
        for pause, is_made in ((QUIET / 2, False), (QUIET * 2, True)):
            study = await house.a_study("L")
            await _age(house, study, int(pause / MILLISECOND))
            await imaging.prepare(study)
            assert await _is_made(house, study) is is_made
            assert await _waiting(house, study) == 1
        uid = "2.25.9801"  # images of it come without end
        study = await house.a_study("L", uid)
        await _age(house, study, int(LONGEST_WAIT / MILLISECOND))
        assert await house.a_study("L", uid, SOPInstanceUID=f"{uid}.1.2") == study
        await imaging.prepare(study)
        assert await _is_made(house, study)


async def test_the_job_is_due_only_when_the_study_may_be_quiet(own_house: House) -> None:
    await own_house.a_study("L")

    async def prepare(study_id: int) -> None:
        raise AssertionError

    assert not await work_once(own_house.database, {"frames": prepare})


async def _age(house: House, study: int, ms: int) -> None:
    mine = update(instances).where(instances.c.study_id == study)
    async with house.database.system() as session:
        await session.execute(mine.values(received_at_ms=instances.c.received_at_ms - ms))


async def _is_made(house: House, study: int) -> bool:
    asked = select(instances.c.frames_at_ms, instances.c.frames_refused).where(instances.c.study_id == study)
    return all(any(value is not None for value in row) for row in await house.database.rows(asked))


async def _waiting(house: House, study: int) -> int:
    async with house.database.system(writes=False) as session:
        jobs = await session.scalars(
            select(Job.arguments).where(Job.kind == "frames", Job.run_at > now() - QUIET)
        )
        return sum(job == {"study_id": study} for job in jobs)
