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
    r"|/documents/|/minutes/|calendar\.ics|^/desk/queue$|^/retrievals$"
    r"|^/teaching/\{copy\}"  # needs a copy, and has a test of its own
    r"|^/consultations/search$"  # leads to the list
    r"|^/ahead$|/arrived$|/marks$"  # what scripts ask for
)
SERIOUS = {"serious", "critical"}
SIZES = (("desktop", DESKTOP), ("phone", PHONE))  # the phone last: targets are measured there


def test_every_page_of_the_router_has_a_screen(tmp_path: Path) -> None:
    routes = routes_of(build_app(Settings(data_dir=tmp_path)))
    pages = {route.removeprefix("GET ") for route in routes if route.startswith("GET ")}
    assert {page for page in pages if not NO_PAGE.search(page)} == {
        screen.route.partition("#")[0] for screen in SCREENS if screen.status == 200
    }


# WCAG 2.2, A and AA, and what axe counts as good practice.
RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
LOOKS = tuple((name, size, colours) for name, size in SIZES for colours in ("light", "dark"))
LEAST_TARGET_PX = 44
# What a finger cannot reach: a box or its label that is too small, leaving out what only assistive tools see.
PARTS = "a[href], button, input, select, textarea, summary, [role=tab]"
SMALL_TARGETS = """([parts, least]) => [...document.querySelectorAll(parts)]
    .map(part => [part, part.type === "checkbox" && part.labels[0] || part])
    .filter(([part]) => !part.closest(".visually-hidden, .skip-link, dialog:not([open])") && part.checkVisibility())
    .map(([part, target]) => [part, target.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.width < least || box.height < least))
    .map(([part, box]) => `${part.outerHTML.slice(0, 90)} is ${box.width} x ${box.height}`)"""


async def faults(page: Page) -> list[str]:
    """What axe calls serious or critical: the rule, the first place, and why."""
    found = await Axe().run(page, options=RULES)
    return [
        f"{one['id']} at {one['nodes'][0]['target']}: {one['nodes'][0]['failureSummary']}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
    ]


async def serves_everybody(page: Page) -> None:
    """Axe, width and targets in every size and colour; the page is left as a phone sees it."""
    for name, size, colours in LOOKS:
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        await page.emulate_media(color_scheme="dark" if colours == "dark" else "light")
        assert await faults(page) == [], f"{name}, {colours}"
        widths = await page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert widths[0] <= widths[1], f"{name} scrolls sideways"
    assert await page.evaluate(SMALL_TARGETS, [PARTS, LEAST_TARGET_PX]) == []


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_a_page_serves_everybody(screen: Screen, site: Site, new_page: NewPage) -> None:
    page = await new_page(reduced_motion="reduce")
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)

    await page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    assert await open_screen(page, site.url, screen) == screen.status
    await serves_everybody(page)
    if screen.status == 200:
        assert complaints == []
