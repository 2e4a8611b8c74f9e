"""Bytes of reading together: what ten minutes of it put on the WebSocket of each of two browsers.

The leader's hands follow a script with the proportions of a reading: of 24 seconds some 9 are movement (three runs
through the stack by wheel, a way to the finding and round it, a window drag, a zoom, and in every second
round a measurement), the rest is talk with the hand still. Five rounds are played in real time, each action at its own
second, since the room sends by time (at most so many views a second): two minutes, each round at a place of its
own, and the bytes are reported times five. Silence sends nothing, so the moving seconds alone count; hands that are
late because the machine is busy move for longer, and cost more (952 kB where they were 4 s late, 824 at 0.5 s).

Counted are the messages of images alone (views, pointer, marks and what answers them), both directions, with the
header of each WebSocket frame, as the page sees them: nothing compresses them (`signaling/endpoint.py`). Not counted
are those of the call and the line's own pings. A view is told by what changed in it since the one before: that is
what a view costs that is sent whole each time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from playwright.async_api import FloatRect, Page, expect

from bench.measured import Measured
from bench.twosites import two_sites

ROUNDS, ROUND_S, TIMES = 5, 24.0, 5
MOVE_S = 0.02
WATCH = """
window.wire = {};
let last = {};
const changed = (text) => {
  const view = JSON.parse(text).d;
  const names = Object.keys(view).filter((name) => JSON.stringify(view[name]) !== JSON.stringify(last[name]));
  last = view;
  return names.sort().join("+");
};
const SYNC = /"t":"(share-view|view-shared|mark|marked|ok|error)"/;
const note = (data, header) => {
  const size = typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength ?? data.size;
  let kind = typeof data === "string" ? data.match(SYNC)?.[1] : "binary";
  if (!kind) return;
  if (kind === "share-view") kind += ` of ${changed(data)}`;
  const row = (window.wire[kind] ??= { bytes: 0, messages: 0 });
  row.bytes += size + header + (size < 126 ? 0 : size < 65536 ? 2 : 8);
  row.messages += 1;
};
const NativeSocket = window.WebSocket;
window.WebSocket = class extends NativeSocket {
  constructor(...words) {
    super(...words);
    this.addEventListener("message", ({ data }) => note(data, 2));
  }
  send(data) {
    note(data, 6);
    super.send(data);
  }
};
"""

Wire: TypeAlias = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Act:
    """What the hands do at a second of a round. Places are shares of the image's width and height."""

    at_s: float
    does: Literal["move", "wheel", "zoom", "press", "release", "key"]
    x: float = 0.0
    y: float = 0.0
    notches: int = 0
    button: Literal["left", "right"] = "left"
    key: str = ""


def a_round(number: int) -> Iterator[Act]:
    """In order of time. Every round looks at another place, so that no view is one that was sent already."""
    x, y = 0.40 + 0.04 * number, 0.38 + 0.05 * number
    way = 1 if number % 2 == 0 else -1
    yield from _path(0.0, 0.6, (0.5, 0.5), (x, y))
    for start_s, step in ((1.0, way), (3.0, -way), (5.0, way)):
        for notch in range(12):  # a run through the stack: 12 images a second
            yield Act(start_s + notch / 12, "wheel", notches=step)
    # 6 to 10: talk
    yield from _circle(10.0, 2.0, (x, y), 0.06)
    # 12 to 15: talk
    yield Act(15.0, "press", button="right")
    yield from _path(15.05, 1.2, (x + 0.06, y), (x + 0.16, y + 0.08))
    yield Act(16.3, "release", button="right")
    # to 18: talk
    for notch in range(3):
        yield Act(18.0 + notch * 0.15, "zoom", notches=way)
    if number % 2 == 1:
        yield Act(19.0, "key", key="l")
        yield Act(19.2, "press")
        yield from _path(19.25, 1.0, (x + 0.16, y + 0.08), (x + 0.02, y + 0.15))
        yield Act(20.3, "release")
        yield Act(20.6, "key", key="w")
    yield from _path(20.8, 0.8, (x + 0.02, y + 0.15), (0.5, 0.5))
    # to 24: talk


def _path(at_s: float, takes_s: float, start: tuple[float, float], end: tuple[float, float]) -> Iterator[Act]:
    moves = round(takes_s / MOVE_S)
    for move in range(1, moves + 1):
        share = (1 - math.cos(math.pi * move / moves)) / 2  # a hand starts and ends slowly
        x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
        yield Act(at_s + move * MOVE_S, "move", x, y)


def _circle(at_s: float, takes_s: float, middle: tuple[float, float], radius: float) -> Iterator[Act]:
    moves = round(takes_s / MOVE_S)
    for move in range(1, moves + 1):
        turn = 4 * math.pi * move / moves
        x, y = middle[0] + radius * math.cos(turn), middle[1] + radius * math.sin(turn)
        yield Act(at_s + move * MOVE_S, "move", x, y)


async def run() -> AsyncIterator[Measured]:
    async with two_sites(WATCH, with_images=True) as sites:
        for page in (sites.host, sites.doctor):
            await page.goto(sites.room)
            await page.wait_for_function("() => document.querySelector('.viewer')?.dataset.loaded === 'full'")
        lead = sites.host.locator("#control-lead")
        if "Tôi dẫn" in await lead.inner_text():
            await lead.click()
        await expect(lead).to_contain_text("Thôi dẫn")
        stack = await sites.host.evaluate("() => document.querySelector('.viewer-bottom-left').innerText")
        for page in (sites.host, sites.doctor):
            await page.evaluate("() => { window.wire = {}; }")
        late_s = await _read(sites.host)
        led, followed = [await page.evaluate("() => window.wire") for page in (sites.host, sites.doctor)]
        views = sum(row["messages"] for kind, row in led.items() if kind.startswith("share-view"))
        changes = {name for kind in led for name in kind.removeprefix("share-view of ").split("+")}
        if views < 100 or "marked" not in followed or not {"pointer", "sop", "view", "voi"} <= changes:
            raise RuntimeError(f"this was no reading: {led} {followed} of {stack}")
        note = f"10 min of reading, {ROUNDS * ROUND_S:g} s played, hands at most {late_s:.1f} s late"
        yield Measured("sync-bytes", _kb(led), f"kB, the leader's socket, {note}")
        yield Measured("sync-bytes-followed", _kb(followed), "kB, the other's socket")
        for kind, row in sorted((led | followed).items()):
            count = row["messages"] * TIMES
            yield Measured(f"sync-bytes: {kind}", row["bytes"] * TIMES / 1000, f"kB, in {count} messages")


def _kb(wire: Wire) -> float:
    return sum(row["bytes"] for row in wire.values()) * TIMES / 1000


async def _read(page: Page) -> float:
    """Play the rounds; by how much the hands were late at worst, s."""
    box = await page.locator(".viewer canvas").first.bounding_box()
    if box is None:
        raise RuntimeError("no image is shown")
    began_s, late_s = time.monotonic(), 0.0
    for number in range(ROUNDS):
        for act in a_round(number):
            due_s = began_s + number * ROUND_S + act.at_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            late_s = max(late_s, time.monotonic() - due_s)
            await _do(page, act, box)
    await asyncio.sleep(max(0.0, began_s + ROUNDS * ROUND_S - time.monotonic()))
    return late_s


async def _do(page: Page, act: Act, box: FloatRect) -> None:
    match act.does:
        case "move":
            await page.mouse.move(box["x"] + box["width"] * act.x, box["y"] + box["height"] * act.y)
        case "wheel":
            await page.mouse.wheel(0, 100 * act.notches)
        case "zoom":
            await page.keyboard.down("Control")
            await page.mouse.wheel(0, 100 * act.notches)
            await page.keyboard.up("Control")
        case "press":
            await page.mouse.down(button=act.button)
        case "release":
            await page.mouse.up(button=act.button)
        case "key":
            await page.keyboard.press(act.key)
