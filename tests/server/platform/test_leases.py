"""Two web processes on one installation: a room has one owner, and another once that is gone."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from server.platform.db import Database
from server.platform.leases import make_leases
from signaling import messages
from tests.server.house import House
from tests.services import HOST, ROOT, Server, end
from tests.signaling.building import Client


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


async def test_one_holds_a_room_until_it_lets_go(database: Database, tmp_path: Path) -> None:
    ours, theirs = (make_leases(database, tmp_path) for _ in range(2))
    assert await ours.hold("r1")
    assert await ours.hold("r1")
    assert await theirs.hold("r1") is None
    assert await theirs.hold("r2")
    await ours.release("r1")
    assert await theirs.hold("r1")
    await theirs.close()
    assert await ours.hold("r2")
    await ours.close()


async def test_a_broken_line_takes_its_rooms_up_again(database: Database, tmp_path: Path) -> None:
    if database.is_sqlite:
        return  # files need no line
    ours, theirs = (make_leases(database, tmp_path) for _ in range(2))
    assert await ours.hold("r1")
    async with database.read() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        )
    assert await ours.hold("r2")
    assert await theirs.hold("r1") is None
    await ours.close()
    await theirs.close()


async def test_who_goes_while_a_room_is_being_taken_leaves_it_free(
    database: Database, tmp_path: Path
) -> None:
    ours, theirs = (make_leases(database, tmp_path) for _ in range(2))
    for steps in range(6):
        taking = asyncio.create_task(ours.hold("r1"))
        for _ in range(steps):
            await asyncio.sleep(0.001)
        if taking.cancel():
            with pytest.raises(asyncio.CancelledError):
                await taking
        else:
            await ours.release("r1")
        assert await theirs.hold("r1")
        await theirs.release("r1")
    assert await ours.hold("r2")
    await ours.close()
    await theirs.close()


async def enter(house: House, url: str, case: str, name: str) -> messages.Message:
    """The first word of the web process at `url` to a person with a ticket."""
    got = await (await house.by(name)).post(f"/consultations/{case}/join")
    socket = await house.http.ws_connect(
        f"{url}/signal", headers={"Origin": url}, protocols=("hoichan.v1",), autoclose=False
    )
    client = Client(socket)
    await client.say(messages.Hello(versions=(1,), ticket=got.json["ticket"]))
    envelope = await client.next()
    assert envelope
    return envelope.message


async def test_a_room_is_with_one_process_and_goes_over_when_that_dies(
    own_house: House, tmp_path: Path
) -> None:
    case = await own_house.a_consultation("in-session")
    other = Server(
        lambda ports: [
            *("env", f"HOICHAN_LISTEN={HOST}:{ports[0]}", f"HOICHAN_DATABASE_URL={own_house.database.url}"),
            *(f"HOICHAN_DATA_DIR={own_house.settings.data_dir}", sys.executable, "-m", "server"),
            *("run", "--role", "web"),
        ],
        tmp_path,
        cwd=ROOT,
    )
    process, (port,) = other.start()
    try:
        there = f"http://{HOST}:{port}"
        assert isinstance(await enter(own_house, there, case, "doctor.L"), messages.Welcome)
        told = await enter(own_house, own_house.url, case, "specialist.P")
        assert isinstance(told, messages.Bye)
        assert (told.code, told.reconnect) == ("elsewhere", "rejoin")
        assert isinstance(await enter(own_house, there, case, "specialist.P"), messages.Welcome)
    finally:
        end(process, signal.SIGKILL)
    assert isinstance(await enter(own_house, own_house.url, case, "specialist.P"), messages.Welcome)
