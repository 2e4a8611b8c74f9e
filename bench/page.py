"""Bytes over the wire on a first visit with a cold cache, as Chromium counts them: sign-in and worklist."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Page, async_playwright

from bench.measured import Measured
from tests.conftest import CHROMIUM_FLAGS
from tests.product import Site, hoichan
from tests.services import program

DEMO_PASSWORD = "hoichan-demo"


class Meter:
    """Sums what the network brought, headers included (CDP `encodedDataLength`)."""

    def __init__(self) -> None:
        self.kb = 0.0

    async def watch(self, page: Page) -> None:
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Network.enable")
        devtools.on("Network.loadingFinished", self._add)

    def _add(self, finished: dict[str, float]) -> None:
        self.kb += finished["encodedDataLength"] / 1000


async def sign_in(page: Page, site: Site, login: str) -> None:
    await page.goto(f"{site.url}/sign-in", wait_until="networkidle")
    form = page.locator("form").first
    await form.locator("[name=login]").fill(login)
    await form.locator("[name=password]").fill(DEMO_PASSWORD)
    await form.locator("button[type=submit]").click()
    await page.wait_for_url(f"{site.url}/", wait_until="networkidle")


async def run() -> AsyncIterator[Measured]:
    with tempfile.TemporaryDirectory(prefix="hoichan-") as folder, hoichan(Path(folder)) as site:
        async with async_playwright() as playwright:
            flags = [*CHROMIUM_FLAGS, "--no-sandbox"]
            chromium = await playwright.chromium.launch(executable_path=program("chromium"), args=flags)
            page, meter = await chromium.new_page(), Meter()
            await meter.watch(page)
            await sign_in(page, site, "dieuphoi")
            yield Measured("page", meter.kb, "kB, sign-in and worklist, cold")
            await chromium.close()
