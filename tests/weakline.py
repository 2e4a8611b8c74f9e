"""A weak line of our own: a SOCKS proxy that lets through so many bits a second, each byte so much later.

All connections of a browser share it, those of WebSockets too, which Chromium's own throttling leaves alone.
It is no network: nothing is lost on it, no connection starts slowly, and UDP, the call's voice and picture,
goes past it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import ProxySettings

from tests.services import HOST

PACKET = 1460  # bytes: connections take turns after as many
BUFFER_S = 0.1  # of a line that is full: a router keeps no more


class Way:
    """One direction of a line. `bps` may change while it is in use."""

    def __init__(self, bps: float, delay_s: float) -> None:
        self.bps, self._delay_s = bps, delay_s
        self._turn = asyncio.Lock()
        self._free_at = 0.0  # when what is on the line will have left, by the loop's clock

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bring what one end writes to the other until it ends, and what is on its way then."""
        loop = asyncio.get_running_loop()
        while data := await reader.read(PACKET):
            async with self._turn:
                await asyncio.sleep(self._free_at - BUFFER_S - loop.time())
                self._free_at = max(loop.time(), self._free_at) + 8 * len(data) / self.bps
            loop.call_at(self._free_at + self._delay_s, arrive, writer, data)
        await asyncio.sleep(self._free_at + self._delay_s - loop.time())


def arrive(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


class WeakLine:
    """What one browser has; `rtt_s` there and back, `proxy` what Playwright is to be told."""

    def __init__(self, bps: float, rtt_s: float) -> None:
        self._rtt_s = rtt_s
        self._up, self.down = Way(bps, rtt_s / 2), Way(bps, rtt_s / 2)
        self.proxy = ProxySettings(server="")

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection. Whichever end closes it first, what waits for the line is dropped."""
        host, port = await asked(reader, writer)
        if host != HOST:  # what a browser asks of its maker
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection(host, port)
        await asyncio.sleep(self._rtt_s)  # until both ends agree
        ways = [
            asyncio.create_task(self._up.carry(reader, far_writer)),
            asyncio.create_task(self.down.carry(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, far_writer):
                end.close()


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
    """Where a browser wants to (RFC 1928). Chromium writes every host as a name, 127.0.0.1 too."""
    _version, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\5\0")  # nobody has to say who asks
    *_, length = await reader.readexactly(5)
    host, port = await reader.readexactly(length), await reader.readexactly(2)
    writer.write(b"\5\0\0\1" + bytes(6))  # let through
    return host.decode(), int.from_bytes(port)


@asynccontextmanager
async def a_weak_line(*, bps: float, rtt_s: float) -> AsyncIterator[WeakLine]:
    line = WeakLine(bps, rtt_s)
    server = await asyncio.start_server(line.connect, HOST, 0)
    line.proxy = ProxySettings(server=f"socks5://{HOST}:{server.sockets[0].getsockname()[1]}")
    yield line
    server.close()
