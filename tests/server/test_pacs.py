"""A hospital's PACS through the service: connected, searched, pulled from; what was cut off goes on."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)
from sqlalchemy import func, select, update

from dicom.index import instances, studies
from dicom.sandbox import Sandbox
from server.imaging import Imaging
from server.pacs.model import PacsConnection, Retrieval
from server.pacs.retrievals import Retriever
from server.platform.db import now
from server.platform.events import Audit
from tests.dicom.pacs_site import TITLE, a_study, dcmqrscp, listening, send
from tests.server.house import Answer, House, open_house
from tests.services import HOST, Orthanc

SLICES = a_study(61, 8, PatientID="BN61", PatientName="PHẠM^Thị Lan", StudyDate="20261101", StudyTime="0700")


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, tmp_path / "house", pacs_networks=("127.0.0.0/8",)) as house:
        yield house


@pytest.fixture
async def retriever(house: House) -> AsyncIterator[Retriever]:
    """What the worker runs."""
    imaging = Imaging(house.settings, house.database)
    async with Sandbox(children=1) as sandbox:
        imaging.sandbox = sandbox
        yield Retriever(
            house.settings, house.database, imaging.store, sandbox, imaging.receive, imaging.quarantine
        )


def dimse_form(port: int, **changes: str) -> dict[str, str]:
    return {"name": "PACS", "way": "c-get", "host": HOST, "port": str(port), "ae_title": TITLE} | changes


async def connect(house: House, typed: dict[str, str], letter: str = "L") -> str:
    """As the administrator does; the address of the connection."""
    administrator = await house.by(f"administrator.{letter}")
    got = await administrator.post("/pacs", typed)
    assert got.status == 303, got.text
    async with house.database.system() as session:
        return f"/pacs/{await session.scalar(select(func.max(PacsConnection.id)))}"


async def pull(house: House, connection: str, study_uid: str = "2.25.61") -> str:
    got = await (await house.by("doctor.L")).post(
        f"{connection}/retrievals", {"study_uid": study_uid, "title": "CT"}
    )
    assert got.status == 200, got.text
    return f"/retrievals/{got.json['id']}"


async def lines(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await (await house.by("doctor.L")).get("/retrievals")).json["retrievals"]
    return found


async def kept(house: House) -> list[tuple[str, str]]:
    """(SOP Instance UID, source) of all there is, each as often as it is there."""
    async with house.database.system() as session:
        rows = await session.execute(
            select(instances.c.sop_uid, studies.c.source)
            .join(studies, studies.c.id == instances.c.study_id)
            .where(studies.c.owner_id == house.hospitals["L"])
        )
        return [(row.sop_uid, row.source) for row in rows]


def of(slices: list[Dataset]) -> list[tuple[str, str]]:
    return sorted((str(ds.SOPInstanceUID), "pacs") for ds in slices)


async def test_a_study_is_found_pulled_and_tied_to_a_case_through_the_guard(
    house: House, retriever: Retriever, tmp_path: Path
) -> None:
    with dcmqrscp(tmp_path / "pacs") as port:
        send(port, tmp_path / "images", SLICES)
        connection = await connect(house, dimse_form(port))
        tried = await (await house.by("administrator.L")).post(f"{connection}/test")
        assert "alert-success" in tried.text
        doctor = await house.by("doctor.L")
        found = await doctor.post(f"{connection}/search", {"name": "Pham Thi Lan"})
        assert [one["study_uid"] for one in found.json["studies"]] == ["2.25.61"]
        await pull(house, connection)
        assert await retriever.once()
    [line] = await lines(house)
    assert (line["state"], line["done"], line["total"]) == ("done", 8, 8)
    assert sorted(await kept(house)) == of(SLICES)
    assert "PHẠM Thị Lan" in (await doctor.get("/inbox")).text
    case = await house.a_consultation("draft")
    tied = await doctor.post(f"/consultations/{case}/studies", {"study_id": line["study"]})
    assert (tied.status, tied.json["code"]) == (409, "other-patient")
    async with house.database.system() as session:
        audits = list(await session.scalars(select(Audit).where(Audit.object.like("%pacs:%"))))
        assert {"add-pacs", "test-pacs", "search-pacs", "retrieve"} <= {one.action for one in audits}
        assert not [one for one in audits if "Lan" in str(one.facts) + one.object]


async def test_a_study_comes_from_orthanc_by_dicomweb(
    house: House, retriever: Retriever, orthanc: Orthanc, tmp_path: Path
) -> None:
    send(orthanc.dimse_port, tmp_path / "images", SLICES, called=orthanc.ae_title)
    connection = await connect(house, {"name": "O", "way": "dicomweb", "root": orthanc.dicomweb_url})
    await pull(house, connection)
    assert await retriever.once()
    assert sorted(await kept(house)) == of(SLICES)


async def test_a_pacs_killed_in_the_middle_goes_on_at_the_next_try(
    house: House, retriever: Retriever, tmp_path: Path
) -> None:
    many = a_study(62, 60, PatientID="BN62")
    with ExitStack() as stack:
        port = stack.enter_context(dcmqrscp(tmp_path / "pacs"))
        send(port, tmp_path / "images", many)
        connection = await connect(house, dimse_form(port))
        retrieval = await pull(house, connection, "2.25.62")
        working = asyncio.create_task(retriever.once())
        async with asyncio.timeout(60):
            while len(await kept(house)) < 3:
                await asyncio.sleep(0.02)
        stack.close()
        await working
    before = len(await kept(house))
    [line] = await lines(house)
    assert line["state"] == "failed"
    assert "Thử lại" in line["sentence"]
    assert 3 <= before < 60
    with dcmqrscp(tmp_path / "pacs") as again:
        changed = await (await house.by("administrator.L")).post(f"{connection}/change", dimse_form(again))
        assert changed.status == 303
        await (await house.by("doctor.L")).post(f"{retrieval}/retry")
        assert await retriever.once()
    assert sorted(await kept(house)) == of(many)
    assert (await lines(house))[0]["state"] == "done"


async def test_a_retrieval_whose_worker_died_is_taken_up_by_another(
    house: House, retriever: Retriever, tmp_path: Path
) -> None:
    with dcmqrscp(tmp_path / "pacs") as port:
        send(port, tmp_path / "images", SLICES)
        await pull(house, await connect(house, dimse_form(port)))
        held = {"state": "running", "claim": "dead", "claimed_until": now() + dt.timedelta(minutes=1)}
        await write(house, held)
        assert not await retriever.once()
        await write(house, {"claimed_until": now() - dt.timedelta(seconds=1)})
        assert await retriever.once()
    assert (await lines(house))[0]["state"] == "done"


async def write(house: House, values: dict[str, Any]) -> None:
    async with house.database.system() as session:
        await session.execute(update(Retrieval).values(**values))


async def test_a_silent_pacs_is_left_when_the_doctor_cancels(house: House, retriever: Retriever) -> None:
    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with listening(nothing) as port:
        retrieval = await pull(house, await connect(house, dimse_form(port)))
        working = asyncio.create_task(retriever.once())
        async with asyncio.timeout(30):
            while (await lines(house))[0]["state"] != "running":
                await asyncio.sleep(0.02)
            await (await house.by("doctor.L")).post(f"{retrieval}/cancel")
            assert await working
    assert (await lines(house))[0]["state"] == "cancelled"
    assert list((house.settings.data_dir / "pacs").iterdir()) == []
    assert not await retriever.once()


@contextmanager
def a_liar(listed: Sequence[Dataset], sent: Sequence[Dataset]) -> Iterator[int]:
    """A PACS that names some instances and sends others; yields its port."""

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        for ds in listed:
            answer = Dataset()
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
                setattr(answer, keyword, getattr(ds, keyword))
            yield 0xFF00, answer
            if event.identifier.QueryRetrieveLevel == "SERIES":
                return

    def get(event: evt.Event) -> Iterator[object]:
        yield len(sent)
        for ds in sent:
            yield 0xFF00, ds

    ae = AE(ae_title=TITLE)
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelGet)
    ae.add_supported_context(CTImageStorage, scu_role=False, scp_role=True)
    server = ae.start_server(
        (HOST, 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find), (evt.EVT_C_GET, get)]
    )
    assert server is not None
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def sendable(slices: Sequence[Dataset]) -> list[Dataset]:
    for ds in slices:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return list(slices)


@pytest.mark.parametrize(("study", "kept_of"), [(64, 0), (63, 2)])
async def test_what_was_not_asked_for_is_not_kept_and_what_is_missing_is_said(
    house: House, retriever: Retriever, study: int, kept_of: int
) -> None:
    """The images of another study, or two of four."""
    with a_liar(a_study(63, 4), sendable(a_study(study, 2))) as port:
        await pull(house, await connect(house, dimse_form(port)), "2.25.63")
        assert await retriever.once()
    [line] = await lines(house)
    assert line["state"] == "failed"
    assert ("chưa gửi đủ" if kept_of else "sai chuẩn") in line["sentence"]
    assert len(await kept(house)) == kept_of


async def test_what_is_wrong_is_said_at_the_field_and_by_the_test(house: House) -> None:
    administrator = await house.by("administrator.L")
    wrong = await administrator.post("/pacs", dimse_form(0, host="a b", ae_title="x" * 17))
    assert wrong.status == 422
    assert wrong.text.count("is-invalid") == 3
    bare = {"name": "W", "way": "dicomweb", "root": f"http://{HOST}/dicom-web", "secret": "khoa-bi-mat"}
    assert (await administrator.post("/pacs", bare)).status == 422
    connection = await connect(house, dimse_form(1))
    tried = await administrator.post(f"{connection}/test")
    assert "không trả lời ở địa chỉ và cổng này" in tried.text


async def test_a_secret_is_sealed_never_shown_and_never_sent_elsewhere(house: House) -> None:
    administrator = await house.by("administrator.L")
    typed = {"name": "W", "way": "dicomweb", "root": f"https://{HOST}:1/dicom-web", "secret": "khoa-bi-mat"}
    connection = await connect(house, typed)

    async def sealed() -> str:
        async with house.database.system() as session:
            row = await session.get_one(PacsConnection, int(connection.rpartition("/")[2]))
            assert "khoa-bi-mat" not in str(vars(row))
            return row.sealed

    first = await sealed()
    assert first
    page = await administrator.get(f"/pacs?edit={connection.rpartition('/')[2]}")
    assert "khoa-bi-mat" not in page.text
    await administrator.post(f"{connection}/change", {**typed, "secret": "", "name": "X"})
    assert await sealed() == first
    await administrator.post(f"{connection}/change", {**typed, "secret": "", "root": "https://elsewhere/"})
    assert await sealed() == ""


async def test_another_hospitals_connection_and_retrieval_are_not_there(house: House) -> None:
    connection = await connect(house, dimse_form(1))
    retrieval = await pull(house, connection)

    async def status(name: str, path: str) -> Answer:
        return await (await house.by(name)).post(path)

    for path in (
        f"{connection}/search",
        f"{connection}/retrievals",
        f"{retrieval}/cancel",
        f"{retrieval}/retry",
    ):
        assert (await status("doctor.T", path)).status == 404
    for path in (f"{connection}/test", f"{connection}/remove", f"{connection}/change"):
        assert (await status("administrator.T", path)).status == 404
    mine = await (await house.by("doctor.T")).get("/retrievals")
    assert mine.json == {"connections": [], "retrievals": []}
    nobody = await (await house.by("doctor.L")).post(f"{connection}/search", {"name": " "})
    assert nobody.status == 422
