"""A seat in a room rests on a sign-in, and ends with it."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy import update

from server.consultation.join import Rooms
from server.people import sign_in
from server.people.model import Hospital, Membership, Person, SignIn
from server.platform.db import now
from signaling import messages
from signaling.ports import NotSeated
from tests.server.house import Caller, House
from tests.signaling.building import Client


async def ticket(house: House, browser: Caller, case: str = "") -> str:
    case = case or await house.a_consultation("in-session")
    return str((await browser.post(f"/consultations/{case}/join")).json["ticket"])


async def test_who_signs_out_leaves_the_room(house: House) -> None:
    browser = await house.a_browser("doctor.L")
    socket = await house.http.ws_connect(
        f"{house.url}/signal", headers={"Origin": house.url}, protocols=("hoichan.v1",)
    )
    client = Client(socket)
    await client.say(messages.Hello(versions=(1,), ticket=await ticket(house, browser)))
    await client.until(messages.Welcome)
    assert (await browser.post("/sign-out")).status == 303
    async with asyncio.timeout(4):
        assert (await client.until(messages.Bye)).code == "removed"
        assert await client.closed() == 4403


async def test_a_ticket_ends_with_the_sign_in_that_asked_for_it(house: House) -> None:
    browser = await house.a_browser("doctor.L")
    given = await ticket(house, browser)
    await browser.post("/sign-out")
    with pytest.raises(NotSeated):
        await Rooms(house.database).admit(given)


ENDINGS = {
    "signed out": lambda who: update(SignIn).where(SignIn.person_id == who.person_id).values(ended_at=now()),
    "expired": lambda who: (
        update(SignIn)
        .where(SignIn.person_id == who.person_id)
        .values(expires_at=now() - dt.timedelta(seconds=1))
    ),
    "suspended": lambda who: update(Person).where(Person.id == who.person_id).values(suspended_at=now()),
    "left": lambda who: update(Membership).where(Membership.id == who.membership_id).values(left_at=now()),
    "hospital closed": lambda who: (
        update(Hospital).where(Hospital.id == who.hospital_id).values(closed_at=now())
    ),
}


@pytest.mark.parametrize("why", ENDINGS)
async def test_a_sign_in_ends_in_each_of_these_ways(own_house: House, why: str) -> None:
    one, other = await own_house.a_browser("doctor.L"), await own_house.a_browser("doctor.T")
    assert one.who
    assert other.who
    both = (one.who.sign_in, other.who.sign_in)
    async with own_house.database.system() as session:
        assert await sign_in.ended(session, both) == frozenset()
        await session.execute(ENDINGS[why](one.who))
        assert await sign_in.ended(session, both) == {one.who.sign_in}


async def test_who_only_talks_is_still_signed_in(house: House) -> None:
    browser = await house.a_browser("doctor.L")
    assert browser.who
    async with house.database.system() as session:
        mine = update(SignIn).where(SignIn.id == int(browser.who.sign_in[1:]))
        await session.execute(mine.values(seen_at=now() - dt.timedelta(hours=3)))
        assert await sign_in.ended(session, [browser.who.sign_in]) == frozenset()
