"""Steps × stages, messages × roles, devices × services, against the oracle's second page; and that it bites."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from server.consultation import join, journey
from server.consultation.journey import Move, Side, Stage, Step, Urgency
from server.consultation.model import RoomEvent
from server.people import sign_in
from server.platform.policy import Principal, Role
from signaling import messages
from signaling.codec import Envelope, decode
from signaling.fields import Resume
from tests.server.house import House
from tests.server.oracle_steps import JOURNEY, ROOM, WHO
from tests.signaling.building import Client

# --- the way of a case -------------------------------------------------------------------------

Way = tuple[str, set[tuple[str, str]], bool]  # next stage, (role, side) of those who may, emergency alone


def by_hand() -> dict[tuple[str, str], Way]:
    lines = [line.split() for line in JOURNEY.strip().splitlines()]
    return {(stage, step): (to, WHO[who], now == ["now"]) for stage, step, to, who, *now in lines}


def somebody(*roles: Role) -> Principal:
    return Principal(1, 1, 1, frozenset(roles), "", "", "", "", "s1")


def journey_breaches() -> list[str]:
    """Where the service's decision is another than the oracle's, for every stage, step, role, side, urgency."""
    ways, found = by_hand(), []
    for stage, step, role, side, urgency in itertools.product(Stage, Step, Role, _SIDES, Urgency):
        to, who, only_now = ways.get((stage.value, step.value), ("", set(), False))
        may = (role.value, side.value) in who and (urgency is Urgency.EMERGENCY or not only_now)
        try:
            went = journey.move(stage, step, somebody(role), side=side, urgency=urgency).value
        except (journey.WrongStage, journey.WrongRole):
            went = ""
        offered = step in journey.steps_for(stage, somebody(role), side=side, urgency=urgency)
        if went != (to if may else "") or offered is not may:
            found.append(f"{stage} {step} {role} {side.value} {urgency}: {to if may else 'no'}, but {went}")
    return found


_SIDES = (Side.ASKING, Side.SUPPORTING)


def test_every_step_is_whose_the_oracle_says() -> None:
    assert {way for pair in by_hand() for way in pair} <= {*Stage, *Step}
    assert journey_breaches() == []


_DESK, _DOCTOR = frozenset({Role.COORDINATOR}), frozenset({Role.DOCTOR})
PLANTED_STEPS: dict[str, tuple[tuple[Stage, Step], Move | None]] = {
    "a way that is not there": (
        (Stage.SIGNED, Step.MINUTES),
        Move(Stage.MINUTES_OPEN, _DOCTOR, Side.EITHER),
    ),
    "one role more": ((Stage.DRAFT, Step.REQUEST), Move(Stage.REQUESTED, _DOCTOR | _DESK, Side.ASKING)),
    "the other side": ((Stage.REQUESTED, Step.ACCEPT), Move(Stage.ACCEPTED, _DESK, Side.EITHER)),
    "another end": ((Stage.REQUESTED, Step.DECLINE), Move(Stage.CANCELLED, _DESK, Side.SUPPORTING)),
    "without an emergency": ((Stage.REQUESTED, Step.SCHEDULE), Move(Stage.SCHEDULED, _DESK, Side.SUPPORTING)),
    "a way that is gone": ((Stage.CANCELLED, Step.REOPEN), None),
}


@pytest.mark.parametrize("kind", PLANTED_STEPS)
def test_a_planted_step_is_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    way, move = PLANTED_STEPS[kind]
    if move is None:
        monkeypatch.delitem(journey.STEPS, way)
    else:
        monkeypatch.setitem(journey.STEPS, way, move)
    found = journey_breaches()
    assert found
    assert all(breach.startswith(f"{way[0]} {way[1]} ") for breach in found)


# --- what may be said in a room ----------------------------------------------------------------

EXAMPLES = Path(__file__).parents[1] / "messages"
PEOPLE = {"H": "specialist.P", "D": "doctor.L", "S": "many.P", "V": "coordinator.P", "W": "coordinator.P"}
ENDING = {"hello", "leave", "end"}  # after these the connection is over
NOT_HERE = {"not-allowed", "still-waiting", "not-in-room"}


def example(kind: str) -> messages.Message:
    """As a page sends it; who is named in it is nobody, so that nothing follows."""
    return decode((EXAMPLES / f"browser-{kind}.json").read_text()).message


@dataclass
class Floor:
    """One room, and the ways into it."""

    house: House
    case: str
    room: str

    async def enter(self, name: str) -> Client:
        caller = await self.house.by(name)
        got = await caller.post(f"/consultations/{self.case}/join")
        assert got.status == 200, got.text
        client = await self.connect()
        await client.say(messages.Hello(versions=(1,), ticket=got.json["ticket"]))
        client.welcome = await client.until(messages.Welcome)
        return client

    async def connect(self) -> Client:
        socket = await self.house.http.ws_connect(
            f"{self.house.url}/signal", headers={"Origin": self.house.url}, protocols=("hoichan.v1",)
        )
        return Client(socket)


async def a_floor(house: House) -> Floor:
    case = await house.a_consultation("in-session")
    return Floor(house, case, (await house.case(case)).sessions[0].public_id)


async def outcome(client: Client, kind: str) -> str:
    """Say it: "yes", or the code of the refusal, or "closed"."""
    id = await client.say(example(kind))
    if kind == "pong":  # nobody answers it: the next word must be heard
        id = await client.say(example("ping"))
    while (envelope := await client.next()) is not None:
        match envelope:
            case Envelope(message=messages.Error(code=code), re=re) if re == id:
                return code if code in NOT_HERE else "yes"  # its place allows it, its words name nobody
            case Envelope(message=messages.Bye(code=code)):
                return "yes" if code in {"left", "session-ended"} else "closed"
            case Envelope(message=messages.Ok(), re=re) if re == id:
                return "yes"
            case Envelope(message=messages.Pong()) if kind in {"ping", "pong"}:
                return "yes"
    return "closed"


async def room_breaches(house: House, role: str, kinds: Mapping[str, str]) -> list[str]:
    """Each kind of message by one role; after one that ends the connection, on a new one."""
    found = []
    floor = await a_floor(house)
    chair = await floor.enter(PEOPLE["H"])
    client: Client | None = None
    for kind in sorted(kinds, key=ENDING.__contains__):
        is_theirs = role in kinds[kind]
        if kind == "end" and is_theirs:
            client = await (await a_floor(house)).enter(PEOPLE[role])  # it closes the room
        client = client or await seated(floor, role, chair)
        got = await outcome(client, kind)
        if (got == "yes") is not is_theirs or (got == "closed") is not (kind == "hello"):
            found.append(f"{kind} as {role}: {'yes' if is_theirs else 'no'}, but {got}")
        if kind in ENDING:
            await client.socket.close()
            client = None
    await chair.socket.close()
    return found


async def seated(floor: Floor, role: str, chair: Client) -> Client:
    client = await floor.enter(PEOPLE[role])
    assert client.welcome
    assert client.welcome.role == {"H": "host", "D": "doctor", "S": "specialist"}.get(role, "viewer")
    assert client.welcome.waits is (role in "VW") or role == "V"  # who was let in once needs no second knock
    if role == "V" and client.welcome.waits:
        admit = messages.Admit(peer=client.welcome.peer, allow=True)
        assert isinstance(await chair.ask(admit), messages.Ok)
        await client.until(messages.Joined)
    return client


def test_the_oracle_speaks_of_every_message_and_of_no_other() -> None:
    assert set(ROOM) == messages.MESSAGE_TYPES


@pytest.mark.parametrize("role", PEOPLE)
async def test_each_message_is_whose_the_oracle_says(house: House, role: str) -> None:
    assert await room_breaches(house, role, ROOM) == []


async def test_a_planted_right_in_the_room_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**join.MAY_SEND, "admit": frozenset({"host", "doctor"}), "mark": frozenset({"host"})}
    monkeypatch.setattr(join, "MAY_SEND", wrong)
    found = await room_breaches(house, "D", {kind: ROOM[kind] for kind in ("admit", "mark", "chat")})
    assert [breach.split(":")[0] for breach in found] == ["admit as D", "mark as D"]


async def test_one_who_was_removed_says_nothing_more(house: House) -> None:
    floor = await a_floor(house)
    chair = await floor.enter(PEOPLE["H"])
    client = await seated(floor, "D", chair)
    assert client.welcome
    async with house.database.system() as session:
        await sign_in.end_all(session, house.people[PEOPLE["D"]].person_id)
    del house.callers[PEOPLE["D"]]  # the next to ask for this person signs in anew
    assert (await client.until(messages.Bye)).code == "removed"
    before = await spoken(floor)
    for kind in ROOM:
        again = await floor.connect()
        token = Resume(token=client.welcome.resume.token, seq=1)
        await again.say(messages.Hello(versions=(1,), resume=token))
        assert await outcome(again, kind) == "closed", kind
    assert await spoken(floor) == before
    await chair.socket.close()


async def spoken(floor: Floor) -> int:
    """How far the room's journal has come."""
    async with floor.house.database.system(writes=False) as session:
        return len(list(await session.scalars(select(RoomEvent.seq).where(RoomEvent.room == floor.room))))
