"""Forms in a real browser: what is typed is saved, refused fields say why, nothing is lost."""

import asyncio
import re
from pathlib import Path

import imagecodecs
import numpy as np
from playwright.async_api import Page, Request, Route, expect

from tests.conftest import NewPage
from tests.product import Site
from tools.screens import sign_in

expect.set_options(timeout=20_000)  # the first search reads the whole classification


async def a_draft(new_page: NewPage, site: Site) -> Page:
    """A new request of the district doctor, open in the browser."""
    page = await new_page(reduced_motion="reduce")
    await sign_in(page, site.url, "bacsi.huyen")
    await page.goto(f"{site.url}/consultations")
    await page.get_by_role("button", name="Yêu cầu mới").click()
    await expect(page).to_have_url(re.compile("/request$"))
    return page


async def saved(page: Page) -> None:
    await expect(page.locator("#save-state")).to_contain_text("Đã lưu", timeout=20_000)


async def test_a_request_is_saved_as_one_types_and_is_there_after_a_reload(
    site: Site, new_page: NewPage
) -> None:
    page = await a_draft(new_page, site)
    await page.get_by_label("Họ tên").fill("Ngô Văn Thử")
    await page.get_by_label("Tóm tắt bệnh án").fill("Đau ngực trái hai giờ.\nMạch 96.")
    await page.get_by_role("button", name="Thêm câu hỏi").click()
    await page.locator("[data-field=text]").last.fill("Có cần chụp mạch không?")
    await page.get_by_role("button", name="Thêm dòng xét nghiệm").click()
    await page.locator("[data-field=name]").fill("Troponin")
    await page.locator("[data-field=value]").fill("0,8")
    await page.get_by_label("Khoa", exact=True).focus()
    await saved(page)
    await page.reload()
    await expect(page.get_by_label("Họ tên")).to_have_value("Ngô Văn Thử")
    await expect(page.get_by_label("Tóm tắt bệnh án")).to_have_value("Đau ngực trái hai giờ.\nMạch 96.")
    await expect(page.locator("[data-field=text]").first).to_have_value("Có cần chụp mạch không?")
    await expect(page.locator("[data-field=name]")).to_have_value("Troponin")


async def test_a_citizen_card_fills_the_patient(site: Site, new_page: NewPage) -> None:
    page = await a_draft(new_page, site)
    await page.get_by_label("Số giấy tờ").fill("044158000019||Trần Thị Mẫu|02031958|Nữ|Xã Thử|01012022")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Họ tên")).to_have_value("Trần Thị Mẫu")
    await expect(page.get_by_label("Ngày hoặc năm sinh")).to_have_value("02/03/1958")
    await expect(page.get_by_label("Giới tính")).to_have_value("2")
    await expect(page.get_by_label("Số giấy tờ")).to_have_value("044158000019")


async def test_a_photo_of_a_film_becomes_an_image_of_the_case(
    site: Site, new_page: NewPage, tmp_path: Path
) -> None:
    page = await a_draft(new_page, site)
    await page.get_by_label("Họ tên").fill("Ngô Văn Phim")
    await saved(page)
    photo, junk = tmp_path / "phim.jpg", tmp_path / "khac.png"
    photo.write_bytes(bytes(imagecodecs.jpeg8_encode(np.full((120, 90, 3), 70, dtype=np.uint8))))
    junk.write_bytes(b"no photo at all")
    await page.locator("#film-files").set_input_files([junk])
    await expect(page.locator("#films .field-error")).to_contain_text("không phải ảnh chụp")
    await page.locator("#film-files").set_input_files([photo])
    study = page.locator(".study", has_text="NGÔ Văn Phim")
    await expect(study).to_contain_text("Ảnh chụp phim")
    await expect(study).to_contain_text("1 ảnh")
    await expect(page.get_by_text("không dùng để đo")).to_be_visible()


async def test_what_is_typed_before_the_script_has_come_counts_too(site: Site, new_page: NewPage) -> None:
    page = await a_draft(new_page, site)
    held: list[Route] = []
    has_come = asyncio.Event()

    async def hold(route: Route) -> None:
        held.append(route)
        has_come.set()

    await page.route(re.compile(r"/static/.*request.*\.js"), hold)
    await page.goto(page.url, wait_until="commit")
    await has_come.wait()
    await page.get_by_label("Số giấy tờ").fill("044158000019||Trần Thị Mẫu|02031958|Nữ|Xã Thử|01012022")
    await page.get_by_label("Tóm tắt bệnh án").fill("Đau ngực trái hai giờ.")
    for route in held:
        await route.continue_()
    await expect(page.get_by_label("Họ tên")).to_have_value("Trần Thị Mẫu")
    await saved(page)
    await page.unroute_all()
    await page.reload()
    await expect(page.get_by_label("Họ tên")).to_have_value("Trần Thị Mẫu")
    await expect(page.get_by_label("Tóm tắt bệnh án")).to_have_value("Đau ngực trái hai giờ.")


async def test_a_diagnosis_is_found_and_taken_by_the_keyboard(site: Site, new_page: NewPage) -> None:
    page = await a_draft(new_page, site)
    diagnosis = page.get_by_role("combobox", name="Chẩn đoán")
    await diagnosis.press_sequentially("viêm phổi")
    found = page.locator("#diagnosis-list [role=option]")
    await expect(found.first).to_be_visible()
    await diagnosis.press("ArrowDown")
    await diagnosis.press("Enter")
    await expect(page.locator("#chosen-codes")).to_contain_text("J18")
    await expect(found).to_have_count(0)


async def test_a_wrong_number_is_marked_and_stays_as_it_was_typed(site: Site, new_page: NewPage) -> None:
    page = await a_draft(new_page, site)
    await page.get_by_label("Số giấy tờ").fill("123")
    await page.get_by_label("Họ tên").fill("Ngô Văn Thử")
    await page.get_by_label("Khoa", exact=True).focus()
    await expect(page.locator(".field-error")).to_contain_text("CCCD có 12 chữ số")
    await expect(page.get_by_label("Số giấy tờ")).to_have_value("123")
    await page.get_by_role("button", name="Gửi yêu cầu").first.click()
    await expect(page.locator(".form-refusal")).to_contain_text("Có mục chưa đúng")
    await expect(page.get_by_label("Số giấy tờ")).to_have_attribute("aria-invalid", "true")


async def test_what_is_typed_without_a_network_is_saved_when_it_is_back(
    site: Site, new_page: NewPage
) -> None:
    page = await a_draft(new_page, site)
    await page.context.set_offline(True)
    await expect(page.locator("#offline")).to_be_visible()
    await page.get_by_label("Họ tên").fill("Ngô Văn Thử")
    await expect(page.locator("#save-state")).to_contain_text("Chưa lưu được", timeout=20_000)
    await page.context.set_offline(False)
    await expect(page.locator("#offline")).to_be_hidden()
    await saved(page)
    await page.reload()
    await expect(page.get_by_label("Họ tên")).to_have_value("Ngô Văn Thử")


async def test_a_refused_form_keeps_its_words_and_sends_once(site: Site, new_page: NewPage) -> None:
    page = await a_draft(new_page, site)
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    await page.goto(page.url.removesuffix("/request"))
    await page.get_by_role("button", name="Hủy ca").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Lý do").fill("x")
    await dialog.get_by_role("button", name="Hủy ca").click()
    await expect(dialog.locator(".field-error")).to_contain_text("lý do hủy")
    await expect(dialog.get_by_label("Lý do")).to_have_value("x")
    await dialog.get_by_label("Lý do").fill("Gửi nhầm người bệnh")
    await dialog.get_by_role("button", name="Hủy ca").dblclick()
    await expect(page.locator(".badge", has_text="Đã hủy")).to_be_visible()
    assert len(sent) == 2


class Typist:
    """Hands that know no mouse. A key costs 0.28 s: the keystroke-level model's average typist."""

    SECONDS_A_KEY = 0.28

    def __init__(self, page: Page) -> None:
        self.page = page
        self.keys = 0

    async def press(self, key: str) -> None:
        self.keys += 1
        await self.page.keyboard.press(key)

    async def write(self, text: str) -> None:
        self.keys += len(text)
        await self.page.keyboard.type(text)

    async def go_to(self, selector: str) -> None:
        for _ in range(40):
            await self.press("Tab")
            if await self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab never comes to {selector}")

    async def choose(self, selector: str, value: str) -> None:
        """An option of the list that has the focus."""
        for _ in range(30):
            if await self.page.locator(selector).input_value() == value:
                return
            await self.press("ArrowDown")
        raise AssertionError(f"{selector} has no {value}")


async def test_a_request_by_keyboard_alone_takes_under_three_minutes(site: Site, new_page: NewPage) -> None:
    page = await a_draft(new_page, site)
    hands = Typist(page)
    hospital = await page.locator("#target_hospital_id option", has_text="tỉnh").get_attribute("value")
    await hands.go_to("#id_number")
    await hands.write("044158000019||Trần Thị Phím|02031958|Nữ|Xã Thử|01012022")
    hands.keys = 1  # the reader of the card typed that
    await hands.go_to("[name=informed_how]")
    await hands.press("Space")
    await hands.go_to("#summary")
    await hands.write(
        "Nữ 68 tuổi, đau ngực trái 2 giờ, vã mồ hôi. Tăng huyết áp 10 năm. Mạch 96, huyết áp 150/90."
    )
    await hands.go_to("#diagnosis")
    await hands.write("nhồi máu cơ tim")
    await expect(page.locator("#diagnosis-list [role=option]").first).to_be_visible()
    await hands.press("ArrowDown")
    await hands.press("Enter")
    await hands.go_to("#course")
    await hands.write("Đau không giảm sau nghỉ. Điện tim ST chênh lên V1-V4.")
    await hands.go_to("#treatment")
    await hands.write("Aspirin 300 mg, clopidogrel 300 mg, enoxaparin 60 mg.")
    await hands.go_to("#question-rows textarea")
    await hands.write("Tiêu sợi huyết hay chuyển can thiệp?")
    await hands.go_to("[name=urgency]")
    await hands.press("Space")
    await hands.go_to("#target_hospital_id")
    await hands.choose("#target_hospital_id", hospital or "")
    await hands.go_to("#specialty")
    await hands.choose("#specialty", "cardiology")
    await hands.go_to("button[form=send]")
    await hands.press("Enter")
    await expect(page).not_to_have_url(re.compile("/request"))
    await expect(page.get_by_role("heading", level=1)).to_contain_text("TRẦN THỊ PHÍM")
    assert hands.keys * hands.SECONDS_A_KEY < 180
