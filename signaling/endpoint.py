"""The WebSocket `/signal`: one connection through its phases, hello, then reader, writer and heart.

Browsers let any page open a socket to us with our cookies, and aiohttp takes it: the Origin is checked
here, and no cookie is looked at, only the ticket.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection

from aiohttp import WSMsgType, web

from signaling import messages
from signaling.codec import Envelope, Malformed, body, decode, wrap
from signaling.fields import MESSAGE_LIMIT_BYTES, SUBPROTOCOL, VERSION
from signaling.hub import PING_MS, QUIET_MS, Hub
from signaling.ice import TTL_S as ICE_TTL_S
from signaling.pace import Pace
from signaling.peer import Outbox, Peer
from signaling.ports import Admit, NotSeated
from signaling.refusals import ENDINGS, bye, error
from signaling.rooms import Closing

HELLO_S = 10.0
CUT_MS = 10_000  # a socket that is silent for so long is closed
SENDING_S = 10.0
CLOSING_S = 2.0
PING_S = PING_MS / 1000

log = logging.getLogger(__name__)


def signal_routes(
    path: str, hub: Hub, admit: Admit, origins: Collection[str], hello_s: float = HELLO_S
) -> list[web.RouteDef]:
    """The socket at `path`. `origins` are the addresses our own pages have, as `https://host:port`."""

    async def signal(request: web.Request) -> web.StreamResponse:
        check_handshake(request, origins, SUBPROTOCOL)
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            timeout=CLOSING_S,
            max_msg_size=MESSAGE_LIMIT_BYTES,
            compress=False,
            autoping=False,
        )
        try:
            await socket.prepare(request)
        except ConnectionError:  # gone before we answered
            return web.Response()
        await Connection(request, socket, hub, admit, hello_s).run()
        return socket

    return [web.get(path, signal, allow_head=False)]


def check_handshake(request: web.Request, allowed: Collection[str], subprotocol: str) -> None:
    """Refuse pages of others (403) and clients that do not speak the protocol (400)."""
    if request.headers.getall("Origin", []) not in [[origin] for origin in allowed]:
        raise web.HTTPForbidden(text="foreign-origin")
    spoken = {word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
    if subprotocol not in spoken:
        raise web.HTTPBadRequest(text="subprotocol")


class Connection:
    """One socket. Its peer may have had others before and may have others after."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, hub: Hub, admit: Admit, hello_s: float
    ) -> None:
        self.request, self.socket, self.hub, self.admit = request, socket, hub, admit
        self.hello_s = hello_s
        self.outbox = Outbox()
        self.pace = Pace()
        self.heard_at = self._time()
        self.told_pace_at = 0.0

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Serve until either side closes; never raises for what the other side does."""
        try:
            peer = await self._greet()
        except Closing as closing:
            await self._end(closing.code)
            return
        except (Malformed, TimeoutError) as problem:
            await self._end(problem.code if isinstance(problem, Malformed) else "too-slow-hello")
            return
        if peer is None:
            return
        try:
            await self._serve(peer)
        finally:
            await asyncio.shield(self.hub.lost(peer, self.outbox))

    # --- phase one: hello ----------------------------------------------------------------------

    async def _greet(self) -> Peer | None:
        """Wait for `hello`. None where the other side went away; raises Closing, Malformed, TimeoutError."""
        async with asyncio.timeout(self.hello_s):
            envelope = await self._next()
        if envelope is None:
            return None
        hello = envelope.message
        if not isinstance(hello, messages.Hello):
            raise Malformed
        if VERSION not in hello.versions:
            raise Closing("version")
        if hello.resume is not None:
            try:
                return await self.hub.resume(hello.resume.token, hello.resume.seq, self.outbox)
            except Closing:
                if hello.ticket is None:
                    raise
        if hello.ticket is None:
            raise Closing("ticket-refused")
        try:
            seat = await self.admit(hello.ticket)
        except NotSeated as refusal:
            raise Closing(refusal.code if refusal.code in ENDINGS else "ticket-refused") from None
        return await self.hub.enter(seat, self.outbox)

    # --- phase two: in the room ----------------------------------------------------------------

    async def _serve(self, peer: Peer) -> None:
        """Run reader, writer, heart and watch; the first to end ends the others."""
        tasks = {
            asyncio.create_task(work)
            for work in (self._read(peer), self._write(), self._beat(peer), self._watch())
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for problem in results:
            if isinstance(problem, Exception) and not isinstance(problem, ConnectionError):
                log.error("peer %s: a fault of ours", peer.id, exc_info=problem)
        if self.outbox.ending is not None:
            await self._close(self.outbox.ending)
        else:
            ended = (task.result() for task in done if not task.cancelled() and not task.exception())
            await self._end(next(ended, "broken"))

    async def _read(self, peer: Peer) -> str:
        while True:
            try:
                envelope = await self._next()
            except Malformed as problem:
                return problem.code
            if envelope is None:
                return "left" if self.pace.over == 0 else "rate-limited"
            await self.hub.heard(peer)
            match envelope.message:
                case messages.Pong():
                    pass
                case messages.Ping(n=n):
                    self.outbox.put(wrap(body(messages.Pong(n=n))), "pong")
                case messages.Hello():
                    return "malformed"
                case _:
                    await self.hub.receive(peer, envelope)

    async def _next(self) -> Envelope | None:
        """Return the next message, None at the end. Raises Malformed.

        What comes too fast is dropped before it is parsed; what keeps coming ends the connection.
        """
        while True:
            frame = await self.socket.receive()
            self.heard_at = self._time()
            if frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return None
            if not self.pace.takes():
                if self.pace.is_lost_cause:
                    return None
                self._tell_pace()
            elif frame.type is WSMsgType.TEXT:
                try:
                    return decode(frame.data)
                except Malformed as problem:
                    if problem.code != "unknown-type":
                        raise
                    self.outbox.put(wrap(body(error(problem.code))))
            elif frame.type is WSMsgType.PING:
                await self.socket.pong(frame.data)
            elif frame.type is not WSMsgType.PONG:
                raise Malformed

    def _tell_pace(self) -> None:
        if self.heard_at - self.told_pace_at > 1:
            self.told_pace_at = self.heard_at
            self.outbox.put(wrap(body(error("rate-limited", self.pace.wait_ms))))

    async def _write(self) -> str:
        while (text := await self.outbox.get()) is not None:
            try:
                async with asyncio.timeout(SENDING_S):
                    await self.socket.send_str(text)
            except TimeoutError:
                self.outbox.cut("slow-peer")
        return self.outbox.ending or "left"

    async def _watch(self) -> str:
        await self.outbox.until_cut()
        return self.outbox.ending or "slow-peer"

    async def _beat(self, peer: Peer) -> str:
        """Ping every second; name the peer lost when it is silent, and close when it stays so."""
        count = 0
        while True:
            await asyncio.sleep(PING_S)
            count += 1
            silent_ms = (self._time() - self.heard_at) * 1000
            if silent_ms > CUT_MS:
                self.outbox.cut("lost")
                return "lost"
            if silent_ms > QUIET_MS:
                await self.hub.silent(peer)
            self.outbox.put(wrap(body(messages.Ping(n=count))), "ping")
            if count % (ICE_TTL_S // 2) == 0:
                self.hub.renew_ice(peer)

    # --- the end -------------------------------------------------------------------------------

    async def _end(self, code: str) -> None:
        """Close a connection that never became a peer's, with a last word."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await self.socket.send_str(wrap(body(bye(code))))
        await self._close(code)

    async def _close(self, code: str) -> None:
        if not self.outbox.is_cut:
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(CLOSING_S):
                    await self.socket.close(code=ENDINGS[code].close, message=code.encode())
        if (self.outbox.is_cut or not self.socket.closed) and self.request.transport is not None:
            self.request.transport.abort()  # a full buffer would be waited for
