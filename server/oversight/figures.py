"""Figures by hospital, out of `events` alone: processes, never patients."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.people.model import Hospital
from server.platform.db import HERE
from server.platform.errors import later
from server.platform.events import Event


@dataclass
class Line:
    """One asking hospital in a period. Unknown stays None, never 0."""

    hospital: str
    requested: int = 0
    emergencies: int = 0
    answered: int = 0
    held: int = 0
    signed: int = 0
    declined: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    answer_minutes: list[float] = field(default_factory=list)

    @property
    def median_answer_min(self) -> float | None:
        found = sorted(self.answer_minutes)
        return found[len(found) // 2] if found else None

    @property
    def transfers_avoided(self) -> int:
        return self.outcomes["transfer-avoided"]

    @property
    def transferred(self) -> int:
        return self.outcomes["transferred"]

    @property
    def outcome_unknown(self) -> int:
        return max(0, self.signed - sum(self.outcomes.values()))


@dataclass(frozen=True)
class Figures:
    first: dt.date
    last: dt.date
    lines: Sequence[Line]
    total: Line


FIRST_ANSWERS = frozenset({"accept", "redirect", "ask-more", "decline", "schedule"})


async def figures(session: AsyncSession, first: dt.date, last: dt.date) -> Figures:
    """Every hospital's line for the local days `first` to `last`, both included."""
    names = {
        row.id: row.short_name
        for row in await session.execute(
            select(Hospital.id, Hospital.short_name).where(Hospital.tier != "department")
        )
    }
    lines = {hospital: Line(name) for hospital, name in names.items()}
    since = dt.datetime.combine(first, dt.time(), HERE)
    until = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), HERE)
    rows = await session.execute(
        select(Event.consultation_id, Event.hospital_id, Event.step, Event.at, Event.facts)
        .where(Event.at >= since, Event.at < until)
        .order_by(Event.consultation_id, Event.id)
    )
    sent: dict[int, dt.datetime] = {}
    seen: dict[int, set[str]] = defaultdict(set)
    last_outcome: dict[int, tuple[int, str]] = {}
    for row in rows:
        line = lines.get(row.hospital_id)
        if line is None:
            continue
        is_first = row.step not in seen[row.consultation_id]
        seen[row.consultation_id].add(row.step)
        if row.step == "request" and is_first:
            line.requested += 1
            line.emergencies += row.facts.get("urgency") == "emergency"
            sent[row.consultation_id] = row.at
        elif row.step in FIRST_ANSWERS and row.consultation_id in sent:
            line.answered += 1
            line.answer_minutes.append((row.at - sent.pop(row.consultation_id)).total_seconds() / 60)
        if row.step == "decline" and is_first:
            line.declined += 1
        if row.step in {"join", "answer"} and not seen[row.consultation_id] & {"held"}:
            seen[row.consultation_id].add("held")
            line.held += 1
        if row.step == "complete" and is_first:
            line.signed += 1
        if row.step == "outcome":
            last_outcome[row.consultation_id] = (row.hospital_id, str(row.facts.get("outcome", "")))
    for hospital, kind in last_outcome.values():
        lines[hospital].outcomes[kind] += 1
    ordered = sorted(lines.values(), key=lambda line: (-line.requested, line.hospital))
    return Figures(first, last, ordered, _total(ordered))


def _total(lines: Sequence[Line]) -> Line:
    total = Line(later("Toàn tỉnh"))
    for line in lines:
        for name in ("requested", "emergencies", "answered", "held", "signed", "declined"):
            setattr(total, name, getattr(total, name) + getattr(line, name))
        total.outcomes += line.outcomes
        total.answer_minutes += line.answer_minutes
    return total
