"""join: who may sit in the room now; tickets of a minute; the room's journal and presence."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import marks
from server.consultation.journey import Stage, Step
from server.consultation.minutes.draft import open_draft
from server.consultation.model import Consultation, LiveSession, RoomEvent, Ticket
from server.consultation.take import take
from server.people import sign_in
from server.people.model import Hospital, Membership, Person
from server.platform import keys
from server.platform.db import Database, now
from server.platform.errors import Refusal, later
from server.platform.events import audit
from server.platform.policy import Principal, Role
from signaling.facts import Drew, Ended, write
from signaling.ports import Entry, NotKept, NotSeated, Seat

EARLY = dt.timedelta(minutes=30)
TICKET_LASTS = dt.timedelta(seconds=60)

_TABLE = frozenset({"host", "doctor", "specialist"})
_EVERYONE = _TABLE | {"viewer"}
# Which roles in the room may send which message: the policy rows of the socket.
MAY_SEND: Mapping[str, frozenset[str]] = {
    "hello": _EVERYONE,
    "knock": _EVERYONE,
    "offer": _EVERYONE,
    "answer": _EVERYONE,
    "ice": _EVERYONE,
    "restart": _EVERYONE,
    "media": _EVERYONE,
    "chat": _EVERYONE,
    "resync": _EVERYONE,
    "ping": _EVERYONE,
    "pong": _EVERYONE,
    "leave": _EVERYONE,
    "share-view": _TABLE,
    "mark": _TABLE,
    "present": _TABLE,
    "admit": frozenset({"host"}),
    "end": frozenset({"host", "doctor"}),
}


class NoSession(Refusal):
    code = "no-session"
    sentence = later("Ca này chưa có phiên hội chẩn nào đang mở. Hãy đợi điều phối viên xếp lịch.")


class TooEarly(Refusal):
    code = "too-early"
    sentence = later("Phiên bắt đầu lúc {at}. Phòng mở trước giờ hẹn 30 phút.")


async def current_session(session: AsyncSession, case: Consultation) -> LiveSession | None:
    """The live session that is running or comes next."""
    found: LiveSession | None = await session.scalar(
        select(LiveSession)
        .where(
            LiveSession.consultation_id == case.id,
            LiveSession.kind == "live",
            LiveSession.ended_at.is_(None),
            LiveSession.cancelled_at.is_(None),
        )
        .order_by(LiveSession.starts_at)
        .limit(1)
    )
    return found


def is_early(booked: LiveSession) -> bool:
    """Whether the room is not open yet."""
    return booked.begun_at is None and booked.starts_at - EARLY > now()


async def open_room(session: AsyncSession, case: Consultation) -> LiveSession:
    """The session whose room is open now. Raises NoSession, TooEarly."""
    booked = await current_session(session, case)
    if booked is None:
        raise NoSession
    if is_early(booked):
        raise TooEarly(at=f"{booked.starts_at.astimezone(dt.timezone(dt.timedelta(hours=7))):%H:%M %d/%m/%Y}")
    return booked


async def join(session: AsyncSession, case: Consultation, by: Principal) -> str:
    """A ticket for one person, one room, one minute, once; the first one begins the session."""
    booked = await open_room(session, case)
    if case.stage is Stage.SCHEDULED:
        await take(session, case, Step.JOIN, by, session=booked.id)
    else:
        await audit(session, Step.JOIN.value, f"consultation:{case.public_id}", by=by)
    if booked.begun_at is None:
        booked.begun_at = now()
        await open_draft(session, case, by)
    ticket = keys.token()
    session.add(
        Ticket(
            token_hash=keys.hashed(ticket),
            session_id=booked.id,
            membership_id=by.membership_id,
            sign_in=by.sign_in,
            expires_at=now() + TICKET_LASTS,
        )
    )
    return ticket


async def keep(
    session: AsyncSession, room: str, type: str, sender: int | None, data: Mapping[str, Any]
) -> int:
    """Add one event to a room's journal; its number counts from 1 without gaps."""
    if session.get_bind().dialect.name != "sqlite":  # there, the writing transaction is alone already
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(room))))
    last = await session.scalar(select(func.max(RoomEvent.seq)).where(RoomEvent.room == room))
    seq = (last or 0) + 1
    session.add(RoomEvent(room=room, seq=seq, type=type, sender=sender, data=dict(data)))
    await session.flush()
    return seq


def role_in_room(case: Consultation, booked: LiveSession, membership: Membership) -> str:
    if membership.person_id == booked.specialist_id:
        return "host"
    if membership.hospital_id == case.hospital_id and Role.DOCTOR in membership.roles:
        return "doctor"
    return "specialist" if Role.SPECIALIST in membership.roles else "viewer"


class Rooms:
    """The server's side of signaling's ports, over the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def admit(self, ticket: str) -> Seat:
        """Take a ticket once. Raises NotSeated."""
        async with self._database.system() as session:
            used = await session.execute(
                update(Ticket)
                .where(Ticket.token_hash == keys.hashed(ticket))
                .where(Ticket.used_at.is_(None), Ticket.expires_at > now())
                .values(used_at=now())
                .returning(Ticket.session_id, Ticket.membership_id, Ticket.sign_in)
                .execution_options(synchronize_session=False)
            )
            row = used.one_or_none()
            if row is None or await sign_in.ended(session, [row.sign_in]):
                raise NotSeated
            return await self._seat(session, row.session_id, row.membership_id, row.sign_in)

    async def ended(self, sign_ins: Collection[str]) -> Collection[str]:
        """Which of these sign-ins no longer keep a seat."""
        async with self._database.system(writes=False) as session:
            return await sign_in.ended(session, sign_ins)

    async def _seat(self, session: AsyncSession, session_id: int, membership_id: int, signed_in: str) -> Seat:
        booked = await session.get_one(LiveSession, session_id)
        case = await session.get_one(Consultation, booked.consultation_id)
        membership = await session.get_one(Membership, membership_id)
        person = await session.get_one(Person, membership.person_id)
        hospital = await session.get_one(Hospital, membership.hospital_id)
        if booked.is_over:
            raise NotSeated
        role = role_in_room(case, booked, membership)
        return Seat(
            room=booked.public_id,
            person=person.id,
            name=person.name,
            title=person.title,
            hospital=hospital.short_name,
            site=hospital.short_name,
            role=role,
            permissions=frozenset(kind for kind, who in MAY_SEND.items() if role in who),
            waits=role == "viewer",
            sign_in=signed_in,
        )

    async def append(self, room: str, type: str, sender: int | None, data: Mapping[str, Any]) -> int:
        """Keep one event of a room durably; its number counts from 1 without gaps."""
        async with self._database.system() as session:
            if type == Drew.type:
                await self._keep_mark(session, room, Drew.model_validate(dict(data), strict=False))
            seq = await keep(session, room, type, sender, data)
            if type == "session-ended" and sender is not None:
                await self._end(session, room, sender)
            return seq

    async def _keep_mark(self, session: AsyncSession, room: str, fact: Drew) -> None:
        """A mark outlives its room: it is kept with the case, in the same transaction. Raises NotKept."""
        if (case := await self._case_of(session, room)) is None:
            raise NotKept("no-such-image")
        if not await marks.keep(session, case, fact.mark, fact.person, room):
            raise NotKept("mark-changed")

    async def _case_of(self, session: AsyncSession, room: str) -> Consultation | None:
        found: Consultation | None = await session.scalar(
            select(Consultation)
            .join(LiveSession, LiveSession.consultation_id == Consultation.id)
            .where(LiveSession.public_id == room)
        )
        return found

    async def drawn(self, room: str) -> Sequence[Entry]:
        """The marks of the case, for a room that opens."""
        async with self._database.system(writes=False) as session:
            case = await self._case_of(session, room)
            found = await marks.drawn(session, case) if case is not None else []
        return [
            Entry(
                0,
                Drew.type,
                one.person.person,
                write(Drew(by=one.person.person, person=one.person, mark=one.mark)),
                0,
            )
            for one in found
        ]

    async def _end(self, session: AsyncSession, room: str, person_id: int) -> None:
        """Somebody ended the session from within the room: the case goes on in the same transaction."""
        booked = await session.scalar(select(LiveSession).where(LiveSession.public_id == room))
        if booked is None or booked.is_over:
            return
        case = await session.get_one(Consultation, booked.consultation_id)
        by = await principal_in(session, case, person_id)
        if by is not None and case.stage is Stage.IN_SESSION:
            await end_session(session, case, by)

    async def since(self, room: str, seq: int, limit: int) -> Sequence[Entry]:
        async with self._database.system(writes=False) as session:
            rows = await session.scalars(
                select(RoomEvent)
                .where(RoomEvent.room == room, RoomEvent.seq > seq)
                .order_by(RoomEvent.seq)
                .limit(limit)
            )
            return [
                Entry(row.seq, row.type, row.sender, row.data, int(row.at.timestamp() * 1000)) for row in rows
            ]


async def principal_in(session: AsyncSession, case: Consultation, person_id: int) -> Principal | None:
    """A person as a side of this case, where the socket and not a sign-in says who it is."""
    found = (
        await session.execute(
            select(Membership, Person, Hospital)
            .join(Person, Person.id == Membership.person_id)
            .join(Hospital, Hospital.id == Membership.hospital_id)
            .where(Membership.person_id == person_id, Membership.left_at.is_(None))
            .where(Membership.hospital_id.in_((case.hospital_id, case.target_hospital_id)))
        )
    ).first()
    return sign_in.in_place(*found, "room") if found is not None else None


async def end_session(session: AsyncSession, case: Consultation, by: Principal) -> LiveSession:
    """End the live part: the slot is free again, the minutes are open."""
    booked = await current_session(session, case)
    if booked is None or booked.begun_at is None:
        raise NoSession
    await take(session, case, Step.END_SESSION, by, session=booked.id)
    await close_session(session, booked)
    return booked


async def end_from_page(session: AsyncSession, case: Consultation, by: Principal) -> tuple[str, int]:
    """End the session from outside the room; the room's name and the number of the fact in its journal."""
    booked = await end_session(session, case, by)
    fact = Ended(by=by.person_id, by_name=f"{by.title} {by.name}".strip())
    return booked.public_id, await keep(session, booked.public_id, fact.type, by.person_id, write(fact))


async def close_session(session: AsyncSession, booked: LiveSession) -> None:
    at = now()
    booked.ended_at = at
    # The rest of the slot is free again; one that ran over keeps the interval it was given.
    booked.ends_at = min(booked.ends_at, max(at, booked.starts_at + dt.timedelta(seconds=1)))
