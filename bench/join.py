"""Joining a room browser to browser: from the open socket to the first remote picture that is drawn.

Peer to peer over loopback. No peer of another make is measured yet: GOALS names Janus VideoRoom.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator

from playwright.async_api import Page

from bench.measured import Measured
from bench.twosites import slowest_of_100, two_sites

JOINS = 20
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
    async with two_sites(WATCH) as sites:
        await sites.host.goto(sites.room)
        times = [await _join(sites.doctor, sites.room) for _ in range(JOINS)]
        yield Measured(
            "join", slowest_of_100(times), f"ms, p95 of {JOINS}, socket open to first remote frame, P2P"
        )
        yield Measured("join-p50", statistics.median(times), f"ms, p50 of {JOINS}")


async def _join(page: Page, room: str) -> float:
    """Come in anew, as one who was never here: milliseconds to the first picture of the other."""
    await page.goto(room)
    took = await (await page.wait_for_function(TOOK, polling=50)).json_value()
    await page.evaluate("() => sessionStorage.clear()")
    await page.goto("about:blank")
    return float(took)
