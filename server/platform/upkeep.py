"""What the worker does by the clock: deliver the outbox, anchor the audit's heads outside, sweep."""

import asyncio
import datetime as dt
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import delete, select, update

from server.platform import keys
from server.platform.db import Database, now
from server.platform.events import Audit, AuditHead, Outbox
from server.platform.jobs import sweep

log = logging.getLogger(__name__)

OUTBOX_S = 1.0
ANCHOR_S = 300.0
SWEEP_S = 3600.0
BATCH = 100
NEWEST_BYTES = 64 * 1024
KEPT = dt.timedelta(days=30)
Ring = Callable[[str, str], Awaitable[None]]


async def deliver(database: Database, ring: Ring) -> int:
    """Send what the outbox holds, oldest first: each at least once, for it is struck off after the sending."""
    unsent = select(Outbox.id, Outbox.payload).where(Outbox.sent_at.is_(None))
    waiting = await database.rows(unsent.order_by(Outbox.id).limit(BATCH))
    for row in waiting:
        for person in row.payload.get("people", ()):
            await ring(f"person:{person}", json.dumps({"id": row.id, "kind": row.payload["kind"]}))
    if waiting:
        async with database.system() as session:
            await session.execute(
                update(Outbox).where(Outbox.id.in_([row.id for row in waiting])).values(sent_at=now())
            )
    return len(waiting)


async def anchor(database: Database, path: Path, key: bytes) -> int:
    """Append the signed heads of the chains that grew to a file outside the database: who rewrites a whole
    chain, or cuts its end off, contradicts an anchor. Copy the file to another machine.
    """
    known = set(await asyncio.to_thread(_newest, path))
    async with database.system(writes=False) as session:
        heads = list(await session.scalars(select(AuditHead).order_by(AuditHead.hospital_id)))
    lines = []
    for head in heads:
        link = f"{head.hospital_id} {head.seq} {head.digest}"
        if link in known:
            continue
        facts = f"{now().isoformat(timespec='seconds')} {link}"
        lines.append(f"{facts} {keys.mac(key, facts)}\n")
    if lines:
        await asyncio.to_thread(_append, path, lines)
    return len(lines)


def _newest(path: Path) -> Iterator[str]:
    """The links that the end of the file anchors: a chain that rests for long is anchored now and then."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - NEWEST_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    for line in lines:
        yield " ".join(line.split()[1:4])


def _append(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def contradicted(database: Database, path: Path, key: bytes) -> list[str]:
    """Anchors that the chains of today contradict, and anchors that are not ours."""
    found: list[str] = []
    async with database.system(writes=False) as session:
        for number, line in enumerate(await asyncio.to_thread(_lines, path), 1):
            facts, _, mac = line.rpartition(" ")
            if not keys.same(mac, keys.mac(key, facts)):
                found.append(f"anchor {number}: not signed by this service")
                continue
            _, hospital, seq, digest = facts.split()
            there = await session.scalar(
                select(Audit.digest).where(Audit.hospital_id == int(hospital), Audit.seq == int(seq))
            )
            if int(seq) and there != digest:
                found.append(f"hospital {hospital}: link {seq} is not the anchored one")
    return found


async def tidy(database: Database) -> None:
    async with database.system() as session:
        await sweep(session)
        await session.execute(delete(Outbox).where(Outbox.sent_at < now() - KEPT))


async def every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` again and again; one that fails is logged and done again the next time."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("upkeep failed")
        await asyncio.sleep(seconds)
