"""Janus VideoRoom as the peer of `join`: the server of Debian, and a page that speaks its WebSocket protocol.

Set up as its authors advise for one machine: WebSockets, trickling both ways, ICE on one address and no STUN
server to wait for. Its ICE refuses the loopback, so its media go over this machine's own address, which the
kernel keeps on the machine.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.services import HOST, Server, program, started

PAGE = Path(__file__).with_name("janus.html")
LIBRARY = Path("/usr/lib/x86_64-linux-gnu/janus")
# What our own page asks of the devices (web/src/devices.ts).
MEDIA = """{
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 25, max: 30 }, facingMode: "user" },
  }"""
CONFIGURATION = {
    "janus.jcfg": """
        general: {{
            configs_folder = "{folder}", plugins_folder = "{library}/plugins",
            transports_folder = "{library}/transports", events_folder = "{library}/events",
            loggers_folder = "{library}/loggers", debug_level = 2
        }}
        nat: {{ full_trickle = true, ice_enforce_list = "{address}" }}
        plugins: {{ disable = "{plugins}" }}
        transports: {{ disable = "{transports}" }}
    """,
    "janus.transport.websockets.jcfg": """
        general: {{ json = "compact", ws = true, ws_port = {port}, ws_ip = "{host}" }}
    """,
    "janus.plugin.videoroom.jcfg": """
        room-1: {{ description = "join", publishers = 6, bitrate = 0, audiocodec = "opus", videocodec = "vp8" }}
    """,
}


@contextmanager
def janus() -> Iterator[int]:
    """Run Janus with its VideoRoom alone; yields the port of its WebSocket."""
    path = program("janus")
    with tempfile.TemporaryDirectory(prefix="hoichan-janus-") as name:
        folder = Path(name)

        def command(ports: list[int]) -> list[str]:
            facts = {
                "folder": folder,
                "library": LIBRARY,
                "address": _own_address(),
                "plugins": _all_but("plugins", "videoroom"),
                "transports": _all_but("transports", "websockets"),
                "host": HOST,
                "port": ports[0],
            }
            for file, text in CONFIGURATION.items():
                folder.joinpath(file).write_text(text.format(**facts))
            return [path, "-F", str(folder)]

        with started(Server(command, folder)) as (port,):
            yield port


@asynccontextmanager
async def janus_page() -> AsyncIterator[str]:
    """The address of a page that joins the one room when it is loaded."""
    text = PAGE.read_text().replace("MEDIA", MEDIA)

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    with janus() as port:
        async with TestServer(app) as server:
            yield str(server.make_url(f"/?port={port}"))


def _all_but(kind: str, kept: str) -> str:
    return ",".join(file.name for file in LIBRARY.joinpath(kind).glob("*.so") if kept not in file.name)


def _own_address() -> str:
    """The address by which this machine is known on its network. Nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))
        return str(asked.getsockname()[0])
