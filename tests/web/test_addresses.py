"""What stands in an address is in logs, in the history and on the screen of a shared PC: no name, no key."""

import re

from playwright.async_api import Page, expect

from tests.conftest import NewPage
from tests.product import Site
from tools.screens import sign_in

PATIENT = "TRẦN THỊ BÌNH"


async def addresses(page: Page) -> list[str]:
    """Every address asked for from here on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("framenavigated", lambda frame: asked.append(frame.url))
    return asked


async def search(page: Page, site: Site) -> list[str]:
    await sign_in(page, site.url, "bacsi.huyen")
    asked = await addresses(page)
    await page.goto(f"{site.url}/consultations?filter=all")
    await page.get_by_role("searchbox").fill("tran thi binh")
    await page.get_by_role("button", name="Tìm", exact=True).click()
    await expect(page.locator(".case-row")).to_have_count(1)
    await expect(page.locator(".case-row")).to_contain_text(PATIENT)
    return asked


async def test_a_name_that_was_searched_is_in_no_address(site: Site, new_page: NewPage) -> None:
    page = await new_page()
    asked = await search(page, site)
    await expect(page.get_by_role("button", name="Tất cả")).to_have_attribute("aria-current", "true")
    await page.get_by_role("button", name="Đã xong").click()
    await expect(page.locator(".case-row")).to_have_count(0)
    await page.get_by_role("button", name="Tìm trong tất cả").click()
    await expect(page.locator(".case-row")).to_contain_text(PATIENT)
    assert page.url == f"{site.url}/consultations?filter=all"
    assert [url for url in asked if "binh" in url] == []


async def test_the_search_works_without_scripts(site: Site, new_page: NewPage) -> None:
    page = await new_page(java_script_enabled=False)
    asked = await search(page, site)
    await page.get_by_role("button", name="Đang mở").click()
    await expect(page.locator(".case-row")).to_contain_text(PATIENT)
    await expect(page.get_by_role("searchbox")).to_have_value("tran thi binh")
    assert [url for url in asked if "binh" in url] == []


async def a_link(page: Page, site: Site) -> str:
    await sign_in(page, site.url, "quantri")
    await page.goto(f"{site.url}/people")
    await page.locator("form[action$='/link'] button").first.click()
    link = await page.locator(".alert-success input").input_value()
    await sign_in(page, site.url, "")
    return link


async def test_the_word_of_a_link_is_in_no_address_that_is_sent_or_kept(
    site: Site, new_page: NewPage
) -> None:
    page = await new_page()
    link = await a_link(page, site)
    word = link.partition("#")[2]
    assert len(word) > 20
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    await page.goto(link)
    await expect(page.get_by_label("Mật khẩu mới")).to_be_visible()
    assert page.url == f"{site.url}/password"
    assert [url for url in sent if word in url.partition("#")[0]] == []
    history = await (await page.context.new_cdp_session(page)).send("Page.getNavigationHistory")
    kept = [entry["url"] for entry in history["entries"]]
    assert f"{site.url}/password" in kept
    assert [url for url in kept if word in url] == []


async def test_a_link_that_was_cut_says_so(site: Site, new_page: NewPage) -> None:
    page = await new_page()
    await page.goto(f"{site.url}/password")
    await expect(page.get_by_role("alert")).to_have_text(re.compile("thiếu phần sau dấu #"))


async def test_a_link_without_scripts_says_what_it_needs(site: Site, new_page: NewPage) -> None:
    page = await new_page(java_script_enabled=False)
    await page.goto(f"{site.url}/password")
    await expect(page.get_by_text("cần JavaScript")).to_be_visible()
