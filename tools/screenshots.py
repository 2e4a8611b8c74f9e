"""Pictures of every page, on the desktop and the phone: `make screenshots` starts a demo of its own for them.

They land in docs/screens; the README shows some of them. Look at every picture before committing it. Names of
screens (tools/screens.py) take those alone; `--dark` and `--english` take them so; `--url http://127.0.0.1:8080`
takes them of a demo that runs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tools.screens import DESKTOP, PHONE, SCREENS, Screen, open_screen

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "screens"
FLAGS = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
AT_ONCE = 3
START_S = 120.0
IMAGES_S = 300.0
# Of those in sight: the others are asked for when one comes near.
PICTURES_ARE_THERE = """() => [...document.images].every((image) => image.complete ||
    image.getBoundingClientRect().top > innerHeight)"""


@contextmanager
def demo() -> Iterator[str]:
    """A demo with an empty folder and its images, on free ports; its address."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as one, socket.socket() as other:
            for held in (one, other):
                held.bind(("127.0.0.1", 0))
            port, dimse = (held.getsockname()[1] for held in (one, other))
        chosen = {
            "HOICHAN_LISTEN": f"127.0.0.1:{port}",
            "HOICHAN_DIMSE_PORT": str(dimse),
            "HOICHAN_DATA_DIR": folder,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "run", "--demo"], cwd=ROOT, env={**os.environ, **chosen}
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/readyz")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait_for(url: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(url):  # noqa: S310  # our own address
            return
        time.sleep(0.2)
    raise SystemExit(f"{url} did not answer within {START_S:.0f} s")


async def images_are_there(browser: Browser, url: str) -> None:
    """Demo images come in the background after the first answer; the last case's come last."""
    page = await browser.new_page()
    screen = next(screen for screen in SCREENS if screen.name == "case")
    until = time.monotonic() + IMAGES_S
    while time.monotonic() < until:
        await open_screen(page, url, screen)
        if await page.locator(".study img").count():
            break
        await asyncio.sleep(2)
    await page.close()


@dataclass(frozen=True)
class Look:
    is_dark: bool
    is_english: bool

    @property
    def ending(self) -> str:
        return ("-dark" if self.is_dark else "") + ("-en" if self.is_english else "")


async def picture(browser: Browser, url: str, screen: Screen, look: Look) -> None:
    """One size after the other on the same page: a person sits in a room once."""
    context = await browser.new_context(
        color_scheme="dark" if look.is_dark else "light", locale="vi-VN", timezone_id="Asia/Ho_Chi_Minh"
    )
    page = await context.new_page()
    for (width, height), ending in ((DESKTOP, ""), (PHONE, "-phone")):
        await page.set_viewport_size({"width": width, "height": height})
        if not ending:
            await open_screen(page, url, screen, "en" if look.is_english else "vi")
        if screen.ready:
            await page.wait_for_selector(screen.ready, timeout=IMAGES_S * 1000)
        await page.wait_for_function(PICTURES_ARE_THERE, timeout=IMAGES_S * 1000)
        await page.wait_for_timeout(screen.settles_ms)
        path = OUT / f"{screen.name}{ending}{look.ending}.png"
        await page.screenshot(path=path, animations="disabled")
    await context.close()


async def take(url: str, names: list[str], look: Look) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    gate = asyncio.Semaphore(AT_ONCE)
    wanted = [screen for screen in SCREENS if not names or screen.name in names]
    async with async_playwright() as playwright:
        flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)

        await images_are_there(browser, url)

        async def one(screen: Screen) -> None:
            async with gate:
                await picture(browser, url, screen, look)

        async with asyncio.TaskGroup() as group:
            for screen in wanted:
                group.create_task(one(screen))
        await browser.close()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--url")
    words.add_argument("--dark", action="store_true")
    words.add_argument("--english", action="store_true")
    words.add_argument("names", nargs="*")
    chosen = words.parse_args()
    look = Look(chosen.dark, chosen.english)
    with nullcontext(chosen.url) if chosen.url else demo() as url:
        asyncio.run(take(url, chosen.names, look))


if __name__ == "__main__":
    main()
