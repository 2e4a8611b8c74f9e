"""Signing in, staying in, being put out; and what protects every answer and every unsafe request."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time

import pytest
import time_machine
from sqlalchemy import update

from server.people.model import Link, Membership, Person
from server.platform import http
from server.platform.db import now
from tests.server.house import PASSWORD, Answer, Caller, House, open_house

UNSAFE = ("DELETE", "PATCH", "POST", "PUT")


async def enter(house: House, login: str, password: str = PASSWORD, **cookies: str) -> tuple[Answer, Caller]:
    caller = Caller(house, cookies=dict(cookies))
    got = await caller.post("/sign-in", {"login": login, "password": password})
    caller.cookies |= got.cookies
    return got, caller


async def someone(house: House, **places: str) -> str:
    """The login of a person of this test alone."""
    name = f"nguoi{next(house.numbers)}"
    await house.a_person(name, places or {"L": "doctor"})
    return name


async def test_each_sign_in_has_a_cookie_of_its_own(house: House) -> None:
    login = await someone(house)
    first, caller = await enter(house, login)
    second, _ = await enter(house, login, hoichan="fixed-by-another", browser=first.cookies["browser"])
    assert first.status == second.status == 200
    cookies = {first.cookies["hoichan"], second.cookies["hoichan"], "fixed-by-another"}
    assert len(cookies) == 3
    assert (await caller.get("/sessions")).status == 200
    (line,) = [line for line in first.set_cookie if line.startswith("hoichan=")]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))


async def test_over_https_the_cookie_is_bound_to_the_host(database_url: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with open_house(database_url, tmp_path, public_url="https://hoichan.test") as house:
        caller = Caller(house, headers={"Origin": "https://hoichan.test"})
        got = await caller.post("/sign-in", {"login": "doctor.l", "password": PASSWORD})
        (line,) = [line for line in got.set_cookie if line.startswith("__Host-hoichan=")]
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
        assert "max-age" in got.headers["Strict-Transport-Security"]
        plain = await caller.post("/sign-in", {}, headers={"Origin": house.url})
        assert plain.code == "foreign-origin"


@pytest.mark.parametrize(
    ("minutes", "is_in"), [(59, True), (61, False), (11 * 60, False), (12 * 60 + 1, False)]
)
async def test_a_browser_left_alone_is_out_after_an_hour(house: House, minutes: int, is_in: bool) -> None:
    _, caller = await enter(house, await someone(house))
    with time_machine.travel(now() + dt.timedelta(minutes=minutes)):
        house.forget()
        assert (await caller.get("/sessions")).status == (200 if is_in else 401)
    house.forget()


async def test_a_browser_in_use_is_out_after_twelve_hours(house: House) -> None:
    _, caller = await enter(house, await someone(house))
    began = now()
    for hours in (0.9, 1.8, 2.7, 3.6, 4.5, 5.4, 6.3, 7.2, 8.1, 9.0, 9.9, 10.8, 11.7, 12.01):
        with time_machine.travel(began + dt.timedelta(hours=hours)):
            house.forget()
            house.app[http.AUTHENTICATE]._touched.forget()
            assert (await caller.get("/sessions")).status == (200 if hours < 12 else 401)
    house.forget()


async def test_a_revoked_browser_is_out_within_a_second(house: House) -> None:
    login = await someone(house)
    (_, here), (_, there) = await enter(house, login), await enter(house, login)
    page = await here.get("/sessions")
    assert there.cookies["hoichan"] not in page.text
    own = await house.a_browser(login)
    assert own.who
    assert (await there.get("/sessions")).status == 200
    from server.people.model import SignIn
    from server.platform.keys import hashed

    async with house.database.system(writes=False) as session:
        from sqlalchemy import select

        wanted = select(SignIn.id).where(SignIn.token_hash == hashed(there.cookies["hoichan"]))
        number = await session.scalar(wanted)
    assert (await own.post(f"/sessions/{number}/end")).status == 303
    ended = time.monotonic()
    while (await there.get("/sessions")).status == 200:
        assert time.monotonic() - ended < 1.5
        await asyncio.sleep(0.05)
    assert (await here.get("/sessions")).status == 200


async def test_signing_out_ends_the_cookie_and_clears_the_browser(house: House) -> None:
    browser = await house.a_browser(await someone(house))
    got = await browser.post("/sign-out")
    assert "storage" in got.headers["Clear-Site-Data"]
    house.forget()
    assert (await browser.get("/sessions")).status == 401


async def test_each_person_has_a_key_of_their_own_for_what_the_browser_keeps(house: House) -> None:
    found = []
    for name in ("doctor.L", "doctor.L", "specialist.P"):
        page = (await (await house.a_browser(name)).get("/sessions")).text
        found.append(re.findall('<meta name="shelf" content="([0-9a-f]{64})">', page))
    assert found[0] == found[1] != found[2]
    assert [len(words) for words in found] == [1, 1, 1]
    assert 'name="shelf"' not in (await Caller(house).get("/sign-in")).text


async def test_a_stranger_who_guesses_does_not_lock_the_owner_out(house: House) -> None:
    login = await someone(house)
    owner, _ = await enter(house, login)
    guesses = [await enter(house, login, "sai-mat-khau") for _ in range(25)]
    codes = [got.code for got, _ in guesses]
    assert codes[:15] == ["wrong-password"] * 15
    assert codes[-1] == "too-many"
    refused, _ = await enter(house, login)
    assert refused.code == "too-many", "even the right password, from a browser never seen"
    known, _ = await enter(house, login, browser=owner.cookies["browser"])
    assert known.status == 200


async def test_one_answer_for_all_that_is_wrong(house: House) -> None:
    suspended, left = await someone(house), await someone(house)
    async with house.database.system() as session:
        await session.execute(update(Person).where(Person.login == suspended).values(suspended_at=now()))
        place = house.people[left].membership_id
        await session.execute(update(Membership).where(Membership.id == place).values(left_at=now()))
    bodies = set()
    for login, password in ((suspended, PASSWORD), (left, PASSWORD), ("khong.co", "x"), (suspended, "x")):
        got, _ = await enter(house, login, password)
        assert got.status == 422
        bodies.add((got.code, got.json["title"]))
    assert len(bodies) == 1


async def test_a_leaver_is_out_at_once_and_may_return(house: House) -> None:
    login = await someone(house)
    _, browser = await enter(house, login)
    script = await house.a_script(login)
    administrator = await house.by("administrator.L")
    member = house.people[login].membership_id
    assert (await script.get("/dicom-web/studies")).status in {200, 204}
    assert (await administrator.post(f"/people/{member}/leave")).status == 303
    await asyncio.sleep(1.05)
    assert (await browser.get("/sessions")).status == 401
    assert (await script.get("/dicom-web/studies")).status == 401
    assert (await enter(house, login))[0].status == 422
    assert (await administrator.post(f"/people/{member}/return")).status == 303
    assert (await enter(house, login))[0].status == 200


async def test_the_last_administrator_stays(house: House) -> None:
    member = house.people["administrator.Q"].membership_id
    administrator = await house.by("administrator.Q")
    for act, sent in (("leave", {}), ("change", {"roles": ["doctor"]})):
        assert (await administrator.post(f"/people/{member}/{act}", sent)).code == "last-administrator"


async def test_a_link_sets_the_password_once(house: House) -> None:
    login = await someone(house)
    _, browser = await enter(house, login)
    administrator = await house.by("administrator.L")
    page = await administrator.post(f"/people/{house.people[login].membership_id}/link")
    word = page.text.split("/password#")[1].split('"')[0].split("<")[0].strip()
    nobody = await house.by("")

    async def choose(password: str, again: str) -> int:
        sent = {"word": word, "password": password, "again": again}
        return (await nobody.post("/password", sent)).status

    assert word not in (await nobody.get("/password")).text
    opened = await nobody.post("/password", {"word": word})
    assert opened.status == 200
    assert login in opened.text
    for password, again in (
        ("mat-khau-11", "mat-khau-11"),
        ("mat-khau-moi", "mat-khau-khac"),
        (login, login),
    ):
        assert await choose(password, again) == 422
    assert await choose("mat-khau-moi", "mat-khau-moi") == 303
    assert await choose("mat-khau-hai", "mat-khau-hai") == 410
    assert (await nobody.post("/password", {"word": "made-up"})).status == 410
    await asyncio.sleep(1.05)
    assert (await browser.get("/sessions")).status == 401, "what was signed in is out"
    assert (await enter(house, login, "mat-khau-moi"))[0].status == 200


async def test_an_old_link_opens_nothing(house: House) -> None:
    login = await someone(house)
    administrator = await house.by("administrator.L")
    page = await administrator.post(f"/people/{house.people[login].membership_id}/link")
    word = page.text.split("/password#")[1].split('"')[0].split("<")[0].strip()
    async with house.database.system() as session:
        mine = update(Link).where(Link.person_id == house.people[login].person_id)
        await session.execute(mine.values(expires_at=now() - dt.timedelta(seconds=1)))
    assert (await (await house.by("")).post("/password", {"word": word})).status == 410


async def test_another_hospital_cannot_take_a_person_over_by_a_link(house: House) -> None:
    """Giving somebody a place here must not give this hospital their password, and so their places there."""
    login = await someone(house, L="doctor", T="doctor")
    there = house.people[login].person_id
    async with house.database.system(writes=False) as session:
        from sqlalchemy import select

        second = await session.scalar(
            select(Membership.id).where(
                Membership.person_id == there, Membership.hospital_id == house.hospitals["T"]
            )
        )
    assert (await (await house.by("administrator.T")).post(f"/people/{second}/link")).status == 403
    first = house.people[login].membership_id
    assert (await (await house.by("administrator.L")).post(f"/people/{first}/link")).status == 200


async def test_a_person_changes_between_their_hospitals_alone(house: House) -> None:
    login = await someone(house, L="doctor", T="doctor")
    browser = await house.a_browser(login)
    foreign = house.people["doctor.P"].membership_id
    assert (await browser.post("/place", {"membership_id": foreign})).status == 422
    async with house.database.system(writes=False) as session:
        from server.people.sign_in import places

        here, there = [place.id for place in await places(session, house.people[login].person_id)]
    got = await browser.post("/place", {"membership_id": there})
    assert got.status == 303
    assert here != there
    await asyncio.sleep(1.05)
    assert (await browser.get("/sessions")).status == 401, "the cookie of the other place has ended"
    moved = Caller(house, cookies={"hoichan": got.cookies["hoichan"]})
    assert "BV T" in (await moved.get("/sessions")).text


# --- forgery and headers ---


def unsafe(house: House) -> list[tuple[str, str]]:
    found = [what.split(" ", 1) for what in http.routes_of(house.app) if what.split()[0] in UNSAFE]
    return sorted((method, path.replace("{", "").replace("}", "")) for method, path in found)


FORGERIES: tuple[dict[str, str | None], ...] = (
    {"X-CSRF-Token": None},
    {"X-CSRF-Token": "0" * 64},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": None},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


@pytest.mark.parametrize("forged", FORGERIES, ids=str)
async def test_every_unsafe_request_of_another_page_is_refused(
    house: House, forged: dict[str, str | None]
) -> None:
    name = "everything"
    if name not in house.people:
        await house.a_person(name, {"P": "doctor specialist coordinator administrator"})
    caller = await house.by(name)
    for method, path in unsafe(house):
        got = await caller.ask(method, path, json={}, headers=forged)
        assert (got.status, got.code) == (403, "foreign-origin"), (method, path, got.text)


async def test_an_origin_that_looks_like_ours_is_not_ours(house: House) -> None:
    caller = await house.by("doctor.L")
    for origin in (
        f"{house.url}.evil.example",
        house.url.replace("http", "https"),
        f"{house.url}0",
        "file://",
    ):
        got = await caller.post("/consultations", headers={"Origin": origin})
        assert got.code == "foreign-origin", origin


async def test_the_socket_takes_our_own_pages_alone(house: House) -> None:
    import aiohttp

    for origin in ("https://evil.example", "null", f"{house.url}.evil.example", None):
        headers = {"Origin": origin} if origin else {}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await house.http.ws_connect(f"{house.url}/signal", protocols=("hoichan.v1",), headers=headers)
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sign-in", 303),
        ("/sessions", 200),
        ("/consultations/nothing", 404),
        ("/nowhere", 404),
        ("/static/nothing.js", 404),
        ("/desk", 403),
        ("/healthz", 200),
        ("/metrics", 200),
        ("/dicom-web/studies/1.2.3/metadata", 404),
        ("/uploads/none", 404),
    ],
)
async def test_every_answer_carries_the_headers_that_protect(house: House, path: str, status: int) -> None:
    got = await (await house.by("doctor.L")).get(path)
    assert got.status == status
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in got.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in got.headers["Content-Security-Policy"]
    assert got.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in got.headers["Cache-Control"]
    assert "Server" not in got.headers or "Python" not in got.headers["Server"]


async def test_a_token_opens_no_page(house: House) -> None:
    script = await house.a_script("doctor.L")
    for path in ("/", "/sessions", "/consultations", "/inbox"):
        assert (await script.get(path)).status == 401
    assert (await script.post("/sign-out")).status == 401
