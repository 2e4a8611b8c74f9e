"""The whole journey in two real browsers, on the product's own processes: asked, booked, seen, signed, closed."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Page, expect
from pydicom import dcmread

from dicom.sampledata import Patient, Study, ct_head_series
from tests.conftest import NewPage
from tests.dicom.reference import grey8
from tests.product import PASSWORD, Product, running

PATIENT = "Lý Thị Thử Nghiệm"
SLICES = 12
WIDE = {"width": 1366, "height": 768}
# Every connection the page makes, so that getStats can be asked from outside.
WATCH_CALLS = """
window.calls = [];
const Native = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Native { constructor(...a) { super(...a); window.calls.push(this); } };
"""
DECODED = """async () => {
  let frames = 0, samples = 0;
  for (const call of window.calls) for (const row of (await call.getStats()).values()) {
    if (row.type === "inbound-rtp" && row.kind === "video") frames += row.framesDecoded ?? 0;
    if (row.type === "inbound-rtp" && row.kind === "audio") samples += row.totalSamplesReceived ?? 0;
  }
  return [frames, samples];
}"""
# What is shown: the image's own pixels after the window, as grey levels, and the canvas as it is on screen.
NATIVE = """() => {
  const root = document.querySelector(".viewer"), detail = {};
  root.dispatchEvent(new CustomEvent("viewer-native", { detail }));
  const image = detail.image;
  if (!image) return null;
  const grey = []; for (let i = 0; i < image.data.length; i += 4) grey.push(image.data[i]);
  return { sop: root.dataset.sop, loaded: root.dataset.loaded, width: image.width, grey };
}"""
CANVAS = (
    """() => [...document.querySelectorAll(".viewer-stage canvas")].map((one) => one.toDataURL()).join()"""
)
SHOWN = """() => { const d = document.querySelector(".viewer").dataset; return [d.sop, d.loaded]; }"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("product")) as started:
        yield started


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A CT of the patient the request will be about."""
    patient = Patient("LÝ^Thị Thử Nghiệm", "044166900088", date(1966, 5, 4), "F")
    study = Study(
        "2.25.20261122070707",
        datetime(2026, 11, 22, 6, 0),  # noqa: DTZ001  # DICOM writes local time
        "CT sọ não",
    )
    return ct_head_series(tmp_path_factory.mktemp("series"), patient, study, slices=SLICES)


async def signed_in(new_page: NewPage, product: Product, login: str, **options: Any) -> Page:
    page = await new_page(
        base_url=product.url, viewport=WIDE, permissions=["camera", "microphone"], **options
    )
    await page.add_init_script(WATCH_CALLS)
    await page.goto("/sign-in")
    await page.fill("[name=login]", login)
    await page.fill("[name=password]", PASSWORD)
    await page.click("form[action='/sign-in'] [type=submit]")
    await page.wait_for_url("**/")
    return page


async def test_a_consultation_goes_from_the_request_to_the_signed_minutes(
    product: Product, series: list[Path], new_page: NewPage
) -> None:
    doctor = await signed_in(new_page, product, "bacsi.huyen")
    desk = await signed_in(new_page, product, "dieuphoi")
    expert = await signed_in(new_page, product, "chuyengia.tim")

    case = await request(doctor, series)
    await triage_and_schedule(desk, case)
    await join(doctor, case)
    await join(expert, case)
    await see_and_hear_each_other(doctor, expert)
    await read_together(doctor, expert, series)
    await conclude(doctor, expert)
    await end(expert, case)
    await sign(doctor, case)
    await sign(expert, case)
    await check_pdf(doctor, case)
    await note_outcome(doctor, case)

    assert "Traceback" not in product.log.read_text()
    assert "Thử Nghiệm" not in product.log.read_text()


async def request(doctor: Page, series: list[Path]) -> str:
    """Fill the form as a person would, send CT slices with it, and send it."""
    await doctor.get_by_role("button", name="Yêu cầu mới").first.click()
    await doctor.wait_for_url("**/request")
    case = re.sub(r"/request$", "", doctor.url)
    await doctor.fill("[name=id_number]", "044166900088")
    await doctor.fill("[name=patient_name]", PATIENT)
    await doctor.fill("[name=birth_text]", "04/05/1966")
    await doctor.select_option("[name=sex]", "2")
    await doctor.get_by_label("Người bệnh đồng ý").check()
    await doctor.fill("[name=summary]", "Đau đầu dữ dội 2 giờ trước, nôn.")
    await doctor.fill("[name=diagnosis]", "viêm phổi")
    await doctor.get_by_role("option", name=re.compile("J18")).first.click()
    await doctor.fill("[name=diagnosis]", "Theo dõi xuất huyết dưới nhện")
    await doctor.fill("[name=admission_number]", "25-09999")
    await doctor.fill("[name=department]", "Khoa Cấp cứu")
    await doctor.locator("#question-rows").get_by_role("textbox").first.fill("Có xuất huyết không?")
    await doctor.get_by_label("Cấp cứu", exact=True).check()
    await doctor.select_option("[name=target_hospital_id]", index=1)
    await doctor.select_option("[name=specialty]", "neurology")
    await doctor.locator("#upload input[type=file]").first.set_input_files(series)
    await expect(doctor.locator("#part-images .study")).to_contain_text("CT sọ não", timeout=30_000)
    await doctor.locator("[form=send]").first.click()
    await doctor.wait_for_url(case)
    await expect(doctor.locator("body")).to_contain_text("LÝ THỊ THỬ NGHIỆM")
    return case


async def triage_and_schedule(desk: Page, case: str) -> None:
    await desk.goto("/desk")
    await expect(desk.locator("body")).to_contain_text("LÝ THỊ THỬ NGHIỆM")
    await desk.goto(case)
    await desk.get_by_role("button", name="Nhận ca").first.click()
    await desk.wait_for_url("**/schedule")
    people = desk.locator("[name=specialist_id]")
    await people.select_option(label=await people.locator("option", has_text="Đặng Văn Hùng").inner_text())
    await desk.get_by_role("button", name="Mời vào phòng ngay").click()
    await desk.wait_for_url(case)


async def join(page: Page, case: str) -> None:
    """By the device check, as everyone comes in."""
    await page.goto(case)
    await page.get_by_role("link", name="Vào phòng").first.click()
    await page.wait_for_url("**/check")
    await page.locator("a[href$='/room']").first.click()
    await page.wait_for_url("**/room")


async def see_and_hear_each_other(*pages: Page) -> None:
    """Video frames are decoded and sound arrives, on both sides, and goes on."""
    for page in pages:
        await page.wait_for_function(f"async () => (await ({DECODED})())[0] > 5", timeout=30_000)
        frames, samples = await page.evaluate(DECODED)
        await page.wait_for_function(
            f"async ([frames, samples]) => {{ const now = await ({DECODED})();"
            " return now[0] > frames && now[1] > samples; }",
            arg=[frames, samples],
        )


async def read_together(leader: Page, other: Page, series: list[Path]) -> None:
    """Scroll, window and zoom on one side: both show the same pixels, and they are what pydicom makes of them."""
    for page in (leader, other):
        await page.wait_for_function(
            "() => document.querySelector('.viewer')?.dataset.loaded === 'full'", timeout=30_000
        )
    lead = leader.locator("#control-lead")
    if "Tôi dẫn" in await lead.inner_text():
        await lead.click()
        await expect(lead).to_contain_text("Thôi dẫn")
    image = leader.locator(".viewer-stage")
    box = await image.bounding_box()
    assert box is not None
    await leader.mouse.move(box["x"] + 200, box["y"] + 200)
    for _ in range(5):
        await leader.keyboard.press("ArrowDown")
    await leader.mouse.down(button="right")
    await leader.mouse.move(box["x"] + 240, box["y"] + 260, steps=5)
    await leader.mouse.up(button="right")
    await leader.keyboard.press("+")
    await same_picture(leader, other)

    shown = await leader.evaluate(NATIVE)
    grey = np.array(shown["grey"]).reshape(-1, shown["width"])
    assert len(np.unique(grey)) > 20
    assert (grey == await reference(leader, shown["sop"], series)).all()


async def same_picture(leader: Page, other: Page) -> None:
    """Wait until both canvases show the same slice in full, then compare them pixel by pixel."""
    pictures: list[str] = []
    for _ in range(50):
        states = [await page.evaluate(SHOWN) for page in (leader, other)]
        pictures = [await page.evaluate(CANVAS) for page in (leader, other)]
        if states[0] == states[1] and states[0][1] == "full" and pictures[0] == pictures[1]:
            return
        await asyncio.sleep(0.2)
    assert pictures[0] == pictures[1], "the two canvases differ"


async def reference(page: Page, sop: str, series: list[Path]) -> NDArray[np.uint8]:
    """The same slice in the same window, rendered by pydicom."""
    corner = await page.locator(".viewer").inner_text()
    center, width = (float(n) for n in re.findall(r"C (-?[\d.]+) W ([\d.]+)", corner)[0])
    ds = next(ds for ds in map(dcmread, series) if ds.SOPInstanceUID == sop)
    return grey8(ds, ds.pixel_array, (center, width))


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


async def sign(page: Page, case: str) -> None:
    await page.goto(f"{case}/minutes")
    await page.locator("[name=password], #password, input[type=password]").first.fill(PASSWORD)
    await page.get_by_role("button", name=re.compile("^Ký")).first.click()
    await expect(page.locator("body")).to_contain_text(re.compile("Đã có một chữ ký|Đủ hai chữ ký"))


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
