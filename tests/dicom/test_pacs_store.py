"""Evidence sent to a hospital's PACS by C-STORE and STOW-RS, read back from there, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from dicomweb_client import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom.pacs.dicomweb import Dicomweb, Endpoint
from dicom.pacs.failures import PacsFailure
from dicom.pacs.found import Archive, Outgoing
from dicom.sandbox import Sandbox
from tests.dicom.pacs_site import HERE, dcmqrscp, dimse, listening, storescp
from tests.dicom.test_evidence import an_image
from tests.services import HOST, Orthanc, program

KINDS = ("report", "selection", "presentation", "minutes")


@pytest.fixture(scope="module")
async def outgoing(tmp_path_factory: pytest.TempPathFactory) -> list[Outgoing]:
    """What a case with one CT leaves."""
    folder = tmp_path_factory.mktemp("evidence")
    found = []
    async with Sandbox(children=1) as sandbox:
        image = await an_image(sandbox, "CT")
        for number, kind in enumerate(KINDS):
            path = folder / f"{kind}.dcm"
            path.write_bytes(
                await image.made(sandbox, kind, sop_uid=f"2.25.77.{number}", series_uid=f"2.25.78.{number}")
            )
            found.append(Outgoing(path, str(dcmread(path).SOPClassUID)))
    return found


def same(sent: list[Outgoing], received: list[Dataset]) -> bool:
    """Every element of every object, its head aside."""
    ours = {str(ds.SOPInstanceUID): ds for ds in (dcmread(one.path) for one in sent)}
    theirs = {str(ds.SOPInstanceUID): ds for ds in received}
    return ours == theirs


def study_of(outgoing: list[Outgoing]) -> str:
    return str(dcmread(outgoing[0].path).StudyInstanceUID)


async def test_by_c_store_it_lies_in_the_archive_as_it_was_sent(
    outgoing: list[Outgoing], tmp_path: Path
) -> None:
    with dcmqrscp(tmp_path / "qrscp") as port:
        await dimse(port).store(outgoing)
        kept = (tmp_path / "qrscp" / "storage").glob("*.dcm")
        assert same(outgoing, [dcmread(file) for file in kept])


@pytest.mark.parametrize("way", ["c-store", "stow"])
async def test_orthanc_takes_it_and_gives_it_back_to_others(
    orthanc: Orthanc, outgoing: list[Outgoing], way: str
) -> None:
    by_web = Dicomweb(Endpoint(orthanc.dicomweb_url), HERE)
    by_dimse = dimse(orthanc.dimse_port, called=orthanc.ae_title)
    for _ in range(2):  # again is no harm
        await (by_web if way == "stow" else by_dimse).store(outgoing)
    reader = DICOMwebClient(orthanc.dicomweb_url)
    received = await asyncio.to_thread(reader.retrieve_study, study_of(outgoing))
    names = {str(dcmread(one.path).SOPInstanceUID) for one in outgoing}
    assert same(outgoing, [ds for ds in received if str(ds.SOPInstanceUID) in names])


async def test_a_report_is_read_by_another_maker_s_program(outgoing: list[Outgoing], tmp_path: Path) -> None:
    with storescp(tmp_path / "storescp") as port:
        await dimse(port).store(outgoing[:1])
    [received] = (tmp_path / "storescp" / "received").iterdir()
    said = subprocess.run([program("dsrdump"), str(received)], capture_output=True, text=True, check=True)
    assert "Imaging Measurement Report" in said.stdout
    assert (
        "UCUM"
        in subprocess.run(
            [program("dcmdump"), str(received)], capture_output=True, text=True, check=True
        ).stdout
    )
    assert "INVALID" not in said.stdout + said.stderr


async def failing(archive: Archive, outgoing: list[Outgoing]) -> str:
    with pytest.raises(PacsFailure) as failure:
        await archive.store(outgoing)
    return failure.value.code


async def test_what_is_in_the_way_is_named(outgoing: list[Outgoing], tmp_path: Path) -> None:
    with dcmqrscp(tmp_path / "qrscp") as port:
        assert await failing(dimse(port, called="WRONG"), outgoing) == "called-title"
    assert await failing(dimse(port), outgoing) == "no-answer"
    with storescp(tmp_path / "aborts", "--abort-after") as port:
        assert await failing(dimse(port), outgoing) == "store-broken"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("409 Conflict", "{}", "store-refused"),
        ("202 Accepted", '{"00081198": {"vr": "SQ", "Value": [{}]}}', "store-refused"),
        ("200 OK", '{"00081198": {"vr": "SQ", "Value": [{}]}}', "store-refused"),
        ("401 Unauthorized", "{}", "credential"),
        ("404 Not Found", "{}", "no-dicomweb"),
        ("200 OK", "<html>", "no-dicomweb"),
    ],
)
async def test_what_a_web_service_answers_is_told_apart(
    outgoing: list[Outgoing], status: str, body: str, code: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"--\r\n")  # the end of the multipart body
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/dicom+json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n{body}".encode())
        await writer.drain()

    async with listening(serve) as port:
        archive = Dicomweb(Endpoint(f"http://{HOST}:{port}/dicom-web"), HERE)
        assert await failing(archive, outgoing[-1:]) == code
