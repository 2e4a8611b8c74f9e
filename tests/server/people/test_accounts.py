"""Accounts at the edge: a browser that several people share, where a sign-in leads, how a link is used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from server.people import sign_in
from server.people.routes.edge import PASSWORDS
from tests.server.house import PASSWORD, Answer, Caller, House


async def someone(house: House) -> str:
    name = f"nguoi{next(house.numbers)}"
    await house.a_person(name, {"L": "doctor"})
    return name


async def enter(house: House, login: str, password: str = PASSWORD, **cookies: str) -> Answer:
    caller = Caller(house, cookies=dict(cookies))
    return await caller.post("/sign-in", {"login": login, "password": password})


async def test_a_shared_browser_knows_everyone_who_signed_in_there(house: House) -> None:
    one, two = await someone(house), await someone(house)
    first = await enter(house, one)
    second = await enter(house, two, browser=first.cookies["browser"])
    assert second.cookies["browser"] == first.cookies["browser"]
    while (await enter(house, one, "sai-mat-khau")).code != "too-many":
        pass
    for _ in range(2):
        assert (await enter(house, one, browser=first.cookies["browser"])).status == 200


async def test_a_browser_word_that_we_never_gave_is_not_kept(house: House) -> None:
    entered = await enter(house, await someone(house), browser="chosen-by-another")
    assert entered.cookies["browser"] != "chosen-by-another"


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/agenda?day=2026-11-22", "/agenda?day=2026-11-22"),
        ("/consultations/abc/minutes", "/consultations/abc/minutes"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example/x", "/"),
        ("/\n/evil.example/x", "/"),
        ("/a b", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
    ],
)
async def test_a_sign_in_leads_to_our_own_pages_alone(house: House, asked: str, leads_to: str) -> None:
    sent = {"login": "doctor.l", "password": PASSWORD, "next": asked}
    got = await Caller(house, headers={"Accept": "text/html"}).ask("POST", "/sign-in", data=sent)
    assert (got.status, got.headers["Location"]) == (303, leads_to)


async def test_others_write_while_a_new_password_is_hashed(own_house: House) -> None:
    """Hashing takes a second on a small machine, and SQLite knows one writer at a time."""
    house = own_house
    hashing, go_on = asyncio.Event(), asyncio.Event()
    passwords = house.app[PASSWORDS]
    hash_now: Callable[[str], Awaitable[str]] = passwords.hash

    async def slowly(password: str) -> str:
        hashing.set()
        await go_on.wait()
        return await hash_now(password)

    passwords.hash = slowly
    async with house.database.system() as session:
        word = await sign_in.make_link(session, house.people["doctor.L"].person_id)
    sent = {"word": word, "password": "mat-khau-moi", "again": "mat-khau-moi"}
    setting = asyncio.create_task((await house.by("")).post("/password", sent))
    await hashing.wait()
    async with asyncio.timeout(5):
        assert (await (await house.by("doctor.T")).post("/consultations")).status in {200, 303}
    go_on.set()
    assert (await setting).status == 303
    assert (await enter(house, "doctor.l", "mat-khau-moi")).status == 200
