"""The doorbell: the same tests for one process, a Unix socket and a real Redis."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from server.platform.bus import LocalBus, RedisBus, SocketBus

KINDS = ("local", "socket", "redis")
ROOT = Path(__file__).parents[3]


class Pair:
    """Two ends of one bus, as in two processes; of the local kind both are the same."""

    def __init__(self, here: LocalBus, there: LocalBus) -> None:
        self.here, self.there = here, there


@pytest.fixture(params=KINDS)
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        if request.param == "local":
            bus = await stack.enter_async_context(LocalBus())
            yield Pair(bus, bus)
        elif request.param == "socket":
            folder = tmp_path / ("deep" * 30)  # longer than a socket's name may be
            here = await stack.enter_async_context(SocketBus(folder / "bus.sock"))
            yield Pair(here, await stack.enter_async_context(SocketBus(folder / "bus.sock")))
        else:
            url = request.getfixturevalue("redis_url")
            here_redis = await stack.enter_async_context(RedisBus(url))
            yield Pair(here_redis, await stack.enter_async_context(RedisBus(url)))


class Ear:
    """Collects what one channel rings."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, message: str) -> None:
        self.heard.put_nowait(message)

    async def next(self) -> str:
        async with asyncio.timeout(5):
            return await self.heard.get()


async def test_a_bell_rings_in_the_other_process_and_here(pair: Pair) -> None:
    here, there = Ear(), Ear()
    await pair.here.subscribe("room.r1", here)
    await pair.there.subscribe("room.r1", there)
    await pair.here.publish("room.r1", "Chào “bác sĩ”\n")
    assert await there.next() == "Chào “bác sĩ”\n"
    assert await here.next() == "Chào “bác sĩ”\n"


async def test_another_channel_is_not_heard(pair: Pair) -> None:
    ear = Ear()
    await pair.there.subscribe("room.r1", ear)
    await pair.here.publish("room.r2", "not for you")
    await pair.here.publish("room.r1", "for you")
    assert await ear.next() == "for you"
    assert ear.heard.empty()


async def test_messages_keep_their_order(pair: Pair) -> None:
    ear = Ear()
    await pair.there.subscribe("room.r1", ear)
    for number in range(500):
        await pair.here.publish("room.r1", str(number))
    assert [await ear.next() for _ in range(500)] == [str(number) for number in range(500)]


async def test_who_stops_listening_hears_no_more(pair: Pair) -> None:
    gone, still = Ear(), Ear()
    stop = await pair.there.subscribe("room.r1", gone)
    await pair.there.subscribe("room.r1", still)
    await stop()
    await pair.here.publish("room.r1", "late")
    assert await still.next() == "late"
    assert gone.heard.empty()


async def test_a_listener_that_fails_does_not_silence_the_others(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_message: str) -> None:
        raise ValueError("a fault")

    ear = Ear()
    await pair.there.subscribe("room.r1", broken)
    await pair.there.subscribe("room.r1", ear)
    await pair.here.publish("room.r1", "still")
    assert await ear.next() == "still"
    assert "a listener of the bus failed" in caplog.text


async def until_heard(bus: LocalBus, ear: Ear) -> None:
    """Ring until it is heard: the line is being taken up again."""
    async with asyncio.timeout(10):
        while ear.heard.empty():
            await bus.publish("room.r1", "again")
            await asyncio.sleep(0.05)


BROKER = """
import asyncio, pathlib, sys
from server.platform.bus import SocketBus
async def main():
    async with SocketBus(pathlib.Path(sys.argv[1])) as bus:
        print("ready", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_the_bell_comes_back_when_the_process_that_carried_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "bus.sock"
    broker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BROKER, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert broker.stdout is not None
    assert await broker.stdout.readline() == b"ready\n"
    async with SocketBus(path) as here, SocketBus(path) as there:
        ear = Ear()
        await there.subscribe("room.r1", ear)
        await here.publish("room.r1", "before")
        assert await ear.next() == "before"
        os.kill(broker.pid, signal.SIGKILL)
        await broker.wait()
        await until_heard(here, ear)


async def test_the_bell_comes_back_when_redis_cuts_the_line(redis_url: str) -> None:
    async with RedisBus(redis_url) as here, RedisBus(redis_url) as there:
        ear = Ear()
        await there.subscribe("room.r1", ear)
        await here.publish("room.r1", "before")
        assert await ear.next() == "before"
        await here._redis.client_kill_filter(_type="pubsub", skipme=True)
        await until_heard(here, ear)


async def test_without_redis_the_bell_still_rings_here(caplog: pytest.LogCaptureFixture) -> None:
    async with RedisBus("redis://127.0.0.1:1/0") as bus:
        ear = Ear()
        await bus.subscribe("room.r1", ear)
        await bus.publish("room.r1", "alone")
        assert await ear.next() == "alone"
    assert "the bus did not ring" in caplog.text
