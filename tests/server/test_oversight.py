"""Figures of a period, and what it costs the others while they are counted."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import time

from sqlalchemy import insert

from server.oversight.figures import figures
from server.platform.db import HERE, today
from server.platform.events import Event
from tests.server.house import House

EVENTS = 50_000
TURN_S = 0.5  # processor time that the loop gives to one thing before the others have their turn


def at(day: dt.date, hour: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), HERE)


async def add(house: House, *events: tuple[int, str, dt.datetime, dict[str, str]]) -> None:
    rows = [
        {
            "consultation_id": case,
            "hospital_id": house.hospitals["L"],
            "step": step,
            "stage": "",
            "at": moment,
            "facts": facts,
        }
        for case, step, moment, facts in events
    ]
    async with house.database.system() as session:
        await session.execute(insert(Event), rows)


async def test_a_case_that_lasts_over_weeks_is_counted_once_in_each_column(own_house: House) -> None:
    first, last = dt.date(2026, 1, 1), dt.date(2026, 3, 31)
    january, february, march = dt.date(2026, 1, 2), dt.date(2026, 2, 20), dt.date(2026, 3, 31)
    await add(
        own_house,
        (1, "request", at(january, 8), {"urgency": "emergency"}),
        (1, "accept", at(january, 9), {}),
        (1, "join", at(february, 9), {}),
        (1, "join", at(march, 9), {}),
        (1, "complete", at(march, 10), {}),
        (1, "outcome", at(march, 11), {"outcome": "transferred"}),
        (1, "outcome", at(march, 12), {"outcome": "transfer-avoided"}),
        (2, "request", at(march, 23), {"urgency": "routine"}),
        (3, "request", at(dt.date(2026, 4, 1), 0), {"urgency": "routine"}),
    )
    found = await figures(own_house.database, first, last)
    line = found.lines[0]
    assert (line.hospital, line.requested, line.emergencies, line.answered) == ("BV L", 2, 1, 1)
    assert (line.held, line.signed, line.transfers_avoided, line.transferred) == (1, 1, 1, 0)
    assert line.median_answer_min == 60
    assert found.total.requested == 2


async def test_others_are_served_while_many_events_are_counted(own_house: House) -> None:
    day = today()
    await add(own_house, *((case, "request", at(day, 1), {"urgency": "routine"}) for case in range(EVENTS)))
    oversight = await own_house.by("oversight")
    await oversight.get("/oversight?first=2020-01-01&last=2020-01-01")  # the page itself is made ready once
    gc.collect()
    gc.freeze()  # what other tests left is not looked through meanwhile
    asked = asyncio.create_task(oversight.get(f"/oversight?first={day - dt.timedelta(days=99)}&last={day}"))
    turns, last = [], time.thread_time()
    while not asked.done():
        await asyncio.sleep(0.001)
        turns.append(time.thread_time() - last)
        last = time.thread_time()
    assert (await asked).status == 200
    assert f"{EVENTS}" in (await asked).text.replace(".", "").replace("\u00a0", "")
    gc.unfreeze()
    assert max(turns) < TURN_S
