"""What a signed case leaves goes into both hospitals' PACS, where they take it; the case page says how that went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from dicomweb_client import DICOMwebClient
from pydicom import dcmread
from sqlalchemy import select, update

from server.consultation import deliveries, evidence
from server.consultation.model import Consultation, Delivery
from server.delivering import AGAIN, Deliverer
from server.imaging import Imaging
from server.leaving import Leaving
from server.pacs.model import PacsConnection, Way
from server.platform.db import now
from server.platform.jobs import Job, work_once
from tests.dicom.pacs_site import TITLE, dcmqrscp
from tests.server.house import House, open_house
from tests.server.test_leaving import a_signed_case
from tests.services import HOST, Orthanc, free_ports

Handlers = Mapping[str, Callable[..., Awaitable[None]]]


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, tmp_path / "house", pacs_networks=("127.0.0.0/8",)) as house:
        yield house


@pytest.fixture
async def handlers(house: House) -> AsyncIterator[Handlers]:
    """The worker's own, but for what makes frames."""
    imaging = Imaging(house.settings, house.database)
    leaving = Leaving(house.database, imaging)
    async with imaging.sandbox:
        yield {
            "frames": imaging.make_frames,
            evidence.JOB: leaving.make,
            deliveries.JOB: Deliverer(house.settings, house.database, imaging.store).deliver,
        }


async def connect(house: House, letter: str, *, takes: bool = True, **where: Any) -> int:
    async with house.database.system() as session:
        connection = PacsConnection(
            hospital_id=house.hospitals[letter], name="PACS chính", takes_evidence=takes, **where
        )
        session.add(connection)
        await session.flush()
        return connection.id


async def work(house: House, handlers: Handlers) -> None:
    """Every job that is due, one after the other."""
    while await work_once(house.database, handlers):
        pass


async def states(house: House, case: int) -> dict[int, tuple[str, str]]:
    """State and failure by hospital."""
    async with house.database.system(writes=False) as session:
        rows = await session.scalars(select(Delivery).where(Delivery.consultation_id == case))
        return {row.hospital_id: (row.state, row.failure) for row in rows}


async def page(house: House, name: str, case: int) -> str:
    async with house.database.system(writes=False) as session:
        path = await session.scalar(select(Consultation.public_id).where(Consultation.id == case))
    return (await (await house.by(name)).get(f"/consultations/{path}")).text


async def test_evidence_goes_to_the_pacs_of_both_hospitals_and_is_read_back(
    house: House, handlers: Handlers, orthanc: Orthanc, tmp_path: Path
) -> None:
    with dcmqrscp(tmp_path / "qrscp") as port:
        await connect(house, "L", way=Way.GET, host=HOST, port=port, ae_title=TITLE)
        await connect(house, "P", way=Way.WEB, root=orthanc.dicomweb_url)
        await connect(house, "Q", way=Way.WEB, root=orthanc.dicomweb_url)  # no side of the case
        case, study_uid, _ = await a_signed_case(house)
        await work(house, handlers)
    assert await states(house, case) == {house.hospitals[letter]: ("sent", "") for letter in "LP"}
    by_c_store = [dcmread(file) for file in (tmp_path / "qrscp" / "storage").glob("*.dcm")]
    assert sorted(ds.Modality for ds in by_c_store) == ["DOC", "KO", "PR", "SR", "SR"]
    by_stow = await asyncio.to_thread(DICOMwebClient(orthanc.dicomweb_url).retrieve_study, study_uid)
    sent = {str(ds.SOPInstanceUID): ds for ds in by_c_store}
    there = {str(ds.SOPInstanceUID): ds for ds in by_stow}  # tests share this archive
    assert {name: there.get(name) for name in sent} == sent
    for name in ("doctor.L", "specialist.P"):
        text = await page(house, name, case)
        assert "Đã gửi vào PACS PACS chính, BV L" in text
        assert "Gửi lại" not in text


async def test_nothing_is_sent_where_the_hospital_did_not_say_so(house: House, handlers: Handlers) -> None:
    for letter in "LP":
        await connect(house, letter, takes=False, way=Way.GET, host=HOST, port=1, ae_title=TITLE)
    case, _, _ = await a_signed_case(house, draws=False)
    await work(house, handlers)
    assert await states(house, case) == {}
    assert "Kết quả gửi vào PACS" not in await page(house, "doctor.L", case)


async def test_what_fails_is_tried_again_by_a_plan_and_then_by_a_person(
    house: House, handlers: Handlers, tmp_path: Path
) -> None:
    (closed,) = free_ports(1)
    number = await connect(house, "L", way=Way.GET, host=HOST, port=closed, ae_title=TITLE)
    case, _, _ = await a_signed_case(house, draws=False)
    await work(house, handlers)
    home = house.hospitals["L"]
    assert (await states(house, case))[home] == ("waiting", "no-answer")
    text = await page(house, "doctor.L", case)
    assert "Máy PACS không trả lời" in text
    assert "sẽ tự gửi lại" in text
    for _ in AGAIN:
        async with house.database.system() as session:  # its time has come
            await session.execute(update(Job).where(Job.kind == deliveries.JOB).values(run_at=now()))
        await work(house, handlers)
    assert (await states(house, case))[home] == ("failed", "no-answer")
    assert "Gửi lại" in await page(house, "doctor.L", case)
    assert "Gửi lại" not in await page(house, "specialist.P", case)  # not theirs to send
    with dcmqrscp(tmp_path / "qrscp") as port:
        async with house.database.system() as session:
            await session.execute(update(PacsConnection).where(PacsConnection.id == number).values(port=port))
        async with house.database.system(writes=False) as session:
            path = await session.scalar(select(Consultation.public_id).where(Consultation.id == case))
        other, own = await house.by("specialist.P"), await house.by("doctor.L")
        await other.post(f"/consultations/{path}/evidence/send")
        await work(house, handlers)
        assert (await states(house, case))[home] == ("failed", "no-answer")
        await own.post(f"/consultations/{path}/evidence/send")
        await work(house, handlers)
    assert (await states(house, case))[home] == ("sent", "")


async def test_a_connection_that_was_removed_meanwhile_gets_nothing(house: House, handlers: Handlers) -> None:
    number = await connect(house, "L", way=Way.GET, host=HOST, port=1, ae_title=TITLE)
    case, _, _ = await a_signed_case(house, draws=False)
    await handlers[evidence.JOB](consultation_id=case)
    async with house.database.system() as session:
        await session.execute(
            update(PacsConnection).where(PacsConnection.id == number).values(removed_at=now())
        )
    await work(house, handlers)
    assert (await states(house, case))[house.hospitals["L"]] == ("failed", "not-taking")


async def test_an_administrator_says_which_pacs_takes_evidence(house: House) -> None:
    administrator = await house.by("administrator.L")
    typed = {"name": "PACS chính", "way": "c-get", "host": "10.0.0.1", "port": "104", "ae_title": "PACS"}
    assert (await administrator.post("/pacs", typed)).status == 303
    async with house.database.system(writes=False) as session:
        [one] = await session.scalars(select(PacsConnection))
    assert not one.takes_evidence
    assert (await administrator.post(f"/pacs/{one.id}/change", typed | {"takes_evidence": "1"})).status == 303
    assert "nhận kết quả hội chẩn" in (await administrator.get("/pacs")).text
    assert "checked" in (await administrator.get(f"/pacs?edit={one.id}")).text
    assert (await administrator.post(f"/pacs/{one.id}/change", typed)).status == 303
    assert "nhận kết quả hội chẩn" not in (await administrator.get("/pacs")).text
