"""Reading together: from the leader's browser sending a view to the other browser having it, over loopback.

The leader moves the pointer over the image as fast as the room sends (20 a second). Both browsers are on
one machine and share its clock.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator

from playwright.async_api import Page, expect

from bench.measured import Measured
from bench.twosites import slowest_of_100, two_sites

MOVES = 400
WATCH = """
window.views = {};
const at = () => performance.timeOrigin + performance.now();
const note = (text) => {
  if (typeof text !== "string" || !/"t":"(share-view|view-shared)"/.test(text)) return;
  const { pointer } = JSON.parse(text).d;
  if (pointer) window.views[pointer.map((n) => n.toFixed(3)).join()] ??= [at(), text.length];
};
const NativeSocket = window.WebSocket;
window.WebSocket = class extends NativeSocket {
  constructor(...words) {
    super(...words);
    this.addEventListener("message", ({ data }) => note(data));
  }
  send(data) {
    note(data);
    super.send(data);
  }
};
"""


async def run() -> AsyncIterator[Measured]:
    async with two_sites(WATCH, with_images=True) as sites:
        for page in (sites.host, sites.doctor):
            await page.goto(sites.room)
            await page.wait_for_function("() => document.querySelector('.viewer')?.dataset.loaded === 'full'")
        lead = sites.host.locator("#control-lead")
        if "Tôi dẫn" in await lead.inner_text():
            await lead.click()
        await expect(lead).to_contain_text("Thôi dẫn")
        await _read(sites.host)
        sent = await sites.host.evaluate("() => window.views")
        come = await sites.doctor.evaluate("() => window.views")
        delays = [come[key][0] - sent[key][0] for key in sent if key in come]
        if len(delays) < 0.9 * len(sent):
            raise RuntimeError(f"only {len(delays)} of {len(sent)} views came")
        yield Measured("sync", slowest_of_100(delays), f"ms, p95 of {len(delays)} views, browser to browser")
        yield Measured("sync-p50", statistics.median(delays), "ms, p50")
        yield Measured(
            "sync-size", statistics.mean(size for _, size in come.values()), "bytes a view, received"
        )


async def _read(page: Page) -> None:
    """Move over the image in a spiral, so that no two places are the same."""
    box = await page.locator(".viewer canvas").first.bounding_box()
    if box is None:
        raise RuntimeError("no image is shown")
    for move in range(MOVES):
        x = box["x"] + box["width"] * (0.3 + 0.4 * (move % 40) / 40)
        y = box["y"] + box["height"] * (0.3 + 0.4 * move / MOVES)
        await page.mouse.move(x, y)
        await page.wait_for_timeout(25)
