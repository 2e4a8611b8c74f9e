"""Storage commitment in the worker: who did not take the report at the gateway is called, and told once."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from dicom.gateway.calling import CallFailed
from server.imaging import Imaging
from server.pacs import commitments
from server.pacs.commitments import NotTaken, Reporter
from server.pacs.model import PacsConnection, StorageCommitment, Way
from server.platform import jobs
from server.platform.db import now
from server.platform.jobs import Job
from tests.dicom.builders import CT_IMAGE
from tests.dicom.gateway_site import device, told
from tests.server.house import House, open_house
from tests.services import HOST

ABSENT = "2.25.404"


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, tmp_path / "house", pacs_networks=("127.0.0.0/8",)) as house:
        yield house


@pytest.fixture
def reporter(house: House) -> Reporter:
    return Reporter(house.settings, house.database, Imaging(house.settings, house.database).store)


async def asked(house: House, port: int, letter: str = "L") -> int:
    """A device of L asked; a PACS of its title is registered for the hospital of `letter`."""
    async with house.database.system() as session:
        session.add(
            PacsConnection(
                hospital_id=house.hospitals[letter],
                name="CT",
                way=Way.GET,
                host=HOST,
                port=port,
                ae_title="COMMIT",
            )
        )
        return await commitments.ask(
            session, house.hospitals["L"], "COMMIT", "2.25.900", [(CT_IMAGE, ABSENT)]
        )


async def is_reported(house: House, request_id: int) -> bool:
    async with house.database.system(writes=False) as session:
        return (await session.get_one(StorageCommitment, request_id)).reported_at is not None


async def test_a_request_that_nobody_reported_is_reported_once(house: House, reporter: Reporter) -> None:
    async with device() as (to, reports):
        request_id = await asked(house, to.port)
        handlers = {commitments.JOB: reporter.report}
        assert not await jobs.work_once(house.database, handlers)  # the gateway has its time first
        async with house.database.system() as session:
            await session.execute(update(Job).values(run_at=now()))
        assert await jobs.work_once(house.database, handlers)
        assert [told(one) for one in reports] == [("2.25.900", [], {ABSENT: 0x0112})]
        assert await is_reported(house, request_id)
        await reporter.report(request_id)
        assert len(reports) == 1


async def test_a_device_that_is_away_or_refuses_is_called_again(house: House, reporter: Reporter) -> None:
    request_id = await asked(house, port=1)
    with pytest.raises(CallFailed):
        await reporter.report(request_id)
    async with device(answer=0x0110) as (to, _):
        async with house.database.system() as session:
            await session.execute(update(PacsConnection).values(port=to.port))
        with pytest.raises(NotTaken):
            await reporter.report(request_id)
    assert not await is_reported(house, request_id)


async def test_nobody_but_a_pacs_of_the_hospital_is_called(house: House, reporter: Reporter) -> None:
    async with device() as (to, reports):
        request_id = await asked(house, to.port, letter="T")
        await reporter.report(request_id)
        assert reports == []
        assert not await is_reported(house, request_id)


async def test_old_requests_are_forgotten(house: House) -> None:
    request_id = await asked(house, port=1)
    await commitments.forget(house.database)
    async with house.database.system() as session:
        long_ago = now() - commitments.KEPT - dt.timedelta(days=1)
        assert await session.get(StorageCommitment, request_id) is not None
        await session.execute(update(StorageCommitment).values(asked_at=long_ago))
    await commitments.forget(house.database)
    async with house.database.system() as session:
        assert await session.scalar(select(StorageCommitment)) is None
