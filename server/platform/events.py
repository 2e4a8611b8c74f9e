"""What happened: domain events for the figures, the audit chain for trust, notices for people.

All are written in the transaction that did the thing. Nothing here holds a patient's data: only our ids.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from server.platform.db import Base, insert_once, now
from server.platform.policy import Principal

GENESIS = "0" * 64


class Event(Base):
    """A step of a consultation, in the words of the journey; figures are computed from these alone."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_at_id", "at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(index=True)
    hospital_id: Mapped[int]  # who asked
    target_hospital_id: Mapped[int | None]
    person_id: Mapped[int | None]
    step: Mapped[str]
    stage: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=now)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class AuditHead(Base):
    """The last link of each hospital's chain."""

    __tablename__ = "audit_heads"

    hospital_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    digest: Mapped[str]


class Audit(Base):
    """Who did what to which object: hash-chained for each hospital, never changed (a trigger refuses)."""

    __tablename__ = "audit"
    __table_args__ = (UniqueConstraint("hospital_id", "seq"), Index("ix_audit_object", "object"))

    id: Mapped[int] = mapped_column(primary_key=True)
    hospital_id: Mapped[int]
    seq: Mapped[int]
    at: Mapped[dt.datetime]
    person_id: Mapped[int | None]
    action: Mapped[str]
    object: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    previous: Mapped[str]
    digest: Mapped[str]


class Notice(Base):
    """Something that waits to be seen by one person; gone from their list once seen."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_person_id_seen_at", "person_id", "seen_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int]
    consultation_id: Mapped[int]
    kind: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(default=now)
    seen_at: Mapped[dt.datetime | None]


class Outbox(Base):
    """Messages that must leave the house, written with the fact they tell of, sent by the worker."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[dt.datetime] = mapped_column(default=now)
    sent_at: Mapped[dt.datetime | None] = mapped_column(index=True)


def chain(previous: str, link: Mapping[str, Any]) -> str:
    """SHA-256 over the previous digest and the canonical JSON of this link."""
    text = json.dumps(link, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def link_of(row: Audit) -> dict[str, Any]:
    """What the digest of an audit row covers."""
    return {
        "hospital": row.hospital_id,
        "seq": row.seq,
        "at": row.at.isoformat(timespec="microseconds"),
        "person": row.person_id,
        "action": row.action,
        "object": row.object,
        "facts": row.facts,
    }


async def audit(
    session: AsyncSession,
    action: str,
    thing: str,
    /,
    *,
    by: Principal | None,
    hospital_id: int | None = None,
    **facts: str | int | None,
) -> None:
    """Append one link to the hospital's chain; the head's row lock puts writers in order."""
    hospital = hospital_id if hospital_id is not None else (by.hospital_id if by else 0)
    last = select(AuditHead.seq, AuditHead.digest).where(AuditHead.hospital_id == hospital).with_for_update()
    head = (await session.execute(last)).one_or_none()
    if head is None:
        first = insert_once(session, AuditHead)
        await session.execute(first.values(hospital_id=hospital, seq=0, digest=GENESIS))
        head = (await session.execute(last)).one()
    row = Audit(
        hospital_id=hospital,
        seq=head.seq + 1,
        at=now(),
        person_id=by.person_id if by else None,
        action=action,
        object=thing,
        facts=facts,
        previous=head.digest,
    )
    row.digest = chain(head.digest, link_of(row))
    session.add(row)
    await session.execute(
        update(AuditHead)
        .where(AuditHead.hospital_id == hospital)
        .values(seq=row.seq, digest=row.digest)
        .execution_options(synchronize_session=False)
    )


async def broken_links(session: AsyncSession) -> list[str]:
    """Walk every chain; say where a link was changed, removed or reordered."""
    heads = {head.hospital_id: head for head in await session.scalars(select(AuditHead))}
    found: list[str] = []
    last: dict[int, tuple[int, str]] = {}
    rows = await session.stream_scalars(select(Audit).order_by(Audit.hospital_id, Audit.seq))
    async for row in rows:
        seq, digest = last.get(row.hospital_id, (0, GENESIS))
        if row.seq != seq + 1 or row.previous != digest or chain(digest, link_of(row)) != row.digest:
            found.append(f"hospital {row.hospital_id}: link {row.seq}")
        last[row.hospital_id] = (row.seq, row.digest)
    for hospital, head in heads.items():
        if last.get(hospital, (0, GENESIS)) != (head.seq, head.digest):
            found.append(f"hospital {hospital}: the end of the chain is missing")
    return found


async def tell(session: AsyncSession, person_ids: set[int], consultation_id: int, kind: str) -> None:
    """Leave a notice for each person, and a row for the messenger."""
    for person_id in sorted(person_ids):
        session.add(Notice(person_id=person_id, consultation_id=consultation_id, kind=kind))
    if person_ids:
        payload = {"people": sorted(person_ids), "consultation": consultation_id, "kind": kind}
        await session.execute(insert(Outbox).values(topic="notice", payload=payload, at=now()))


def ring(session: AsyncSession, channel: str, **data: Any) -> None:
    """Ring the doorbell after the commit; who hears it asks the database for the truth."""
    session.info.setdefault("rings", []).append((channel, data))
