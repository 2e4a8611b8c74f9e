"""Another place: a network namespace of its own, joined to this machine by one link that a test can pull."""

from __future__ import annotations

import asyncio
import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.services import ROOT, NotInstalled, program
from tests.signaling.cable import Cable, a_cable

UPLINK = "uplink"
_numbers = itertools.count()  # a card is gone only some time after its namespace: no name comes twice


def run(*words: str) -> None:
    done = subprocess.run(
        [program("ip", "/usr/sbin/ip"), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotInstalled(f"ip {' '.join(words)}: {done.stderr.strip()} (network namespaces need root)")


@dataclass(frozen=True)
class Place:
    """`browser` runs there, and reaches the site at the same address as everyone here."""

    namespace: str
    browser: Browser
    near: Cable

    def pull(self) -> None:
        """Take the link down: no packet comes or goes, of TCP or UDP, and nothing is closed."""
        run("-n", self.namespace, "link", "set", UPLINK, "down")

    def mend(self) -> None:
        run("-n", self.namespace, "link", "set", UPLINK, "up")

    async def break_sockets(self) -> None:
        """End every connection to the site, as a proxy that starts anew does. New ones are carried."""
        await self.near.close()


@asynccontextmanager
async def another_place(folder: Path, port: int, flags: Sequence[str]) -> AsyncIterator[Place]:
    """A browser in a network of its own, for the site at `port` of this machine. Raises NotInstalled."""
    number = next(_numbers)
    namespace = f"hoichan-{os.getpid()}-{number}"
    inside = [program("ip", "/usr/sbin/ip"), "netns", "exec", namespace]
    async with AsyncExitStack() as stack:
        run("netns", "add", namespace)
        stack.callback(run, "netns", "del", namespace)
        here = wire(namespace, number)
        near = await stack.enter_async_context(a_cable(port, here))
        await stack.enter_async_context(far_cable(inside, port, here, near.port))
        browser = await stack.enter_async_context(browser_in(inside, folder, flags))
        yield Place(namespace, browser, near)


def wire(namespace: str, number: int) -> str:
    """Join one pair of network cards, ours and theirs; the address of ours."""
    # 198.18.0.0/15 is kept for tests of networks (RFC 2544): nobody's own addresses.
    # Sixteen for each process; two processes meet only where their ids lie a multiple of 1024 apart.
    high, low = divmod(os.getpid() % 2**10 * 2**4 + number % 2**4, 2**6)
    here, there = (f"198.18.{high}.{4 * low + host}" for host in (1, 2))
    card = f"hc{os.getpid()}n{number}"  # fifteen letters at most
    for words in (
        ["link", "add", card, "type", "veth", "peer", "name", UPLINK, "netns", namespace],
        ["address", "add", f"{here}/30", "dev", card],
        ["link", "set", card, "up"],
        ["-n", namespace, "address", "add", f"{there}/30", "dev", UPLINK],
        ["-n", namespace, "link", "set", UPLINK, "up"],
        ["-n", namespace, "link", "set", "lo", "up"],
    ):
        run(*words)
    return here


@asynccontextmanager
async def far_cable(inside: Sequence[str], port: int, host: str, target: int) -> AsyncIterator[None]:
    """What listens in the other place and carries over the link, for the demo serves this machine alone."""
    lay = [sys.executable, "-m", "tests.signaling.cable", str(port), host, str(target)]
    process = await asyncio.create_subprocess_exec(*inside, *lay, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def browser_in(inside: Sequence[str], folder: Path, flags: Sequence[str]) -> AsyncIterator[Browser]:
    start = folder / "chromium"
    start.write_text(f'#!/bin/sh\nexec {shlex.join([*inside, program("chromium")])} "$@"\n')
    start.chmod(0o755)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=start, args=list(flags))
        yield chromium
        await chromium.close()
