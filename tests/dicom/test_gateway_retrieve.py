"""C-GET and C-MOVE from the gateway: getscu and movescu of dcmtk, into a real storescp, and some that break."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicom.gateway import Gateway
from dicom.pacs.network import Destination
from tests.dicom.builders import a_dataset, a_file, a_real_file
from tests.dicom.gateway_site import IMPLICIT_LITTLE, Hospital, Requestor, dcmtk, in_folder, is_well
from tests.dicom.pacs_site import TITLE, a_study, dcmqrscp, listening, storescp
from tests.services import HOST

GET = str(StudyRootQueryRetrieveInformationModelGet)
MOVE = str(StudyRootQueryRetrieveInformationModelMove)
LAN = a_study(61, 4, PatientID="BN61", PatientName="PHẠM^Thị Lan")
STUDY = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=2.25.61")
JPEG2000 = "MR_small_jp2klossless.dcm"


@pytest.fixture
async def filled(gateway: Gateway, hospital: Hospital, tmp_path: Path) -> Gateway:
    """A study of ours, and one of another hospital."""
    for title, datasets in (("STORESCU", LAN), ("OTHER", a_study(63, 1, PatientID="BN63"))):
        files = {f"s{n}": a_file(ds) for n, ds in enumerate(datasets)}
        said = await dcmtk("storescu", gateway, "-aet", title, "+sd", in_folder(tmp_path / title, **files))
        assert said == (0, "")
    return gateway


def pixels(folder: Path) -> dict[str, bytes]:
    found = map(pydicom.dcmread, sorted(path for path in folder.iterdir() if path.is_file()))
    return {str(ds.SOPInstanceUID): ds.PixelData for ds in found}


def sent(datasets: list[Dataset]) -> dict[str, bytes]:
    return {str(ds.SOPInstanceUID): ds.PixelData for ds in datasets}


async def got(gateway: Gateway, folder: Path, *keys: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    folder.mkdir()
    return await dcmtk("getscu", gateway, "-v", "-S", "+B", "-od", folder, *options, *keys)


async def test_getscu_gets_a_study_and_the_bytes_are_the_stored_ones(
    filled: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    code, said = await got(filled, tmp_path / "got", *STUDY)
    assert code == 0, said
    assert pixels(tmp_path / "got") == sent(LAN)
    stored = {row.sop_uid: hospital.store.path(row.blob).read_bytes() for row in await hospital.rows()}
    for path in (tmp_path / "got").iterdir():
        content = path.read_bytes()
        data_set = content[content.index(struct.pack("<HH", 0x0008, 0x0005)) :]
        assert stored[str(pydicom.dcmread(path).SOPInstanceUID)].endswith(data_set)
    [(_, owner, calling, _, destination)] = hospital.noted
    assert (owner, calling, destination) == (3, "GETSCU", "")


async def test_a_series_and_an_image_are_got_alone(filled: Gateway, tmp_path: Path) -> None:
    keys = ("-k", "StudyInstanceUID=2.25.61", "-k", "SeriesInstanceUID=2.25.61.1")
    await got(filled, tmp_path / "series", "-k", "QueryRetrieveLevel=SERIES", *keys)
    assert pixels(tmp_path / "series") == sent(LAN[::2])
    image = ("-k", "SOPInstanceUID=2.25.61.1.3")
    await got(filled, tmp_path / "image", "-k", "QueryRetrieveLevel=IMAGE", *keys, *image)
    assert pixels(tmp_path / "image") == sent(LAN[2:3])


async def test_compressed_images_go_as_they_lie_or_not_at_all(gateway: Gateway, tmp_path: Path) -> None:
    content = a_real_file(JPEG2000)
    folder = in_folder(tmp_path / "images", one=content)
    assert (await dcmtk("storescu", gateway, "-xv", folder / "one"))[0] == 0
    ds = pydicom.dcmread(folder / "one")
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ds.StudyInstanceUID}")
    code, said = await got(gateway, tmp_path / "as-it-is", *keys, options=("+xv",))
    assert code == 0, said
    assert pixels(tmp_path / "as-it-is") == sent([ds])
    _, said = await got(gateway, tmp_path / "plain", *keys)
    assert pixels(tmp_path / "plain") == {}
    assert "OutOfResourcesSubOperations" in said, said


def retrieved(
    port: int, syntaxes: list[str], keys: dict[str, str], calling: str = "GETSCU", answer: int = 0
) -> tuple[list[Dataset], list[str], Dataset | None]:
    """C-GET by pynetdicom: the statuses, what came, and the last identifier."""
    came: list[str] = []

    def taken(event: evt.Event) -> int:
        came.append(str(event.request.AffectedSOPInstanceUID))
        return answer

    ae = AE(ae_title=calling)
    ae.add_requested_context(GET)
    ae.add_requested_context(CTImageStorage, syntaxes)
    association = ae.associate(
        HOST,
        port,
        ae_title="HOICHAN",
        ext_neg=[build_role(CTImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, taken)],
    )
    assert association.is_established
    question = Dataset()
    for keyword, value in keys.items():
        setattr(question, keyword, value)
    answers = list(association.send_c_get(question, GET))
    association.release()
    return [status for status, _ in answers], came, answers[-1][1]


ASKED = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "2.25.61"}


async def test_the_counters_of_sub_operations_are_right(filled: Gateway) -> None:
    statuses, came, _ = await asyncio.to_thread(retrieved, filled.port, [ExplicitVRLittleEndian], ASKED)
    assert len(came) == 4
    assert [int(one.Status) for one in statuses] == [0xFF00] * 4 + [0]
    assert [one.get("NumberOfRemainingSuboperations") for one in statuses] == [3, 2, 1, 0, None]
    assert [one.NumberOfCompletedSuboperations for one in statuses] == [1, 2, 3, 4, 4]


async def test_what_cannot_go_is_counted_and_named(filled: Gateway) -> None:
    statuses, came, named = await asyncio.to_thread(retrieved, filled.port, [JPEG2000Lossless], ASKED)
    assert (came, int(statuses[-1].Status)) == ([], 0xA702)
    assert statuses[-1].NumberOfFailedSuboperations == 4
    assert named is not None
    assert sorted(named.FailedSOPInstanceUIDList) == sorted(sent(LAN))
    refusing = await asyncio.to_thread(retrieved, filled.port, [ExplicitVRLittleEndian], ASKED, answer=0xA700)
    assert (len(refusing[1]), int(refusing[0][-1].Status)) == (4, 0xA702)


async def test_an_image_that_left_the_disk_fails_alone(filled: Gateway, hospital: Hospital) -> None:
    first = (await hospital.rows())[0]
    hospital.store.path(first.blob).unlink()
    statuses, came, named = await asyncio.to_thread(retrieved, filled.port, [ExplicitVRLittleEndian], ASKED)
    assert (len(came), int(statuses[-1].Status)) == (3, 0xB000)
    assert named is not None
    assert named.FailedSOPInstanceUIDList == first.sop_uid


async def test_a_cancel_ends_a_get(filled: Gateway) -> None:
    def cancel_at_the_first() -> tuple[list[str], int]:
        came: list[str] = []

        def taken(event: evt.Event) -> int:
            came.append(str(event.request.AffectedSOPInstanceUID))
            if len(came) == 1:
                event.assoc.send_c_cancel(1, None, query_model=GET)
            return 0

        ae = AE(ae_title="GETSCU")
        ae.add_requested_context(GET)
        ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        role = build_role(CTImageStorage, scp_role=True)
        association = ae.associate(
            HOST, filled.port, ae_title="HOICHAN", ext_neg=[role], evt_handlers=[(evt.EVT_C_STORE, taken)]
        )
        question = Dataset()
        question.QueryRetrieveLevel, question.StudyInstanceUID = "STUDY", "2.25.61"
        *_, (status, _) = association.send_c_get(question, GET, msg_id=1)
        association.release()
        return came, int(status.Status)

    came, status = await asyncio.to_thread(cancel_at_the_first)
    assert (0 < len(came) < 4, status) == (True, 0xFE00)


@pytest.mark.parametrize("calling", ["GETSCU", "OTHER"])
async def test_another_hospitals_study_is_as_one_that_is_not_there(filled: Gateway, calling: str) -> None:
    foreign = {"GETSCU": "2.25.63", "OTHER": "2.25.61"}[calling]
    for study_uid in (foreign, "2.25.404"):
        keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study_uid}
        statuses, came, _ = await asyncio.to_thread(
            retrieved, filled.port, [ExplicitVRLittleEndian], keys, calling
        )
        assert came == []
        assert [int(one.Status) for one in statuses] == [0]
        assert statuses[0].NumberOfCompletedSuboperations == 0


@pytest.mark.parametrize(
    "keys",
    [
        {"QueryRetrieveLevel": "STUDY"},
        {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ""},
        {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": "2.25.61"},
        {"QueryRetrieveLevel": "PATIENT", "PatientID": "BN61"},
    ],
)
async def test_a_retrieval_names_every_unique_key(filled: Gateway, keys: dict[str, str]) -> None:
    statuses, came, _ = await asyncio.to_thread(retrieved, filled.port, [ExplicitVRLittleEndian], keys)
    assert (came, [int(one.Status) for one in statuses]) == ([], [0xA900])


async def test_a_wild_card_is_no_unique_key(filled: Gateway, connect: Callable[[], Any]) -> None:
    requestor: Requestor = await connect()
    patient_get = "1.2.840.10008.5.1.4.1.2.1.3"
    assert await requestor.associate(patient_get, IMPLICIT_LITTLE) == 2
    for value in (b"*", b"BN?1", b"A\\B", b""):
        level = struct.pack("<HHL", 0x0008, 0x0052, 8) + b"PATIENT "
        padded = value + b" " * (len(value) % 2)
        await requestor.command(0x0010, 0, b"", patient_get.encode())
        question = level + struct.pack("<HHL", 0x0010, 0x0020, len(padded)) + padded
        assert await requestor.answer_to(question) == 0xA900


# C-MOVE


async def moved(gateway: Gateway, *keys: str, to: str = TITLE) -> tuple[int, str]:
    return await dcmtk("movescu", gateway, "-v", "-S", "-aem", to, *keys)


async def test_movescu_moves_a_study_to_a_pacs_of_the_hospital(
    filled: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    with storescp(tmp_path / "storescp", "+xa", "+B") as port:
        hospital.destinations[3, TITLE] = Destination(HOST, port, TITLE)
        code, said = await moved(filled, *STUDY)
        assert code == 0, said
        assert pixels(tmp_path / "storescp/received") == sent(LAN)
        assert hospital.noted == [("retrieved", 3, "MOVESCU", hospital.noted[0][3], TITLE)]
        foreign = await moved(filled, "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=2.25.63")
        assert foreign[0] == 0
        assert len(pixels(tmp_path / "storescp/received")) == 4


async def test_compressed_images_are_moved_as_they_lie(
    gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    folder = in_folder(tmp_path / "images", one=a_real_file(JPEG2000))
    assert (await dcmtk("storescu", gateway, "-xv", folder / "one"))[0] == 0
    ds = pydicom.dcmread(folder / "one")
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ds.StudyInstanceUID}")
    with storescp(tmp_path / "takes", "+xa", "+B") as port:
        hospital.destinations[3, TITLE] = Destination(HOST, port, TITLE)
        assert (await moved(gateway, *keys))[0] == 0
        assert pixels(tmp_path / "takes/received") == sent([ds])
    with storescp(tmp_path / "plain") as port:
        hospital.destinations[3, TITLE] = Destination(HOST, port, TITLE)
        _, said = await moved(gateway, *keys)
        assert "OutOfResourcesSubOperations" in said, said
        assert pixels(tmp_path / "plain/received") == {}


async def test_a_study_is_moved_into_dcmqrscp(filled: Gateway, hospital: Hospital, tmp_path: Path) -> None:
    with dcmqrscp(tmp_path / "pacs") as port:
        hospital.destinations[3, TITLE] = Destination(HOST, port, TITLE)
        assert (await moved(filled, *STUDY))[0] == 0
        kept = [path for path in (tmp_path / "pacs/storage").iterdir() if path.suffix == ".dcm"]
        assert {str(pydicom.dcmread(path).SOPInstanceUID) for path in kept} == set(sent(LAN))


async def test_a_destination_that_is_not_the_hospitals_is_unknown(
    filled: Gateway, hospital: Hospital
) -> None:
    hospital.destinations[4, TITLE] = Destination(HOST, 1, TITLE)
    code, said = await moved(filled, *STUDY)
    assert code != 0
    assert "MoveDestinationUnknown" in said, said
    assert hospital.noted == []


async def test_a_destination_that_is_away_or_breaks_is_told(filled: Gateway, hospital: Hospital) -> None:
    hospital.destinations[3, TITLE] = Destination(HOST, 1, TITLE)
    _, said = await moved(filled, *STUDY)
    assert "OutOfResourcesSubOperations" in said, said

    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def lies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(struct.pack(">BBL", 2, 0, 400 << 20) + bytes(1 << 20))
        await reader.read()

    for broken in (hangs_up, says_nothing, lies):
        async with listening(broken) as port:
            hospital.destinations[3, TITLE] = Destination(HOST, port, TITLE)
            started = time.monotonic()
            _, said = await moved(filled, *STUDY)
            assert "OutOfResourcesSubOperations" in said, said
            assert time.monotonic() - started < 4
    assert await is_well(filled)


async def test_a_cancel_ends_a_move(
    gateway: Gateway, hospital: Hospital, connect: Callable[[], Any], tmp_path: Path
) -> None:
    files = {f"s{n:03}": a_file(a_dataset(SOPInstanceUID=f"2.25.5.{n}")) for n in range(40)}
    assert await dcmtk("storescu", gateway, "+sd", in_folder(tmp_path / "ct", **files)) == (0, "")
    with storescp(tmp_path / "storescp", "+xa", "+B") as port:
        hospital.destinations[3, TITLE] = Destination(HOST, port, TITLE)
        requestor: Requestor = await connect()
        assert await requestor.associate(MOVE, IMPLICIT_LITTLE) == 2
        await requestor.command(0x0021, 0, b"", MOVE.encode(), destination=TITLE)
        level = struct.pack("<HHL", 0x0008, 0x0052, 6) + b"STUDY "
        await requestor.data(level + struct.pack("<HHL", 0x0020, 0x000D, 6) + b"2.25.1", control=2)
        await requestor.command(0x0FFF, 0x0101, b"", b"", to=7)
        statuses: list[int | None] = [0xFF00]
        while statuses[-1] in (0xFF00, None):
            statuses.append(await requestor.status())
        assert statuses[-1] == 0xFE00
        assert len(pixels(tmp_path / "storescp/received")) < 40
    assert await is_well(gateway)


async def test_who_gets_and_hangs_up_harms_nobody(filled: Gateway, connect: Callable[[], Any]) -> None:
    requestor: Requestor = await connect()
    assert await requestor.associate(GET, IMPLICIT_LITTLE) == 2
    await requestor.command(0x0010, 0, b"", GET.encode())
    requestor.writer.close()
    started = time.monotonic()
    assert await is_well(filled)
    assert time.monotonic() - started < 2
