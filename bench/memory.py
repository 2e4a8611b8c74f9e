"""The memory of the tab that reads a CT of 432 slices: all of it read, six cells open, planes cut.

PSS of the tab's renderer process, its decoding workers included, from /proc: what it shares with other processes
counts by its share. Chromium's other processes serve all tabs, and are not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Page, expect

from bench.data import SLICES
from bench.measured import Measured
from bench.twosites import send_ct, two_sites

LOADED_MS = 120_000
PAUSE_S = 0.15
SETTLED_S = 10.0  # neighbours come, and what is not needed goes


async def run() -> AsyncIterator[Measured]:
    async with two_sites("") as sites:
        await send_ct(sites)
        await sites.doctor.goto("about:blank")
        page = sites.host
        await page.goto(sites.room.removesuffix("/room") + "/reading")
        await _read(page)
        yield Measured("memory-read", await _megabytes(page), f"MB of the tab that read {SLICES} slices")
        most = 0.0
        for layout in ("Ba mặt phẳng (MPR)", "2 hàng, 3 cột"):
            await page.keyboard.press("q")
            await page.get_by_role("button", name=layout).click()
            await _read(page)
            most = max(most, await _megabytes(page))
        yield Measured("memory", most, "MB, the same with cut planes and then six cells, and read again")


async def _read(page: Page) -> None:
    """Through the whole series, there and back."""
    viewer = page.locator(".viewer").first
    for key in ("PageDown", "PageUp"):
        for _ in range(SLICES // 10 + 1):
            await page.keyboard.press(key)
            await asyncio.sleep(PAUSE_S)
    await expect(viewer).to_have_attribute("data-loaded", "full", timeout=LOADED_MS)
    await asyncio.sleep(SETTLED_S)


async def _megabytes(page: Page) -> float:
    """Of the largest renderer: the other tab is empty."""
    browser = page.context.browser
    if browser is None:
        raise RuntimeError("a page without its browser")
    session = await browser.new_browser_cdp_session()
    processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    await session.detach()
    return max(_pss_mb(process["id"]) for process in processes if process["type"] == "renderer")


def _pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("no Pss of the renderer")
