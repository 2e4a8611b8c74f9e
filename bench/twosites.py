"""Two doctors of the demo in their room, in two real browsers on the product's own processes."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from bench.data import SLICES, ct_series
from bench.page import sign_in
from bench.product import until_encoded
from tests.conftest import CHROMIUM_FLAGS
from tests.product import Site, hoichan
from tests.services import program

HOST_LOGIN, DOCTOR_LOGIN = "chuyengia", "bacsi.huyen"
UPLOAD_MS = 300_000
VIEWPORT: ViewportSize = {"width": 1366, "height": 768}


@dataclass(frozen=True)
class TwoSites:
    """Both are signed in; `room` is the address of a room that is open now, `data` the folder of the service."""

    host: Page
    doctor: Page
    room: str
    data: Path


def slowest_of_100(values: Sequence[float]) -> float:
    """The 95th percentile, by nearest rank."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


@asynccontextmanager
async def two_sites(script: str, *, with_images: bool = False) -> AsyncIterator[TwoSites]:
    """`script` runs in every page before its own scripts: it takes the times."""
    with tempfile.TemporaryDirectory(prefix="hoichan-") as folder, hoichan(Path(folder)) as site:
        if with_images:
            site.command("demo")
        async with async_playwright() as playwright:
            flags = [*CHROMIUM_FLAGS, "--no-sandbox"]
            chromium = await playwright.chromium.launch(executable_path=program("chromium"), args=flags)
            host = await _page(chromium, site, script, HOST_LOGIN)
            doctor = await _page(chromium, site, script, DOCTOR_LOGIN)
            check = await host.locator("a[href$='/check']").first.get_attribute("href")
            if check is None:
                raise RuntimeError("no room of the demo is open now")
            yield TwoSites(host, doctor, site.url + check.removesuffix("/check") + "/room", site.data)
            await chromium.close()


async def send_ct(sites: TwoSites) -> None:
    """Bring the CT of `bench.data` into the room as its doctor does, and wait until all of it is made ready."""
    await sites.doctor.goto(sites.room.removesuffix("/room"))
    await sites.doctor.locator("#upload input[type=file]").first.set_input_files(ct_series())
    # The made CT names somebody else than the demo's case: its doctor says that it is hers.
    await sites.doctor.get_by_role("button", name="Đúng người bệnh").click(timeout=UPLOAD_MS)
    await until_encoded(sites.data, SLICES)


async def _page(chromium: Browser, site: Site, script: str, login: str) -> Page:
    context = await chromium.new_context(viewport=VIEWPORT, locale="vi-VN")
    await context.add_init_script(script)
    page = await context.new_page()
    await sign_in(page, site, login)
    return page
