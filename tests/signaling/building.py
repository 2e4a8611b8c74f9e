"""Builders for signalling: seats, a journal in memory, a client that speaks the protocol, a server."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from pydantic import JsonValue

from server.platform.bus import LocalBus
from signaling import messages
from signaling.codec import Envelope, decode_from_server, encode
from signaling.endpoint import signal_routes
from signaling.fields import Resume
from signaling.hub import Hub, now_ms
from signaling.ice import IceConfig
from signaling.messages import Message
from signaling.ports import Entry, NotKept, NotSeated, Seat

EVERYONE = frozenset({"chat", "present", "share-view", "mark"})
HOSTS_ONLY = frozenset({"admit", "end"})
Kind = TypeVar("Kind", bound=Message)


def may(seat: Seat, type: str) -> bool:
    """A small policy: hosts admit and end, viewers only look."""
    if type in HOSTS_ONLY:
        return seat.is_host
    return type not in EVERYONE or seat.role != "viewer"


def a_seat(name: str = "Hường", role: str = "doctor", **changes: Any) -> Seat:
    facts: dict[str, Any] = {
        "room": "r1",
        "person": sum(name.encode()),
        "name": name,
        "title": "BS.",
        "hospital": "BVĐK Lệ Thủy",
        "site": "Lệ Thủy",
        "role": role,
    }
    return Seat(**{**facts, **changes})


class MemoryJournal:
    """Keeps rows as a database would; `is_broken` makes it refuse."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Entry]] = {}
        self.is_broken = False
        self.refuses = ""  # the code of NotKept
        self.earlier: list[Entry] = []  # what `drawn` gives

    async def drawn(self, room: str) -> Sequence[Entry]:
        return self.earlier

    async def append(self, room: str, type: str, sender: int | None, data: Mapping[str, JsonValue]) -> int:
        await asyncio.sleep(0)
        if self.is_broken:
            raise OSError("disk full")
        if self.refuses:
            raise NotKept(self.refuses)
        rows = self.rows.setdefault(room, [])
        kept = json.loads(json.dumps(dict(data)))
        rows.append(Entry(len(rows) + 1, type, sender, kept, now_ms()))
        return len(rows)

    async def since(self, room: str, seq: int, limit: int) -> Sequence[Entry]:
        return self.rows.get(room, [])[seq : seq + limit]

    def types(self, room: str = "r1") -> list[str]:
        return [row.type for row in self.rows.get(room, [])]


class Tickets:
    """Single-use tickets for seats; `gone` are sign-ins that have ended."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self._seats: dict[str, Seat] = {}
        self._numbers = itertools.count(1)

    def issue(self, seat: Seat) -> str:
        ticket = f"ticket-{next(self._numbers):06}"
        self._seats[ticket] = seat
        return ticket

    async def admit(self, ticket: str) -> Seat:
        seat = self._seats.pop(ticket, None)
        if seat is None:
            raise NotSeated
        return seat

    async def ended(self, sign_ins: Collection[str]) -> Collection[str]:
        return self.gone.intersection(sign_ins)


class Client:
    """A browser as far as the socket goes. Pings are answered while it waits for something."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[Envelope] = []
        self.welcome: messages.Welcome | None = None
        self.seq = 0
        self._ids = itertools.count(1)

    async def say(self, message: Message, id: str | None = None) -> str:
        """Send a request; returns its id."""
        id = id or f"request-{next(self._ids):06}"
        await self.socket.send_str(encode(Envelope(message, id=id)))
        return id

    async def next(self, timeout_s: float = 15) -> Envelope | None:
        """The next message that is no ping; None once the socket is closed."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self.socket.receive()
                if frame.type is not WSMsgType.TEXT:
                    return None
                envelope = decode_from_server(frame.data)
                if isinstance(envelope.message, messages.Ping):
                    await self.socket.send_str(encode(Envelope(messages.Pong(n=envelope.message.n))))
                    continue
                self.seq = envelope.seq or self.seq
                self.seen.append(envelope)
                return envelope

    async def until(self, kind: type[Kind], timeout_s: float = 15) -> Kind:
        """The next message of this kind; others are passed over."""
        async with asyncio.timeout(timeout_s):
            while (envelope := await self.next(timeout_s)) is not None:
                if isinstance(envelope.message, kind):
                    return envelope.message
        raise AssertionError(f"closed with {self.socket.close_code} before {kind.type}")

    async def answer(self, id: str) -> Message:
        """The answer to the request `id`."""
        while (envelope := await self.next()) is not None:
            if envelope.re == id:
                return envelope.message
        raise AssertionError("closed before the answer")

    async def ask(self, message: Message, id: str | None = None) -> Message:
        return await self.answer(await self.say(message, id))

    async def closed(self) -> int | None:
        """Read to the end; returns the close code."""
        while await self.next() is not None:
            pass
        return self.socket.close_code


class House:
    """A signalling server on a free port."""

    def __init__(
        self, hub: Hub, tickets: Tickets, journal: MemoryJournal, url: str, http: ClientSession
    ) -> None:
        self.hub, self.tickets, self.journal, self.url, self.http = hub, tickets, journal, url, http

    async def connect(self, **options: Any) -> Client:
        headers = {"Origin": self.url, **options.pop("headers", {})}
        socket = await self.http.ws_connect(
            f"{self.url}/signal",
            headers=headers,
            protocols=options.pop("protocols", ("hoichan.v1",)),
            autoclose=True,
            max_msg_size=0,
            **options,
        )
        return Client(socket)

    async def enter(self, seat: Seat) -> Client:
        """Connect, greet and wait until seated or put at the door."""
        client = await self.connect()
        await client.say(messages.Hello(versions=(1,), ticket=self.tickets.issue(seat)))
        client.welcome = await client.until(messages.Welcome)
        if not client.welcome.waits:
            await client.until(messages.Joined)
        return client

    async def resume(self, client: Client, seq: int | None) -> Client:
        """Come back on a new socket with the token of the old."""
        assert client.welcome is not None
        again = await self.connect()
        resume = Resume(token=client.welcome.resume.token, seq=seq)
        await again.say(messages.Hello(versions=(1,), resume=resume))
        again.welcome = await again.until(messages.Welcome)
        return again


@asynccontextmanager
async def a_house(
    place_kept_s: float = 30,
    ice: IceConfig | None = None,
    hello_s: float = 10,
    send_buffer_bytes: int = 0,
) -> AsyncIterator[House]:
    journal, tickets = MemoryJournal(), Tickets()
    hub = Hub(
        journal=journal, bus=LocalBus(), may=may, ice=ice, ended=tickets.ended, place_kept_s=place_kept_s
    )
    app = web.Application()
    origins: set[str] = set()
    app.add_routes(signal_routes("/signal", hub, tickets.admit, origins, hello_s))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await hub.start()
    await runner.setup()
    listener = socket.socket()
    if send_buffer_bytes:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
    listener.bind(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    origins.add(url)
    try:
        async with ClientSession() as http:
            yield House(hub, tickets, journal, url, http)
    finally:
        await hub.stop()
        await runner.cleanup()
