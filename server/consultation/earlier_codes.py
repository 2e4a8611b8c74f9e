"""The ICD-10 choices of a hospital: next time it writes the same diagnosis, its code comes first."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.model import Consultation, EarlierCode


async def remember(session: AsyncSession, case: Consultation) -> None:
    code = case.icd10.split()[0] if case.icd10.split() else ""
    if not code or not case.diagnosis:
        return
    sqlite = session.get_bind().dialect.name == "sqlite"
    first = (insert_sqlite if sqlite else insert_postgresql)(EarlierCode)
    await session.execute(
        first.values(
            hospital_id=case.hospital_id, code=code, text=case.diagnosis[:200], uses=1
        ).on_conflict_do_update(
            index_elements=["hospital_id", "code", "text"], set_={"uses": EarlierCode.uses + 1}
        )
    )


async def known(session: AsyncSession, hospital_id: int) -> list[tuple[str, str, int]]:
    rows = await session.execute(
        select(EarlierCode.code, EarlierCode.text, EarlierCode.uses)
        .where(EarlierCode.hospital_id == hospital_id)
        .order_by(EarlierCode.uses.desc())
        .limit(500)
    )
    return [(row.code, row.text, row.uses) for row in rows]
