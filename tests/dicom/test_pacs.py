"""Asking a PACS: dcmqrscp and Orthanc as the hospital's, and programs that mean harm in their place."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing
from pathlib import Path

import pydicom
import pytest
import uvloop
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from dicom.gateway import Gateway
from dicom.gateway.ports import Caller, Stranger
from dicom.ingest import Committed, Received
from dicom.pacs.dicomweb import Dicomweb, Endpoint
from dicom.pacs.dimse import Dimse, Way
from dicom.pacs.failures import PacsFailure
from dicom.pacs.found import Archive, Arrived, Listed, Moved, Question, patterns
from dicom.pacs.network import Networks
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from tests.dicom.gateway_site import Hospital
from tests.dicom.pacs_site import HERE, OURS, TITLE, a_study, dcmqrscp, dimse, listening, send, storescp
from tests.services import HOST, Orthanc

PATIENTS = [
    *a_study(71, 6, PatientID="BN71", PatientName="NGUYỄN^Văn Đức", StudyDate="20261101", StudyTime="0800"),
    *a_study(72, 2, PatientID="BN72", PatientName="NGUYEN^VAN DUNG", StudyDate="20261110", StudyTime="0900"),
    *a_study(73, 2, PatientID="BN73", PatientName="Trần^Thị Hoa", StudyDate="20250110", StudyTime="0900"),
]


@pytest.fixture(scope="module")
def qrscp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("qrscp")
    with dcmqrscp(folder) as port:
        send(port, folder / "images", PATIENTS)
        yield port


@pytest.fixture(scope="module")
def filled(orthanc: Orthanc, tmp_path_factory: pytest.TempPathFactory) -> Orthanc:
    send(orthanc.dimse_port, tmp_path_factory.mktemp("orthanc") / "images", PATIENTS, called=orthanc.ae_title)
    know_us(orthanc, 1)
    return orthanc


def know_us(orthanc: Orthanc, port: int) -> None:
    """What its administrator does: our title, address and port."""
    asked = urllib.request.Request(
        f"{orthanc.url}/modalities/ours", json.dumps([OURS, HOST, port]).encode(), method="PUT"
    )
    urllib.request.urlopen(asked, timeout=30).close()


@pytest.fixture(params=["dcmqrscp", "orthanc", "orthanc-dicomweb"])
def archive(request: pytest.FixtureRequest) -> Archive:
    if request.param == "dcmqrscp":
        return dimse(request.getfixturevalue("qrscp"))
    orthanc: Orthanc = request.getfixturevalue("filled")
    if request.param == "orthanc":
        return dimse(orthanc.dimse_port, called=orthanc.ae_title)
    return Dicomweb(Endpoint(orthanc.dicomweb_url), HERE)


async def fetched(archive: Archive, study_uid: str, folder: Path, have: set[str] | None = None) -> set[str]:
    """The instances that arrived, each a file that can be read."""
    found = set()
    async with aclosing(archive.retrieve(study_uid, have or set(), folder)) as events:
        async for event in events:
            if isinstance(event, Arrived):
                found.add(str(pydicom.dcmread(event.path).SOPInstanceUID))
    return found


async def failing(archive: Archive) -> str:
    with pytest.raises(PacsFailure) as failure:
        await archive.test()
    return failure.value.code


async def test_a_good_connection_has_nothing_to_say(archive: Archive) -> None:
    await archive.test()


QUESTIONS = [
    (Question(name="nguyễn văn đức"), ["2.25.71"]),
    (Question(name="Nguyen Van"), ["2.25.72", "2.25.71"]),
    (Question(name="tran thi hoa"), ["2.25.73"]),
    (Question(patient_id="BN72"), ["2.25.72"]),
    (Question(first_day="20261101", last_day="20261105"), ["2.25.71"]),
    (Question(name="Hoa", first_day="20260101"), []),
    (Question(patient_id="NOBODY"), []),
]


async def test_studies_are_found_by_name_number_and_day(archive: Archive) -> None:
    answers = await asyncio.gather(*(archive.search(question) for question, _ in QUESTIONS))
    found = [[one.study_uid for one in answer if one.study_uid.startswith("2.25.7")] for answer in answers]
    assert found == [uids for _, uids in QUESTIONS]


def test_a_name_is_asked_in_every_dress_that_an_archive_may_know() -> None:
    assert patterns("đỗ  văn^Nam") == ["*đỗ*văn*Nam*", "*V*n*Nam*", "*V*N*NAM*", "*V*N*"]
    assert patterns("*?") == []


async def test_what_is_found_says_whose_it_is(archive: Archive) -> None:
    [one] = await archive.search(Question(patient_id="BN71"))
    assert (one.patient_name, one.patient_id, one.date, one.time[:4]) == (
        "NGUYỄN Văn Đức",
        "BN71",
        "20261101",
        "0800",
    )


async def test_a_study_comes_whole(archive: Archive, tmp_path: Path) -> None:
    assert await fetched(archive, "2.25.71", tmp_path) == {ds.SOPInstanceUID for ds in PATIENTS[:6]}
    assert list(tmp_path.iterdir()) == []


async def test_only_what_is_missing_comes(archive: Archive, tmp_path: Path) -> None:
    uids = [str(ds.SOPInstanceUID) for ds in PATIENTS[:6]]  # two series, one of them complete
    have = {uids[0], uids[2], uids[4], uids[1]}
    assert await fetched(archive, "2.25.71", tmp_path, have) == {uids[3], uids[5]}
    assert await fetched(archive, "2.25.71", tmp_path, set(uids)) == set()


def test_a_study_comes_whole_on_the_loop_of_the_product(qrscp: int, tmp_path: Path) -> None:
    """Slowly taken in: the child has ended long before its last file is taken."""

    async def slowly() -> int:
        count = 0
        async with aclosing(dimse(qrscp).retrieve("2.25.71", set(), tmp_path)) as events:
            async for event in events:
                count += isinstance(event, Arrived)
                await asyncio.sleep(0.3)
        return count

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(slowly()) == 6


async def test_a_study_that_is_no_more_is_said_to_be_gone(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(PacsFailure, match="gone"):
        await fetched(archive, "2.25.999", tmp_path)


async def test_to_leave_off_ends_the_child(qrscp: int, tmp_path: Path) -> None:
    async with aclosing(dimse(qrscp).retrieve("2.25.71", set(), tmp_path)) as events:
        async for event in events:
            if isinstance(event, Arrived):
                break
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    assert not [command for command in commands if b"dicom.pacs" in command]


# What is wrong with a connection


async def test_a_pacs_that_lets_us_in_and_answers_nothing_is_named(filled: Orthanc) -> None:
    stranger = dimse(filled.dimse_port, called=filled.ae_title, calling="STRANGER")
    assert await failing(stranger) == "find-refused"


async def test_a_wrong_title_of_the_pacs_is_named(qrscp: int) -> None:
    assert await failing(dimse(qrscp, called="OTHER")) == "called-title"


async def test_a_closed_port_and_an_unknown_name_are_named() -> None:
    assert await failing(dimse(1)) == "no-answer"
    nowhere = Dimse(dimse(1).peer.__class__("pacs.invalid", 104, TITLE, "HOICHAN"), HERE)
    assert await failing(nowhere) == "no-address"
    assert await failing(Dicomweb(Endpoint(f"http://{HOST}:1/dicom-web"), HERE)) == "no-answer"


async def test_a_web_server_is_no_dicom_and_the_wrong_path_no_dicomweb(filled: Orthanc) -> None:
    assert await failing(dimse(int(filled.url.rpartition(":")[2]), idle_s=3)) == "no-dicom"
    assert await failing(Dicomweb(Endpoint(f"{filled.url}/nowhere"), HERE)) == "no-dicomweb"
    assert await failing(Dicomweb(Endpoint(filled.dicomweb_url.replace("http", "https", 1)), HERE)) == "tls"


class Ports(Hospital):
    """Our own gateway as where a PACS sends images."""

    kept: list[str]

    async def admit(self, calling: str, address: str, certificate: str) -> Caller | Stranger:
        return Stranger.TITLE if calling == "STRANGER" else Caller(1)

    async def commit(self, owner_id: int, received: Sequence[Received], sender: str) -> list[Committed]:
        self.kept += [one.summary.sop_uid for one in received]
        return [Committed(1, 1, 1, is_new=True) for _ in received]


@pytest.fixture
async def ports(store: BlobStore, sandbox: Sandbox, tmp_path: Path) -> Ports:
    ports = Ports(store, sandbox, tmp_path / "index.db")
    ports.kept = []
    return ports


@pytest.fixture
async def gateway(ports: Ports) -> AsyncIterator[Gateway]:
    gateway = Gateway(0, OURS, ports)
    await gateway.start()
    yield gateway
    await gateway.stop()


async def test_a_pacs_that_does_not_know_us_is_named(gateway: Gateway) -> None:
    assert await failing(dimse(gateway.port, called=OURS, calling="STRANGER")) == "calling-title"


async def test_a_pacs_without_query_is_named(tmp_path: Path) -> None:
    with storescp(tmp_path / "storescp") as port:
        assert await failing(dimse(port)) == "no-retrieve"


async def test_a_study_comes_by_c_move_to_our_gateway(
    gateway: Gateway, ports: Ports, filled: Orthanc, tmp_path: Path
) -> None:
    with dcmqrscp(tmp_path / "qrscp", gateway.port) as port:
        send(port, tmp_path / "images", PATIENTS[:6])
        know_us(filled, gateway.port)
        for archive in (
            dimse(port, Way.MOVE),
            dimse(filled.dimse_port, Way.MOVE, called=filled.ae_title),
        ):
            ports.kept.clear()
            await archive.test()
            async with aclosing(archive.retrieve("2.25.71", set(), tmp_path)) as events:
                found = [event async for event in events]
            assert found[0] == Listed(frozenset(ports.kept))
            assert found[-1] == Moved(6)
            assert sorted(ports.kept) == sorted(str(ds.SOPInstanceUID) for ds in PATIENTS[:6])


async def test_a_pacs_that_does_not_know_where_to_is_named(qrscp: int, tmp_path: Path) -> None:
    with pytest.raises(PacsFailure, match="move-destination"):
        await fetched(dimse(qrscp, Way.MOVE, calling="UNKNOWN"), "2.25.71", tmp_path)


async def test_a_pacs_killed_in_the_middle_is_asked_for_the_rest(tmp_path: Path) -> None:
    slices = a_study(81, 60, PatientID="BN81", PatientName="LÊ^Thị Mai")
    (tmp_path / "inbox").mkdir()
    arrived: list[str] = []

    async def fetch(port: int, kill: Callable[[], None] | None) -> None:
        async with aclosing(dimse(port).retrieve("2.25.81", set(arrived), tmp_path / "inbox")) as events:
            async for event in events:
                if isinstance(event, Arrived):
                    arrived.append(str(pydicom.dcmread(event.path).SOPInstanceUID))
                    if kill is not None and len(arrived) == 7:
                        kill()

    with ExitStack() as stack:
        port = stack.enter_context(dcmqrscp(tmp_path / "pacs"))
        send(port, tmp_path / "images", slices)
        with pytest.raises(PacsFailure, match="broken"):
            await fetch(port, stack.close)
    assert 7 <= len(arrived) < 60
    with dcmqrscp(tmp_path / "pacs") as port:
        await fetch(port, None)
    assert sorted(arrived) == sorted(str(ds.SOPInstanceUID) for ds in slices)
    assert list((tmp_path / "inbox").iterdir()) == []


@pytest.mark.parametrize(
    ("status", "code"), [(401, "credential"), (403, "credential"), (302, "no-dicomweb"), (500, "http")]
)
async def test_what_a_web_service_answers_is_told_apart(status: int, code: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            f"HTTP/1.1 {status} X\r\nLocation: http://{HOST}:1/\r\nContent-Length: 0\r\n\r\n".encode()
        )
        await writer.drain()

    async with listening(serve) as port:
        assert await failing(Dicomweb(Endpoint(f"http://{HOST}:{port}/dicom-web"), HERE)) == code


# Where we do not go


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "224.0.0.1",
    ],
)
async def test_this_machine_and_what_is_no_host_are_not_reached(host: str) -> None:
    with pytest.raises(PacsFailure, match="forbidden-address"):
        await Networks().address(host, 104)


async def test_a_list_of_networks_is_all_there_is() -> None:
    networks = Networks(["192.168.7.0/24"])
    assert await networks.address("192.168.7.9", 104) == "192.168.7.9"
    with pytest.raises(PacsFailure, match="forbidden-address"):
        await networks.address("192.168.8.9", 104)


# Harm


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\x04" + bytes(65535))
        await writer.drain()


async def long_length(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(struct.pack(">BBL", 2, 0, 400 << 20))
    while True:
        writer.write(bytes(1 << 16))
        await writer.drain()


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(struct.pack(">BBL", 2, 0, 1000))
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("harm", [endless, long_length, nothing, drip])
async def test_garbage_silence_and_no_end_are_refused_in_bounded_time(harm: object) -> None:
    async with listening(harm) as port:  # type: ignore[arg-type]
        begun = time.monotonic()
        code = await failing(dimse(port, answer_s=4, idle_s=2))
        assert code in {"no-dicom", "too-costly", "silent"}
        assert time.monotonic() - begun < 15


async def test_answers_that_never_end_are_refused() -> None:
    def answers(event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        answer = Dataset()
        answer.QueryRetrieveLevel, answer.StudyInstanceUID, answer.PatientName = (
            "STUDY",
            "2.25.9",
            "AN",
        )
        while not event.is_cancelled:
            yield 0xFF00, answer

    ae = AE(ae_title=TITLE)
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    server = ae.start_server((HOST, 0), block=False, evt_handlers=[(evt.EVT_C_FIND, answers)])
    assert server is not None
    try:
        begun = time.monotonic()
        with pytest.raises(PacsFailure, match=r"too-costly|silent"):
            await dimse(server.server_address[1], answer_s=20).search(Question(patient_id="BN1"))
        assert time.monotonic() - begun < 40
    finally:
        await asyncio.to_thread(server.shutdown)


async def test_an_endless_answer_of_a_web_service_is_refused() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n\r\n[")
        while True:
            writer.write(b"[" * 65536)
            await writer.drain()

    async with listening(serve) as port:
        assert await failing(Dicomweb(Endpoint(f"http://{HOST}:{port}/"), HERE)) == "too-costly"
