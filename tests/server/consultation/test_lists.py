"""Lists lose nothing: the oldest work is on the home page, and every case is on some page."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from sqlalchemy import update

from server.consultation.model import Consultation
from server.consultation.request import begin
from server.consultation.views import home, lines
from server.platform.db import now
from tests.server.house import House


async def drafts(house: House, name: str, count: int) -> list[str]:
    """Their codes, the first begun first."""
    who = house.people[name]
    async with house.database.session(who) as session:
        return [(await begin(session, who)).code for _ in range(count)]


async def test_the_oldest_task_is_shown_though_later_cases_changed_since(
    own_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "CASES_LOOKED_AT", 3)
    house = own_house
    old = await house.case(await house.a_consultation("requested"))
    async with house.database.system() as session:
        long_ago = now() - dt.timedelta(days=40)
        await session.execute(
            update(Consultation)
            .where(Consultation.id == old.id)
            .values(changed_at=long_ago, sent_at=long_ago)
        )
    for stage in ("accepted", "requested", "minutes-open", "minutes-open", "minutes-open"):
        await house.a_consultation(stage)  # the minutes are not the desk's to sign
    page = await (await house.by("coordinator.P")).get("/")
    assert old.code in page.text or f"/consultations/{old.public_id}" in page.text


async def test_pages_of_the_list_hold_every_case_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PAGE_LENGTH", 3)
    name = f"lister{next(house.numbers)}"
    await house.a_person(name, {"Q": "doctor"})
    codes = await drafts(house, name, 8)
    doctor = await house.by(name)
    found: list[str] = []
    address: str | None = "/api/v1/consultations"
    while address:
        got = (await doctor.get(address)).json
        assert len(got["consultations"]) <= 3
        found += [one["code"] for one in got["consultations"]]
        address = got["next"]
    assert len(found) == len(set(found))
    assert set(codes) <= set(found)
    shown: list[str] = []
    address = "/consultations?filter=open"
    while address:
        text = (await doctor.get(address, headers={"Accept": "text/html"})).text
        shown += re.findall(r'href="/consultations/(\w+)/request"', text)
        more = re.search(r'href="(/consultations\?[^"]+)">Cũ hơn', text)
        address = more[1].replace("&amp;", "&") if more else None
    assert len(shown) == len(set(shown)) >= 8


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "99999", "999999999999999999999"])
async def test_a_page_that_is_not_there_is_no_fault(house: House, page: str) -> None:
    doctor = await house.by("doctor.L")
    assert (await doctor.get(f"/consultations?page={page}", headers={"Accept": "text/html"})).status == 200
    assert (await doctor.get(f"/api/v1/consultations?page={page}")).status == 200
