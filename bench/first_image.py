"""The room's first image on a weak line: 1 Mbit/s and 80 ms, a CT of 432 slices, nothing in the browser's cache.

From navigation, signed in, to an image on the screen (its first resolution) and to that image without loss.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator

from playwright.async_api import Page, expect

from bench.data import SLICES
from bench.measured import Measured
from bench.twosites import send_ct, two_sites

TURNS = 5
LINE = {"offline": False, "latency": 80, "downloadThroughput": 1e6 / 8, "uploadThroughput": 1e6 / 8}
WATCH = """
window.shown = {};
new MutationObserver(() => {
  const loaded = document.querySelector(".viewer")?.dataset.loaded;
  if (loaded === "quick" || loaded === "full") window.shown.first ??= performance.now();
  if (loaded === "full") window.shown.full ??= performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-loaded"] });
"""


async def run() -> AsyncIterator[Measured]:
    async with two_sites(WATCH) as sites:
        await send_ct(sites)
        turns = [await _turn(sites.host, sites.room) for _ in range(TURNS)]
        for name, what in (("first", "first-image"), ("full", "first-image-full")):
            took = statistics.median(turn[name] / 1000 for turn in turns)
            yield Measured(what, took, f"s from navigation, median of {TURNS}, 1 Mbit/s, 80 ms, cold")


async def _turn(page: Page, room: str) -> dict[str, float]:
    await page.goto("about:blank")
    line = await page.context.new_cdp_session(page)
    for method, settings in (
        ("Network.enable", {}),
        ("Network.clearBrowserCache", {}),
        ("Network.emulateNetworkConditions", LINE),
    ):
        await line.send(method, settings)
    await page.goto(room, wait_until="commit")
    await page.wait_for_function("() => window.shown.full", timeout=60_000)
    shown: dict[str, float] = await page.evaluate("() => window.shown")
    await expect(page.locator(".viewer-bottom-left").first).to_contain_text(f"/{SLICES}")
    await line.detach()
    return shown
