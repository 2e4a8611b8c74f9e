"""Every page of the router: readable by all (axe), quiet in the console, no sideways scroll on the phone."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from server.app import build_app
from server.platform.http import routes_of
from server.platform.settings import Settings
from tests.conftest import NewPage
from tests.product import Site
from tools.screens import DESKTOP, PHONE, SCREENS, Screen, open_screen

# What a browser does not show as a page of its own.
NO_PAGE = re.compile(
    r"/(dicom-web|images|uploads|static|signal|api|healthz|readyz|metrics|icd10)"
    r"|/documents/|/minutes/|calendar\.ics|^/desk/queue$"
)
SERIOUS = {"serious", "critical"}


def test_every_page_of_the_router_has_a_screen(tmp_path: Path) -> None:
    routes = routes_of(build_app(Settings(data_dir=tmp_path)))
    pages = {route.removeprefix("GET ") for route in routes if route.startswith("GET ")}
    assert {page for page in pages if not NO_PAGE.search(page)} == {
        screen.route for screen in SCREENS if screen.status == 200
    }


async def faults(page: Page) -> list[str]:
    """What axe calls serious or critical: the rule, the first place, and why."""
    found = await Axe().run(page)
    return [
        f"{one['id']} at {one['nodes'][0]['target']}: {one['nodes'][0]['failureSummary']}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
    ]


async def show(page: Page, size: tuple[int, int], colours: str) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.emulate_media(color_scheme="dark" if colours == "dark" else "light")


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_a_page_serves_everybody(screen: Screen, site: Site, new_page: NewPage) -> None:
    page = await new_page(reduced_motion="reduce")
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)

    # The two looks that differ most; what is wrong in one of the others is wrong in one of these.
    await show(page, DESKTOP, "light")
    assert await open_screen(page, site.url, screen) == screen.status
    assert await faults(page) == [], "desktop, light"
    await show(page, PHONE, "dark")
    assert await faults(page) == [], "phone, dark"

    widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1], "the phone scrolls sideways"
    if screen.status == 200:
        assert complaints == []
