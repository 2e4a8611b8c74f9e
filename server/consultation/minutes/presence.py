"""Who was in the rooms, read from their journals: stays, times without connection, members. Pure."""

import datetime as dt
from collections.abc import Iterable

from server.consultation.form.form import Gap, Member, SiteStay
from server.consultation.model import RoomEvent
from server.platform.pages import full_name


def stays_and_gaps(events: Iterable[RoomEvent]) -> tuple[tuple[SiteStay, ...], tuple[Gap, ...]]:
    """Who was there from when to when, and the times without connection."""
    stays: list[SiteStay] = []
    gaps: list[Gap] = []
    here: dict[str, tuple[str, str, dt.datetime]] = {}
    away: dict[str, dt.datetime] = {}
    for event in events:
        peer = str(event.data.get("peer", ""))
        if event.type == "joined":
            person = event.data["person"]
            name = full_name(person.get("title", ""), person["name"])
            here[peer] = (str(event.data["site"]), name, event.at)
        elif event.type == "away" and peer in here:
            away.setdefault(peer, event.at)
        elif event.type == "back" and peer in away:
            gaps.append(Gap(here[peer][0], away.pop(peer), event.at))
        elif event.type == "left" and peer in here:
            site, name, since = here.pop(peer)
            left_at = away.pop(peer, event.at)
            if left_at is not event.at:
                gaps.append(Gap(site, left_at))
            stays.append(SiteStay(site, name, since, left_at))
        elif event.type == "session-ended":
            stays += [SiteStay(site, name, since, event.at) for site, name, since in here.values()]
            here.clear()
            away.clear()
    stays += [SiteStay(site, name, since) for site, name, since in here.values()]
    return tuple(sorted(stays, key=lambda stay: stay.joined_at)), tuple(gaps)


def members(events: Iterable[RoomEvent], chair: Member, secretary: Member) -> tuple[Member, ...]:
    """Everyone who was in a room, each once, after chair and secretary."""
    named = [member for member in (chair, secretary) if member.name]
    known = {member.name for member in named}
    joined = (event.data["person"] for event in events if event.type == "joined")
    others = (
        Member(person["name"], person.get("title", ""), person.get("hospital", "")) for person in joined
    )
    found = {(member.name, member.unit): member for member in named}
    for member in others:
        if member.name not in known:
            found.setdefault((member.name, member.unit), member)
    return tuple(found.values())
