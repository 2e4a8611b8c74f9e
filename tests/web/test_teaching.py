"""A doctor makes a copy for teaching by the pages: covers what is drawn in, releases it, opens it in the viewer."""

import base64

import numpy as np
from playwright.async_api import Page, expect
from pydicom.uid import SecondaryCaptureImageStorage

from tests.conftest import NewPage
from tests.dicom.builders import a_dataset, a_file
from tests.product import Site
from tests.web.test_pages import faults, serves_everybody
from tools.screens import DESKTOP, sign_in

SIGNED = "Đỗ Thị Giang"
STORE = """async ([body, boundary]) => {
    const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
    const answer = await fetch("/dicom-web/studies", {method: "POST", body: bytes, headers: {
        "Content-Type": `multipart/related; type="application/dicom"; boundary=${boundary}`,
        "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content}});
    return answer.status;
}"""


def a_capture() -> bytes:
    """A picture as a device photographs its screen: a band of "text" above."""
    pixels = np.tile(np.arange(128, dtype=np.uint16) * 30, (128, 1))
    pixels[:16] = 4000
    ds = a_dataset(
        StudyInstanceUID="2.25.77001", SeriesInstanceUID="2.25.77001.1", SOPInstanceUID="2.25.77001.1.1",
        SOPClassUID=str(SecondaryCaptureImageStorage), Modality="OT", Rows=128, Columns=128, BitsStored=12,
        HighBit=11, PatientName="DO^THI GIANG", PatientID="044162900066", StudyDescription="CT bụng GIANG",
        PixelData=pixels.tobytes(),
    )  # fmt: skip
    return a_file(ds)


async def tie(page: Page, site: Site) -> None:
    """A study of the signed case's patient, sent and tied to it."""
    await sign_in(page, site.url, "bacsi.huyen")
    await page.goto(f"{site.url}/inbox")
    body = b"--part\r\nContent-Type: application/dicom\r\n\r\n" + a_capture() + b"\r\n--part--\r\n"
    assert await page.evaluate(STORE, [base64.b64encode(body).decode(), "part"]) == 200
    await page.reload()
    row = page.locator(".study", has_text="THI GIANG")
    choice = row.locator("select")
    await choice.select_option(label=await choice.locator("option", has_text=SIGNED.upper()).inner_text())
    await row.get_by_role("button", name="Gắn vào ca").click()
    await expect(row).to_be_hidden()


async def test_a_copy_is_covered_released_and_opened(site: Site, new_page: NewPage) -> None:
    page = await new_page(reduced_motion="reduce")
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    await tie(page, site)
    await page.goto(f"{site.url}/consultations?filter=all")
    await page.locator(".case-row a.patient", has_text=SIGNED).first.click()
    await page.get_by_role("button", name="Bản giảng dạy").click()
    await expect(page.get_by_role("heading", name="Mọi chữ còn lại trong tệp")).to_be_visible(timeout=30_000)
    assert "GIANG" not in await page.locator("main").inner_text()
    await serves_everybody(page)
    await page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})

    await page.locator("[data-cover]").click()
    picture = page.locator("#cover img")
    await expect(picture).to_have_js_property("complete", True)
    box = await picture.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 1, box["y"] + 1)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] * 0.12)
    await page.mouse.up()
    await expect(page.locator("#cover-right")).to_have_value("127")
    assert await faults(page) == []
    await page.get_by_role("button", name="Che vùng này").click()
    await expect(page.locator(".teaching-pictures")).to_contain_text("1 ô che", timeout=30_000)

    await page.get_by_label("Đã xem kỹ ảnh 1").check()
    await page.get_by_label("Tôi đã xem mọi ảnh").check()
    await page.get_by_role("button", name="Phát hành bản giảng dạy").click()
    await expect(page.locator("#teaching-viewer .viewer[data-loaded=full]")).to_be_visible(timeout=30_000)
    await serves_everybody(page)
    await page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Tải về (zip)").click()
    path = await (await download.value).path()
    assert b"GIANG" not in path.read_bytes()
    await page.goto(f"{site.url}/teaching")
    await expect(page.locator(".studies .study")).to_contain_text("CT bụng")
    assert await faults(page) == []
    assert complaints == []
