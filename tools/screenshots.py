"""Pictures of every page, on the desktop and the phone, of a running demo: `make screenshots`.

They land in docs/screens; the README shows some of them. Look at every picture before committing it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tools.screens import DESKTOP, PHONE, SCREENS, Screen, open_screen

OUT = Path(__file__).resolve().parent.parent / "docs" / "screens"
FLAGS = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
AT_ONCE = 3


async def picture(browser: Browser, url: str, screen: Screen, size: tuple[int, int], ending: str) -> None:
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="vi-VN", timezone_id="Asia/Ho_Chi_Minh"
    )
    page = await context.new_page()
    await open_screen(page, url, screen)
    await page.wait_for_timeout(500)  # clocks, pictures, the first image in the room
    await page.screenshot(path=OUT / f"{screen.name}{ending}.png", animations="disabled")
    await context.close()


async def take(url: str, names: list[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    gate = asyncio.Semaphore(AT_ONCE)
    wanted = [screen for screen in SCREENS if not names or screen.name in names]
    async with async_playwright() as playwright:
        flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)

        async def one(screen: Screen, size: tuple[int, int], ending: str) -> None:
            async with gate:
                await picture(browser, url, screen, size, ending)

        async with asyncio.TaskGroup() as group:
            for screen in wanted:
                group.create_task(one(screen, DESKTOP, ""))
                group.create_task(one(screen, PHONE, "-phone"))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], sys.argv[2:]))
