"""Who does what in a hospital: whom to tell is the service's business, beyond the asker's scope."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.people.model import Membership
from server.platform.policy import Role


async def desk_of(session: AsyncSession, hospital_id: int) -> set[int]:
    """The coordinators of a hospital."""
    return await people_with(session, hospital_id, Role.COORDINATOR)


async def people_with(session: AsyncSession, hospital_id: int, role: Role) -> set[int]:
    table = Membership.__table__
    found = await session.execute(
        select(table.c.person_id, table.c.role_words).where(
            table.c.hospital_id == hospital_id, table.c.left_at.is_(None)
        )
    )
    return {person for person, words in found if role.value in words.split()}
