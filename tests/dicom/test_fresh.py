"""What is believed for a moment: never longer, never looked up twice at once."""

from __future__ import annotations

import asyncio

import pytest

from dicom.fresh import Fresh

KEPT_S = 0.2


class Source:
    """Something that changes, and takes a moment to be asked."""

    def __init__(self) -> None:
        self.value: str | None = "first"
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def look_up(self, _key: str) -> str | None:
        self.asked += 1
        value = self.value
        await self.gate.wait()
        if value == "bad":
            raise LookupError
        return value


async def test_what_changed_is_no_longer_given_out_after_its_time() -> None:
    source = Source()
    fresh = Fresh(KEPT_S, source.look_up)
    assert await fresh.get("key") == "first"
    source.value = None

    await asyncio.sleep(KEPT_S)

    assert await fresh.get("key") is None


async def test_many_who_ask_at_once_are_answered_by_one_look_up() -> None:
    source = Source()
    fresh = Fresh(KEPT_S, source.look_up)

    assert await asyncio.gather(*(fresh.get("key") for _ in range(32))) == ["first"] * 32
    assert source.asked == 1


async def test_it_is_looked_up_anew_behind_an_answer_that_still_holds() -> None:
    source = Source()
    fresh = Fresh(KEPT_S, source.look_up)
    await fresh.get("key")
    source.value = "second"
    source.gate.clear()

    await asyncio.sleep(KEPT_S * 0.6)
    assert await asyncio.wait_for(fresh.get("key"), KEPT_S * 0.2) == "first"
    source.gate.set()
    await asyncio.sleep(KEPT_S * 0.2)

    assert await fresh.get("key") == "second"
    assert source.asked == 2


async def test_nobody_is_answered_by_a_look_up_that_is_itself_too_old() -> None:
    source = Source()
    fresh = Fresh(KEPT_S, source.look_up)
    source.gate.clear()
    slow = asyncio.create_task(fresh.get("key"))
    await asyncio.sleep(KEPT_S * 1.1)
    source.value = "second"
    late = asyncio.create_task(fresh.get("key"))
    await asyncio.sleep(0)
    source.gate.set()

    assert (await slow, await late) == ("first", "second")
    assert await fresh.get("key") == "second"


async def test_a_refusal_is_told_and_not_kept() -> None:
    source = Source()
    fresh = Fresh(KEPT_S, source.look_up)
    source.value = "bad"

    with pytest.raises(LookupError):
        await fresh.get("key")
    source.value = "good"

    assert await fresh.get("key") == "good"


async def test_one_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    source = Source()
    fresh = Fresh(KEPT_S, source.look_up)
    source.gate.clear()
    first, second = (asyncio.create_task(fresh.get("key")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    source.gate.set()

    assert await second == "first"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_what_is_forgotten_is_not_believed_again_by_a_look_up_under_way() -> None:
    source = Source()
    fresh = Fresh(KEPT_S, source.look_up)
    source.gate.clear()
    old = asyncio.create_task(fresh.get("key"))
    while not source.asked:
        await asyncio.sleep(0)
    fresh.forget()
    source.value = "second"
    source.gate.set()

    assert await old == "first"
    assert await fresh.get("key") == "second"
