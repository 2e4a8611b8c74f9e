"""record: a refusal is written down before the sender is told, read by administrators, and forgotten in time."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.ingest import Quarantined
from server.people.model import Membership, Person
from server.platform.db import Database, now
from server.platform.events import audit
from server.quarantine.model import RefusedFile

KEPT: Final = dt.timedelta(days=90)
MOST: Final = 10_000  # of one hospital: a device that goes wrong at night fills no disk
SHOWN: Final = 100
MEMBERSHIP: Final = "membership:"


async def keep(
    session: AsyncSession, hospital_id: int, files: Sequence[Quarantined], way: str, sender: str
) -> None:
    """Write refusals down; the same file again only counts."""
    table = RefusedFile.__table__
    at = now()
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(table)
    constraint = ["hospital_id", "way", "sender", "code", "sha256", "size_bytes"]
    again = {"times": table.c.times + 1, "last_at": insert.excluded.last_at}
    rows = [
        {
            "hospital_id": hospital_id,
            "way": way,
            "sender": sender[:64],
            "code": file.code,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "times": 1,
            "first_at": at,
            "last_at": at,
        }
        for file in files
    ]
    await session.execute(insert.on_conflict_do_update(index_elements=constraint, set_=again), rows)
    for code, count in sorted(Counter(file.code for file in files).items()):
        facts: dict[str, str | int | None] = {"source": way, "code": code, "files": count}
        await audit(
            session, "refuse-files", f"hospital:{hospital_id}", by=None, hospital_id=hospital_id, **facts
        )


@dataclass(frozen=True)
class Refusals:
    """One page of the list, newest first."""

    files: Sequence[RefusedFile]
    counts: dict[str, int]  # files by code, of all pages
    people: dict[str, str]  # names of the senders that are people
    is_more: bool


async def refusals(session: AsyncSession, code: str, page: int) -> Refusals:
    """What the session's hospital was sent and did not keep; all codes where `code` is ""."""
    counted = await session.execute(
        select(RefusedFile.code, func.count()).group_by(RefusedFile.code).order_by(RefusedFile.code)
    )
    found = select(RefusedFile).order_by(RefusedFile.last_at.desc(), RefusedFile.id.desc())
    if code:
        found = found.where(RefusedFile.code == code)
    files = list(await session.scalars(found.offset(page * SHOWN).limit(SHOWN + 1)))
    return Refusals(
        files=files[:SHOWN],
        counts=dict(counted.all()),
        people=await _people(session, {file.sender for file in files}),
        is_more=len(files) > SHOWN,
    )


async def _people(session: AsyncSession, senders: set[str]) -> dict[str, str]:
    numbers = [int(one.removeprefix(MEMBERSHIP)) for one in senders if one.startswith(MEMBERSHIP)]
    found = await session.execute(
        select(Membership.id, Person.title, Person.name)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.id.in_(numbers))
    )
    return {f"{MEMBERSHIP}{number}": f"{title} {name}".strip() for number, title, name in found}


async def forget(database: Database) -> None:
    """What is older than KEPT, and of each hospital what is beyond the newest MOST."""
    async with database.system() as session:
        await session.execute(delete(RefusedFile).where(RefusedFile.last_at < now() - KEPT))
        full = await session.scalars(
            select(RefusedFile.hospital_id).group_by(RefusedFile.hospital_id).having(func.count() > MOST)
        )
        for hospital_id in list(full):
            newest = (
                select(RefusedFile.id)
                .where(RefusedFile.hospital_id == hospital_id)
                .order_by(RefusedFile.last_at.desc(), RefusedFile.id.desc())
                .limit(MOST)
            )
            await session.execute(
                delete(RefusedFile)
                .where(RefusedFile.hospital_id == hospital_id, RefusedFile.id.not_in(newest))
                .execution_options(synchronize_session=False)
            )
