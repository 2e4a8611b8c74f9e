"""STOW-RS with metadata and bulk data: what is described comes back as if it had been sent as a file."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from dicom import described
from dicom.instance import BadInstance
from dicom.parsing import summarise
from dicom.sandbox import Sandbox
from dicom.web import described as web_described
from tests.dicom.builders import a_dataset, a_file, a_real_file
from tests.dicom.dicomweb_site import DicomWeb, a_dicomweb
from tests.dicom.gateway_site import resident_bytes

OCTETS = "application/octet-stream"
NEW = "2.25.4711"
JPEG = "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"

Part = tuple[str, str, bytes]  # media type, location, content
Json = dict[str, Any]


@pytest_asyncio.fixture
async def web(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[DicomWeb]:
    async with a_dicomweb(tmp_path, sandbox) as web:
        yield web


def a_body(metadata: bytes, bulk: Sequence[Part] = ()) -> bytes:
    parts = [("application/dicom+json", "", metadata), *bulk]
    return (
        b"".join(
            f"--edge\r\nContent-Type: {media}\r\nContent-Location: {location}\r\n\r\n".encode()
            + content
            + b"\r\n"
            for media, location, content in parts
        )
        + b"--edge--\r\n"
    )


async def store(web: DicomWeb, models: Any, *bulk: Part, path: str = "/studies") -> tuple[int, Any]:
    """Send metadata, text or what is to become it, with bulk parts; the status and the report."""
    metadata = models if isinstance(models, bytes) else json.dumps(models).encode()
    headers = {"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=edge'}
    data = io.BytesIO(a_body(metadata, bulk))
    async with web.http.post(web.root + path, data=data, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


def a_model(changes: Json | None = None, number: int = 1) -> Json:
    """A small CT image whose pixels are at `pixels/<number>`. An element given as None is left out."""
    ds = a_dataset(SOPInstanceUID=f"2.25.1.1.{number}", PixelData=None)
    pixels = {"7FE00010": {"vr": "OW", "BulkDataURI": f"pixels/{number}"}}
    model = {**ds.to_json_dict(), **pixels, **(changes or {})}
    return {tag: element for tag, element in model.items() if element is not None}


def pixels(number: int = 1, content: bytes = bytes(64 * 64 * 2), media: str = OCTETS) -> Part:
    return media, f"pixels/{number}", content


async def fetched(web: DicomWeb, sop_uid: str) -> Dataset:
    await asyncio.sleep(1.1)  # the study's row is believed for a second
    found = await web.json(f"/instances?SOPInstanceUID={sop_uid}")
    address = found[0]["00081190"]["Value"][0]
    async with web.http.get(address, headers={"Accept": "application/dicom"}) as answer:
        assert answer.status == 200
        return pydicom.dcmread(io.BytesIO(await answer.read()))


def reasons(report: Json) -> list[int]:
    return [
        item["00081197"]["Value"][0]
        for tag in ("00081198", "0008119A")
        for item in report.get(tag, {}).get("Value", [])
    ]


def spooled(web: DicomWeb) -> list[Path]:
    return list((web.site.store.root / "incoming").iterdir())


def links(model: Any) -> list[str]:
    match model:
        case dict():
            own = [model["BulkDataURI"]] if "BulkDataURI" in model else []
            return own + [link for value in model.values() for link in links(value)]
        case list():
            return [link for value in model for link in links(value)]
        case _:
            return []


async def a_rich_file() -> bytes:
    """A real CT with what gets lost easily: other scripts, private elements, nested sequences and bulk."""
    ds = pydicom.dcmread(io.BytesIO(a_real_file("CT_small.dcm")))
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = "NGUYỄN^Văn Thử=阮文試=グエン"
    ds.InstitutionName = "Bệnh viện Đa khoa Hội Chẩn"
    ds.PatientComments = "dòng một\r\ndòng hai \\ gạch"
    ds.FrameIncrementPointer = [0x00181063, 0x00181065]
    ds.ImageOrientationPatient = ["1", "-0.333333333333", "1e-05", "0", "1", "0"]
    block = ds.private_block(0x0029, "HOICHAN TEST", create=True)
    block.add_new(0x01, "LO", ["một", "hai"])
    block.add_new(0x02, "OB", bytes(range(256)) * 9)
    block.add_new(0x03, "FD", [0.1, -1e300])
    inner, item = Dataset(), Dataset()
    inner.add_new(0x00420011, "OB", b"%PDF" + bytes(3001))
    inner.CodeMeaning = "ý nghĩa"
    item.ConceptCodeSequence = [inner, Dataset()]
    item.ReferencedSOPInstanceUID = "2.25.9"
    ds.ReferencedImageSequence = [item]
    ds.RequestAttributesSequence = []
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


async def test_what_was_fetched_in_parts_is_stored_again_in_parts_and_is_the_same(web: DicomWeb) -> None:
    file = await a_rich_file()
    assert (await web.store(file))[0] == 200
    original = pydicom.dcmread(io.BytesIO(file))
    (model,) = await web.json(f"/studies/{original.StudyInstanceUID}/metadata")
    bulk = []
    for link in links(model):
        async with web.http.get(link, headers={"Accept": OCTETS}) as answer:
            assert answer.status == 200
            bulk.append((OCTETS, link, await answer.read()))
    assert len(bulk) == 4  # pixels, private values of theirs and ours, a document in an item of an item
    model["00080018"]["Value"] = [NEW]
    status, report = await store(web, [model], *bulk)
    assert (status, report["00081199"]["Value"][0]["00081155"]["Value"]) == (200, [NEW])
    again = await fetched(web, NEW)
    assert again.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian
    assert again.file_meta.MediaStorageSOPInstanceUID == NEW
    original.SOPInstanceUID = NEW
    for ds in (original, again):  # padding and decimal text are the writer's own
        ds.walk(lambda ds, element: _settle(element))
    del original[0xFFFCFFFC]  # padding behind the pixels, which metadata leave out
    assert again == original
    assert [again[tag].VR for tag in again.keys()] == [original[tag].VR for tag in original.keys()]  # noqa: SIM118
    assert spooled(web) == []


def _settle(element: Any) -> None:
    if element.VR == "DS" and element.value not in (None, ""):
        element.value = [float(value) for value in element.value] if element.VM > 1 else float(element.value)
    if element.VR == "OB" and len(element.value) % 2:
        element.value += b"\0"


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("a", "a"),
        ("http://elsewhere.test/b?c=1", "http://elsewhere.test/b?c=1"),
        ("urn:uuid:f81d4fae", "urn:uuid:f81d4fae"),
        ("./x/../a", "a"),
        ("ROOT/a", "a"),
        ("a", "ROOT/a"),
    ],
)
async def test_addresses_are_compared_as_addresses(web: DicomWeb, location: str, address: str) -> None:
    location, address = (text.replace("ROOT", web.root) for text in (location, address))
    model = a_model({"7FE00010": {"vr": "OW", "BulkDataURI": address}})
    status, report = await store(web, model, (OCTETS, location, bytes(8192)))
    assert status == 200, report


async def test_values_within_the_metadata_are_taken(web: DicomWeb) -> None:
    content = bytes(range(256)) * 32
    inline = {"vr": "OW", "InlineBinary": base64.b64encode(content).decode()}
    status, report = await store(web, [a_model({"7FE00010": inline})])
    assert status == 200, report
    assert (await fetched(web, "2.25.1.1.1")).PixelData == content


@pytest.mark.parametrize(
    ("vr", "value", "written"),
    [
        ("DS", "1.50", "1.50"),
        ("DS", 1.5, "1.5"),
        ("DS", 0.12345678901234567, "0.12345678901235"),
        ("DS", "-1.234567890123456789e-5", "-1.234567890e-05"),
        ("IS", "+007", "+007"),
        ("IS", 3.0, "3"),
        ("UV", "18446744073709551615", 2**64 - 1),
        ("AT", "00280010", 0x00280010),
    ],
)
async def test_numbers_are_written_as_they_came_or_as_near_as_can_be(
    web: DicomWeb, vr: str, value: Any, written: Any
) -> None:
    status, report = await store(web, a_model(element(vr, Value=[value])), pixels())
    assert status == 200, report
    found = (await fetched(web, "2.25.1.1.1"))[0x00091010].value
    assert (str(found) if isinstance(written, str) else found) == written


async def test_a_part_of_odd_length_is_padded(web: DicomWeb) -> None:
    size = {"00280010": {"vr": "US", "Value": [3]}, "00280011": {"vr": "US", "Value": [3]}}
    bits = {"00280100": {"vr": "US", "Value": [8]}}
    status, report = await store(web, [a_model(size | bits)], pixels(content=b"123456789"))
    assert status == 200, report
    assert (await fetched(web, "2.25.1.1.1")).PixelData == b"123456789\0"


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg; transfer-syntax={}"),
        ("JPEG2000.dcm", "image/jp2; transfer-syntax={}"),
        ("JPEG-LL.dcm", "image/jpeg"),
        ("MR_small_RLE.dcm", "image/dicom-rle"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
    ],
)
async def test_one_compressed_frame_keeps_its_transfer_syntax(web: DicomWeb, name: str, media: str) -> None:
    file = a_real_file(name)
    original = pydicom.dcmread(io.BytesIO(file))
    assert (await web.store(file))[0] == 200
    (model,) = await web.json(f"/studies/{original.StudyInstanceUID}/metadata")
    model["00080018"]["Value"] = [NEW]
    (frame,) = generate_frames(original.PixelData, number_of_frames=1)
    syntax = original.file_meta.TransferSyntaxUID
    part = (media.format(syntax), model["7FE00010"]["BulkDataURI"], frame)
    status, report = await store(web, [model], part)
    assert status == 200, report
    again = await fetched(web, NEW)
    assert again.file_meta.TransferSyntaxUID == syntax
    assert list(generate_frames(again.PixelData, number_of_frames=1)) == [frame]
    assert (again.pixel_array == original.pixel_array).all()


async def test_each_described_instance_is_told_its_own_fate(web: DicomWeb) -> None:
    models = [
        a_model(number=1),
        a_model({"00280010": {"vr": "US", "Value": ["64"]}}, 2),
        a_model(number=3),  # no part
        a_model(number=4),  # two parts
        a_model(number=5),
        a_model({"0020000D": {"vr": "UI", "Value": ["../../etc"]}}, 6),
        a_model(number=7),  # too few pixels
    ]
    bulk = [pixels(n) for n in (1, 2, 4, 4, 5, 6, 99)]
    status, report = await store(web, models, *bulk, pixels(7, b"12"))
    assert status == 202
    kept = [item["00081155"]["Value"][0] for item in report["00081199"]["Value"]]
    assert kept == ["2.25.1.1.1", "2.25.1.1.5"]
    told = {
        item["00081155"]["Value"][0]: item["00081197"]["Value"][0] for item in report["00081198"]["Value"]
    }
    assert told == {
        "2.25.1.1.2": 0xC000,
        "2.25.1.1.3": 0xC000,
        "2.25.1.1.4": 0xC000,
        "2.25.1.1.6": 0xA900,
        "2.25.1.1.7": 0xC000,
    }
    (unnamed,) = report["0008119A"]["Value"]  # the part that no instance names
    assert unnamed == {"00081197": {"vr": "US", "Value": [0xC000]}}
    codes = sorted(row[3] for row in web.site.quarantined)
    assert codes == ["bad-identifiers", "malformed", "truncated", "wrong-bulk", "wrong-bulk", "wrong-bulk"]
    assert {row[1:3] for row in web.site.quarantined} == {("stow", "huyen")}
    assert all(size and digest for _, _, _, _, size, digest in web.site.quarantined)
    assert spooled(web) == []


async def test_a_described_instance_of_another_study_is_refused(web: DicomWeb) -> None:
    status, report = await store(web, [a_model()], pixels(), path="/studies/2.25.77")
    assert (status, reasons(report)) == (409, [0xA900])


async def test_describing_again_is_no_failure_but_other_pixels_are(web: DicomWeb) -> None:
    assert (await store(web, [a_model()], pixels()))[0] == 200
    assert (await store(web, [a_model()], pixels()))[0] == 200
    status, report = await store(web, [a_model()], pixels(content=b"\1" * 8192))
    assert (status, reasons(report)) == (409, [0x0111])


TWO_FRAMES = {"00280008": {"vr": "IS", "Value": [2]}}


@pytest.mark.parametrize(
    ("media", "changes"),
    [
        (JPEG, TWO_FRAMES),
        ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.90", {}),
        ("image/jpeg", {}),  # is baseline, and says lossless
        ("image/png", {}),
        ("video/mp4", {}),
        (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.2", {}),
    ],
)
async def test_pixels_in_what_is_not_taken_are_refused(web: DicomWeb, media: str, changes: Json) -> None:
    original = pydicom.dcmread(io.BytesIO(a_real_file("SC_rgb_jpeg_dcmtk.dcm")))
    (frame,) = generate_frames(original.PixelData, number_of_frames=1)
    status, report = await store(web, [a_model(changes)], pixels(content=frame, media=media))
    assert (status, reasons(report)) == (409, [0xC122])
    assert [row[3] for row in web.site.quarantined] == ["unsupported-bulk"]


@pytest.mark.parametrize("body", [b"", b"[]", b"[", b"nothing", b"\xff\xfe[]", b"[1, null, []]", b'{"a":'])
async def test_metadata_that_are_none_are_refused(web: DicomWeb, body: bytes) -> None:
    status, report = await store(web, body)
    assert status == (400 if body == b"[]" else 409)
    assert set(reasons(report)) <= {0xC000}
    assert await web.json("/studies") == []


async def test_parts_without_metadata_are_refused(web: DicomWeb) -> None:
    headers = {"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=edge'}
    data = b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + a_file() + b"\r\n--edge--\r\n"
    async with web.http.post(f"{web.root}/studies", data=data, headers=headers) as answer:
        assert (answer.status, reasons(await answer.json(content_type=None))) == (409, [0xC000])


async def test_metadata_in_xml_are_refused_in_words(web: DicomWeb) -> None:
    headers = {"Content-Type": 'multipart/related; type="application/dicom+xml"; boundary=edge'}
    async with web.http.post(f"{web.root}/studies", data=b"x", headers=headers) as answer:
        assert answer.status == 415
        assert "XML" in (await answer.json(content_type=None))["detail"]


async def test_too_much_metadata_are_refused_as_they_come(web: DicomWeb) -> None:
    status, report = await store(web, b"[" + b" " * web_described.MAX_METADATA_BYTES + b"]")
    assert (status, report["code"]) == (413, "too-large")
    assert spooled(web) == []


async def test_too_many_described_instances_are_refused(
    web: DicomWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom.web.stow.MAX_INSTANCES", 3)
    monkeypatch.setattr("dicom.web.stow.MAX_PARTS", 3)
    assert (await store(web, [a_model(number=n) for n in range(4)]))[0] == 413
    assert (await store(web, [a_model(number=n) for n in range(3)], *map(pixels, range(3))))[0] == 413
    assert await web.json("/studies") == []


async def test_one_part_named_by_many_is_not_multiplied_without_end(
    web: DicomWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom.web.stow.MAX_REQUEST_BYTES", 30_000)
    shared = {"7FE00010": {"vr": "OW", "BulkDataURI": "pixels/1"}}
    status, report = await store(web, [a_model(shared, n) for n in range(1, 6)], pixels())
    assert (status, reasons(report)) == (202, [0xA700, 0xA700])


async def test_a_full_disk_is_told(web: DicomWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dicom.store.os.write", full)
    status, report = await store(web, [a_model()], pixels())
    assert (status, reasons(report)) == (409, [0xA700])
    assert [row[3] for row in web.site.quarantined] == ["unavailable"]
    assert spooled(web) == []


async def test_a_line_that_is_cut_leaves_nothing(web: DicomWeb) -> None:
    host, port = web.root.removeprefix("http://").split("/")[0].split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = a_body(json.dumps([a_model()]).encode(), [pixels(content=bytes(1 << 20))])
    writer.write(
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        'Content-Type: multipart/related; type="application/dicom+json"; boundary=edge\r\n\r\n'.encode()
        + body[: 1 << 19]
    )
    await writer.drain()
    async with asyncio.timeout(10):
        while not spooled(web):
            await asyncio.sleep(0.01)
        writer.close()
        while spooled(web):
            await asyncio.sleep(0.01)
    assert await web.json("/studies") == []


def element(vr: Any, **value: Any) -> Json:
    return {"00091010": {"vr": vr, **value}}


def a_nest(depth: int) -> bytes:
    model = json.dumps(a_model())[:-1]
    opened, closed = '{"00400275":{"vr":"SQ","Value":[', "]}}"
    return f"{model},{opened[1:]}{opened * (depth - 1)}{{}}{closed * depth}".encode()


def a_long(head: str, again: str, times: int, tail: str) -> bytes:
    return f"{json.dumps(a_model())[:-1]},{head}{again * times}{tail}}}".encode()


HOSTILE: list[tuple[str, Any, int]] = [
    ("a nest", a_nest(100_000), 0xC000),
    ("a nest that JSON reads", a_nest(100), 0xC000),
    ("not a number", json.dumps(a_model(element("FD", Value=[float("nan")]))).encode(), 0xC000),
    ("infinite", json.dumps(a_model()).replace("64", "1e999", 1).encode(), 0xC000),
    ("more digits than Python reads", json.dumps(a_model()).replace("64", "9" * 5000, 1).encode(), 0xC000),
    ("beyond a double", a_model(element("FD", Value=[10**400])), 0xC000),
    ("beyond a float", a_model(element("FL", Value=[1e300])), 0xC000),
    ("beyond a short", a_model(element("US", Value=[65536])), 0xC000),
    ("a fraction", a_model(element("UL", Value=[1.5])), 0xC000),
    ("truth for a number", a_model(element("US", Value=[True])), 0xC000),
    ("a decimal that is none", a_model(element("DS", Value=["1_0"])), 0xC000),
    ("text for a number", a_model(element("SS", Value=["1"])), 0xC000),
    ("a number for text", a_model(element("LO", Value=[1])), 0xC000),
    ("half a letter", a_model(element("LO", Value=["\ud800"])), 0xC000),
    ("a name as text", a_model({"00100010": {"vr": "PN", "Value": ["A^B"]}}), 0xC000),
    ("a name of numbers", a_model({"00100010": {"vr": "PN", "Value": [{"Alphabetic": 1}]}}), 0xC000),
    ("an unknown group", a_model({"00100010": {"vr": "PN", "Value": [{"Latin": "A"}]}}), 0xC000),
    ("no such vr", a_model(element("XX", Value=[1])), 0xC000),
    ("a vr of bytes too many", a_model(element("LOO", Value=["a"])), 0xC000),
    ("a list for a vr", a_model(element(["LO"], Value=["a"])), 0xC000),
    ("no vr", a_model({"00091010": {"Value": ["a"]}}), 0xC000),
    ("a value of binary", a_model(element("OB", Value=["a"])), 0xC000),
    ("binary of text", a_model(element("LO", InlineBinary="AAAA")), 0xC000),
    ("no base64", a_model(element("OB", InlineBinary="%%%")), 0xC000),
    ("two values", a_model(element("OB", InlineBinary="AAAA", BulkDataURI="a")), 0xC000),
    ("a number for an address", a_model(element("OB", BulkDataURI=7)), 0xC000),
    ("an address that is none", a_model(element("OB", BulkDataURI="http://[")), 0xC000),
    ("a file of ours", a_model(element("OB", BulkDataURI="file:///etc/passwd")), 0xC000),
    ("an item that is none", a_model(element("SQ", Value=[1])), 0xC000),
    ("a sequence that is none", a_model(element("SQ", Value={})), 0xC000),
    ("an element that is none", a_model({"00091010": None}) | {"00091010": 5}, 0xC000),
    ("a tag that is none", a_model({"0009101": {"vr": "LO"}}), 0xC000),
    ("a keyword", a_model({"PatientName": {"vr": "LO"}}), 0xC000),
    ("a tag of the wire", a_model({"FFFEE00D": {"vr": "LO"}}), 0xC000),
    ("a command", a_model({"00000100": {"vr": "US", "Value": [1]}}), 0xC000),
    ("no identifier", a_model({"00080018": None}), 0xA900),
    ("a path", a_model({"00080018": {"vr": "UI", "Value": ["../../1"]}}), 0xA900),
    ("a number for an identifier", a_model({"0020000E": {"vr": "UI", "Value": [1]}}), 0xC000),
    ("no pixels", a_model({"7FE00010": None}), 0xC000),
    (
        "a gibibyte",
        a_model({"00280010": {"vr": "US", "Value": [32768]}, "00280011": {"vr": "US", "Value": [32768]}}),
        0xA700,
    ),
    ("no rows", a_model({"00280010": {"vr": "US", "Value": [0]}}), 0xA900),
    ("pixels that are a sequence", a_model({"7FE00010": {"vr": "SQ", "Value": [{}]}}), 0xC000),
    ("more instances than a request has", b"[" + b"{}," * 4_000_000 + b"{}]", 413),
    ("values that grow", a_long('"00091010":{"vr":"FD","Value":[', "0,", 8_380_000, "0]}"), 0xA700),
    ("items that grow", a_long('"00400275":{"vr":"SQ","Value":[', "{},", 4_300_000, "{}]}"), 0xA700),
]


@pytest.mark.parametrize(("model", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
async def test_what_was_made_to_hurt_is_refused_while_others_are_served(
    web: DicomWeb, model: Any, reason: int
) -> None:
    assert (await web.store(a_file(a_dataset(StudyInstanceUID="2.25.888"))))[0] == 200
    before_bytes, started = resident_bytes(), time.perf_counter()
    asking = asyncio.create_task(store(web, model, pixels()))
    while not asking.done():
        assert await web.status("/studies/2.25.888/metadata") == 200
        await asyncio.sleep(0.05)
    status, report = await asking
    if reason == 413:
        assert status == 413
    else:
        assert status == 409
        assert reason in reasons(report)
    assert time.perf_counter() - started < 20
    assert resident_bytes() - before_bytes < 256 << 20
    assert len(await web.json("/instances")) == 1
    assert spooled(web) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["vr", "Value", "InlineBinary", "BulkDataURI", "Alphabetic", "00100010"]), inner
        )
    ),
    max_leaves=12,
)
VRS = st.sampled_from(
    [
        *(
            "AE",
            "AS",
            "AT",
            "CS",
            "DA",
            "DS",
            "DT",
            "FD",
            "FL",
            "IS",
            "LO",
            "LT",
            "OB",
            "OD",
            "OF",
            "OL",
            "OV",
        ),
        *(
            "OW",
            "PN",
            "SH",
            "SL",
            "SQ",
            "SS",
            "ST",
            "SV",
            "TM",
            "UC",
            "UI",
            "UL",
            "UN",
            "UR",
            "US",
            "UT",
            "UV",
        ),
    ]
)
TAGS = st.sampled_from([*a_model(), "00091010", "00400275", "00280008", "7FE00008"])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tag=TAGS,
    vr=VRS,
    name=st.sampled_from(["Value", "InlineBinary", "BulkDataURI"]),
    value=JSON | st.lists(JSON),
)
def test_any_element_is_made_or_refused(tmp_path: Path, tag: str, vr: str, name: str, value: Any) -> None:
    """What is made can be read: the file's own check finds its end where it is."""
    path = tmp_path / "request"
    text = json.dumps(a_model() | {tag: {"vr": vr, name: value}}).encode()
    path.write_bytes(text + bytes(8192))
    part = {"location": "pixels/1", "place": (len(text), 8192), "syntax": ""}
    found = described.data_sets(path, [(0, len(text))], [part], "http://a.test/studies", 10)
    (instance,) = found["instances"]
    if "refused" in instance:
        assert instance["refused"] in ("malformed", "bad-identifiers", "wrong-bulk")
        return
    made = tmp_path / "made"
    made.write_bytes(
        b"".join(bytes(8192) if isinstance(piece, int) else piece for piece in instance["pieces"])
    )
    assert code_of(made) in ("", "bad-identifiers", "wrong-pixels", "too-many-pixels", "truncated")


def code_of(path: Path) -> str:
    try:
        summarise(path)
    except BadInstance as refused:
        return refused.code
    return ""
