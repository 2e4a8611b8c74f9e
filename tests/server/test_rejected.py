"""Refused associations in the audit: each source at once, a flood of one source as a count."""

import asyncio

from sqlalchemy import select

from server.imaging import Imaging
from server.peers import Peers
from server.platform.events import Audit
from tests.server.house import House

MANY = 500


async def rows(house: House) -> list[tuple[str, str, int]]:
    async with house.database.system(writes=False) as session:
        found = await session.scalars(
            select(Audit).where(Audit.action == "reject-association").order_by(Audit.seq)
        )
        return [(row.facts["address"], row.object, row.facts["count"]) for row in found]


async def test_a_flood_from_one_source_is_one_row_at_once_and_one_with_the_count(own_house: House) -> None:
    imaging = Imaging(own_house.settings, own_house.database)
    peers = Peers(own_house.settings, imaging, own_house.database, told_every_s=0.2)
    for number in range(MANY):  # another title each time is no other source
        await peers.rejected(f"GUESS{number}", "HOICHAN", "10.0.0.9", "calling-title")
    await peers.rejected("CT1", "WRONG", "10.0.0.7", "called-title")
    assert await rows(own_house) == [("10.0.0.9", "calling-title", 1), ("10.0.0.7", "called-title", 1)]

    await asyncio.sleep(0.5)
    told = await rows(own_house)
    assert told[2:] == [("10.0.0.9", "calling-title", MANY - 1)]

    await peers.rejected("CT1", "WRONG", "10.0.0.7", "called-title")  # quiet for so long: told at once again
    await peers.rejected("CT1", "WRONG", "10.0.0.7", "called-title")
    await peers.close()
    assert (await rows(own_house))[3:] == [("10.0.0.7", "called-title", 1)] * 2
