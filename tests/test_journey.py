"""The whole journey in two real browsers, on the product's own processes: asked, booked, seen, signed, closed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicom.sampledata import ct_head_series, with_patient
from tests import consulting
from tests.conftest import NewPage
from tests.consulting import PATIENT, a_study
from tests.product import PASSWORD, Site

SLICES = 12
STACK, CINE = "CT sọ não", "Siêu âm tim"
# Real images that pydicom ships, under the made-up patient of the request: native, compressed, multi-frame.
REAL = {
    "CT ngực": "693_UNCR.dcm",
    "Cộng hưởng từ vai": "MR2_UNCR.dcm",
    "X quang đùi": "RG3_UNCR.dcm",
    CINE: "examples_ybr_color.dcm",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A CT to scroll through, and a real CT, MR, X-ray and ultrasound cine of the same patient."""
    folder = tmp_path_factory.mktemp("images")
    for number, (description, name) in enumerate(REAL.items(), 1):
        study = a_study(f"2.25.2026112207070{number}", description)
        ds = with_patient(dcmread(get_testdata_file(name)), PATIENT, study)
        ds.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    stack = ct_head_series(folder, PATIENT, a_study("2.25.20261122070700", STACK), slices=SLICES)
    return [*stack, *(folder / f"{number}.dcm" for number in range(1, len(REAL) + 1))]


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_consultation_goes_from_the_request_to_the_signed_minutes(
    site: Site, images: list[Path], new_page: NewPage
) -> None:
    doctor = await consulting.signed_in(new_page, site, "bacsi.huyen")
    desk = await consulting.signed_in(new_page, site, "dieuphoi")
    expert = await consulting.signed_in(new_page, site, "chuyengia.tim")

    case = await consulting.request(doctor, images, [STACK, *REAL])
    await consulting.triage_and_schedule(desk, case)
    await consulting.join(doctor, case)
    await consulting.join(expert, case)
    await consulting.see_and_hear(doctor, expert)
    await read_together(doctor, expert, images)
    await conclude(doctor, expert)
    await end(expert, case)
    await sign(doctor, case, then="Đã có một chữ ký")
    await sign(expert, case, then="Đủ hai chữ ký")
    await check_pdf(doctor, case)
    await note_outcome(doctor, case)

    assert "Traceback" not in site.log.read_text()
    assert "Thử Nghiệm" not in site.log.read_text()


async def read_together(leader: Page, other: Page, images: list[Path]) -> None:
    """Scroll, window and zoom on one side: both show the same pixels, and they are what pydicom makes of them."""
    files = {ds.SOPInstanceUID: ds for ds in map(dcmread, images)}
    await consulting.images_come(leader, other)
    await consulting.lead(leader)
    pictures = set()
    for words in (STACK, *REAL):
        await choose(leader, words)
        await explore(leader, has_window=words != CINE)
        shown = await consulting.same_picture(leader, other)
        pictures.add(tuple(shown["canvases"]))
        ds = files[shown["sop"]]
        assert ds.StudyDescription == words
        if words in {STACK, CINE}:
            assert (ds.InstanceNumber, int(shown["frame"])) != (1, 1), "not scrolled"
        await consulting.is_as_pydicom_renders(leader, ds, int(shown["frame"]))
    assert len(pictures) == 1 + len(REAL)


async def choose(page: Page, study: str) -> None:
    """Take a study from the list above the strip, and wait for its image."""
    before = await page.locator(".viewer").get_attribute("data-study")
    studies = page.locator(".viewer-strip select")
    value = await studies.locator("option", has_text=study).get_attribute("value")
    if value != before:
        await studies.select_option(value)
    await page.wait_for_selector(f'.viewer[data-study="{value}"][data-loaded="full"]')


async def explore(page: Page, *, has_window: bool) -> None:
    """Scroll by key, window (colours have none that a corner names) by the right button, zoom by key."""
    box = await page.locator(".viewer-stage").bounding_box()
    assert box is not None
    await page.locator(".viewer-stage").click(position={"x": 200, "y": 200})
    for _ in range(5):
        await page.keyboard.press("ArrowDown")
    if has_window:
        await page.mouse.down(button="right")
        await page.mouse.move(box["x"] + 240, box["y"] + 260, steps=5)
        await page.mouse.up(button="right")
    await page.keyboard.press("+")


async def conclude(doctor: Page, expert: Page) -> None:
    """Both write into the same minutes; a key image goes in by one key."""
    await doctor.keyboard.press("k")
    for page in (doctor, expert):
        await page.locator("#tab-minutes").click()
    panel = expert.locator("#panel-minutes")
    await panel.locator("[data-field^='answer:'], textarea[name^='answer:']").first.fill(
        "Không thấy xuất huyết."
    )
    await panel.locator("[data-field='conclusion'], textarea[name='conclusion']").first.fill(
        "Đau đầu nguyên phát."
    )
    mine = doctor.locator("#panel-minutes")
    await mine.locator("[data-field='next_treatment'], textarea[name='next_treatment']").first.fill(
        "Giảm đau, theo dõi 24 giờ."
    )
    await expect(mine.locator("[data-field='conclusion'], textarea[name='conclusion']").first).to_have_value(
        "Đau đầu nguyên phát."
    )
    await expect(panel.locator("img").first).to_be_visible()


async def end(expert: Page, case: str) -> None:
    await expert.locator("#control-end").click()
    await expert.locator("#room-end [value=end]").click()
    await expect(expert.locator("#room-over")).to_be_visible()
    await expert.goto(f"{case}/minutes")


async def sign(page: Page, case: str, then: str) -> None:
    await page.goto(f"{case}/minutes")
    await page.locator("[name=password], #password, input[type=password]").first.fill(PASSWORD)
    await page.get_by_role("button", name=re.compile("^Ký")).first.click()
    await expect(page.locator("body")).to_contain_text(then)


async def check_pdf(page: Page, case: str) -> None:
    """Field by field, as it will be printed."""
    answer = await page.context.request.get(f"{case}/minutes/pdf")
    assert answer.headers["content-type"] == "application/pdf"
    text = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=await answer.body(), capture_output=True, check=True
    ).stdout.decode()
    flat = " ".join(text.split())
    for words in (
        "MS: 27/BV2",
        "25-09999",
        "TRÍCH BIÊN BẢN HỘI CHẨN",
        "LÝ THỊ THỬ NGHIỆM",
        "60 tuổi",
        "Nữ",
        "Khoa Cấp cứu",
        "Theo dõi xuất huyết dưới nhện",
        "Đặng Văn Hùng",
        "Nguyễn Thị Hường",
        "Đau đầu dữ dội 2 giờ trước, nôn.",
        "Đau đầu nguyên phát.",
        "Giảm đau, theo dõi 24 giờ.",
        "Có xuất huyết không?",
        "Không thấy xuất huyết.",
        "THƯ KÝ",
        "CHỦ TỌA",
    ):
        assert words in flat, words
    assert "BẢN NHÁP" not in flat


async def note_outcome(doctor: Page, case: str) -> None:
    await doctor.goto(case)
    form = doctor.locator("form[action$='/outcome']")
    await form.get_by_label("Không phải chuyển tuyến").check()
    await form.locator("[type=submit]").first.click()
    await doctor.wait_for_url(case)
    await expect(doctor.locator("body")).to_contain_text("Không phải chuyển tuyến")
