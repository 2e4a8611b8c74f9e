"""Forms in a real browser: what is typed is saved, refused fields say why, nothing is lost."""

import re

from playwright.async_api import Page, Request, expect

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
