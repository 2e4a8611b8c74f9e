"""Programs of other makers against the product: dcmtk sends, dicomweb-client stores, finds and fetches."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import TypeVar

import aiohttp
import pydicom
import pytest
from dicomweb_client import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import generate_uid
from requests import HTTPError

from tests.dicom.builders import a_dataset, a_file
from tests.product import AE_TITLE, Site
from tests.services import HOST, program

Answer = TypeVar("Answer")
REAL = ("CT_small.dcm", "MR_small_jp2klossless.dcm", "examples_ybr_color.dcm")


async def dcmtk(name: str, site: Site, *words: str | Path, calling: str | None = None) -> tuple[int, str]:
    """Run a program of dcmtk against the gateway: its exit code and all that it said."""
    path = program(f"/usr/bin/{name}")  # pynetdicom ships programs of the same names
    titles = ["-aec", AE_TITLE, *(["-aet", calling] if calling else [])]
    options, files = (
        [word for word in words if isinstance(word, str)],
        [word for word in words if isinstance(word, Path)],
    )
    process = await asyncio.create_subprocess_exec(
        path, *titles, *options, HOST, str(site.dimse_port), *map(str, files),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "TCP_NODELAY": "1"},
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")


@dataclass(frozen=True)
class Archive:
    """`/dicom-web` of one hospital, asked by a program with a token of the command line."""

    root: str
    token: str

    async def ask(self, question: Callable[[DICOMwebClient], Answer]) -> Answer:
        """Run calls of dicomweb-client, which blocks, in a thread."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return await asyncio.to_thread(
            lambda: question(DICOMwebClient(self.root, create_session(), headers=headers))
        )

    async def file(self, ds: Dataset) -> bytes:
        """One instance as it is kept, in its own transfer syntax."""
        path = f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/dicom; transfer-syntax=*"}
        async with aiohttp.ClientSession() as http, http.get(self.root + path, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()


def archive_of(site: Site, login: str) -> Archive:
    return Archive(f"{site.url}/dicom-web", site.command("token", login).strip())


@pytest.fixture(scope="module")
def archive(site: Site) -> Archive:
    """That of the hospital to which dcmtk's calling titles belong."""
    return archive_of(site, "bacsi.huyen")


def real(name: str) -> Dataset:
    """A file of pydicom under UIDs of its own, so that tests on one site do not meet."""
    path = pydicom.data.get_testdata_file(name)
    assert isinstance(path, str)
    ds = pydicom.dcmread(path)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return ds


def written(ds: Dataset) -> bytes:
    file = io.BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def contents(instances: list[Dataset]) -> dict[str, bytes]:
    """Each file without its preamble, which is never given out."""
    return {ds.SOPInstanceUID: written(ds)[128:] for ds in instances}


def data_set(file: bytes) -> bytes:
    """All after the file meta information, which each program writes for itself."""
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length :]


async def test_echoscu_is_answered_and_an_unknown_title_is_told_why(site: Site) -> None:
    assert await dcmtk("echoscu", site) == (0, "")
    code, said = await dcmtk("echoscu", site, calling="STRANGER")
    assert code != 0
    assert "Calling AE Title Not Recognized" in said


async def test_what_an_unknown_title_sends_is_not_taken(site: Site, archive: Archive, tmp_path: Path) -> None:
    ds = a_dataset(StudyInstanceUID=generate_uid(), SOPInstanceUID=generate_uid())
    path = tmp_path / "one.dcm"
    path.write_bytes(a_file(ds))
    code, said = await dcmtk("storescu", site, path, calling="STRANGER")
    assert code != 0
    assert "Calling AE Title Not Recognized" in said
    assert (
        await archive.ask(
            lambda client: client.search_for_studies(search_filters={"StudyInstanceUID": ds.StudyInstanceUID})
        )
        == []
    )


@pytest.mark.parametrize(("name", "syntax"), [("CT_small.dcm", "-xe"), ("examples_ybr_color.dcm", "-xy")])
async def test_what_storescu_sends_is_fetched_byte_for_byte(
    site: Site, archive: Archive, tmp_path: Path, name: str, syntax: str
) -> None:
    ds = real(name)
    theirs, file = tmp_path / "theirs.dcm", tmp_path / "one.dcm"
    theirs.write_bytes(written(ds))
    # dcmtk sends without padding and with lengths of its own: so does the file that it is given.
    run([program("dcmconv"), "--padding-off", "--group-length-remove", theirs, file], check=True)
    assert await dcmtk("storescu", site, syntax, file) == (0, "")

    kept = await archive.file(ds)

    assert pydicom.dcmread(io.BytesIO(kept)).file_meta.TransferSyntaxUID == ds.file_meta.TransferSyntaxUID
    assert data_set(kept) == data_set(file.read_bytes())


async def test_what_dicomweb_client_stores_it_finds_and_fetches_byte_for_byte(archive: Archive) -> None:
    sent = [real(name) for name in REAL]
    for ds in sent[1:]:
        ds.StudyInstanceUID = sent[0].StudyInstanceUID
    study = sent[0].StudyInstanceUID

    def question(client: DICOMwebClient) -> tuple[Dataset, list[dict[str, dict[str, object]]], list[Dataset]]:
        report = client.store_instances(sent)
        found = client.search_for_instances(study_instance_uid=study)
        return report, found, client.retrieve_study(study)

    report, found, fetched = await archive.ask(question)
    uids = {ds.SOPInstanceUID for ds in sent}
    assert {item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence} == uids
    assert {instance["00080018"]["Value"][0] for instance in found} == uids  # type: ignore[index]
    assert contents(fetched) == contents(sent)
    for ds in sent:
        assert (await archive.file(ds))[128:] == contents([ds])[ds.SOPInstanceUID]


async def test_another_hospital_finds_none_of_it(site: Site, archive: Archive) -> None:
    ds = real(REAL[0])
    await archive.ask(lambda client: client.store_instances([ds]))
    other = archive_of(site, "bacsi.khac")

    assert (
        await other.ask(
            lambda client: client.search_for_studies(search_filters={"StudyInstanceUID": ds.StudyInstanceUID})
        )
        == []
    )
    with pytest.raises(HTTPError, match="404"):
        await other.ask(lambda client: client.retrieve_study(ds.StudyInstanceUID))


async def test_a_wrong_token_opens_nothing(archive: Archive) -> None:
    with pytest.raises(HTTPError, match="401"):
        await Archive(archive.root, "wrong" * 8).ask(lambda client: client.search_for_studies())
