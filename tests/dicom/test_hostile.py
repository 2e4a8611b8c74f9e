"""Files that were made to hurt, at a real DICOMweb server: each is answered, and others are served meanwhile.

The server is in this process: its memory is the parent's. The sandbox's children are where files are read.
"""

from __future__ import annotations

import asyncio
import io
import random
import struct
import time
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pydicom
import pytest
import pytest_asyncio
from pydicom import uid
from pydicom.encaps import encapsulate

from dicom import ingest
from dicom.ingest import Committed, Received
from dicom.sandbox import Sandbox
from dicom.web.archive import PREAMBLE
from tests.dicom.builders import (
    a_dataset,
    a_deflate_bomb,
    a_file,
    a_jpeg2000_bomb,
    a_nested_file,
    a_real_file,
)
from tests.dicom.dicomweb_site import DicomWeb, a_dicomweb
from tests.dicom.gateway_site import resident_bytes

PARENT_BYTES = 64 << 20
OTHERS_S = 1.0
SEEDS = (
    *(
        "CT_small.dcm",
        "MR_small_RLE.dcm",
        "JPEG2000.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "chrH31.dcm",
        "reportsi.dcm",
    ),
    *("693_J2KR.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm", "examples_palette.dcm"),
)
MUTANTS_OF_A_SEED = 60
GOOD = "2.25.888"
FRAME = f"/studies/{GOOD}/series/{GOOD}.1/instances/{GOOD}.1.1/frames/1"


@pytest_asyncio.fixture
async def web(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[DicomWeb]:
    async with a_dicomweb(tmp_path, sandbox) as web:
        good = a_dataset(StudyInstanceUID=GOOD, SeriesInstanceUID=f"{GOOD}.1", SOPInstanceUID=f"{GOOD}.1.1")
        assert (await web.store(a_file(good)))[0] == 200
        yield web


@asynccontextmanager
async def others_are_served(web: DicomWeb, folder: Path) -> AsyncIterator[None]:
    """What a test does inside costs the parent little, nobody's frame waits, and nothing is left outside the store."""
    before_bytes, outside = resident_bytes(), files_outside(web, folder)
    waits: list[float] = []
    is_over = asyncio.Event()

    async def read() -> None:
        while not is_over.is_set():
            started = time.perf_counter()
            assert await web.status(FRAME) == 200
            waits.append(time.perf_counter() - started)
            await asyncio.sleep(0.02)

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        is_over.set()
        await reading
    assert waits
    # A stall of a loaded machine is no finding; frames that wait for files would be many.
    assert sorted(waits)[int(len(waits) * 0.9)] < OTHERS_S
    assert resident_bytes() - before_bytes < PARENT_BYTES
    assert files_outside(web, folder) == outside


def files_outside(web: DicomWeb, folder: Path) -> set[Path]:
    inside = (web.site.store.root, folder / "frames")
    found = {path for path in folder.rglob("*") if not any(path.is_relative_to(one) for one in inside)}
    return {path for path in found if not path.name.startswith("index.db")}


def mutants(content: bytes, seed: random.Random) -> list[bytes]:
    """Bits turned, lengths and tags overwritten, pieces cut out, doubled and swapped, ends cut off."""
    made = []
    for _ in range(MUTANTS_OF_A_SEED):
        data = bytearray(content)
        for _ in range(seed.choice((1, 1, 3, 20))):
            at = seed.randrange(132, max(133, min(len(data) - 8, 4000)))
            match seed.randrange(6):
                case 0:
                    data[at] ^= 1 << seed.randrange(8)
                case 1:
                    data[at : at + 4] = struct.pack("<L", seed.choice((0, 0xFFFFFFFF, 0x7FFFFFFF, 1 << 30)))
                case 2:
                    del data[at : at + seed.randrange(1, 64)]
                case 3:
                    data[at:at] = data[at : at + seed.randrange(1, 64)]
                case 4:
                    data[at : at + 4] = struct.pack("<HH", seed.randrange(0xFFFF), seed.randrange(0xFFFF))
                case _:
                    del data[seed.randrange(at, len(data)) :]
        made.append(bytes(data))
    return made


async def test_mutated_files_are_each_answered_and_what_is_kept_is_served(
    web: DicomWeb, tmp_path: Path
) -> None:
    seed = random.Random(20261122)
    tried = kept = 0
    async with others_are_served(web, tmp_path):
        for name in SEEDS:
            files = mutants(a_real_file(name), seed)
            started = time.perf_counter()
            status, report = await web.store(*files)
            assert status in (200, 202, 409)
            told = [len(report.get(tag, {}).get("Value", ())) for tag in ("00081198", "00081199", "0008119A")]
            assert sum(told) == len(files), "each is told its fate"
            assert (time.perf_counter() - started) / len(files) < 5
            tried, kept = tried + len(files), kept + told[1]
        for study in await web.json("/studies?limit=200"):
            path = f"/studies/{study['0020000D']['Value'][0]}"
            for tail in ("/metadata", "/rendered", "/thumbnail", "/series", "/instances"):
                assert await web.status(path + tail) in (200, 404, 406, 422), path + tail
    assert tried == MUTANTS_OF_A_SEED * len(SEEDS)
    assert 0 < kept < tried, "some of both: else nothing was tried"


def a_long_sequence(items: int) -> bytes:
    """A sequence of empty items behind everything else."""
    sequence = struct.pack("<HH2sHL", 0x0040, 0x0275, b"SQ", 0, 8 * items)
    content = a_file(a_dataset(PixelData=None, Rows=None, Columns=None))
    return content + sequence + struct.pack("<HHL", 0xFFFE, 0xE000, 0) * items


def a_compressed(codestream: bytes, syntax: str, side: int = 64) -> bytes:
    ds = a_dataset(Rows=side, Columns=side, PixelData=encapsulate([codestream]))
    ds["PixelData"].is_undefined_length = True
    return a_file(ds, syntax)


async def test_bombs_of_every_kind_are_refused(web: DicomWeb, tmp_path: Path) -> None:
    huge_jpeg = (
        b"\xff\xd8\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 65500, 65500) + b"\x01\x01\x11\x00\xff\xd9"
    )
    bombs = {
        "deflated": a_deflate_bomb(),
        "JPEG 2000 header": a_jpeg2000_bomb(),
        "JPEG header": a_compressed(huge_jpeg, str(uid.JPEGBaseline8Bit)),
        "JPEG and Rows": a_compressed(huge_jpeg, str(uid.JPEGBaseline8Bit), side=65500),
        "Rows and Columns": a_file(a_dataset(Rows=65535, Columns=65535)),
        "frames": a_file(a_dataset(NumberOfFrames=2_000_000_000)),
        "samples": a_file(a_dataset(SamplesPerPixel=65535, PhotometricInterpretation="RGB")),
        "nesting 900": a_nested_file(900),
        "nesting 10,000": a_nested_file(10_000),
        "a million items": a_long_sequence(1_000_000),
        "4 GiB declared": a_file(a_dataset(PixelData=None))
        + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 0xFFFFFFF0),
    }
    async with others_are_served(web, tmp_path):
        for kind, bomb in bombs.items():
            status, report = await web.store(bomb)
            assert status == 409, kind
            assert len(report["0008119A"]["Value"]) == 1, kind
    assert len(web.site.quarantined) == len(bombs)
    assert [study["0020000D"]["Value"] for study in await web.json("/studies")] == [[GOOD]]


@pytest.mark.parametrize(
    "preamble",
    [
        b"MZ\x90\0",
        b"\x7fELF",
        b"\xcf\xfa\xed\xfe",
        b"PK\x03\x04",
        b"<html><script>",
        b"%PDF-1.7",
        b"#!/bin/sh\n",
    ],
)
async def test_a_preamble_that_is_something_else_is_never_given_out(preamble: bytes, web: DicomWeb) -> None:
    content = preamble.ljust(128, b"\0") + a_file()[128:]
    assert (await web.store(content))[0] == 200
    ds = a_dataset()
    path = f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
    async with web.http.get(web.root + path, headers={"Accept": "application/dicom"}) as answer:
        assert answer.headers["Content-Disposition"] == "attachment"
        assert (await answer.read()).startswith(bytes(PREAMBLE) + b"DICM")


HOSTILE_NAMES = (
    *(
        "..%2f..%2f..%2fetc%2fpasswd",
        "1.2.3%2f..%2f..",
        "%3Cimg%20src=x%20onerror=alert(1)%3E",
        "1.2.3%00.dcm",
    ),
    *(
        "1..2",
        "1" * 80,
        "2.25.*",
        "%25",
        "2.25.888%27%20OR%201=1--",
        "%F0%9F%92%89",
        "-1",
        "2.25.0888%0d%0aX:%20y",
    ),
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_names_that_are_no_uid_are_nobodys_study(name: str, web: DicomWeb) -> None:
    for path in (
        *(f"/studies/{name}{tail}" for tail in ("", "/metadata", "/series", "/rendered", "/thumbnail")),
        f"/studies/{GOOD}/series/{name}",
        f"/studies/{GOOD}/series/{GOOD}.1/instances/{name}/frames/1",
    ):
        async with web.http.get(web.root + path) as answer:
            assert answer.status in (400, 404), path
            assert "onerror" not in await answer.text()
    async with web.http.get(f"{web.root}/studies?StudyInstanceUID={name}") as answer:
        assert answer.status in (200, 204, 400)
        assert GOOD not in await answer.text()


# Directories of a disc (PS3.3 F): which files they name is never looked at.


def a_directory(file_id: str) -> bytes:
    ds = pydicom.dcmread(io.BytesIO(a_real_file("DICOMDIR")))
    for record in ds.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            record.ReferencedFileID = file_id.split("|")
    out = io.BytesIO()
    ds.save_as(out)
    return out.getvalue()


async def nothing_committed(received: list[Received]) -> list[Committed]:
    return [Committed(1, 1, n, is_new=True) for n, _ in enumerate(received)]


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
@pytest.mark.parametrize(
    "file_id", ["..|..|..|etc|passwd", "/etc/passwd", "..\\..\\secret", "C:|secret", "secret", "secret\0"]
)
async def test_a_directory_names_files_that_nobody_opens(
    file_id: str, web: DicomWeb, sandbox: Sandbox, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(a_file(a_dataset(SOPInstanceUID="2.25.1.1.99")))
    disc = tmp_path / "disc.zip"
    with zipfile.ZipFile(disc, "w") as archive:
        archive.writestr("DICOMDIR", a_directory(file_id))
        archive.writestr("IM1", a_file())
    kept: list[str] = []

    async def commit(received: object) -> list[Committed]:
        assert isinstance(received, list)
        kept.extend(one.summary.sop_uid for one in received)
        return await nothing_committed(received)

    outcome = await ingest.receive(disc, "", 7, web.site.store, sandbox, commit)
    assert (outcome.instances, outcome.refused_count, kept) == (1, 0, ["2.25.1.1.1"])
    assert (await web.store(a_directory(file_id)))[1]["0008119A"]["Value"][0]["00081197"]["Value"] == [0x0122]


def a_link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info, target.encode()


def an_archive(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


async def test_archives_that_lead_out_or_never_end_leave_nothing(
    web: DicomWeb, sandbox: Sandbox, tmp_path: Path
) -> None:
    async def commit(received: object) -> list[Committed]:
        raise AssertionError("nothing of it is kept")

    inner = an_archive(tmp_path / "inner.zip", ("IM1", a_file())).read_bytes()
    archives: dict[str, list[tuple[str | zipfile.ZipInfo, bytes]]] = {
        "not-dicom": [a_link("IM1", "/etc/passwd")],
        "unsafe-name": [("../IM1", a_file())],
        "unsafe-name ": [("a/..\\..\\IM1", a_file())],
        "too-costly": [("IM1", bytes(100 << 20))],
        "nested-archive": [("inner.zip", inner)],
        "too-many-entries": [(str(n), b"x") for n in range(10_001)],
    }
    paths = {code: an_archive(tmp_path / f"{code}.zip", *members) for code, members in archives.items()}
    archives.clear()
    async with others_are_served(web, tmp_path):
        for code, path in paths.items():
            outcome = await ingest.receive(path, "", 7, web.site.store, sandbox, commit)
            assert [refused.code for refused in outcome.refused] == [code.strip()]
