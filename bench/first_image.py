"""The first image on a weak line: 1 Mbit/s and 80 ms, a CT of 432 slices, nothing in the browser's cache.

Ours from navigation to the room, signed in, to an image on the screen (its first resolution) and to that image
without loss. Beside it Cornerstone3D on Orthanc (bench/cornerstone3d.py), which nobody signs in to: from
navigation to the same image, without loss only, by the quicker of its two ways. All are measured in turns, in one page.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator

import numpy as np
from playwright.async_api import Page, expect
from pydicom import dcmread
from pydicom.dataset import Dataset
from yarl import URL

from bench.cornerstone3d import cornerstone
from bench.data import SLICES, ct_series
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
    files = ct_series()
    async with two_sites(WATCH) as sites, cornerstone(files) as ways:
        await send_ct(sites)
        image, viewer = dcmread(files[0]), sites.host.locator(".viewer").first
        ours: dict[str, list[float]] = {"first": [], "full": []}
        theirs: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(TURNS):
            shown = await _turn(sites.host, sites.room)
            await expect(viewer).to_have_attribute("data-sop", image.SOPInstanceUID)
            await expect(viewer.locator(".viewer-bottom-left").first).to_contain_text(f"/{SLICES}")
            for name, times in ours.items():
                times.append(shown[name] / 1000)
            for way, address in ways.items():
                theirs[way].append((await _turn(sites.host, address))["full"] / 1000)
                await _check(sites.host, image)
        peers = {way: statistics.median(times) for way, times in theirs.items()}
        each = ", ".join(f"by {way} {took:.2f}" for way, took in peers.items())
        unit = f"s from navigation, median of {TURNS}, 1 Mbit/s, 80 ms, cold; peer {each}"
        for name, what in (("first", "first-image"), ("full", "first-image-full")):
            yield Measured(what, statistics.median(ours[name]), unit, min(peers.values()))


async def _turn(page: Page, address: str) -> dict[str, float]:
    """When images were shown after navigation to this address, in milliseconds."""
    await page.goto("about:blank")
    line = await page.context.new_cdp_session(page)
    # All that a page keeps but the sign-in: images lie in IndexedDB.
    kept = "indexeddb,cache_storage,service_workers,local_storage,shader_cache"
    for method, settings in (
        ("Network.enable", {}),
        ("Network.clearBrowserCache", {}),
        ("Storage.clearDataForOrigin", {"origin": str(URL(address).origin()), "storageTypes": kept}),
        ("Network.emulateNetworkConditions", LINE),
    ):
        await line.send(method, settings)
    await page.goto(address, wait_until="commit")
    await page.wait_for_function("() => window.shown.full", timeout=60_000)
    shown: dict[str, float] = await page.evaluate("() => window.shown")
    await line.detach()
    return shown


async def _check(page: Page, image: Dataset) -> None:
    """Raises RuntimeError where Cornerstone3D shows other values than this image's, for all of its pixels."""
    values = image.pixel_array * image.RescaleSlope + image.RescaleIntercept
    if not np.array_equal(await page.evaluate("() => window.values()"), values.ravel()):
        raise RuntimeError("Cornerstone3D shows another image")
