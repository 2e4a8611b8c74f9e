"""What a second server process does in a race: one step of one case in one transaction of its own.

Imports little: such a process is started for each race.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from sqlalchemy import select

from server.consultation import schedule
from server.consultation.model import Consultation
from server.consultation.views.lines import WHOLE
from server.people import sign_in
from server.platform.db import Database
from server.platform.errors import Refusal
from server.platform.settings import Settings


async def book(database: Database, asked: dict[str, Any], case: tuple[str, int]) -> str:
    """The code of the refusal, "" when the booking stands."""
    public_id, membership_id = case
    settings = Settings(data_dir=Path(asked["data_dir"]))
    async with database.system(writes=False) as session:
        who = await sign_in.principal_of(session, membership_id, "none", settings)
    assert who is not None
    try:
        async with database.session(who) as session:
            found = select(Consultation).where(Consultation.public_id == public_id).options(*WHOLE)
            await schedule.schedule(
                session,
                (await session.scalars(found)).one(),
                who,
                specialist_id=asked["specialist"],
                starts_at=dt.datetime.fromisoformat(asked["starts_at"]),
                minutes=30,
            )
    except Refusal as refusal:
        return refusal.code
    return ""
