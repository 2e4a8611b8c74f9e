"""The socket as a browser meets it: real connections to a real server."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from signaling import messages
from tests.signaling.building import House, a_house, a_seat


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with a_house() as house:
        yield house


async def test_two_people_see_each_other_and_talk(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    hoa = await house.enter(a_seat("Hoa", "host"))
    seen = await huong.until(messages.Roster)
    while seen.member.name != "Hoa":
        seen = await huong.until(messages.Roster)
    assert isinstance(await hoa.ask(messages.Chat(text="Chào bác sĩ")), messages.Ok)
    said = await huong.until(messages.Chatted)
    assert (said.text, said.person.name) == ("Chào bác sĩ", "Hoa")
    assert house.journal.types() == ["joined", "presenter-changed", "joined", "chatted"]


async def test_a_lost_line_is_known_at_once_and_the_place_is_given_back(house: House) -> None:
    huong = await house.enter(a_seat("Hường"))
    hoa = await house.enter(a_seat("Hoa", "host"))
    await huong.until(messages.Roster)
    seq = huong.seq
    await huong.socket.close()
    while (await hoa.until(messages.Roster)).member.here:
        pass
    await hoa.ask(messages.Chat(text="Còn nghe không?"))
    again = await house.resume(huong, seq)
    assert again.welcome is not None
    assert again.welcome.resumed
    assert (await again.until(messages.Chatted)).text == "Còn nghe không?"
    while not (await hoa.until(messages.Roster)).member.here:
        pass
    assert house.journal.types()[-3:] == ["away", "chatted", "back"]
    await asyncio.sleep(0)
