"""The room's first image on a weak line: 1 Mbit/s and 80 ms, a CT of 432 slices, nothing in the browser's cache.

From navigation, signed in, to an image on the screen (its first resolution) and to that image without loss.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator

from playwright.async_api import Page, expect
from yarl import URL

from bench.data import SLICES, ct_series
from bench.measured import Measured
from bench.product import until_encoded
from bench.twosites import two_sites

TURNS = 5
LINE = {"offline": False, "latency": 80, "downloadThroughput": 1e6 / 8, "uploadThroughput": 1e6 / 8}
UPLOAD_MS = 300_000
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
        await sites.doctor.goto(sites.room.removesuffix("/room"))
        await sites.doctor.locator("#upload input[type=file]").first.set_input_files(ct_series())
        # The made CT names somebody else than the demo's case: its doctor says that it is hers.
        await sites.doctor.get_by_role("button", name="Đúng người bệnh").click(timeout=UPLOAD_MS)
        await until_encoded(sites.data, SLICES)
        turns = [await _turn(sites.host, sites.room) for _ in range(TURNS)]
        for name, what in (("first", "first-image"), ("full", "first-image-full")):
            took = statistics.median(turn[name] / 1000 for turn in turns)
            yield Measured(what, took, f"s from navigation, median of {TURNS}, 1 Mbit/s, 80 ms, cold")


async def _turn(page: Page, room: str) -> dict[str, float]:
    await page.goto("about:blank")
    line = await page.context.new_cdp_session(page)
    # All that a page keeps but the sign-in: images lie in IndexedDB.
    kept = "indexeddb,cache_storage,service_workers,local_storage,shader_cache"
    for method, settings in (
        ("Network.enable", {}),
        ("Network.clearBrowserCache", {}),
        ("Storage.clearDataForOrigin", {"origin": str(URL(room).origin()), "storageTypes": kept}),
        ("Network.emulateNetworkConditions", LINE),
    ):
        await line.send(method, settings)
    await page.goto(room, wait_until="commit")
    await page.wait_for_function("() => window.shown.full", timeout=60_000)
    shown: dict[str, float] = await page.evaluate("() => window.shown")
    await expect(page.locator(".viewer-bottom-left").first).to_contain_text(f"/{SLICES}")
    await line.detach()
    return shown
