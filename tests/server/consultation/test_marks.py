"""Marks are kept with the case: written with the room's journal, found by the next room and by the page."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from dicom.index import instances
from server.consultation import share
from server.consultation.join import Rooms
from server.consultation.model import LiveSession, MarkOperation, RoomEvent
from signaling import facts
from signaling.fields import Mark, Person
from signaling.ports import NotKept
from tests.server.house import House, Walk, sign


def a_mark(study_id: int, sop_uid: str, **changes: Any) -> dict[str, Any]:
    mark = {
        "uid": "mark-0001",
        "rev": 1,
        "study": study_id,
        "sop": sop_uid,
        "frame": 1,
        "tool": "length",
        "points": [[1.5, 2], [9, 12]],
        "text": "",
        "removed": False,
    }
    return mark | changes


class Case:
    """A case in session with one image, and its room."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def begin(self, stage: str = "in-session") -> Case:
        study = await self.house.a_study("L")
        return await self.of(await self.house.a_consultation(stage, study_ids=(study,)), study)

    async def of(self, case: str, study: int) -> Case:
        self.id, self.study = case, study
        async with self.house.database.read() as connection:
            sop = select(instances.c.sop_uid).where(instances.c.study_id == self.study)
            self.sop = str((await connection.execute(sop)).scalar_one())
        return self

    async def room(self) -> str:
        case = await self.house.case(self.id)
        return case.sessions[0].public_id

    async def draw(self, name: str, **changes: Any) -> int:
        """As the hub does when somebody in the room draws."""
        who = self.house.people[name]
        person = Person(person=who.person_id, name=who.name, title=who.title, hospital=who.hospital)
        mark = Mark.model_validate(a_mark(self.study, self.sop, **changes), strict=False)
        fact = facts.Drew(by=who.person_id, person=person, mark=mark)
        rooms = Rooms(self.house.database)
        return await rooms.append(await self.room(), fact.type, fact.by, facts.write(fact))

    async def seen_by(self, name: str) -> list[dict[str, Any]]:
        got = await (await self.house.by(name)).get(f"/consultations/{self.id}/marks")
        assert got.status == 200, got.text
        marks: list[dict[str, Any]] = got.json["marks"]
        return marks


async def test_a_mark_of_the_room_stays_with_the_case_and_the_next_room_begins_with_it(house: House) -> None:
    case = await Case(house).begin()
    await case.draw("doctor.L")
    await case.draw("doctor.L", rev=2, points=[[1, 2], [20, 30]])
    await case.draw("specialist.P", uid="mark-0002")
    await case.draw("specialist.P", uid="mark-0002", rev=2, removed=True)
    for name in ("doctor.L", "specialist.P"):
        [seen] = await case.seen_by(name)
        assert seen["mark"]["points"] == [[1, 2], [20, 30]]
        assert (seen["person"]["person"], seen["person"]["hospital"]) == (
            house.people["doctor.L"].person_id,
            house.people["doctor.L"].hospital,
        )
    async with house.database.system() as session:  # its journal is gone, as if it had been another room
        await session.execute(delete(RoomEvent).where(RoomEvent.room == await case.room()))
    drawn = [facts.read(one.type, one.data) for one in await Rooms(house.database).drawn(await case.room())]
    standing = {
        fact.mark.uid: (fact.mark.rev, fact.mark.removed) for fact in drawn if isinstance(fact, facts.Drew)
    }
    assert standing == {"mark-0001": (2, False), "mark-0002": (2, True)}


async def test_every_accepted_version_is_a_row_that_never_changes(house: House) -> None:
    case = await Case(house).begin()
    assert await case.draw("doctor.L") < await case.draw("doctor.L", rev=2)
    async with house.database.system() as session:
        number = (await house.case(case.id)).id
        kept = await session.scalars(select(MarkOperation.rev).where(MarkOperation.consultation_id == number))
        assert sorted(kept) == [1, 2]
    with pytest.raises(DBAPIError, match="never change"):
        async with house.database.system() as session:
            await session.execute(update(MarkOperation).values(removed=True))


async def test_who_did_not_draw_it_may_not_change_it_but_the_host_may(house: House) -> None:
    case = await Case(house).begin()
    await case.draw("doctor.L")
    with pytest.raises(NotKept, match="not-your-mark"):
        await case.draw("colleague.L", rev=2)
    colleague = await house.by("colleague.L")
    refused = await colleague.post(f"/consultations/{case.id}/marks", a_mark(case.study, case.sop, rev=2))
    assert (refused.status, refused.code) == (409, "mark-not-kept")
    assert "do người khác vẽ" in refused.json["detail"]
    await case.draw("specialist.P", rev=2)
    with pytest.raises(NotKept, match="not-your-mark"):
        await case.draw("doctor.L", rev=3)
    with pytest.raises(NotKept, match="mark-changed"):
        await case.draw("specialist.P", rev=2)


@pytest.mark.parametrize("wrong", [{"sop": "1.2.3"}, {"frame": 2}, {"study": 10**9}])
async def test_a_mark_on_what_is_no_image_of_the_case_is_not_kept(
    house: House, wrong: dict[str, Any]
) -> None:
    case = await Case(house).begin()
    before = await journal_rows(house, await case.room())
    with pytest.raises(NotKept, match="no-such-image"):
        await case.draw("doctor.L", **wrong)
    assert await journal_rows(house, await case.room()) == before  # nothing half


async def test_a_study_of_another_case_takes_no_mark(house: House) -> None:
    case, other = await Case(house).begin(), await Case(house).begin()
    with pytest.raises(NotKept, match="no-such-image"):
        await case.draw("doctor.L", study=other.study, sop=other.sop)
    doctor = await house.by("doctor.L")
    got = await doctor.post(f"/consultations/{case.id}/marks", a_mark(other.study, other.sop))
    assert got.status == 404


async def journal_rows(house: House, room: str) -> int:
    async with house.database.system(writes=False) as session:
        return int(await session.scalar(select(func.count()).where(RoomEvent.room == room)) or 0)


async def test_marks_are_drawn_on_the_page_too_until_somebody_signed(house: House) -> None:
    case = await Case(house).begin("concluded")
    doctor = await house.by("doctor.L")
    path = f"/consultations/{case.id}"
    mark = a_mark(case.study, case.sop)
    for _ in range(2):  # sent again, it is the same
        assert (await doctor.post(f"{path}/marks", mark)).status == 204
    assert (await doctor.post(f"{path}/marks", mark | {"tool": "angle"})).status == 422
    assert "1 hình đo, vẽ" in (await doctor.get(path)).text
    await sign(house, case.id, "secretary", "doctor.L")
    refused = await doctor.post(f"{path}/marks", mark | {"rev": 2})
    assert "đã có chữ ký" in refused.json["detail"]
    with pytest.raises(NotKept, match="minutes-signed"):
        await case.draw("doctor.L", rev=2)
    assert "chỉ để xem" in (await doctor.get(f"{path}/reading")).text
    assert [seen["mark"]["rev"] for seen in await case.seen_by("specialist.P")] == [1]


async def test_who_does_not_see_the_images_sees_no_marks(house: House) -> None:
    case = await Case(house).begin()
    await case.draw("doctor.L")
    async with house.acting("doctor.L", case.id) as (session, found):
        await share.detach(session, found, case.study, house.people["doctor.L"])
    assert await case.seen_by("specialist.P") == []


async def test_the_marks_of_one_session_are_there_in_the_next(house: House) -> None:
    walk = Walk(house, study_ids=(await house.a_study("L"),))
    for act in ("draft", "send", "accept", "book", "come", "join"):
        await getattr(walk, act)()
    case = await Case(house).of(walk.id, walk.study_ids[0])
    await case.draw("doctor.L")
    await walk.end()
    await walk.book()
    async with house.database.system(writes=False) as session:
        number = (await house.case(walk.id)).id
        rooms = await session.scalars(
            select(LiveSession.public_id)
            .where(LiveSession.consultation_id == number)
            .order_by(LiveSession.id)
        )
        _, second = rooms.all()
    [entry] = await Rooms(house.database).drawn(second)
    assert entry.data["mark"]["uid"] == "mark-0001"  # type: ignore[call-overload,index]
