"""A doctor finds a study in the hospital's PACS by the page, and it comes to the inbox and to the case."""

import re
import sqlite3
from pathlib import Path

from playwright.async_api import Page, expect

from tests.conftest import NewPage
from tests.dicom.pacs_site import TITLE, a_study, dcmqrscp, send
from tests.product import Site
from tests.services import HOST
from tests.web.test_pages import faults
from tools.screens import sign_in


def connect(site: Site, port: int) -> None:
    """To the hospital of the demo's doctor, which has no administrator of its own."""
    with sqlite3.connect(site.data / "hoichan.db", timeout=15) as database:
        database.execute(
            "INSERT INTO pacs_connections"
            " (hospital_id, name, way, host, port, ae_title, trusted, root, sealed, takes_evidence, created_at)"
            " SELECT m.hospital_id, 'PACS', 'c-get', ?, ?, ?, '', '', '', 0, m.since"
            " FROM memberships m JOIN people p ON p.id = m.person_id WHERE p.login = 'bacsi.huyen'",
            (HOST, port, TITLE),
        )
    database.close()


async def pull(page: Page, name: str) -> None:
    await page.get_by_text("Tìm trong PACS", exact=True).first.click()
    await page.get_by_label("Họ tên").and_(page.locator("#pacs-name")).fill(name)
    await page.locator("#pacs-name").press("Enter")
    await expect(page.locator(".pacs-found li")).to_have_count(1)
    await page.evaluate("scrollTo(0, 0)")  # where the header that stays lies over no field
    assert await faults(page) == []
    await page.get_by_role("button", name=re.compile("^Lấy về")).click()


async def test_a_study_of_the_pacs_comes_to_the_inbox_and_to_a_case(
    site: Site, new_page: NewPage, tmp_path: Path
) -> None:
    page = await new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with dcmqrscp(tmp_path / "pacs") as port:
        send(port, tmp_path / "one", a_study(51, 12, PatientID="BN51", PatientName="ĐẶNG^Văn Khoa"))
        send(port, tmp_path / "two", a_study(52, 4, PatientID="BN52", PatientName="VŨ^Thị Mơ"))
        connect(site, port)
        await sign_in(page, site.url, "bacsi.huyen")
        await page.goto(f"{site.url}/inbox")
        await pull(page, "dang van khoa")
        line = page.locator(".studies .study", has_text="ĐẶNG Văn Khoa")
        await expect(line).to_contain_text("12 ảnh")

        await page.goto(site.url)
        await page.get_by_role("button", name="Yêu cầu mới").first.click()
        await page.locator("#patient_name").fill("NGUYỄN VĂN KHÁC")
        await pull(page, "Vũ Thị Mơ")
        await expect(page.get_by_role("dialog")).to_contain_text("Họ tên trên ảnh khác với hồ sơ")
        await page.get_by_role("button", name="Đúng người bệnh").last.click()
        await expect(page.locator("#part-images .study", has_text="VŨ Thị Mơ")).to_contain_text("4 ảnh")
    assert [url for url in asked if re.search("khoa|BN5|2[.]25", url)] == []
