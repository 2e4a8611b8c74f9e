"""Files that were refused, whatever door they came to, are on the page of their hospital's administrators."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib

from sqlalchemy import func, insert, select, update

from dicom.ingest import Quarantined
from server.imaging import Imaging
from server.platform.db import now
from server.platform.events import Audit
from server.quarantine import record
from server.quarantine.model import RefusedFile
from tests.dicom.builders import a_file
from tests.dicom.dicomweb_site import a_multipart
from tests.server.house import Answer, House

NAME = "NGUYEN VAN BI MAT.jpg"
JUNK = b"no image at all"
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


async def upload(house: House, content: bytes, name: str = "doctor.L") -> Answer:
    named = f"filename {base64.b64encode(NAME.encode()).decode()}"
    headers = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": named}
    return await (await house.by(name)).ask("POST", "/uploads", data=content, headers=headers)


async def page(house: House, letter: str = "L", query: str = "") -> str:
    got = await (await house.by(f"administrator.{letter}")).get(f"/refused-files{query}")
    assert got.status == 200
    return got.text


async def rows(house: House) -> list[RefusedFile]:
    async with house.database.system(writes=False) as session:
        return list(await session.scalars(select(RefusedFile).order_by(RefusedFile.id)))


async def test_what_is_refused_is_there_for_its_own_administrators_alone(own_house: House) -> None:
    house = own_house
    assert "Chưa có tệp nào bị từ chối" in await page(house)
    got = await upload(house, JUNK)
    assert (got.status, got.headers["Upload-State"]) == (201, "refused")
    body, content_type = a_multipart([a_file()[:300]])
    doctor = await house.by("doctor.L")
    sent = await doctor.ask("POST", "/dicom-web/studies", data=body, headers={"Content-Type": content_type})
    assert sent.status == 409
    shown = await page(house)
    digest = hashlib.sha256(JUNK).hexdigest()
    assert digest in shown
    assert "Tệp này không phải ảnh DICOM. Hãy chọn đúng tệp" in shown
    assert "Người doctor L" in shown
    assert "Phần mềm gửi qua DICOMweb" in shown
    assert "BI MAT" not in shown
    for other in "TP":
        assert "Chưa có tệp nào bị từ chối" in await page(house, other)
    assert [(row.way, row.code, row.size_bytes) for row in await rows(house)] == [
        ("upload", "not-dicom", len(JUNK)),
        ("stow", "truncated", 300),
    ]
    async with house.database.system(writes=False) as session:
        audits = list(await session.scalars(select(Audit).where(Audit.action.like("%refuse%"))))
    noted = [(one.action, one.facts.get("code"), one.hospital_id) for one in audits]
    assert ("refuse-files", "not-dicom", house.hospitals["L"]) in noted
    assert [one.action for one in audits].count("view-refused-files") == 3  # once each and sitting
    assert "BI MAT" not in str([one.facts for one in audits])


async def test_the_list_is_filtered_by_reason_and_counts_what_comes_again(own_house: House) -> None:
    house = own_house
    for content in (JUNK, JUNK, a_file()[:300]):
        await upload(house, content)
    assert [(row.code, row.times) for row in await rows(house)] == [("not-dicom", 2), ("truncated", 1)]
    assert "2 lần" in await page(house)
    only = await page(house, query="?reason=truncated")
    assert "SHA-256" in only
    assert hashlib.sha256(JUNK).hexdigest() not in only
    assert "Không có tệp nào như vậy" in await page(house, query="?reason=dicomdir")
    for strange in ("?reason=<script>", "?reason=%27--", "?page=-1", "?page=99999999999", "?page=²"):
        assert "SHA-256" in await page(house, query=strange) or "page=99999" in strange


async def test_what_does_not_even_begin_to_come_is_there_too(own_house: House) -> None:
    doctor = await own_house.by("doctor.L")
    for length, status in ((1 << 40, 413), (0, 400)):
        got = await doctor.ask("POST", "/uploads", headers={**TUS, "Upload-Length": str(length)})
        assert got.status == status
    found = [(row.code, row.size_bytes, row.sha256) for row in await rows(own_house)]
    assert found == [("too-large", 1 << 40, ""), ("empty", 0, "")]
    assert "bị từ chối trước khi nhận" in await page(own_house)


async def test_the_list_is_turned_page_by_page(own_house: House) -> None:
    await many(own_house, record.SHOWN + 1)
    assert "page=2" in await page(own_house)
    assert "page=3" not in await page(own_house, query="?page=2")


async def test_old_refusals_and_those_of_a_device_gone_wrong_are_forgotten(own_house: House) -> None:
    await many(own_house, record.MOST + 5)
    await many(own_house, 1, letter="T")
    async with own_house.database.system() as session:
        first = await session.scalar(select(func.min(RefusedFile.id)))
        long_ago = now() - record.KEPT - dt.timedelta(days=1)
        await session.execute(update(RefusedFile).where(RefusedFile.id == first).values(last_at=long_ago))
    await record.forget(own_house.database)
    async with own_house.database.system() as session:
        counted = await session.execute(
            select(RefusedFile.hospital_id, func.count()).group_by(RefusedFile.hospital_id)
        )
        assert dict(counted.all()) == {
            own_house.hospitals["L"]: record.MOST,
            own_house.hospitals["T"]: 1,
        }


async def test_senders_that_are_devices_or_a_pacs_are_named(own_house: House) -> None:
    imaging = Imaging(own_house.settings, own_house.database)
    owner = own_house.hospitals["L"]
    await imaging.quarantine(owner, [Quarantined("malformed", 5, "ab" * 32)], "c-store", "CT1")
    await imaging.quarantine(owner, [Quarantined("too-costly", 7, "cd" * 32)], "pacs", "PACS chính")
    shown = await page(own_house)
    assert "CT1" in shown
    assert "PACS chính" in shown
    assert "Xem lại cấu hình gửi trên máy này" in shown


async def many(house: House, count: int, letter: str = "L") -> None:
    at = now()
    row = {"hospital_id": house.hospitals[letter], "way": "c-store", "sender": "CT1", "code": "malformed"}
    rows = [row | {"size_bytes": n, "sha256": "", "first_at": at, "last_at": at} for n in range(count)]
    async with house.database.system() as session:
        await session.execute(insert(RefusedFile), rows)
