"""Whose word opens an account: the places of a person, and who may give a new password."""

from __future__ import annotations

from sqlalchemy import select

from server.people.model import Membership
from tests.server.house import House


async def place_in(house: House, name: str, letter: str) -> int:
    query = select(Membership.id).where(
        Membership.person_id == house.people[name].person_id,
        Membership.hospital_id == house.hospitals[letter],
    )
    async with house.database.system(writes=False) as session:
        return int((await session.execute(query)).scalar_one())


async def test_a_former_hospital_that_takes_a_person_back_cannot_give_their_password(house: House) -> None:
    name = f"nguoi{next(house.numbers)}"
    await house.a_person(name, {"T": "doctor", "P": "specialist"})
    before, now = await place_in(house, name, "T"), await place_in(house, name, "P")
    former, present = await house.by("administrator.T"), await house.by("administrator.P")
    assert (await former.post(f"/people/{before}/leave")).status == 303
    assert (await present.post(f"/people/{now}/link")).status == 200
    assert (await former.post(f"/people/{before}/return")).status == 303
    assert (await former.post(f"/people/{before}/link")).code == "other-hospital-gives"
    assert (await present.post(f"/people/{now}/link")).status == 200


async def test_one_who_was_never_away_keeps_their_place_by_a_second_return(house: House) -> None:
    """A return of somebody who is there must not make them a newcomer, whom another hospital then opens."""
    name = f"nguoi{next(house.numbers)}"
    await house.a_person(name, {"T": "doctor", "P": "specialist"})
    first = await place_in(house, name, "T")
    administrator = await house.by("administrator.T")
    assert (await administrator.post(f"/people/{first}/return")).status == 303
    assert (await administrator.post(f"/people/{first}/link")).status == 200


async def test_a_link_that_a_hospital_gave_ends_with_the_place_there(house: House) -> None:
    name = f"nguoi{next(house.numbers)}"
    await house.a_person(name, {"T": "doctor", "P": "specialist"})
    here, administrator = await place_in(house, name, "T"), await house.by("administrator.T")
    given = await administrator.post(f"/people/{here}/link")
    word = given.text.split("/password#")[1].split('"')[0].split("<")[0].strip()
    assert (await administrator.post(f"/people/{here}/leave")).status == 303
    assert (await (await house.by("")).post("/password", {"word": word})).status == 410
