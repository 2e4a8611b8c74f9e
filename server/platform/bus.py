"""The doorbell between processes: in one process, over a Unix socket, or through Redis.

A bus may lose messages, never block its users and never grow without bound: what must arrive is a row
in the database, and whoever hears the bell (or comes back) asks there from its last number.
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from server.platform.settings import Settings

Deliver = Callable[[str], None]
Stop = Callable[[], Awaitable[None]]

LINE_LIMIT_BYTES = 1024 * 1024
BUFFER_LIMIT_BYTES = 4 * 1024 * 1024
FIRST_WAIT_S = 0.05
LAST_WAIT_S = 2.0
RING_S = 2.0

log = logging.getLogger(__name__)


class LocalBus:
    """Everyone in this process; the other two stand on it. Open it with `async with`."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Deliver]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listeners.clear()

    async def publish(self, channel: str, message: str) -> None:
        self.ring(channel, message)

    async def subscribe(self, channel: str, deliver: Deliver) -> Stop:
        self._listeners.setdefault(channel, []).append(deliver)

        async def stop() -> None:
            listeners = self._listeners.get(channel, [])
            if deliver in listeners:
                listeners.remove(deliver)
            if not listeners:
                self._listeners.pop(channel, None)

        return stop

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self._listeners)

    def ring(self, channel: str, message: str) -> None:
        """Call every listener of `channel`; one that fails does not silence the others."""
        for deliver in tuple(self._listeners.get(channel, ())):
            try:
                deliver(message)
            except Exception:
                log.exception("a listener of the bus failed")


async def _pause(tries: int) -> None:
    """Before coming back: doubling, with jitter, so that not all come at once."""
    wait_s = min(LAST_WAIT_S, FIRST_WAIT_S * 2 ** min(tries, 10))
    await asyncio.sleep(wait_s * random.uniform(0.75, 1.25))  # noqa: S311


# --- Unix socket -------------------------------------------------------------------------------


@contextlib.contextmanager
def _short(path: Path) -> Any:
    """A name of at most 108 bytes for a socket in a deep folder."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class _Broker:
    """Held by one process of all: passes each line on to every connection that asked for its channel."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted: dict[asyncio.StreamWriter, set[str]] = {}
        self._server: asyncio.Server | None = None
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    async def start(self) -> bool:
        """Become the broker; False where another process is. The lock ends with its process."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self._path.unlink(missing_ok=True)
        with _short(self._path) as name:
            self._server = await asyncio.start_unix_server(self._serve, name, limit=LINE_LIMIT_BYTES)
        self._path.chmod(0o600)
        return True

    async def stop(self) -> None:
        if self._server is not None:
            self._path.unlink(missing_ok=True)
            self._server.close()
            for writer in tuple(self._wanted):
                writer.close()
            await self._server.wait_closed()
        os.close(self._lock)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = self._wanted[writer] = set()
        try:
            while line := await reader.readline():
                word = json.loads(line)
                match word["op"]:
                    case "ring":
                        self._pass_on(word["channel"], line)
                    case "want":
                        wanted.add(word["channel"])
                        writer.write(line)  # so that a subscriber knows that it is one
                    case "leave":
                        wanted.discard(word["channel"])
                    case _:
                        break  # not one of us
        except (ConnectionError, ValueError, KeyError, TypeError):
            pass
        finally:
            self._wanted.pop(writer, None)
            writer.close()

    def _pass_on(self, channel: str, line: bytes) -> None:
        for writer, wanted in tuple(self._wanted.items()):
            if channel in wanted:
                if writer.transport.get_write_buffer_size() > BUFFER_LIMIT_BYTES:
                    writer.transport.abort()  # it does not read: it will come back and ask the database
                else:
                    writer.write(line)


class _LineBus(LocalBus):
    """A bus with a line to somebody else, held by a task and taken up again when it breaks."""

    def __init__(self) -> None:
        super().__init__()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Take up the line; after RING_S go on without, it comes when it can."""
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._live(ready))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RING_S):
                await ready.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def subscribe(self, channel: str, deliver: Deliver) -> Stop:
        """Listen; returns once the other side knows, or after RING_S (the line comes back by itself)."""
        stop = await super().subscribe(channel, deliver)
        confirmed = self._confirmed.setdefault(channel, asyncio.Event())
        await self._want(channel)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RING_S):
                await confirmed.wait()

        async def leave() -> None:
            await stop()
            if channel not in self.channels:
                self._confirmed.pop(channel, None)
                await self._leave(channel)

        return leave

    def _confirm(self, channel: str) -> None:
        if (confirmed := self._confirmed.get(channel)) is not None:
            confirmed.set()

    async def _live(self, ready: asyncio.Event) -> None:
        raise NotImplementedError

    async def _want(self, channel: str) -> None:
        raise NotImplementedError

    async def _leave(self, channel: str) -> None:
        raise NotImplementedError


class SocketBus(_LineBus):
    """A doorbell under the data folder. Whichever process comes first passes the bells on."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._writer: asyncio.StreamWriter | None = None

    async def publish(self, channel: str, message: str) -> None:
        if self._writer is None:
            self.ring(channel, message)  # at least here, while the broker changes
            return
        self._say("ring", channel, message)

    async def _want(self, channel: str) -> None:
        self._say("want", channel)

    async def _leave(self, channel: str) -> None:
        self._say("leave", channel)

    def _say(self, op: str, channel: str, message: str = "") -> None:
        if self._writer is None or self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > BUFFER_LIMIT_BYTES:
            log.warning("the bus is full, a bell is lost")
        else:
            word = {"op": op, "channel": channel, "message": message}
            self._writer.write(json.dumps(word).encode() + b"\n")

    async def _live(self, ready: asyncio.Event) -> None:
        """Hold the line; become the broker when there is none."""
        tries = 0
        await asyncio.to_thread(self._path.parent.mkdir, parents=True, exist_ok=True)
        broker = _Broker(self._path)
        try:
            is_broker = False
            while True:
                is_broker = is_broker or await broker.start()
                try:
                    with _short(self._path) as name:
                        reader, self._writer = await asyncio.open_unix_connection(
                            name, limit=LINE_LIMIT_BYTES
                        )
                except OSError:
                    await _pause(tries)
                    tries += 1
                    continue
                tries = 0
                for channel in self.channels:
                    self._say("want", channel)
                ready.set()
                await self._listen(reader)
        finally:
            if self._writer is not None:
                self._writer.close()
            await broker.stop()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                word = json.loads(line)
                if word["op"] == "ring":
                    self.ring(word["channel"], word["message"])
                else:
                    self._confirm(word["channel"])
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


# --- Redis -------------------------------------------------------------------------------------


class RedisBus(_LineBus):
    """Redis pub/sub: at most once, and only to channels somebody here listens to."""

    def __init__(self, url: str) -> None:
        super().__init__()
        # Imported where Redis is used: it takes longer than all else here.
        from redis.asyncio import from_url
        from redis.exceptions import RedisError

        self._problems: tuple[type[Exception], ...] = (RedisError, OSError)  # a time-out is an OSError
        self._redis: Any = from_url(
            url, decode_responses=True, socket_connect_timeout=RING_S, health_check_interval=5
        )
        self._pubsub: Any = None

    async def publish(self, channel: str, message: str) -> None:
        try:
            async with asyncio.timeout(RING_S):
                await self._redis.publish(channel, message)
        except self._problems as problem:
            log.warning("the bus did not ring (%s)", type(problem).__name__)
            self.ring(channel, message)  # at least here

    async def _want(self, channel: str) -> None:
        await self._tell("subscribe", channel)

    async def _leave(self, channel: str) -> None:
        await self._tell("unsubscribe", channel)

    async def _tell(self, word: str, channel: str) -> None:
        if self._pubsub is not None:
            with contextlib.suppress(*self._problems):
                await getattr(self._pubsub, word)(channel)

    async def _live(self, ready: asyncio.Event) -> None:
        tries = 0
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    # A channel of our own keeps the line open while nobody listens.
                    await pubsub.subscribe("hoichan.alive", *self.channels)
                    self._pubsub = pubsub
                    ready.set()
                    tries = 0
                    await self._listen(pubsub)
            except self._problems as problem:
                log.warning("the bus lost Redis (%s)", type(problem).__name__)
            self._pubsub = None
            await _pause(tries)
            tries += 1

    async def _listen(self, pubsub: Any) -> None:
        async for word in pubsub.listen():
            if word["type"] == "message":
                self.ring(word["channel"], word["data"])
            elif word["type"] == "subscribe":
                self._confirm(word["channel"])

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        await self._redis.aclose()


async def ping(url: str) -> None:
    """Raises RedisError or OSError where Redis does not answer."""
    from redis.asyncio import from_url

    async with from_url(url, socket_connect_timeout=RING_S) as redis:
        await redis.ping()


def make_bus(settings: Settings) -> LocalBus:
    """The bus of this process, still closed: Redis where set, else the Unix socket under the data folder."""
    url = settings.redis_url.get_secret_value()
    return RedisBus(url) if url else SocketBus(settings.data_dir / "bus.sock")
