"""Two read a CT of 432 slices together, each on a line of 1 Mbit/s and 80 ms: what a jump to another slice costs.

The lines carry all of HTTP and of the WebSocket (`tests/weakline.py`), not the call's voice and picture, which go from
browser to browser; but the call is on, so what is loaded unasked makes way for it as it does in a hospital.
The specialist leads and goes 40 slices on by the keyboard, ten times while the series is still coming and ten times
once all of it is there small, each time to a slice that was not shown before. Nothing is cached at first.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from playwright.async_api import Page, Request, expect

from bench.data import SLICES
from bench.measured import Measured
from bench.twosites import VIEWPORT, send_ct, slowest_of_100, two_sites
from tests.weakline import WeakLine, a_weak_line

BPS, RTT_S = 1e6, 0.08
JUMPS = 10
PAGES = 4  # presses of PageDown or PageUp, 10 slices each
BETWEEN_PRESSES_MS = 100
WAIT_MS = 300_000
# When the image that is shown was first there, small and in full, by the clock that both browsers share.
WATCH = """
window.seen = {};
const at = () => performance.timeOrigin + performance.now();
new MutationObserver(() => {
  const { sop, loaded } = document.querySelector(".viewer")?.dataset ?? {};
  if (!sop || !loaded) return;
  const seen = (window.seen[sop] ??= { any: at() });
  if (loaded === "full") seen.full ??= at();
}).observe(document, {
  subtree: true, childList: true, attributes: true, attributeFilter: ["data-sop", "data-loaded"],
});
addEventListener("keydown", () => { window.pressedAt = at(); }, true);
"""
# Once what a key did is drawn.
SHOWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
  () => done(document.querySelector(".viewer").dataset.sop))))"""
QUIET_S = 5


@dataclass(frozen=True)
class Jump:
    """Seconds from the last key to the image: small where the key was pressed, small there, in full at both."""

    here_s: float
    there_s: float
    full_s: float


class Smalls:
    """When the last answer with small slices ended, by the requests of one window."""

    def __init__(self, page: Page) -> None:
        self._out, self.ended_at = 0, time.monotonic()
        page.on("request", lambda request: self._count(request, 1))
        page.on("requestfinished", lambda request: self._count(request, -1))
        page.on("requestfailed", lambda request: self._count(request, -1))

    def _count(self, request: Request, by: int) -> None:
        if "/series/" in request.url and "/frames?" in request.url:
            self._out += by
            self.ended_at = time.monotonic()

    async def end(self) -> float:
        """Wait until no more are asked for: all are there."""
        while self._out or time.monotonic() - self.ended_at < QUIET_S:
            await asyncio.sleep(0.1)
        return self.ended_at


async def run() -> AsyncIterator[Measured]:
    async with two_sites("") as sites, AsyncExitStack() as stack:
        await send_ct(sites)
        both = [
            await _behind(await stack.enter_async_context(a_weak_line(bps=BPS, rtt_s=RTT_S)), page)
            for page in (sites.host, sites.doctor)
        ]
        host, doctor = both
        smalls, went_at = [Smalls(page) for page in both], time.monotonic()
        await asyncio.gather(*(page.goto(sites.room, wait_until="commit") for page in both))
        firsts = await asyncio.gather(*map(_first, both))
        yield Measured(
            "reading-first", max(firsts), "s from navigation to the first image, the later of two windows"
        )
        await _lead(host)
        coming = [await _jump(host, doctor, "PageDown") for _ in range(JUMPS)]
        for measured in _figures("reading", coming, "while the series comes"):
            yield measured
        ended_at = max([await small.end() for small in smalls])
        yield Measured(
            "reading-series", ended_at - went_at, "s from navigation to all slices small, the later of two"
        )
        for _ in range(5):  # to slices between those
            await host.keyboard.press("ArrowUp")
        there = [await _jump(host, doctor, "PageUp") for _ in range(JUMPS)]
        for measured in _figures("reading-then", there, "when it is there small"):
            yield measured


async def _behind(line: WeakLine, page: Page) -> Page:
    """The same person in a new window, with nothing cached, behind a weak line."""
    browser = page.context.browser
    if browser is None:
        raise RuntimeError("the browser is closed")
    signed_in = await page.context.storage_state()
    context = await browser.new_context(
        viewport=VIEWPORT, locale="vi-VN", storage_state=signed_in, proxy=line.proxy
    )
    await page.context.close()
    await context.add_init_script(WATCH)
    return await context.new_page()


async def _first(page: Page) -> float:
    """Seconds from navigation to an image in any resolution."""
    await page.wait_for_function("() => Object.keys(window.seen).length > 0", timeout=WAIT_MS)
    ms: float = await page.evaluate("() => Object.values(window.seen)[0].any - performance.timeOrigin")
    return ms / 1000


async def _lead(page: Page) -> None:
    lead = page.locator("#control-lead")
    await expect(lead).to_be_enabled(timeout=WAIT_MS)
    if "Tôi dẫn" in await lead.inner_text():
        await lead.click()
    await expect(lead).to_contain_text("Thôi dẫn", timeout=WAIT_MS)


async def _jump(host: Page, doctor: Page, key: str) -> Jump:
    for _ in range(PAGES):
        await host.wait_for_timeout(BETWEEN_PRESSES_MS)
        await host.keyboard.press(key)
    pressed_at = await host.evaluate("() => window.pressedAt")
    sop = await host.evaluate(SHOWN)
    here, there = [await _seen(page, sop) for page in (host, doctor)]
    places = [await page.locator(".viewer-bottom-left").first.inner_text() for page in (host, doctor)]
    if f"/{SLICES}" not in places[0] or places[0] != places[1]:
        raise RuntimeError(f"the windows show {places}")
    full_at = max(here["full"], there["full"])
    return Jump(*((at - pressed_at) / 1000 for at in (here["any"], there["any"], full_at)))


async def _seen(page: Page, sop: str) -> dict[str, float]:
    await page.wait_for_function("sop => window.seen[sop]?.full", arg=sop, timeout=WAIT_MS)
    if await page.evaluate(SHOWN) != sop:
        raise RuntimeError("another slice is shown")
    seen: dict[str, float] = await page.evaluate("sop => window.seen[sop]", sop)
    return seen


def _figures(name: str, jumps: Sequence[Jump], when: str) -> list[Measured]:
    """p50 and p95 of each time."""
    kinds = {
        "here": ("the slice small where the key was pressed", [jump.here_s for jump in jumps]),
        "there": ("the slice small in the other window", [jump.there_s for jump in jumps]),
        "full": ("the slice in full in both", [jump.full_s for jump in jumps]),
    }
    return [
        Measured(f"{name}-{kind}-{rank}", of(times), f"s, {rank} of {len(times)}, {what}, {when}")
        for kind, (what, times) in kinds.items()
        for rank, of in (("p50", statistics.median), ("p95", slowest_of_100))
    ]
