"""One consultation as people do it in their browsers, on a running site: what journey and network tests share."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page, expect
from pydicom.dataset import Dataset

from dicom.sampledata import Patient, Study
from tests.conftest import NewPage
from tests.dicom.reference import grey8
from tests.product import PASSWORD, Site
from tests.waiting import until_so

NAME = "Lý Thị Thử Nghiệm"
PATIENT = Patient("LÝ^Thị Thử Nghiệm", "044166900088", date(1966, 5, 4), "F")
WIDE = {"width": 1366, "height": 768}
BUSY_MS = 30_000  # a machine of two cores with two browsers and a video call on it
# Every connection the page makes, so that getStats can be asked from outside.
WATCH_CALLS = """
window.calls = [];
const Native = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Native { constructor(...a) { super(...a); window.calls.push(this); } };
"""
# Of each connection that stands: frames decoded, packets of voice, the kind of way they came ("host", "relay", …).
CALLS = """async () => {
  const all = window.calls.filter((call) => call.connectionState === "connected");
  return Promise.all(all.map(async (call) => {
    const rows = [...(await call.getStats()).values()];
    const inbound = (kind) => rows.find((row) => row.type === "inbound-rtp" && row.kind === kind);
    const transport = rows.find((row) => row.type === "transport" && row.selectedCandidatePairId);
    const pair = rows.find((row) => row.id === transport?.selectedCandidatePairId);
    const local = rows.find((row) => row.id === pair?.localCandidateId);
    return {
      frames: inbound("video")?.framesDecoded ?? 0,
      packets: inbound("audio")?.packetsReceived ?? 0,
      way: local?.candidateType ?? "",
    };
  }));
}"""
FLOWS = f"""async ([peers, before]) => {{
  const now = await ({CALLS})();
  const enough = ({{ frames, packets }}, i) =>
    frames > (before[i]?.frames ?? 0) + 5 && packets > (before[i]?.packets ?? 0) + 10;
  return now.length === peers && now.every(enough);
}}"""
# What is shown: the image at its own size after the window, red, green, blue, alpha.
NATIVE = """() => {
  const detail = {};
  document.querySelector(".viewer").dispatchEvent(new CustomEvent("viewer-native", { detail }));
  const { width, height, data } = detail.image;
  let text = "";
  for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
  return { width, height, data: btoa(text) };
}"""
# Which image it is, and the canvas as it lies on the screen: zoomed, turned, with what is drawn on it.
SHOWN = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const { study, sop, frame, loaded } = document.querySelector(".viewer").dataset;
  const canvases = [...document.querySelectorAll(".viewer-stage canvas")].map((one) => one.toDataURL());
  return { study, sop, frame, loaded, canvases };
}"""


def a_study(uid: str, description: str) -> Study:
    """A visit of the patient this morning; DICOM writes local time."""
    return Study(uid, datetime(2026, 11, 22, 6, 0), description)  # noqa: DTZ001


# --- the steps ------------------------------------------------------------------------------------


async def signed_in(new_page: NewPage, site: Site, login: str, **options: Any) -> Page:
    page = await new_page(base_url=site.url, viewport=WIDE, permissions=["camera", "microphone"], **options)
    page.set_default_timeout(BUSY_MS)
    await page.add_init_script(WATCH_CALLS)
    await page.goto("/sign-in")
    await page.fill("[name=login]", login)
    await page.fill("[name=password]", PASSWORD)
    await page.click("form[action='/sign-in'] [type=submit]")
    await page.wait_for_url(lambda url: not url.endswith("/sign-in"))
    return page


async def request(doctor: Page, images: Sequence[Path], studies: Sequence[str]) -> str:
    """Fill the form as a person would, send images with it, and send it; the address of the case."""
    await doctor.get_by_role("button", name="Yêu cầu mới").first.click()
    await doctor.wait_for_url("**/request")
    case = re.sub(r"/request$", "", doctor.url)
    await doctor.fill("[name=id_number]", PATIENT.patient_id)
    await doctor.fill("[name=patient_name]", NAME)
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
    if images:
        await doctor.locator("#upload input[type=file]").first.set_input_files(images)
    for words in studies:
        await expect(doctor.locator("#part-images .study", has_text=words)).to_be_visible(timeout=60_000)
    await doctor.locator("[form=send]").first.click()
    await doctor.wait_for_url(case)
    await expect(doctor.locator("body")).to_contain_text(NAME.upper())
    return case


async def triage_and_schedule(desk: Page, case: str, specialist: str = "Đặng Văn Hùng") -> None:
    await desk.goto("/desk")
    await expect(desk.locator("body")).to_contain_text(NAME.upper())
    await desk.goto(case)
    await desk.get_by_role("button", name="Nhận ca").first.click()
    await desk.wait_for_url("**/schedule")
    people = desk.locator("[name=specialist_id]")
    await people.select_option(label=await people.locator("option", has_text=specialist).inner_text())
    await desk.get_by_role("button", name="Mời vào phòng ngay").click()
    await desk.wait_for_url(case)


async def join(page: Page, case: str) -> None:
    """By the device check, as everyone comes in."""
    await page.goto(case)
    await page.get_by_role("link", name="Vào phòng").first.click()
    await page.wait_for_url("**/check")
    await page.locator("a[href$='/room']").first.click()
    await page.wait_for_url("**/room")


async def leave(page: Page) -> None:
    await page.locator("#control-leave").click()
    await page.wait_for_url(lambda url: not url.endswith("/room"))


async def see_and_hear(*pages: Page, within_s: float = 60) -> None:
    """Each decodes pictures and hears sound of all the others, and goes on doing so."""

    async def flows(page: Page) -> None:
        before = await page.evaluate(CALLS)
        peers = len(pages) - 1
        await until_so(page, FLOWS, [peers, before], within_s=within_s)

    await asyncio.gather(*map(flows, pages))
    await asyncio.gather(*map(flows, pages))


async def ways(page: Page) -> set[str]:
    """The kinds of candidates that carry the calls of this page now."""
    return {call["way"] for call in await page.evaluate(CALLS)}


# --- images ---------------------------------------------------------------------------------------


async def lead(page: Page) -> None:
    control = page.locator("#control-lead")
    if "Tôi dẫn" in await control.inner_text():
        await control.click()
    await expect(control).to_contain_text("Thôi dẫn")


async def images_come(*pages: Page) -> None:
    for page in pages:
        await page.wait_for_selector('.viewer[data-loaded="full"]', timeout=BUSY_MS)


async def same_picture(leader: Page, other: Page, timeout_s: float = 20) -> dict[str, Any]:
    """Wait until both canvases show the same image in full, pixel by pixel; what is shown."""
    async with asyncio.timeout(timeout_s):
        while True:
            mine, theirs = await asyncio.gather(leader.evaluate(SHOWN), other.evaluate(SHOWN))
            if mine == theirs and mine["loaded"] == "full":
                return dict(mine)
            await asyncio.sleep(0.1)


async def pixels(page: Page) -> NDArray[np.uint8]:
    """Rows × columns × red, green, blue of the image that is shown, as it is after its window."""
    image = await page.evaluate(NATIVE)
    rgba = np.frombuffer(base64.b64decode(image["data"]), np.uint8)
    return rgba.reshape(image["height"], image["width"], 4)[..., :3]


async def window(page: Page) -> tuple[float, float]:
    """Center and width as the corner of the image says them, in Vietnamese numbers."""
    corner = await page.locator(".viewer").inner_text()
    center, width = re.findall(r"C (-?[\d,]+) W ([\d,]+)", corner)[0]
    return float(center.replace(",", ".")), float(width.replace(",", "."))


async def is_as_pydicom_renders(page: Page, ds: Dataset, frame: int) -> None:
    """Grey exactly, in the window that is set; JPEG colour as near as two decoders are to each other."""
    seen = await pixels(page)
    assert len(np.unique(seen)) > 20, "nearly uniform"
    if ds.SamplesPerPixel == 1:
        assert (seen == grey8(ds, ds.pixel_array, await window(page))[..., None]).all()
    else:
        apart = np.abs(seen.astype(int) - ds.pixel_array[frame - 1])
        assert apart.max() < 10
        assert apart.mean() < 0.5
