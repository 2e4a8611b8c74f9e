"""Waiting for what a page says asynchronously: Playwright's own wait takes the promise itself for a yes."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Page

EVERY_S = 0.2


async def until_so(page: Page, script: str, arg: Any = None, *, within_s: float = 30) -> None:
    """Ask the page until its answer is true. Raises AssertionError when it is late."""
    try:
        async with asyncio.timeout(within_s):
            while not await page.evaluate(script, arg):
                await asyncio.sleep(EVERY_S)
    except TimeoutError as late:
        raise AssertionError(f"not so within {within_s} s: {script}") from late
