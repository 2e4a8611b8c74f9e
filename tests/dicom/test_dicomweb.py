"""DICOMweb as a hospital's program uses it: stored, found and fetched again by dicomweb-client."""

from __future__ import annotations

import asyncio
import gzip
import io
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pydicom
import pytest
import pytest_asyncio
from dicomweb_client import DICOMwebClient
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from sqlalchemy import select
from yarl import URL

from dicom import index
from dicom.ports import Scope
from dicom.sandbox import Sandbox
from tests.dicom.builders import (
    a_dataset,
    a_deflate_bomb,
    a_file,
    a_jpeg2000_bomb,
    a_real_file,
)
from tests.dicom.dicomweb_site import DicomWeb, a_dicomweb, a_multipart

STUDY, SERIES, SOP = "2.25.1", "2.25.1.1", "2.25.1.1.1"
INSTANCE = f"/studies/{STUDY}/series/{SERIES}/instances/{SOP}"
OURS, THEIRS = 7, 8


@pytest_asyncio.fixture
async def web(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[DicomWeb]:
    async with a_dicomweb(tmp_path, sandbox) as web:
        yield web


def a_slice(number: int, **changes: object) -> Dataset:
    pixels = bytes([number % 256]) * (64 * 64 * 2)
    return a_dataset(SOPInstanceUID=f"{SERIES}.{number}", InstanceNumber=number, PixelData=pixels, **changes)


def path_of(ds: Dataset) -> str:
    return f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"


async def stored(web: DicomWeb, *files: bytes) -> None:
    status, report = await web.store(*files)
    assert status == 200, report


async def test_a_study_stored_by_a_client_comes_back_byte_for_byte(web: DicomWeb) -> None:
    files = [a_file(a_slice(number)) for number in (1, 2, 3)]
    slices = [pydicom.dcmread(io.BytesIO(file)) for file in files]

    def question(client: DICOMwebClient) -> list[Dataset]:
        report = client.store_instances(slices)
        assert len(report.ReferencedSOPSequence) == len(slices)
        study: list[Dataset] = client.retrieve_study(STUDY)
        return study

    fetched = await web.ask(question)
    assert [ds.SOPInstanceUID for ds in fetched] == [ds.SOPInstanceUID for ds in slices]
    assert [ds.PixelData for ds in fetched] == [ds.PixelData for ds in slices]


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm", "image_dfl.dcm", "test-SR.dcm", "chrRuss.dcm"],
)
async def test_the_bytes_of_a_file_are_those_that_were_sent(web: DicomWeb, name: str) -> None:
    file = a_real_file(name)
    await stored(web, file)
    ds = pydicom.dcmread(io.BytesIO(file), stop_before_pixels=True)
    async with web.http.get(web.root + path_of(ds), headers={"Accept": "application/dicom"}) as answer:
        assert answer.headers["Content-Disposition"] == "attachment"
        body = await answer.read()
    assert body[:128] == bytes(128)
    assert body[128:] == file[128:]


async def test_a_preamble_of_others_is_kept_but_never_given_out(web: DicomWeb) -> None:
    file = a_file()
    await stored(web, b"MZ" + b"\x90" * 126 + file[128:])
    async with web.http.get(web.root + INSTANCE, headers={"Accept": "application/dicom"}) as answer:
        assert await answer.read() == file


async def test_searching_finds_by_name_without_marks_by_date_and_by_modality(web: DicomWeb) -> None:
    await stored(web, a_file(a_dataset(StudyDate="20261122", StudyTime="0815")))

    def question(client: DICOMwebClient) -> list[int]:
        return [
            len(client.search_for_studies(search_filters=filters, fuzzymatching=fuzzy))
            for filters, fuzzy in (
                ({"PatientName": "nguyen^van*"}, False),
                ({"PatientName": "thu nguyen"}, True),
                ({"PatientName": "thu nguyen"}, False),
                ({"StudyDate": "20261101-20261130", "StudyTime": "08"}, False),
                ({"StudyDate": "-20261121"}, False),
                ({"ModalitiesInStudy": "MR\\CT"}, False),
                ({"00080061": "MR"}, False),
                ({"PatientID": "BN00?1"}, False),
                ({"PatientID": "bn0001"}, False),
                ({"StudyInstanceUID": f"2.25.9,{STUDY}"}, False),
            )
        ]

    assert await web.ask(question) == [1, 1, 0, 1, 0, 1, 0, 1, 0, 1]


async def test_answers_name_what_the_standard_requires(web: DicomWeb) -> None:
    await stored(web, a_file(a_dataset(StudyID="S9", ReferringPhysicianName="LÊ^Bình", StudyDate="20261122")))
    (study,) = await web.json("/studies")
    assert study["00200010"] == {"vr": "SH", "Value": ["S9"]}
    assert study["00080090"] == {"vr": "PN", "Value": [{"Alphabetic": "LÊ^Bình"}]}
    assert study["00201208"] == {"vr": "IS", "Value": [1]}
    assert study["00081190"]["Value"] == [f"{web.root}/studies/{STUDY}"]
    assert list(study) == sorted(study)
    (series,) = await web.json(f"/studies/{STUDY}/series")
    assert series["0020000E"]["Value"] == [SERIES]
    (instance,) = await web.json(f"/studies/{STUDY}/series/{SERIES}/instances?includefield=BitsStored")
    assert instance["00280101"] == {"vr": "US", "Value": [16]}
    assert instance["00280010"] == {"vr": "US", "Value": [64]}


async def test_includefield_all_gives_what_belongs_to_the_level(web: DicomWeb) -> None:
    await stored(web, a_file(a_dataset(PatientComments="mô tả", SeriesDescription="đầu", WindowCenter="40")))
    (study,) = await web.json("/studies?includefield=all")
    (series,) = await web.json("/series?includefield=all")
    (instance,) = await web.json("/instances?includefield=all")
    assert [
        ("00104000" in found, "0008103E" in found, "00281050" in found) for found in (study, series, instance)
    ] == [
        (True, False, False),
        (True, True, False),
        (True, True, True),
    ]


async def test_results_come_in_pages_and_say_when_there_is_more(web: DicomWeb) -> None:
    await stored(web, *(a_file(a_slice(number)) for number in range(1, 8)))
    numbers, offset, more = [], 0, True
    while more:
        async with web.http.get(f"{web.root}/instances?limit=3&offset={offset}") as answer:
            page = await answer.json(content_type=None)
            more = "Warning" in answer.headers
        numbers += [instance["00200013"]["Value"][0] for instance in page]
        offset += 3
    assert numbers == [1, 2, 3, 4, 5, 6, 7]


async def test_a_malformed_search_is_refused_without_repeating_it(web: DicomWeb) -> None:
    async with web.http.get(f"{web.root}/studies?PatientName=Nguyen%00Van") as answer:
        assert answer.status == 400
        assert "Nguyen" not in await answer.text()


async def test_metadata_is_json_without_bulk_gzipped_and_named_by_its_content(web: DicomWeb) -> None:
    await stored(web, a_file(a_slice(1)), a_file(a_slice(2)))
    address = f"{web.root}/studies/{STUDY}/series/{SERIES}/metadata"
    async with web.http.get(address, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        etag = answer.headers["ETag"]
        first, second = await answer.json(content_type=None)
    assert first["00100010"]["Value"] == [{"Alphabetic": "NGUYỄN^Văn Thử"}]
    assert second["7FE00010"]["vr"] == "OW"
    assert second["7FE00010"]["BulkDataURI"] == f"{web.root}{INSTANCE[:-1]}2/bulkdata/7FE00010"
    async with web.http.get(address, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.json(content_type=None) == [first, second]
    assert (
        await web.status(f"/studies/{STUDY}/series/{SERIES}/metadata", headers={"If-None-Match": etag}) == 304
    )
    await stored(web, a_file(a_slice(3)))
    await asyncio.sleep(1.1)  # the study's row is believed for a second
    assert (
        await web.status(f"/studies/{STUDY}/series/{SERIES}/metadata", headers={"If-None-Match": etag}) == 200
    )


async def test_bulk_values_are_given_at_the_addresses_that_metadata_name(web: DicomWeb) -> None:
    ds = a_dataset()
    ds.add_new(0x00420011, "OB", b"%PDF" + bytes(5000))
    await stored(web, a_file(ds))

    def question(client: DICOMwebClient) -> list[bytes]:
        (metadata,) = client.retrieve_study_metadata(STUDY)
        links = (metadata[tag]["BulkDataURI"] for tag in ("00420011", "7FE00010"))
        return [bytes(client.retrieve_bulkdata(link)[0]) for link in links]

    assert await web.ask(question) == [ds[0x00420011].value, ds.PixelData]
    assert await web.status(INSTANCE + "/bulkdata/00420012") == 404


async def test_native_frames_come_straight_from_the_file(web: DicomWeb) -> None:
    frames = [bytes([n]) * 8192 for n in range(5)]
    await stored(web, a_file(a_dataset(NumberOfFrames=5, PixelData=b"".join(frames))))

    def question(client: DICOMwebClient) -> list[bytes]:
        return [bytes(frame) for frame in client.retrieve_instance_frames(STUDY, SERIES, SOP, [5, 1, 3])]

    assert await web.ask(question) == [frames[4], frames[0], frames[2]]
    async with web.http.get(
        f"{web.root}{INSTANCE}/frames/2", headers={"Accept": "application/octet-stream"}
    ) as answer:
        assert await answer.read() == frames[1]
        assert (
            answer.headers["Content-Type"] == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
        )


async def test_what_was_asked_before_does_not_answer_other_words(web: DicomWeb) -> None:
    await stored(web, a_file(a_dataset(PixelData=bytes(8192))))
    web.site.public_url = ""  # addresses come from the request
    address = f"{web.root}{INSTANCE}/frames/1"
    for _ in range(2):  # the second time it is remembered
        async with web.http.get(address) as answer:
            assert answer.content_type == "multipart/related"
            assert f"Content-Location: {address}\r\n".encode() in await answer.read()
        async with web.http.get(address, headers={"Accept": "application/octet-stream"}) as answer:
            assert answer.content_type == "application/octet-stream"
        async with web.http.get(address, headers={"Host": "images.example"}) as answer:
            assert b"Content-Location: http://images.example/dicom-web/" in await answer.read()
        assert await web.status(f"{INSTANCE}/frames/1?accept=image/jls") == 406


async def test_a_reader_slower_than_the_line_gets_every_byte(web: DicomWeb) -> None:
    pixels = random.Random(1).randbytes(24 << 20)
    await stored(web, a_file(a_dataset(Rows=1024, Columns=1024, NumberOfFrames=12, PixelData=pixels)))
    address = URL(f"{web.root}{INSTANCE}/frames/7")
    reader, writer = await asyncio.open_connection(address.host, address.port, limit=4096)
    try:
        for _ in range(2):  # the second on the same connection: nothing was left of the first
            accept = 'multipart/related; type="application/octet-stream"'
            writer.write(f"GET {address.path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            await asyncio.sleep(0.2)  # meanwhile the system's own buffers are full
            body = await reader.readexactly(length)
            assert body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0] == pixels[12 << 20 : 14 << 20]
    finally:
        writer.close()


async def test_a_client_of_http_1_0_gets_the_frame_and_the_end(web: DicomWeb) -> None:
    pixels = bytes(8192)
    await stored(web, a_file(a_dataset(PixelData=pixels)))
    address = URL(f"{web.root}{INSTANCE}/frames/1")
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(
        f"GET {address.path} HTTP/1.0\r\nHost: x\r\nAccept: application/octet-stream\r\n\r\n".encode()
    )
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert body == pixels


async def test_one_frame_has_ranges_and_a_strong_name(web: DicomWeb) -> None:
    pixels = bytes(range(256)) * 32
    await stored(web, a_file(a_dataset(PixelData=pixels)))
    address, plain = f"{web.root}{INSTANCE}/frames/1", {"Accept": "application/octet-stream"}
    async with web.http.get(address, headers=plain) as answer:
        etag = answer.headers["ETag"]
        assert "immutable" in answer.headers["Cache-Control"]
        assert "private" in answer.headers["Cache-Control"]
    assert etag.startswith('"')
    for asked, expected in (
        ("bytes=0-99", pixels[:100]),
        ("bytes=100-", pixels[100:]),
        ("bytes=-5", pixels[-5:]),
    ):
        async with web.http.get(address, headers={**plain, "Range": asked}) as answer:
            assert answer.status == 206
            assert await answer.read() == expected
    async with web.http.get(address, headers={**plain, "Range": "bytes=0-9", "If-Range": '"old"'}) as answer:
        assert (answer.status, await answer.read()) == (200, pixels)
    assert await web.status(f"{INSTANCE}/frames/1", headers={**plain, "Range": "bytes=9000-"}) == 416
    assert await web.status(f"{INSTANCE}/frames/1", headers={**plain, "If-None-Match": etag}) == 304


async def test_encapsulated_frames_keep_their_transfer_syntax(web: DicomWeb) -> None:
    file = a_real_file("examples_ybr_color.dcm")
    ds = pydicom.dcmread(io.BytesIO(file))
    frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=30))
    await stored(web, file)
    address = (
        f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}/frames/"
    )
    async with web.http.get(web.root + address + "30", headers={"Accept": "image/jpeg"}) as answer:
        assert answer.headers["Content-Type"] == f"image/jpeg; transfer-syntax={uid.JPEGBaseline8Bit}"
        assert await answer.read() == frames[29]
    ohif = {"Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
    async with web.http.get(web.root + address + "1,2", headers=ohif) as answer:
        body = await answer.read()
    assert frames[0] in body
    assert frames[1] in body
    for accept in ("image/jphc", "application/octet-stream", 'multipart/related; type="image/jp2"'):
        assert await web.status(address + "1", headers={"Accept": accept}) == 406, accept
    assert await web.status(address + "31") == 404
    assert await web.status(address + "0") == 404
    assert await web.status(address + "one") == 400


@pytest.mark.parametrize("has_table", [True, False])
async def test_a_frame_of_several_fragments_comes_in_one_piece(web: DicomWeb, has_table: bool) -> None:
    source = pydicom.dcmread(io.BytesIO(a_real_file("examples_ybr_color.dcm")))
    frames = list(pydicom.encaps.generate_frames(source.PixelData, number_of_frames=30))[:3]
    source.PixelData = encapsulate(frames, fragments_per_frame=4, has_bot=has_table)
    source.NumberOfFrames = 3
    out = io.BytesIO()
    source.save_as(out)
    await stored(web, out.getvalue())

    def question(client: DICOMwebClient) -> list[bytes]:
        found = client.retrieve_instance_frames(
            source.StudyInstanceUID, source.SeriesInstanceUID, source.SOPInstanceUID, [1, 2, 3]
        )
        return [bytes(frame) for frame in found]

    assert [frame.rstrip(b"\0") for frame in await web.ask(question)] == [f.rstrip(b"\0") for f in frames]


async def test_a_transfer_syntax_that_is_not_stored_is_refused(web: DicomWeb) -> None:
    await stored(web, a_file())
    for accept, status in (
        ('multipart/related; type="application/dicom"; transfer-syntax=*', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50', 406),
        ("text/html, */*;q=0.1", 200),
        ("application/pdf", 406),
    ):
        assert await web.status(INSTANCE, headers={"Accept": accept}) == status, accept
    assert await web.status(INSTANCE + "?accept=application/pdf") == 406
    assert await web.status("/studies", headers={"Accept": "application/dicom+xml"}) == 406


async def test_what_is_not_ours_looks_as_if_it_were_not(web: DicomWeb) -> None:
    await stored(web, a_file())
    paths = [
        f"/studies/{STUDY}",
        f"/studies/{STUDY}/metadata",
        f"/studies/{STUDY}/series",
        f"/studies/{STUDY}/instances",
        f"/studies/{STUDY}/series/{SERIES}",
        f"/studies/{STUDY}/series/{SERIES}/metadata",
        INSTANCE,
        INSTANCE + "/metadata",
        INSTANCE + "/frames/1",
        INSTANCE + "/bulkdata/7FE00010",
    ]
    assert {await web.status(path) for path in paths} == {200}
    web.site.readable = Scope(THEIRS, None, may_store=True)
    for path in paths:
        answers = []
        for asked in (path, path.replace(STUDY, "2.25.404")):
            async with web.http.get(web.root + asked) as answer:
                answers.append((answer.status, await answer.read(), sorted(answer.headers)))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    for search in (
        "/studies",
        "/series",
        "/instances",
        "/studies?PatientID=*",
        f"/series?StudyInstanceUID={STUDY}",
    ):
        assert await web.json(search) == []
    searched = sum(path.endswith(("/series", "/instances")) for path in paths)
    assert web.site.seen == [1] * (len(paths) - searched)


async def test_a_case_shows_the_studies_it_grants_and_no_other(web: DicomWeb) -> None:
    await stored(web, a_file(), a_file(a_dataset(StudyInstanceUID="2.25.2", PatientID="BN0002")))
    web.site.readable = Scope(THEIRS, frozenset({1}), may_store=False)
    assert [study["00100020"]["Value"] for study in await web.json("/studies")] == [["BN0001"]]
    assert await web.status("/studies/2.25.2") == 404
    assert (await web.store(a_file()))[0] == 403
    web.site.readable = Scope(OURS, frozenset(), may_store=False)
    assert await web.json("/studies") == []


async def test_addresses_in_answers_stay_below_the_root_that_was_asked(web: DicomWeb) -> None:
    await stored(web, a_file())
    root = web.root.replace("/dicom-web", "/consultations/abc123/dicom-web")
    async with web.http.get(f"{root}/instances") as answer:
        (instance,) = await answer.json(content_type=None)
    assert instance["00081190"]["Value"] == [root + INSTANCE]
    async with web.http.get(f"{root}{INSTANCE}/metadata") as answer:
        (metadata,) = await answer.json(content_type=None)
    async with web.http.get(metadata["7FE00010"]["BulkDataURI"]) as answer:
        assert answer.status == 200


async def test_the_same_study_of_two_hospitals_is_two_studies(web: DicomWeb) -> None:
    await stored(web, a_file(a_dataset(PatientName="CỦA^Ta")))
    web.site.readable = Scope(THEIRS, None, may_store=True)
    assert await web.status(f"/studies/{STUDY}") == 404
    await stored(web, a_file(a_dataset(PatientName="CỦA^Họ", PixelData=bytes([9]) * 8192)))
    for owner, name, pixel in ((OURS, "CỦA^Ta", 0), (THEIRS, "CỦA^Họ", 9)):
        web.site.readable = Scope(owner, None, may_store=True)
        (study,) = await web.json("/studies")
        assert study["00100010"]["Value"] == [{"Alphabetic": name}]
        assert study["00201208"]["Value"] == [1]
        async with web.http.get(f"{web.root}{INSTANCE}/frames/1") as answer:
            assert bytes([pixel]) * 8192 in await answer.read()


# Foreign rows beside ours: the same PatientID, the same Study Instance UID, and more of them.
OUR_ROWS = {
    "/studies": 1,
    "/series": 2,
    "/instances": 5,
    f"/studies/{STUDY}/series": 2,
    f"/studies/{STUDY}/instances": 5,
}
THEIR_ROWS = {**OUR_ROWS, "/studies": 4, "/series": 6, "/instances": 12}
THEIR_ROWS |= {f"/studies/{STUDY}/series": 3, f"/studies/{STUDY}/instances": 9}


@pytest_asyncio.fixture
async def both(web: DicomWeb) -> DicomWeb:
    """Ours: one study of two series. Theirs: the same study with three series, and three more of the patient."""

    def a_series(number: int, instances: int, study: str = STUDY) -> list[bytes]:
        uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.{number}", "SeriesNumber": number}
        numbers = range(1, instances + 1)
        return [
            a_file(a_dataset(**uids, SOPInstanceUID=f"{study}.{number}.{n}", InstanceNumber=n))
            for n in numbers
        ]

    theirs = [a_series(1, 4), a_series(2, 3), a_series(3, 2)]
    theirs += [a_series(1, 1, f"2.25.77{n}") for n in range(3)]
    for owner, files in (
        (OURS, [*a_series(1, 3), *a_series(2, 2)]),
        (THEIRS, [one for s in theirs for one in s]),
    ):
        web.site.readable = Scope(owner, None, may_store=True)
        await stored(web, *files)
    return web


async def its_study(web: DicomWeb, owner: int) -> int:
    found = select(index.studies.c.id).where(
        index.studies.c.owner_id == owner, index.studies.c.study_uid == STUDY
    )
    return int((await web.site.rows(found))[0].id)


@pytest.mark.parametrize("path", OUR_ROWS)
@pytest.mark.parametrize("who", ["ours", "theirs", "granted"])
async def test_pages_and_their_warning_count_no_foreign_row(both: DicomWeb, path: str, who: str) -> None:
    owner, own = (THEIRS, THEIR_ROWS[path]) if who == "theirs" else (OURS, OUR_ROWS[path])
    granted = frozenset({await its_study(both, OURS)}) if who == "granted" else None
    both.site.readable = Scope(THEIRS if granted else owner, granted, may_store=False)
    pages: dict[tuple[int, int], tuple[int, bool]] = {}
    for limit, offset in ((own, 0), (own - 1, 0), (own, 1), (1, own - 1), (own, own), (200, own)):
        address = f"{both.root}{path}?PatientID=BN0001&limit={limit}&offset={offset}"
        async with both.http.get(address) as answer:
            rows = await answer.json(content_type=None)
            pages[limit, offset] = len(rows), "Warning" in answer.headers
    assert pages == {
        (own, 0): (own, False),
        (own - 1, 0): (own - 1, True),
        (own, 1): (own - 1, False),
        (1, own - 1): (1, False),
        (own, own): (0, False),
        (200, own): (0, False),
    }


async def test_counts_of_a_study_and_a_patient_count_no_foreign_row(both: DicomWeb) -> None:
    for scope, series, instances in (
        (Scope(OURS, None, may_store=False), 2, 5),
        (Scope(THEIRS, None, may_store=False), 3, 9),
        (Scope(THEIRS, frozenset({await its_study(both, OURS)}), may_store=False), 2, 5),
    ):
        both.site.readable = scope
        for query in (f"StudyInstanceUID={STUDY}", f"StudyInstanceUID={STUDY}&includefield=all"):
            (study,) = await both.json(f"/studies?PatientID=BN0001&{query}")
            assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([series], [instances])
            # Of the patient QIDO gives no counts (they are of C-FIND at its level, see test_query.py).
            assert not {"00201200", "00201202", "00201204"} & study.keys()
        listed = await both.json(f"/studies/{STUDY}/series")
        assert sum(one["00201209"]["Value"][0] for one in listed) == instances
        assert {tuple(one["00201208"]["Value"]) for one in listed} == {(instances,)}


async def test_storing_again_is_no_failure_but_other_bytes_are(web: DicomWeb) -> None:
    await stored(web, a_file())
    assert (await web.store(a_file()))[0] == 200
    status, report = await web.store(a_file(a_dataset(PatientID="other")))
    assert status == 409
    (failed,) = report["00081198"]["Value"]
    assert failed["00081155"]["Value"] == [SOP]
    assert failed["00081197"]["Value"] == [0x0111]


async def test_each_instance_is_told_its_own_fate(web: DicomWeb) -> None:
    cut = a_file(a_slice(3))[:-100]
    status, report = await web.store(a_file(a_slice(1)), b"hello", cut, a_file(a_slice(4)), b"")
    assert status == 202
    assert [item["00081155"]["Value"] for item in report["00081199"]["Value"]] == [
        [f"{SERIES}.1"],
        [f"{SERIES}.4"],
    ]
    assert [item["00081197"]["Value"] for item in report["0008119A"]["Value"]] == [[0xC000]] * 3
    assert report["00081190"]["Value"] == [f"{web.root}/studies/{STUDY}"]
    status, report = await web.store(a_file(), path="/studies/2.25.77")
    assert (status, report["00081198"]["Value"][0]["00081197"]["Value"]) == (409, [0xA900])
    assert [row[3:5] for row in web.site.quarantined] == [
        ("not-dicom", 5),
        ("truncated", len(cut)),
        ("empty", 0),
        ("wrong-study", len(a_file())),
    ]
    assert {row[1:3] for row in web.site.quarantined} == {("stow", "huyen")}


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/dicom", b"x", 415),
        ("multipart/form-data; boundary=b", b"x", 415),
        ('multipart/related; type="application/dicom+xml"; boundary=b', b"x", 415),
        ('multipart/related; type="application/dicom"', b"x", 400),
        ('multipart/related; type="application/dicom"; boundary=b', b"--b\r\n", 400),
        ('multipart/related; type="application/dicom"; boundary=b', b"--b--\r\n", 400),
        ('multipart/related; type="application/dicom"; boundary=b', b"nothing at all", 400),
        ('multipart/related; type="application/dicom"; boundary=b', b"--b\r\n" + b"A: b\r\n" * 9999, 400),
        ('multipart/related; type="application/dicom"; boundary=b', b"--b\r\n\r\n" + bytes(999), 400),
    ],
)
async def test_a_malformed_body_is_refused(
    web: DicomWeb, content_type: str, body: bytes, status: int
) -> None:
    async with web.http.post(
        f"{web.root}/studies", data=body, headers={"Content-Type": content_type}
    ) as answer:
        assert answer.status == status
    assert await web.json("/studies") == []
    assert list((web.site.store.root / "incoming").iterdir()) == []


async def test_a_body_that_is_encoded_once_more_is_refused(web: DicomWeb) -> None:
    body, content_type = a_multipart([a_file()])
    headers = {"Content-Type": content_type, "Content-Encoding": "gzip"}
    async with web.http.post(f"{web.root}/studies", data=gzip.compress(body), headers=headers) as answer:
        assert answer.status == 415


async def test_three_gigabytes_are_refused_before_they_are_read(web: DicomWeb) -> None:
    _, content_type = a_multipart([])
    host, port = web.root.removeprefix("http://").split("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n"
        f"Expect: 100-continue\r\nContent-Length: {3 << 30}\r\n\r\n".encode()
    )
    assert (await reader.readline()).split()[1] == b"413"
    writer.close()
    await writer.wait_closed()


async def test_bombs_are_refused_while_others_are_served(web: DicomWeb) -> None:
    await stored(web, a_file())
    bombs = asyncio.create_task(web.store(a_deflate_bomb(), a_jpeg2000_bomb()))
    waits = []
    while not bombs.done():
        started = time.perf_counter()
        assert await web.status(f"{INSTANCE}/frames/1") == 200
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(0.01)
    status, report = await bombs
    assert status == 409
    assert [item["00081197"]["Value"] for item in report["0008119A"]["Value"]] == [[0xA700], [0xA900]]
    assert max(waits) < 1


async def test_a_removed_study_is_gone_within_a_second_or_so(web: DicomWeb) -> None:
    await stored(web, a_file())
    assert await web.status(f"{INSTANCE}/frames/1") == 200
    await web.remove(STUDY)
    await asyncio.sleep(1.1)
    assert await web.status(f"{INSTANCE}/frames/1") == 404
    assert await web.json("/studies") == []
