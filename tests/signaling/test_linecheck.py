"""The line check's socket, and the credentials that it and the room hand out."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from signaling.ice import TTL_S, IceConfig
from signaling.linecheck import CHUNK_BYTES, SUBPROTOCOL, WAY_LIMIT_BYTES, linecheck_routes

TURN = IceConfig(("stun:turn.test:3478", "turn:turn.test:3478"), "secret", clock=lambda: 1_000_000.0)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(linecheck_routes("/signal/check", {"http://ours.test"}, TURN))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/signal/check"
    await runner.cleanup()


@pytest.fixture
async def socket(url: str) -> AsyncIterator[ClientWebSocketResponse]:
    async with (
        ClientSession(headers={"Origin": "http://ours.test"}) as http,
        http.ws_connect(url, protocols=(SUBPROTOCOL,)) as socket,
    ):
        yield socket


async def test_words_come_back_and_bytes_are_counted_both_ways(socket: ClientWebSocketResponse) -> None:
    ready = await socket.receive_json()
    assert [server["urls"] for server in ready["ice_servers"]] == [
        ["stun:turn.test:3478"],
        ["turn:turn.test:3478"],
    ]
    await socket.send_str('{"t":"echo"}')
    assert await socket.receive_json() == {"t": "echo"}
    await socket.send_str('{"t":"down"}')
    received = 0
    while (frame := await socket.receive()).type is WSMsgType.BINARY:
        received += len(frame.data)
    assert received == WAY_LIMIT_BYTES
    for _ in range(3):
        await socket.send_bytes(b"x" * CHUNK_BYTES)
    await socket.send_str('{"t":"up-done"}')
    assert await socket.receive_json() == {"t": "received", "bytes": 3 * CHUNK_BYTES}


@pytest.mark.parametrize("word", ["{", "[]", '{"t":"launch"}', "x" * 300, "[" * 199])
async def test_other_words_end_the_check(socket: ClientWebSocketResponse, word: str) -> None:
    await socket.receive()
    await socket.send_str(word)
    assert (await socket.receive()).type is WSMsgType.CLOSE


async def test_more_than_the_limit_ends_the_check(socket: ClientWebSocketResponse) -> None:
    await socket.receive()
    for _ in range(WAY_LIMIT_BYTES // CHUNK_BYTES + 1):
        await socket.send_bytes(b"x" * CHUNK_BYTES)
    assert (await socket.receive()).type is WSMsgType.CLOSE


async def test_a_page_of_another_origin_cannot_measure(url: str) -> None:
    async with ClientSession(headers={"Origin": "http://evil.test"}) as http:
        with pytest.raises(WSServerHandshakeError) as refused:
            await http.ws_connect(url, protocols=(SUBPROTOCOL,))
        assert refused.value.status == 403


def test_turn_credentials_live_ten_minutes_and_are_bound_to_the_room() -> None:
    turn = TURN.servers("r1", "peer-hoa-")[1]
    assert turn.username is not None
    expiry, _, rest = turn.username.partition(":")
    assert int(expiry) == 1_000_000 + TTL_S
    assert TTL_S <= 600
    assert rest.endswith(".peer-hoa-")
    assert turn.username != TURN.servers("r2", "peer-hoa-")[1].username
    assert "r1" not in turn.username
    digest = hmac.new(b"secret", turn.username.encode(), hashlib.sha1).digest()
    assert turn.credential == base64.b64encode(digest).decode()


def test_without_settings_no_server_is_named() -> None:
    assert IceConfig().servers("r1", "peer-hoa-") == ()
