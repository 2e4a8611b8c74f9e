"""Every page of the product, as whom and on which demo case to look at it: for screenshots and tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page

PASSWORD = "hoichan-demo"  # noqa: S105  # of the demo log-ins, public on purpose
CASE = "/consultations/{consultation}"
DESKTOP, PHONE = (1366, 768), (390, 844)


@dataclass(frozen=True)
class Screen:
    """`route` as the router has it; `patient` names the demo case that fills {consultation}."""

    name: str
    login: str  # "" for nobody
    route: str
    patient: str = ""
    status: int = 200
    settles_ms: int = 500  # clocks, pictures
    ready: str = ""  # what is there once its images have come


SCREENS = (
    Screen("sign-in", "", "/sign-in"),
    Screen("password", "", "/password#{word}", ready="input[name=again]"),
    Screen("home-doctor", "bacsi.huyen", "/"),
    Screen("home-specialist", "chuyengia", "/"),
    Screen("home-coordinator", "dieuphoi", "/"),
    Screen("cases", "bacsi.huyen", "/consultations"),
    Screen("request", "bacsi.huyen", f"{CASE}/request", "Vũ Minh Khang"),
    Screen("desk", "dieuphoi", "/desk"),
    Screen("triage", "dieuphoi", CASE, "Nguyễn Văn An"),
    Screen("schedule", "dieuphoi", f"{CASE}/schedule", "Lê Văn Cường"),
    Screen("agenda", "dieuphoi", "/agenda"),
    Screen("case", "bacsi.huyen", CASE, "Trần Thị Bình"),
    Screen("case-needs-more", "bacsi.huyen", CASE, "Phạm Thị Dung"),
    Screen("case-signed", "bacsi.huyen", CASE, "Đỗ Thị Giang"),
    Screen("check", "bacsi.huyen", f"{CASE}/check", "Trần Thị Bình"),
    Screen("room", "bacsi.huyen", f"{CASE}/room", "Trần Thị Bình", ready=".viewer[data-loaded=full]"),
    Screen("reading", "bacsi.huyen", f"{CASE}/reading", "Trần Thị Bình", ready=".viewer[data-loaded=full]"),
    Screen("minutes", "chuyengia", f"{CASE}/minutes", "Hoàng Văn Em"),
    Screen("minutes-signed", "chuyengia", f"{CASE}/minutes", "Đỗ Thị Giang"),
    Screen("inbox", "bacsi.huyen", "/inbox"),
    Screen("teaching", "bacsi.huyen", "/teaching"),
    Screen("sessions", "bacsi.huyen", "/sessions"),
    Screen("people", "quantri", "/people"),
    Screen("hospitals", "quantri", "/hospitals"),
    Screen("pacs", "quantri", "/pacs"),
    Screen("refused-files", "quantri", "/refused-files"),
    Screen("devices", "quantri.huyen", "/devices"),
    Screen("oversight", "soyte", "/oversight"),
    Screen("not-found", "bacsi.huyen", "/khong-co", status=404),
    Screen("not-allowed", "soyte", "/consultations", status=403),
)


async def sign_in(page: Page, url: str, login: str) -> None:
    await page.context.clear_cookies()
    if login:
        form: dict[str, str | float | bool] = {"login": login, "password": PASSWORD}
        answer = await page.request.post(f"{url}/sign-in", form=form, headers={"Origin": url})
        assert answer.ok, f"{login} cannot sign in: {answer.status}"


async def address(page: Page, url: str, screen: Screen) -> str:
    """The path of the screen; `page` is signed in as its person."""
    if "{word}" in screen.route:
        return await _password_link(page, url)
    if not screen.patient:
        return screen.route
    await page.goto(f"{url}/consultations?filter=all")
    link = page.locator(".case-row a.patient", has_text=screen.patient).first
    return screen.route.replace(CASE, await link.get_attribute("href") or "")


async def _password_link(page: Page, url: str) -> str:
    """A one-time link, as an administrator makes it."""
    await sign_in(page, url, "quantri")
    await page.goto(f"{url}/people")
    await page.locator("form[action$='/link'] button").first.click()
    link = await page.locator(".alert-success input").input_value()
    await sign_in(page, url, "")
    return re.sub(r"^\w+://[^/]+", "", link)


async def open_screen(page: Page, url: str, screen: Screen, language: str = "vi") -> int:
    """Show the screen; the status of its answer."""
    await sign_in(page, url, screen.login)
    path = await address(page, url, screen)
    await page.context.add_cookies([{"name": "language", "value": language, "url": url}])
    answer = await page.goto(url + path)
    await page.wait_for_load_state("load")
    await page.evaluate("document.fonts.ready.then(() => true)")
    return answer.status if answer else 0
