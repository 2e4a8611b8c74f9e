"""Script in the texts of a file: shown as text on every page, run on none."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.conftest import NewPage
from tests.dicom.builders import a_hostile_file
from tests.dicom.dicomweb_site import a_multipart
from tests.product import Site
from tools.screens import sign_in


async def is_clean(page: Page, complaints: list[str]) -> None:
    assert await page.evaluate("window.__xss") is None
    assert await page.locator("img[src=x], svg[onload]").count() == 0
    assert "1337" not in await page.locator("body").inner_text()
    assert [one for one in complaints if "Content Security Policy" in one or "TrustedHTML" in one] == []


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom says that such values are none
async def test_script_in_the_texts_of_a_file_runs_on_no_page(site: Site, new_page: NewPage) -> None:
    page = await new_page(reduced_motion="reduce")
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    await sign_in(page, site.url, "bacsi.huyen")
    await page.goto(f"{site.url}/inbox")
    body, content_type = a_multipart([a_hostile_file()])
    token = await page.locator("meta[name=csrf-token], input[name=csrf]").first.evaluate(
        "one => one.content ?? one.value"
    )
    sent = await page.request.post(
        f"{site.url}/dicom-web/studies",
        data=body,
        headers={"Content-Type": content_type, "Origin": site.url, "X-CSRF-Token": token},
    )
    assert sent.status == 200, await sent.text()
    await page.reload()
    study = page.locator(".study", has_text="onerror")
    await expect(study.first).to_be_visible()
    await is_clean(page, complaints)
    number = await study.first.locator("[data-attach-study]").get_attribute("data-attach-study")

    await page.goto(f"{site.url}/consultations")
    await page.get_by_role("button", name="Yêu cầu mới").click()
    await expect(page).to_have_url(re.compile("/request$"))
    await page.locator(f"[data-attach='{number}']").click()
    await expect(page.locator(f"[data-detach='{number}']")).to_be_visible()
    await is_clean(page, complaints)
    case = page.url.removesuffix("/request")
    await page.goto(case)
    await expect(page.get_by_text("__xss").first).to_be_visible()
    await is_clean(page, complaints)
