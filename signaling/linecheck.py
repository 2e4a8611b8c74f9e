"""The line check before a room: how long a word takes to us and back, how much goes through each way.

A WebSocket of its own (subprotocol `hoichan.check.v1`), bounded in bytes, time and number: it measures, it
carries nothing. Who may open it is the server's policy, as for any route.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Collection

from aiohttp import WSMsgType, web

from signaling.endpoint import check_handshake
from signaling.ice import IceConfig

SUBPROTOCOL = "hoichan.check.v1"
CHUNK_BYTES = 16 * 1024
WAY_LIMIT_BYTES = 512 * 1024
WORD_LIMIT = 200
WORDS_LIMIT = 200
LIMIT_S = 30.0
AT_ONCE = 20


def linecheck_routes(path: str, origins: Collection[str], ice: IceConfig) -> list[web.RouteDef]:
    """The socket at `path`. `ice` gives the TURN credentials that the browser tries its way with."""
    places = asyncio.Semaphore(AT_ONCE)

    async def linecheck(request: web.Request) -> web.StreamResponse:
        check_handshake(request, origins, SUBPROTOCOL)
        if places.locked():
            raise web.HTTPServiceUnavailable(text="too-many", headers={"Retry-After": "10"})
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=2 * CHUNK_BYTES, compress=False, timeout=2
        )
        async with places:
            await socket.prepare(request)
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(LIMIT_S):
                    await _measure(socket, ice)
            await socket.close()
        return socket

    return [web.get(path, linecheck, allow_head=False)]


async def _measure(socket: web.WebSocketResponse, ice: IceConfig) -> None:
    """Echo words, send what is asked for, count what comes; end at the limits or with the other side."""
    servers = [server.model_dump() for server in ice.servers("line-check", "line-check")]
    await socket.send_json({"t": "ready", "ice_servers": servers})
    received = words = 0
    has_sent = False
    async for frame in socket:
        words += 1
        if frame.type is WSMsgType.BINARY:
            received += len(frame.data)
        elif frame.type is WSMsgType.TEXT and len(frame.data) <= WORD_LIMIT:
            match _word(frame.data):
                case "echo":
                    await socket.send_str(frame.data)
                case "down" if not has_sent:
                    has_sent = True
                    await _send(socket)
                case "up-done":
                    await socket.send_json({"t": "received", "bytes": received})
                case _:
                    return
        else:
            return
        if received > WAY_LIMIT_BYTES or words > WORDS_LIMIT:
            return


def _word(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return str(value.get("t", "")) if isinstance(value, dict) else ""


async def _send(socket: web.WebSocketResponse) -> None:
    noise = os.urandom(CHUNK_BYTES)  # nothing on the way can make it smaller
    for _ in range(WAY_LIMIT_BYTES // CHUNK_BYTES):
        await socket.send_bytes(noise)
    await socket.send_json({"t": "sent", "bytes": WAY_LIMIT_BYTES})
