"""Devices × services, and × whose images, against the oracle's table; and that it bites."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)
from sqlalchemy import select, update

from dicom.gateway import Gateway
from dicom.index import studies
from server import peers
from server.imaging import Imaging
from server.pacs.model import PacsConnection, StorageCommitment, Way
from server.peers import Peers
from server.people.model import DicomPeer, Hospital
from server.platform.db import now
from server.platform.events import Audit
from server.platform.policy import Gap, Policy
from tests.dicom.builders import CT_IMAGE, a_dataset, a_file
from tests.dicom.pacs_site import storescp
from tests.server.house import House
from tests.server.oracle_steps import DESTINATIONS, DEVICES, DIMSE, REACH, SENDS_ALONE
from tests.services import HOST


def a_pacs(house: House, title: str, port: int) -> PacsConnection:
    hospital_id = house.hospitals[DESTINATIONS[title]]
    return PacsConnection(
        hospital_id=hospital_id, name=title, way=Way.GET, host=HOST, port=port, ae_title=title
    )


@pytest.fixture
async def door(house: House) -> AsyncIterator[int]:
    """The port of a gateway as the gateway's role is made, with the devices of the oracle."""
    async with house.database.system() as session:
        known = set(await session.scalars(select(DicomPeer.ae_title)))
        if not known & set(DEVICES):
            gone = Hospital(
                code="97099",
                name="Đã rời (thử)",
                short_name="BV X",
                parent_name="",
                tier="district",
                technical_level="basic",
                closed_at=now(),
            )
            session.add(gone)
            await session.flush()
            at = {
                "CT_SENDS": (house.hospitals["L"], "127.0.0.1"),
                "CT_L": (house.hospitals["L"], "127.0.0.1"),
                "CT_T": (house.hospitals["T"], "127.0.0.1"),
                "CT_AWAY": (house.hospitals["L"], "192.0.2.9"),
                "CT_CLOSED": (gone.id, "127.0.0.1"),
            }
            for title, (hospital, address) in at.items():
                device = DicomPeer(hospital_id=hospital, ae_title=title, address=address)
                device.may_retrieve = title not in SENDS_ALONE
                session.add(device)
            for title in DESTINATIONS:
                session.add(a_pacs(house, title, port=1))
    settings = house.settings.model_copy(update={"pacs_networks": ("127.0.0.0/8",)})
    imaging = Imaging(settings, house.database)
    async with imaging.sandbox:
        gateway = Gateway(0, "HOICHAN", Peers(settings, imaging, house.database))
        await gateway.start()
        yield gateway.port
        await gateway.stop()


def images(folder: Path, uid: str, name: str) -> str:
    path = folder / name
    path.write_bytes(
        a_file(a_dataset(StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=f"{uid}.2"))
    )
    return str(path)


async def dimse(service: str, title: str, port: int, folder: Path, uid: str) -> bool:
    """Whether dcmtk, calling as `title`, was served."""
    if service == "N-ACTION":
        return await asyncio.to_thread(commits, title, port, uid) is not None
    query = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uid}"]
    to = next((one for one, letter in DESTINATIONS.items() if letter == DEVICES[title]), "PACS_L")
    program, before, after = {
        "C-ECHO": ("echoscu", [], []),
        "C-STORE": ("storescu", [], [images(folder, uid, f"{title}-{service}")]),
        "C-FIND": ("findscu", query, []),
        "C-MOVE": ("movescu", [*query, "-aem", to], []),
        "C-GET": ("getscu", [*query, "-od", str(folder)], []),
    }[service]
    words = [f"/usr/bin/{program}", "-aet", title, "-aec", "HOICHAN", *before, HOST, str(port), *after]
    process = await asyncio.create_subprocess_exec(
        *words,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "TCP_NODELAY": "1"},
    )
    return await process.wait() == 0


async def dimse_breaches(house: House, port: int, folder: Path, services: Mapping[str, bool]) -> list[str]:
    found = []
    for (title, letter), (service, is_served) in itertools.product(DEVICES.items(), services.items()):
        uid = f"2.25.98{next(house.numbers)}"
        is_served = is_served and service in SENDS_ALONE.get(title, services)
        expected, got = bool(letter) and is_served, await dimse(service, title, port, folder, uid)
        if got is not expected:
            found.append(f"{service} as {title}: {expected}, but {got}")
        async with house.database.read() as connection:
            owners = list(
                await connection.scalars(select(studies.c.owner_id).where(studies.c.study_uid == uid))
            )
        should = [house.hospitals[letter]] if expected and service == "C-STORE" else []
        if owners != should:
            found.append(f"{service} as {title}: kept for {should}, but {owners}")
    return found


async def test_each_device_does_what_the_oracle_says(house: House, door: int, tmp_path: Path) -> None:
    assert await dimse_breaches(house, door, tmp_path, DIMSE) == []


async def test_a_planted_device_is_found(house: House, door: int, tmp_path: Path) -> None:
    async with house.database.system() as session:
        planted = DicomPeer(hospital_id=house.hospitals["L"], ae_title="STRANGER", address="127.0.0.1")
        session.add(planted)
    found = await dimse_breaches(house, door, tmp_path, {"C-STORE": True})
    async with house.database.system() as session:
        await session.delete(planted)
    assert found == [
        "C-STORE as STRANGER: False, but True",
        f"C-STORE as STRANGER: kept for [], but [{house.hospitals['L']}]",
    ]


# --- whose images it reaches -------------------------------------------------------------------


def commits(title: str, port: int, uid: str) -> bool | None:
    """Whether the one instance of a study is said to be kept; None when nothing was said."""
    reports: list[Dataset] = []

    def taken(event: evt.Event) -> tuple[int, None]:
        reports.append(event.event_information)
        return 0, None

    ae = AE(ae_title=title)
    ae.add_requested_context(StorageCommitmentPushModel)
    association = ae.associate(HOST, port, ae_title="HOICHAN", evt_handlers=[(evt.EVT_N_EVENT_REPORT, taken)])
    if not association.is_established:
        return None
    item, request = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT_IMAGE, f"{uid}.2"
    request.TransactionUID, request.ReferencedSOPSequence = f"{uid}.9", [item]
    association.send_n_action(request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
    deadline = time.monotonic() + 5
    while not reports and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)  # until our answer to the report has gone
    association.release()
    return "ReferencedSOPSequence" in reports[0] if reports else None


def reaches(service: str, title: str, port: int, uid: str, to: str) -> bool:
    """Whether a device gets anything of a study by a service."""
    if service == "N-ACTION":
        return bool(commits(title, port, uid))
    root = {
        "C-FIND": StudyRootQueryRetrieveInformationModelFind,
        "C-GET": StudyRootQueryRetrieveInformationModelGet,
        "C-MOVE": StudyRootQueryRetrieveInformationModelMove,
    }[service]
    ae = AE(ae_title=title)
    ae.add_requested_context(root)
    ae.add_requested_context(CTImageStorage)
    role = build_role(CTImageStorage, scp_role=True)
    stored = [(evt.EVT_C_STORE, lambda event: 0)]
    association = ae.associate(HOST, port, ae_title="HOICHAN", ext_neg=[role], evt_handlers=stored)
    assert association.is_established
    question = Dataset()
    question.QueryRetrieveLevel, question.StudyInstanceUID, question.PatientID = "STUDY", uid, ""
    match service:
        case "C-FIND":
            answers = list(association.send_c_find(question, root))
            found = len(answers) > 1
        case "C-GET":
            answers = list(association.send_c_get(question, root))
            found = bool(answers[-1][0].get("NumberOfCompletedSuboperations"))
        case _:
            answers = list(association.send_c_move(question, to, root))
            found = bool(answers[-1][0].get("NumberOfCompletedSuboperations"))
    association.release()
    return found


@pytest.fixture
async def kept(house: House, door: int, tmp_path: Path) -> dict[str, str]:
    """A study of each hospital that has a device, by letter."""
    found = {}
    for title, letter in (("CT_L", "L"), ("CT_T", "T")):
        found[letter] = uid = f"2.25.97{next(house.numbers)}"
        assert await dimse("C-STORE", title, door, tmp_path, uid)
    return found


async def test_each_device_reaches_what_the_oracle_says(
    house: House, door: int, kept: dict[str, str], tmp_path: Path
) -> None:
    breaches = []
    with storescp(tmp_path / "pacs", "+xa", "+B") as port:
        async with house.database.system() as session:
            await session.execute(
                update(PacsConnection).where(PacsConnection.ae_title.in_(DESTINATIONS)).values(port=port)
            )
        for (title, whose), expected in REACH.items():
            for service in ("N-ACTION", "C-FIND", "C-GET", "C-MOVE"):
                to = next(one for one, letter in DESTINATIONS.items() if letter == DEVICES[title])
                got = await asyncio.to_thread(reaches, service, title, door, kept[whose], to)
                if got is not expected:
                    breaches.append(f"{service} as {title} of {whose}: {expected}, but {got}")
        for title, to in (("CT_L", "PACS_T"), ("CT_T", "PACS_L"), ("CT_L", "NOBODY")):
            if await asyncio.to_thread(reaches, "C-MOVE", title, door, kept[DEVICES[title]], to):
                breaches.append(f"{title} moves to {to}")
    assert breaches == []


async def test_searches_and_retrievals_are_audited_without_patients(
    house: House, door: int, kept: dict[str, str]
) -> None:
    assert await asyncio.to_thread(reaches, "C-FIND", "CT_L", door, kept["L"], "")
    assert await asyncio.to_thread(reaches, "C-GET", "CT_L", door, kept["L"], "")
    async with house.database.system() as session:
        study_id = await session.scalar(select(studies.c.id).where(studies.c.study_uid == kept["L"]))
        own = (
            select(Audit).where(Audit.hospital_id == house.hospitals["L"]).order_by(Audit.seq.desc()).limit(2)
        )
        viewed, listed = await session.scalars(own)
    assert (viewed.action, viewed.object) == ("view-study", f"study:{study_id}")
    assert (listed.action, listed.object) == ("list-studies", f"hospital:{house.hospitals['L']}")
    assert viewed.facts == listed.facts == {"calling": "CT_L"}


async def test_a_commitment_is_written_down_and_struck_off(
    house: House, door: int, kept: dict[str, str]
) -> None:
    assert await asyncio.to_thread(commits, "CT_L", door, kept["L"])
    async with house.database.system() as session:
        [row] = await session.scalars(
            select(StorageCommitment).where(StorageCommitment.transaction_uid == f"{kept['L']}.9")
        )
    assert (row.hospital_id, row.calling) == (house.hospitals["L"], "CT_L")
    assert row.references == [[CT_IMAGE, f"{kept['L']}.2"]]
    assert row.reported_at is not None


async def test_a_service_without_a_row_keeps_the_gateway_shut(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row for what, row in peers.DIMSE.rows.items() if what != "dimse C-MOVE"]
    monkeypatch.setattr(peers, "DIMSE", Policy.join(rows))
    with pytest.raises(Gap, match="no policy row for dimse C-MOVE"):
        Peers(house.settings, Imaging(house.settings, house.database), house.database)
