"""What was signed, as the audit chain remembers it, held against what the tables hold now.

Whoever owns the database can lift its triggers and write another text under a signature; the chain and its
anchors outside say what stood there.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.form.form import ROLES, Role
from server.consultation.journey import Step
from server.consultation.model import Addendum, Consultation, Minutes
from server.platform.errors import Refusal, later
from server.platform.events import Audit

GIVE_BACK = "give-back"
SIGNINGS = (Step.SIGN.value, Step.COMPLETE.value)


class NotAsSigned(Refusal):
    """The stored text is not the one that was signed: it is neither shown nor printed as if it were."""

    code = "not-as-signed"
    sentence = later(
        "Văn bản đang lưu không còn đúng bản đã ký nên không hiện và không in. Đừng dùng bản này: "
        "hãy báo quản trị chạy lệnh “audit verify” và lấy lại bản đúng từ bản sao lưu."
    )


@dataclass
class Sealed:
    """The digest of the signed text, who signed in which role and when, the digest of each addendum."""

    digest: str = ""
    signers: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    addenda: dict[int, str] = field(default_factory=dict)


def text_digest(minutes: Minutes) -> str:
    return hashlib.sha256(minutes.content).hexdigest()


def addendum_digest(minutes_digest: str, number: int, by_id: int, at: dt.datetime, words: str) -> str:
    """Chains the addendum, its author and its time to the signed text."""
    facts = (minutes_digest, str(number), str(by_id), at.isoformat(), words)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def signed_at(minutes: Minutes, role: Role) -> str:
    at: dt.datetime | None = getattr(minutes, f"{role}_at")
    return at.isoformat() if at else ""


async def must_be_as_signed(
    session: AsyncSession, case: Consultation, minutes: Minutes, addenda: Sequence[Addendum]
) -> None:
    """Raises NotAsSigned."""
    if not await is_as_signed(session, case, minutes, addenda):
        raise NotAsSigned


async def is_as_signed(
    session: AsyncSession, case: Consultation, minutes: Minutes | None, addenda: Sequence[Addendum]
) -> bool:
    remembered = await _remembered(session, case.public_id)
    return remembered.get(case.public_id, Sealed()) == _there(minutes, addenda)


async def broken_seals(session: AsyncSession) -> list[str]:
    """Walk all minutes; say where they are not what was signed, or are gone."""
    texts = {row.consultation_id: row for row in await session.scalars(select(Minutes))}
    added: dict[int, list[Addendum]] = {}
    for addendum in await session.scalars(select(Addendum).order_by(Addendum.number)):
        added.setdefault(addendum.consultation_id, []).append(addendum)
    names = await session.execute(select(Consultation.id, Consultation.public_id))
    there = {
        name: _there(texts.get(number), added.get(number, ()))
        for number, name in names
        if number in texts or number in added
    }
    remembered = await _remembered(session)
    differing = (name for name in there | remembered if there.get(name) != remembered.get(name))
    return [f"consultation {name}: the minutes are not what was signed" for name in sorted(differing)]


def _there(minutes: Minutes | None, addenda: Sequence[Addendum]) -> Sealed:
    found = Sealed()
    if minutes is not None and minutes.digest == text_digest(minutes):
        found.digest = minutes.digest
        for role in ROLES:
            if at := signed_at(minutes, role):
                found.signers[role] = getattr(minutes, f"{role}_id"), at
    for one in addenda:
        known = addendum_digest(found.digest, one.number, one.by_id, one.at, one.text)
        found.addenda[one.number] = known if known == one.digest else ""
    return found


async def _remembered(session: AsyncSession, public_id: str = "") -> dict[str, Sealed]:
    """By the case's public id, what the audit says of the signatures that were not given back."""
    query = select(Audit.object, Audit.action, Audit.person_id, Audit.facts).order_by(Audit.id)
    query = query.where(Audit.action.in_((*SIGNINGS, GIVE_BACK, Step.ADD.value)))
    if public_id:
        query = query.where(Audit.object == f"consultation:{public_id}")
    found: dict[str, Sealed] = {}
    for thing, action, person_id, facts in await session.execute(query):
        case = thing.removeprefix("consultation:")
        sealed = found.setdefault(case, Sealed())
        if action in SIGNINGS:
            sealed.digest = facts["digest"]
            sealed.signers[facts["role"]] = person_id, facts["at"]
        elif action == Step.ADD.value:
            sealed.addenda[facts["number"]] = facts["digest"]
        else:
            del found[case]
    return found
