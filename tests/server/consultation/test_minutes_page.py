"""The minutes page in real browsers: two people write at once, the line is cut, both sign what they saw."""

import asyncio
import re
import subprocess

import pytest
from playwright.async_api import Locator, Page, expect

from tests.conftest import NewPage
from tests.server.house import PASSWORD, House

# Whatever a page asks for, other tests ask for on both databases.
pytestmark = pytest.mark.parametrize("shared_house", ["sqlite"], indirect=True, scope="session")
DOCTOR, EXPERT = "doctor.L", "specialist.P"


async def minutes_of(house: House, new_page: NewPage, name: str, case: str) -> Page:
    caller = await house.by(name)
    page = await new_page()
    cookies = [{"name": key, "value": value, "url": house.url} for key, value in caller.cookies.items()]
    await page.context.add_cookies(cookies)  # type: ignore[arg-type]
    await page.goto(f"{house.url}/consultations/{case}/minutes")
    return page


def field(page: Page, name: str) -> Locator:
    return page.locator(f'[data-field="{name}"]')


async def saved(page: Page) -> None:
    await expect(page.locator(".save-state")).to_contain_text("Đã lưu")


async def look(page: Page) -> None:
    """Come back to the page: it asks the server at once instead of in a few seconds."""
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def sleep(page: Page) -> None:
    """The page asks the server for nothing more by itself, as one in the background: what it shows grows old."""
    await page.evaluate("Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })")


async def sign(page: Page, password: str = PASSWORD) -> None:
    await page.fill("#sign-password", password)
    await page.click("#sign-form button")


@pytest.mark.long
async def test_two_people_write_the_minutes_and_sign_them(house: House, new_page: NewPage) -> None:
    case = await house.a_consultation("minutes-open")
    doctor, expert = (
        await minutes_of(house, new_page, DOCTOR, case),
        await minutes_of(house, new_page, EXPERT, case),
    )
    await expect(field(doctor, "course")).to_have_value("Đau ngực ba giờ.")

    await field(doctor, "conclusion").fill("Hội chứng vành cấp.")
    await saved(doctor)
    await look(expert)
    await expect(field(expert, "conclusion")).to_have_value("Hội chứng vành cấp.")

    # Both write in the same place while one has no line: nobody's words are lost.
    await doctor.context.set_offline(True)
    await field(doctor, "conclusion").press("End")
    await field(doctor, "conclusion").press_sequentially(" Theo dõi men tim.")
    await expect(doctor.locator(".save-state")).to_contain_text("Chưa lưu được")
    await field(expert, "conclusion").press("End")
    await field(expert, "conclusion").press_sequentially(" Chụp mạch vành.")
    await saved(expert)
    await doctor.context.set_offline(False)
    await saved(doctor)
    await look(expert)
    for page in (doctor, expert):
        for words in ("Hội chứng vành cấp.", " Theo dõi men tim.", " Chụp mạch vành."):
            await expect(field(page, "conclusion")).to_have_value(re.compile(re.escape(words)))
    assert await field(doctor, "conclusion").input_value() == await field(expert, "conclusion").input_value()

    # What is missing stops the signing, and is listed.
    await sign(doctor)
    await expect(doctor.locator("#sign-form .alert")).to_contain_text("câu hỏi 1")
    answers, reasons = doctor.locator('[data-field^="answer:"]'), doctor.locator('[data-field^="reason:"]')
    await answers.first.fill("Không cần chuyển.")
    await doctor.get_by_role("checkbox").last.check()
    await reasons.last.fill("Chờ men tim lần hai.")
    await field(doctor, "next_treatment").fill("Aspirin 81 mg.")
    await expect(doctor.locator("#lacking")).to_contain_text("Đủ để ký")

    await sign(doctor, "sai mật khẩu")
    await expect(doctor.locator("#sign-form .field-error")).to_contain_text("Mật khẩu không đúng")

    # What the other one has just changed is told, not signed.
    await sleep(doctor)
    await look(expert)
    await expect(field(expert, "next_treatment")).to_have_value("Aspirin 81 mg.")
    await field(expert, "next_treatment").press("End")
    await field(expert, "next_treatment").press_sequentially(" Clopidogrel.")
    await saved(expert)
    await sign(doctor)
    await expect(doctor.locator("#sign-form .alert")).to_contain_text("Hướng điều trị tiếp")
    await expect(field(doctor, "next_treatment")).to_have_value("Aspirin 81 mg. Clopidogrel.")
    await sign(doctor)
    await expect(doctor.locator("#signed-title")).to_be_visible()

    # The other page is only read from now on; the second signature makes it final.
    await look(expert)
    await expect(expert.locator(".paper-signatures")).to_contain_text("Người doctor L")
    await expect(field(expert, "conclusion")).to_have_count(0)
    await sign(expert)
    await expect(expert.locator(".page-head")).to_contain_text("Đủ hai chữ ký")
    text = await printed(house, case)
    assert "BẢN NHÁP" not in text
    for words in ("Chụp mạch vành.", "Chờ men tim lần hai.", "Aspirin 81 mg. Clopidogrel."):
        assert words in text


async def printed(house: House, case: str) -> str:
    pdf = await (await house.by(DOCTOR)).get(f"/consultations/{case}/minutes/pdf")
    assert pdf.status == 200
    done = await asyncio.to_thread(
        subprocess.run, ["pdftotext", "-raw", "-", "-"], input=pdf.body, capture_output=True, check=True
    )
    return " ".join(done.stdout.decode().split())


async def test_an_addendum_is_signed_and_the_text_before_it_stays(house: House, new_page: NewPage) -> None:
    case = await house.a_consultation("signed")
    before = await printed(house, case)
    page = await minutes_of(house, new_page, DOCTOR, case)
    form = page.locator('form[action$="/addenda"]')
    await form.locator("textarea").fill("Men tim lần hai bình thường.")
    await form.locator("[name=password]").fill(PASSWORD)
    await form.locator("button").click()
    await expect(page.locator("#addendum-1")).to_be_visible()
    after = await printed(house, case)
    assert after.startswith(before[: before.index("Trang 1/")])
    assert "PHẦN BỔ SUNG SỐ 1" in after
    assert "Men tim lần hai bình thường." in after


async def test_leaving_with_unsaved_words_is_asked_about(house: House, new_page: NewPage) -> None:
    case = await house.a_consultation("minutes-open")
    page = await minutes_of(house, new_page, DOCTOR, case)
    await saved_or_idle(page)
    await page.context.set_offline(True)
    await field(page, "conclusion").press_sequentially("chưa gửi")
    async with page.expect_event("dialog") as asked:
        await page.close(run_before_unload=True)
    dialog = await asked.value
    assert dialog.type == "beforeunload"
    await dialog.dismiss()


async def saved_or_idle(page: Page) -> None:
    await expect(page.locator(".save-state")).not_to_contain_text("Đang mở")


async def in_the_room(house: House, new_page: NewPage, name: str, case: str) -> Page:
    page = await minutes_of(house, new_page, name, case)
    await page.goto(f"{house.url}/consultations/{case}/room")
    await page.locator("#tab-minutes").click()
    await expect(field(page, "conclusion")).to_be_visible()
    return page


@pytest.mark.long
async def test_in_the_room_words_and_key_images_are_there_at_once(house: House, new_page: NewPage) -> None:
    study = await house.a_study("L", PixelData=bytes(range(256)) * 32)
    case = await house.a_consultation("in-session", study_ids=(study,))
    expert = await in_the_room(house, new_page, EXPERT, case)
    doctor = await in_the_room(house, new_page, DOCTOR, case)
    await field(doctor, "conclusion").fill("Nốt mờ thùy trên.")
    await expect(field(expert, "conclusion")).to_have_value("Nốt mờ thùy trên.", timeout=5000)

    viewer = expert.locator(".viewer")
    await expect(viewer).to_have_attribute("data-loaded", "full")
    await viewer.press("k")
    picture = expert.locator("#panel-minutes .key-images img")
    await expect(picture).to_have_js_property("complete", value=True)
    assert await picture.evaluate("image => image.naturalWidth") > 0
    words = re.compile("Ghi chú dưới ảnh")
    await expert.get_by_label(words).fill("Nốt 8 mm thùy trên")
    await expert.get_by_label(words).press("Tab")
    await expect(doctor.get_by_label(words)).to_have_value("Nốt 8 mm thùy trên")
    assert "1. Nốt 8 mm thùy trên" in await printed(house, case)
    story = await doctor.context.new_page()
    await story.goto(f"{house.url}/consultations/{case}")
    await expect(story.locator(".key-images").get_by_label(words)).to_have_value("Nốt 8 mm thùy trên")
    await expert.get_by_role("button", name="Bỏ ảnh").click()
    await expect(picture).to_have_count(0)
    await expert.get_by_role("button", name="Hoàn tác").last.click()
    await expect(picture).to_have_count(1)
    assert "7. Hình ảnh chính Ảnh thu nhỏ" in await printed(house, case)
