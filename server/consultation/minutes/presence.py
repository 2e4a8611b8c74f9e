"""Who was in the rooms, read from their journals: stays, times without connection, members. Pure.

Events come in the order of the sessions, and in each room by their number: clocks may step back.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from server.consultation.form.form import Gap, Member, SiteStay
from server.consultation.model import RoomEvent
from server.platform.pages import full_name


@dataclass
class _Here:
    """One peer in the room; `away_since` while its line is lost."""

    person: int
    site: str
    name: str
    since: dt.datetime
    away_since: dt.datetime | None = None


@dataclass
class _Room:
    """One room while its journal is read."""

    stays: list[SiteStay] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    here: dict[str, _Here] = field(default_factory=dict)
    missing: dict[int, tuple[str, dt.datetime]] = field(default_factory=dict)  # since a crash
    last_at: dt.datetime | None = None

    def read(self, event: RoomEvent) -> None:
        peer = str(event.data.get("peer", ""))
        match event.type:
            case "joined":
                self._join(peer, event)
            case "away" if peer in self.here:
                self.here[peer].away_since = self.here[peer].away_since or event.at
            case "back" if peer in self.here:
                self._close_gap(self.here[peer], event.at)
            case "left" if peer in self.here:
                self._leave(self.here.pop(peer), event.at)
            case "session-ended":
                self._end(event.at)
            case _:  # chat, marks: a sign that the room was there
                pass
        self.last_at = event.at

    def _join(self, peer: str, event: RoomEvent) -> None:
        person, site = event.data["person"], str(event.data["site"])
        if any(one.person == person["person"] for one in self.here.values()):
            self._crash()
        if known := self.missing.pop(person["person"], None):
            self.gaps.append(Gap(known[0], known[1], event.at))
        name = full_name(person.get("title", ""), person["name"])
        self.here[peer] = _Here(person["person"], site, name, event.at)

    def _crash(self) -> None:
        """Somebody comes who never left: the room was lost, with everyone in it, after its last word."""
        for one in self.here.values():
            known_until = one.away_since or max(self.last_at or one.since, one.since)
            self.stays.append(SiteStay(one.site, one.name, one.since, known_until))
            self.missing[one.person] = one.site, known_until
        self.here.clear()

    def _close_gap(self, one: _Here, at: dt.datetime) -> None:
        if one.away_since:
            self.gaps.append(Gap(one.site, one.away_since, max(at, one.away_since)))
        one.away_since = None

    def _leave(self, one: _Here, at: dt.datetime) -> None:
        if one.away_since:
            self.gaps.append(Gap(one.site, one.away_since))
        self.stays.append(SiteStay(one.site, one.name, one.since, max(one.away_since or at, one.since)))

    def _end(self, at: dt.datetime) -> None:
        for one in self.here.values():
            self._leave(one, at)
        self.here.clear()
        self._missing_for_good()

    def _missing_for_good(self) -> None:
        self.gaps += [Gap(site, since) for site, since in self.missing.values()]
        self.missing.clear()

    def close(self) -> None:
        """The journal ends here; who is in the room still has no end."""
        for one in self.here.values():
            self.stays.append(SiteStay(one.site, one.name, one.since))
            if one.away_since:
                self.gaps.append(Gap(one.site, one.away_since))
        self._missing_for_good()


def stays_and_gaps(events: Iterable[RoomEvent]) -> tuple[tuple[SiteStay, ...], tuple[Gap, ...]]:
    """Who was there from when to when, and the times without connection."""
    stays: list[SiteStay] = []
    gaps: list[Gap] = []
    for _, of_room in groupby(events, key=lambda event: event.room):
        room = _Room()
        for event in of_room:
            room.read(event)
        room.close()
        stays += sorted(room.stays, key=lambda stay: stay.joined_at)
        gaps += sorted(room.gaps, key=lambda gap: gap.since)
    return tuple(stays), tuple(gaps)


def members(events: Iterable[RoomEvent], named: Mapping[int, Member]) -> tuple[Member, ...]:
    """Everyone who was in a room, each person once, after those whom the form names (by the person's id)."""
    found = dict(named)
    for event in events:
        if event.type == "joined":
            person = event.data["person"]
            member = Member(person["name"], person.get("title", ""), person.get("hospital", ""))
            found.setdefault(person["person"], member)
    return tuple(found.values())
