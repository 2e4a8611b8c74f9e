"""The DIMSE gateway against dcmtk, against pynetdicom, and against those who mean harm."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import uid

from dicom.gateway import Gateway, Limits
from dicom.gateway.part10 import file_meta
from tests.dicom import builders
from tests.dicom.builders import a_dataset, a_file, a_real_file
from tests.dicom.gateway_site import (
    IMPLICIT_LITTLE,
    OWNERS,
    VERIFICATION,
    Hospital,
    Requestor,
    a_request,
    dcmtk,
    in_folder,
    is_well,
    resident_bytes,
)

# What a modality does


async def test_echoscu_is_answered(gateway: Gateway) -> None:
    assert await dcmtk("echoscu", gateway) == (0, "")


async def test_storescu_stores_and_the_bytes_are_its_bytes(
    gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    content = a_file(a_dataset(PixelData=bytes(range(256)) * 32))
    code, said = await dcmtk("storescu", gateway, in_folder(tmp_path / "ct", one=content) / "one")
    assert (code, said) == (0, "")
    [row] = await hospital.rows()
    stored = hospital.store.path(row.blob).read_bytes()
    meta = file_meta(row.sop_class_uid, row.sop_uid, row.transfer_syntax_uid)
    start = content.index(struct.pack("<HH", 0x0008, 0x0005))
    assert stored == meta + content[start:]


@pytest.mark.parametrize(
    ("option", "name", "syntax"),
    [
        ("-xi", "MR_small_implicit.dcm", "1.2.840.10008.1.2"),
        ("-xb", "MR_small_bigendian.dcm", "1.2.840.10008.1.2.2"),
        ("-xy", "SC_rgb_jpeg_dcmtk.dcm", "1.2.840.10008.1.2.4.50"),
        ("-xs", "JPEG-LL.dcm", "1.2.840.10008.1.2.4.70"),
        ("-xt", "MR_small_jpeg_ls_lossless.dcm", "1.2.840.10008.1.2.4.80"),
        ("-xv", "MR_small_jp2klossless.dcm", "1.2.840.10008.1.2.4.90"),
        ("-xw", "JPEG2000.dcm", "1.2.840.10008.1.2.4.91"),
        ("-xr", "MR_small_RLE.dcm", "1.2.840.10008.1.2.5"),
        ("-xd", "image_dfl.dcm", "1.2.840.10008.1.2.1.99"),
    ],
)
async def test_compressed_images_are_kept_as_they_come(
    option: str, name: str, syntax: str, gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    folder = in_folder(tmp_path / "images", one=a_real_file(name))
    code, said = await dcmtk("storescu", gateway, option, folder / "one")
    assert code == 0, said
    [row] = await hospital.rows()
    assert row.transfer_syntax_uid == syntax
    assert (await hospital.sandbox.summarise(hospital.store.path(row.blob))).sop_uid == row.sop_uid


async def test_a_series_sent_twice_from_four_sides_is_there_once(
    gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    slices = {
        f"s{n:03}": a_file(a_dataset(SOPInstanceUID=f"2.25.5.{n}", InstanceNumber=n)) for n in range(40)
    }
    folder = in_folder(tmp_path / "series", **slices)
    answers = await asyncio.gather(*(dcmtk("storescu", gateway, "+sd", folder) for _ in range(4)))
    assert answers == [(0, "")] * 4
    assert len(await hospital.rows()) == 40
    assert len([path for path in hospital.store.root.rglob("*") if path.is_file()]) == 40
    assert max(hospital.transactions) > 1  # those that wait for a commit share the next one


async def test_other_bytes_of_a_known_instance_are_answered_with_a_warning(
    gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    folder = in_folder(tmp_path / "two", a=a_file(), b=a_file(a_dataset(PatientName="KHÁC")))
    assert await dcmtk("storescu", gateway, folder / "a") == (0, "")
    _, said = await dcmtk("storescu", gateway, "-v", folder / "b")
    assert "Warning: CoercionOfDataElements" in said
    [row] = await hospital.rows()
    assert "NGUYỄN^Văn Thử".encode() in hospital.store.path(row.blob).read_bytes()
    assert len([path for path in hospital.store.root.rglob("*") if path.is_file()]) == 1


# Who may


async def test_unknown_titles_are_rejected_and_reported(gateway: Gateway, hospital: Hospital) -> None:
    code, said = await dcmtk("echoscu", gateway, "-aet", "STRANGER")
    assert code != 0
    assert "Calling AE Title Not Recognized" in said
    code, said = await dcmtk("echoscu", gateway, called="OTHER")
    assert code != 0
    assert "Called AE Title Not Recognized" in said
    assert hospital.turned_away == [
        ("STRANGER", "127.0.0.1", "calling-title"),
        ("ECHOSCU", "127.0.0.1", "called-title"),
    ]


# What is refused


async def test_bombs_are_refused_while_others_are_served(
    gateway: Gateway, connect: Any, hospital: Hospital, tmp_path: Path
) -> None:
    folder = in_folder(tmp_path / "bombs", jpeg2000=builders.a_jpeg2000_bomb(), good=a_file())
    bomb = builders.a_deflate_bomb()
    requestor = await connect()
    assert await requestor.associate(transfer=str(uid.DeflatedExplicitVRLittleEndian)) == 2
    before_bytes = resident_bytes()
    deflate, jpeg2000, good = await asyncio.gather(
        # dcmtk would unfold it itself; the data set follows the file meta information.
        requestor.store(bomb[144 + struct.unpack_from("<L", bomb, 140)[0] :], b"2.25.1.1.1"),
        dcmtk("storescu", gateway, "-v", "-xw", folder / "jpeg2000"),
        dcmtk("storescu", gateway, folder / "good"),
    )
    assert deflate == 0xC000
    assert "Error: CannotUnderstand" in jpeg2000[1]
    assert good == (0, "")
    assert [row.sop_uid for row in await hospital.rows()] == ["2.25.1.1.1"]
    assert len([path for path in hospital.store.root.rglob("*") if path.is_file()]) == 1
    assert resident_bytes() - before_bytes < 64 << 20


async def test_a_database_that_is_away_is_no_success(
    gateway: Gateway, hospital: Hospital, tmp_path: Path
) -> None:
    hospital.is_down = True
    folder = in_folder(tmp_path / "ct", one=a_file())
    code, said = await dcmtk("storescu", gateway, "-v", folder / "one")
    assert code != 0
    assert "Refused: OutOfResources" in said
    hospital.is_down = False
    assert await dcmtk("storescu", gateway, folder / "one") == (0, "")
    assert len(await hospital.rows()) == 1


# Requestors that mean harm, byte by byte


async def test_a_request_of_400_mib_is_not_even_read(gateway: Gateway, connect: Any) -> None:
    before_bytes = resident_bytes()
    requestor = await connect()
    await requestor.send(1, bytes(1 << 20), length=400 << 20)
    kind, body = await requestor.receive()
    assert (kind, body) == (7, bytes([0, 0, 2, 6]))
    assert resident_bytes() - before_bytes < 16 << 20
    assert await is_well(gateway)


async def test_idle_connections_keep_nobody_out(gateway: Gateway, connect: Any) -> None:
    idle = [await connect() for _ in range(200)]
    assert await is_well(gateway)
    await asyncio.sleep(2.2)
    for requestor in idle[-8:]:
        assert await requestor.reader.read() == b""


async def test_a_request_that_drips_is_cut(gateway: Gateway, connect: Any) -> None:
    requestor = await connect()
    request = struct.pack(">BBL", 1, 0, 500) + bytes(500)
    started = time.monotonic()
    for byte in request:
        requestor.writer.write(bytes([byte]))
        await asyncio.sleep(0.05)
        if requestor.writer.is_closing() or requestor.reader.at_eof():
            break
    assert time.monotonic() - started < 4
    assert await is_well(gateway)


async def test_an_endless_data_set_is_cut_at_the_limit(
    gateway: Gateway, connect: Any, hospital: Hospital
) -> None:
    before_bytes = resident_bytes()
    requestor = await connect()
    assert await requestor.associate() == 2
    await requestor.command(1, 0, b"2.25.1.1.1", builders.CT_IMAGE.encode())
    sent_bytes = 0
    with suppress(ConnectionError):
        while sent_bytes < 512 << 20:
            await requestor.data(bytes(60_000), control=0)
            sent_bytes += 60_000
    assert sent_bytes < 100 << 20
    assert [row[3] for row in hospital.quarantined] == ["too-large"]
    assert resident_bytes() - before_bytes < 32 << 20
    assert [path for path in hospital.store.root.rglob("*") if path.is_file()] == []
    assert await is_well(gateway)


@pytest.mark.parametrize(
    "name",
    [b"../../../tmp/pwn", b"1.2.3/../../x", b"<img src=x onerror=alert(1)>", b"1.2.3\0.dcm", b"", b"1" * 80],
)
async def test_names_that_are_no_uid_are_refused(
    name: bytes, gateway: Gateway, connect: Any, hospital: Hospital
) -> None:
    requestor = await connect()
    assert await requestor.associate() == 2
    assert await requestor.store(a_file()[132:], name) == 0xA900
    [(owner, way, title, code, size_bytes, digest)] = hospital.quarantined
    assert (owner, way, title, code) == (OWNERS["STORESCU"], "c-store", "STORESCU", "bad-identifiers")
    assert (size_bytes, len(digest)) == (len(a_file()) - 132, 64)
    assert await hospital.rows() == []
    assert [path for path in hospital.store.root.rglob("*") if path.is_file()] == []


async def test_a_data_set_of_another_name_than_its_command_is_refused(
    connect: Any, hospital: Hospital
) -> None:
    requestor = await connect()
    assert await requestor.associate() == 2
    content = a_file()
    data_set = content[content.index(struct.pack("<HH", 0x0008, 0x0005)) :]
    assert await requestor.store(data_set, b"2.25.9") == 0xA900
    assert await requestor.store(data_set, b"2.25.1.1.1", class_uid="1.2.840.10008.5.1.4.1.1.4") == 0xA900
    assert await requestor.store(data_set[:400], b"2.25.1.1.1") == 0xC000
    assert await hospital.rows() == []
    assert await requestor.store(data_set, b"2.25.1.1.1") == 0
    assert len(await hospital.rows()) == 1
    assert [row[3] for row in hospital.quarantined] == ["bad-identifiers"] * 2 + ["truncated"]


async def test_a_refusal_that_cannot_be_written_down_is_none(connect: Any, hospital: Hospital) -> None:
    requestor = await connect()
    assert await requestor.associate() == 2
    hospital.is_down = True
    assert await requestor.store(a_file()[132:][:400], b"2.25.1.1.1") == 0xA700
    hospital.is_down = False
    assert hospital.quarantined == []


async def test_storing_where_only_verification_was_agreed_is_refused(
    connect: Any, hospital: Hospital
) -> None:
    requestor = await connect()
    assert await requestor.associate(abstract=VERIFICATION, transfer=IMPLICIT_LITTLE) == 2
    assert await requestor.store(b"x" * 10, b"2.25.1", class_uid=VERIFICATION) == 0x0211


async def test_what_is_no_protocol_ends_one_association_alone(gateway: Gateway, connect: Any) -> None:
    harm: list[list[tuple[int, bytes]]] = [
        [(9, b"")],
        [(4, b"")],
        [(5, bytes(4))],
        [(1, b"short")],
        [(1, a_request("1.2.3", "é" * 10))],
        [(1, a_request(builders.CT_IMAGE, IMPLICIT_LITTLE)), (1, a_request("1.2", "1.2"))],
        [(1, a_request(builders.CT_IMAGE, IMPLICIT_LITTLE)), (4, struct.pack(">LBB", 0xFFFFFFFF, 1, 3))],
        [(1, a_request(builders.CT_IMAGE, IMPLICIT_LITTLE)), (4, struct.pack(">LBB", 2, 9, 3))],
        [(1, a_request(builders.CT_IMAGE, IMPLICIT_LITTLE)), (4, struct.pack(">LBB", 6, 1, 3) + b"junk")],
        [(1, a_request(builders.CT_IMAGE, IMPLICIT_LITTLE)), (4, struct.pack(">LBB", 2, 1, 2))],
        [(1, a_request(builders.CT_IMAGE, IMPLICIT_LITTLE)), (6, bytes(9))],
    ]
    for pdus in harm:
        requestor = await connect()
        for kind, body in pdus:
            await requestor.send(kind, body)
        answer = await asyncio.wait_for(requestor.reader.read(), 3)
        assert answer[-10:-6] == bytes([7, 0, 0, 0])
    assert await is_well(gateway)


async def test_a_context_of_another_service_is_answered_no(connect: Any) -> None:
    requestor = await connect()
    await requestor.send(1, a_request("1.2.840.10008.5.1.4.31", IMPLICIT_LITTLE))
    kind, body = await requestor.receive()
    assert kind == 2
    assert body[body.index(b"\x21") + 6] == 3  # abstract syntax not supported


async def test_more_associations_than_agreed_are_told_so(hospital: Hospital) -> None:
    gateway = Gateway(0, "HOICHAN", hospital, limits=Limits(established_an_address=2))
    await gateway.start()
    try:
        held = []
        for expected in (2, 2, 3):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            held.append(writer)
            requestor = Requestor(reader, writer)
            assert await requestor.associate() == expected
        for writer in held:
            writer.close()
    finally:
        await gateway.stop()


async def test_stopping_ends_idle_associations_at_once(hospital: Hospital) -> None:
    gateway = Gateway(0, "HOICHAN", hospital)
    await gateway.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    assert await Requestor(reader, writer).associate() == 2
    started = time.monotonic()
    port = gateway.port
    await gateway.stop()
    assert time.monotonic() - started < 1
    with socket.socket() as late, pytest.raises(ConnectionRefusedError):
        late.connect(("127.0.0.1", port))
    writer.close()
