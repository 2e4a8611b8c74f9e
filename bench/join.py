"""Joining a room: from the open socket to the first remote picture that is drawn, beside Janus VideoRoom.

Ours peer to peer over loopback; Janus's media go through its server, over this machine's own address. In both
rooms somebody sits and sends already, and who joins sends too. They are measured in turns, one room at a time.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator

from playwright.async_api import Page

from bench.janus import janus_page
from bench.measured import Measured
from bench.twosites import slowest_of_100, two_sites

TURNS, JOINS = 4, 10
SETTLED_MS = 2000  # who sits there already sends at full size
WATCH = """
window.joined = {};
const NativeSocket = window.WebSocket;
window.WebSocket = class extends NativeSocket {
  constructor(...words) {
    super(...words);
    this.addEventListener("open", () => { window.joined.opened ??= performance.now(); });
  }
};
const NativeConnection = window.RTCPeerConnection;
window.RTCPeerConnection = class extends NativeConnection {
  constructor(...words) {
    super(...words);
    this.addEventListener("track", ({ track }) => {
      if (track.kind !== "video") return;
      const video = document.createElement("video");
      video.muted = true;
      video.srcObject = new MediaStream([track]);
      video.requestVideoFrameCallback(() => { window.joined.seen ??= performance.now(); });
      void video.play();
    });
  }
};
"""
TOOK = "() => window.joined.seen === undefined ? 0 : window.joined.seen - window.joined.opened"


async def run() -> AsyncIterator[Measured]:
    async with two_sites(WATCH) as sites, janus_page() as peer:
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(TURNS):
            ours += await _joins(sites.host, sites.doctor, sites.room)
            theirs += await _joins(sites.host, sites.doctor, peer)
        unit = f"ms, p95 of {len(ours)}, socket open to first remote frame, P2P"
        yield Measured("join", slowest_of_100(ours), unit, slowest_of_100(theirs))
        yield Measured("join-p50", statistics.median(ours), "ms, p50 of the same", statistics.median(theirs))


async def _joins(host: Page, doctor: Page, room: str) -> list[float]:
    """One sits in the room; the other comes JOINS times: milliseconds to the first picture, each time."""
    await host.goto(room)
    await host.wait_for_timeout(SETTLED_MS)
    times = [await _join(doctor, room) for _ in range(JOINS)]
    await host.goto("about:blank")
    return times


async def _join(page: Page, room: str) -> float:
    """Come in anew, as one who was never here: milliseconds to the first picture of the other."""
    await page.goto(room)
    took = await (await page.wait_for_function(TOOK, polling=50)).json_value()
    await page.evaluate("() => sessionStorage.clear()")
    await page.goto("about:blank")
    return float(took)
