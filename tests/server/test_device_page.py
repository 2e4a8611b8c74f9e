"""The administrator's page of sending devices: entered, changed, removed; what is wrong is said at the field."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from server.devices import entries
from server.devices.entries import Typed
from server.people.model import DicomPeer
from server.platform.events import Audit
from tests import certificates
from tests.server.house import House

CT = {"name": "CT 64 dãy", "ae_title": "CT_1", "address": "10.3.0.1"}


async def kept(house: House, letter: str = "L") -> list[DicomPeer]:
    async with house.database.system(writes=False) as session:
        own = select(DicomPeer).where(DicomPeer.hospital_id == house.hospitals[letter])
        return list(await session.scalars(own.order_by(DicomPeer.id)))


async def test_a_device_is_entered_changed_and_removed_and_audited(own_house: House, tmp_path: Path) -> None:
    administrator = await own_house.by("administrator.L")
    assert "Chưa có máy nào" in (await administrator.get("/devices")).text
    assert (await administrator.post("/devices", CT)).status == 303
    [device] = await kept(own_house)
    assert (device.name, device.ae_title, device.address) == ("CT 64 dãy", "CT_1", "10.3.0.1")
    assert not device.may_retrieve
    page = (await administrator.get("/devices")).text
    assert "CT 64 dãy" in page
    assert "Chưa gọi lần nào" in page
    assert "HOICHAN" in page

    own = certificates.signed(certificates.authority(tmp_path, "ca"), "ct")
    changed = CT | {"may_retrieve": "yes", "certificate": own.pem}
    assert (await administrator.post(f"/devices/{device.id}/change", changed)).status == 303
    [device] = await kept(own_house)
    assert device.may_retrieve
    assert device.certificate == own.fingerprint
    # Changed without naming it again, the certificate stays; it goes when one says so.
    await administrator.post(f"/devices/{device.id}/change", CT | {"address": "10.3.0.2"})
    assert (await kept(own_house))[0].certificate == own.fingerprint
    await administrator.post(f"/devices/{device.id}/change", CT | {"drops_certificate": "yes"})
    [device] = await kept(own_house)
    assert (device.certificate, device.certificate_until, device.may_retrieve) == ("", None, False)

    assert (await administrator.post(f"/devices/{device.id}/remove")).status == 303
    assert await kept(own_house) == []
    async with own_house.database.system(writes=False) as session:
        rows = await session.scalars(
            select(Audit).where(Audit.object == f"device:{device.id}").order_by(Audit.seq)
        )
        told = [(row.action, row.person_id, row.facts["address"]) for row in rows]
    person = own_house.people["administrator.L"].person_id
    assert told == [
        ("add-device", person, "10.3.0.1"),
        ("change-device", person, "10.3.0.1"),
        ("change-device", person, "10.3.0.2"),
        ("change-device", person, "10.3.0.1"),
        ("remove-device", person, "10.3.0.1"),
    ]


async def test_what_is_wrong_is_said_at_the_field_and_nothing_is_kept(own_house: House) -> None:
    administrator = await own_house.by("administrator.L")
    wrong = {"name": "CT", "ae_title": "x" * 17, "address": "may-ct", "certificate": "no"}
    got = await administrator.post("/devices", wrong)
    assert got.status == 422
    assert got.text.count("is-invalid") == 3
    assert await kept(own_house) == []
    await administrator.post("/devices", CT)
    [device] = await kept(own_house)
    got = await administrator.post(f"/devices/{device.id}/change", CT | {"address": "1.2.3"})
    assert got.status == 422
    assert f"/devices/{device.id}/change" in got.text
    assert (await kept(own_house))[0].address == CT["address"]


async def test_what_another_hospital_entered_is_taken_but_not_shown(own_house: House) -> None:
    async with own_house.database.system() as session:
        typed = Typed(ae_title=CT["ae_title"], address=CT["address"], name="Máy của T")
        theirs = await entries.add(session, own_house.hospitals["T"], typed, None)
    administrator = await own_house.by("administrator.L")
    assert "Máy của T" not in (await administrator.get("/devices")).text
    got = await administrator.post("/devices", CT)
    assert got.status == 422
    assert "đã được khai" in got.text
    assert "Máy của T" not in got.text
    await administrator.post("/devices", CT | {"address": "10.3.0.9"})
    [device] = await kept(own_house)
    assert (await administrator.post(f"/devices/{device.id}/change", CT)).status == 422
    assert (await administrator.post(f"/devices/{theirs.id}/change", CT)).status == 404
    assert [one.name for one in await kept(own_house, "T")] == ["Máy của T"]


async def test_why_a_device_was_refused_is_on_the_page(own_house: House) -> None:
    administrator = await own_house.by("administrator.L")
    await administrator.post("/devices", CT)
    said = {
        ("CT1", "HOICHAN", CT["address"], "calling-title"): "“CT1”, chưa được khai",
        ("CT_1", "HOICHAN", "10.3.9.9", "address"): "gọi từ địa chỉ 10.3.9.9",
        ("CT_1", "HOICHAN", CT["address"], "certificate"): "Sai chứng thư",
        ("CT_1", "PACS", CT["address"], "called-title"): "Called AE title là HOICHAN",
        ("", "", CT["address"], "tls"): "không nói TLS 1.2",
    }
    for (calling, called, address, reason), sentence in said.items():
        async with own_house.database.system() as session:
            await entries.refused(session, calling, called, address, reason)
        page = (await administrator.get("/devices")).text
        assert sentence in page, reason
