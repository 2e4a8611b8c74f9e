"""Figures by hospital, out of `events` alone: processes, never patients."""

import asyncio
import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select, tuple_

from server.people.model import Hospital
from server.platform.db import HERE, Database
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
PAGE = 1000  # events read at once; others are served between two pages
_events, _hospitals = Event.__table__.c, Hospital.__table__.c


async def figures(database: Database, first: dt.date, last: dt.date) -> Figures:
    """Every hospital's line for the local days `first` to `last`, both included."""
    query = select(_hospitals.id, _hospitals.short_name).where(_hospitals.tier != "department")
    count = _Count({id: Line(name) for id, name in await database.rows(query)})
    after, until = (_midnight(first), 0), _midnight(last + dt.timedelta(days=1))
    while rows := await database.rows(_page(after, until)):
        await asyncio.to_thread(count.take, rows)
        after = (rows[-1].at, rows[-1].id)
    return count.figures(first, last)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), HERE)


def _page(after: tuple[dt.datetime, int], until: dt.datetime) -> Select[Any]:
    """The next events, in the order in which they happened."""
    return (
        select(
            _events.id, _events.consultation_id, _events.hospital_id, _events.step, _events.at, _events.facts
        )
        .where(tuple_(_events.at, _events.id) > after, _events.at < until)
        .order_by(_events.at, _events.id)
        .limit(PAGE)
    )


class _Count:
    """Takes the events of a period in the order in which they happened."""

    def __init__(self, lines: dict[int, Line]) -> None:
        self._lines = lines
        self._sent: dict[int, dt.datetime] = {}
        self._seen: dict[int, set[str]] = defaultdict(set)
        self._outcomes: dict[int, tuple[int, str]] = {}  # of a case, the last one told

    def take(self, rows: Iterable[Any]) -> None:
        for _, case, hospital, step, at, facts in rows:
            if hospital in self._lines:
                self._take(self._lines[hospital], case, hospital, step, at, facts)

    def _take(
        self, line: Line, case: int, hospital: int, step: str, at: dt.datetime, facts: Mapping[str, Any]
    ) -> None:
        seen = self._seen[case]
        is_first = step not in seen
        seen.add(step)
        if step == "request" and is_first:
            line.requested += 1
            line.emergencies += facts.get("urgency") == "emergency"
            self._sent[case] = at
        elif step in FIRST_ANSWERS and case in self._sent:
            line.answered += 1
            line.answer_minutes.append((at - self._sent.pop(case)).total_seconds() / 60)
        if step == "decline" and is_first:
            line.declined += 1
        if step in {"join", "answer"} and "held" not in seen:
            seen.add("held")
            line.held += 1
        if step == "complete" and is_first:
            line.signed += 1
        if step == "outcome":
            self._outcomes[case] = (hospital, str(facts.get("outcome", "")))

    def figures(self, first: dt.date, last: dt.date) -> Figures:
        for hospital, kind in self._outcomes.values():
            self._lines[hospital].outcomes[kind] += 1
        ordered = sorted(self._lines.values(), key=lambda line: (-line.requested, line.hospital))
        return Figures(first, last, ordered, _total(ordered))


def _total(lines: Sequence[Line]) -> Line:
    total = Line(later("Toàn tỉnh"))
    for line in lines:
        for name in ("requested", "emergencies", "answered", "held", "signed", "declined"):
            setattr(total, name, getattr(total, name) + getattr(line, name))
        total.outcomes += line.outcomes
        total.answer_minutes += line.answer_minutes
    return total
