"""What a room knows: changed by facts that were kept, and by what may be lost.

`apply` takes a fact after the journal has it and says whom to tell. A room that comes back after a
restart applies its journal again, without the presence of people whose sockets are gone.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from signaling import facts, messages
from signaling.facts import AnyFact
from signaling.fields import Knock, Link, MediaState, Member, Person, View
from signaling.messages import Message
from signaling.ports import May, Seat
from signaling.refusals import bye

CHAT_KEPT = 200


class Refused(Exception):
    """Not now, not so, or not by you; `code` as in PROTOCOL.md."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Send(NamedTuple):
    """`sender` is the peer that the server vouches for, None when the server itself speaks."""

    to: str
    message: Message
    sender: str | None = None


@dataclass(slots=True)
class Place:
    """One peer in the room or at its door."""

    seat: Seat
    since_ms: int
    media: MediaState
    here: bool = True
    has_knocked: bool = False


def person_of(seat: Seat) -> Person:
    return Person(person=seat.person, name=seat.name, title=seat.title, hospital=seat.hospital)


class RoomState:
    def __init__(self, id: str, may: May) -> None:
        self.id = id
        self.may = may
        self.members: dict[str, Place] = {}
        self.waiting: dict[str, Place] = {}
        self.arriving: dict[str, Place] = {}  # decided to enter, the journal is still writing
        self.admitted: set[int] = set()
        self.presenter: Person | None = None
        self.view: View | None = None
        self.marks: dict[str, messages.Marked] = {}
        self.chat: deque[messages.Chatted] = deque(maxlen=CHAT_KEPT)
        self.epochs: dict[tuple[frozenset[str], str], int] = {}
        self.candidates: dict[tuple[str, str, str], int] = {}
        self.minutes_seq: int | None = None
        self.rev = self.n = self.began_ms = 0
        self.is_ended = False

    @property
    def is_empty(self) -> bool:
        return not self.members and not self.waiting

    def place(self, peer: str) -> Place:
        """Raises Refused for a peer that is gone."""
        try:
            return self.members.get(peer) or self.waiting[peer]
        except KeyError:
            raise Refused("not-in-room") from None

    def _peer_of(self, person: int, places: dict[str, Place]) -> str | None:
        return next((peer for peer, place in places.items() if place.seat.person == person), None)

    def member(self, peer: str) -> Member:
        place = self.members[peer]
        seat = place.seat
        return Member(
            peer=peer,
            person=seat.person,
            name=seat.name,
            title=seat.title,
            hospital=seat.hospital,
            site=seat.site,
            role=seat.role,
            here=place.here,
            since_ms=place.since_ms,
            media=place.media,
        )

    def _knocks(self) -> tuple[Knock, ...]:
        return tuple(
            Knock(
                peer=peer,
                here=place.here,
                since_ms=place.since_ms,
                **person_of(place.seat).model_dump(),
            )
            for peer, place in self.waiting.items()
            if place.has_knocked
        )

    def snapshot(self, peer: str, now_ms: int, kind: type[messages.Snapshot]) -> messages.Snapshot:
        """All that `peer` must know, as `joined` or `resynced`."""
        may_admit = self.may(self.members[peer].seat, "admit")
        return kind(
            peer=peer,
            rev=self.rev,
            members=tuple(self.member(each) for each in self.members),
            links=tuple(
                Link(peer=other, pc=pc, epoch=epoch)
                for (pair, pc), epoch in self.epochs.items()
                if peer in pair
                for other in pair - {peer}
            ),
            waiting=self._knocks() if may_admit else (),
            presenter=self.presenter,
            view=self.view,
            marks=tuple(self.marks.values()),
            chat=tuple(self.chat),
            minutes_seq=self.minutes_seq,
            n=self.n,
            now_ms=now_ms,
            began_ms=self.began_ms,
        )

    # --- telling -------------------------------------------------------------------------------

    def everyone(self, message: Message) -> Iterator[Send]:
        return (Send(peer, message) for peer in tuple(self.members))

    def others(self, peer: str, message: Message, sender: str | None = None) -> Iterator[Send]:
        return (Send(other, message, sender) for other in tuple(self.members) if other != peer)

    def changed(self, peer: str) -> Iterator[Send]:
        """The member `peer` is new or looks different: tell all, itself too, so that all count alike."""
        self.rev += 1
        return self.everyone(messages.Roster(rev=self.rev, member=self.member(peer)))

    def tell_the_door(self) -> Iterator[Send]:
        """Those who may admit learn who waits."""
        knocked = messages.Knocked(waiting=self._knocks())
        return (
            Send(peer, knocked)
            for peer, place in tuple(self.members.items())
            if self.may(place.seat, "admit")
        )

    # --- applying what was kept ----------------------------------------------------------------

    def apply(self, fact: AnyFact, n: int, at_ms: int) -> Iterator[Send]:
        """Change the room by a kept fact, number `n` of its journal; yields what to announce."""
        self.n = max(self.n, n)
        match fact:
            case facts.Entered():
                yield from self._entered(fact, at_ms)
            case facts.Gone():
                yield from self._gone(fact)
            case facts.WentAway() | facts.CameBack():
                if (place := self.members.get(fact.peer)) is not None:
                    place.here = isinstance(fact, facts.CameBack)
                    yield from self.changed(fact.peer)
            case facts.LetIn():
                self.admitted.add(fact.person)
                yield Send(fact.peer, messages.Admitted(by=fact.by_name))
            case facts.TurnedAway():
                self.waiting.pop(fact.peer, None)
                yield from self.tell_the_door()
                yield Send(fact.peer, bye("turned-away"))
            case facts.Said():
                said = messages.Chatted(n=n, id=fact.id, person=fact.person, text=fact.text, at_ms=at_ms)
                self.chat.append(said)
                yield from self.everyone(said)
            case facts.Drew():
                drawn = messages.Marked(n=n, person=fact.person, mark=fact.mark)
                known = self.marks.get(fact.mark.uid)
                if known is None or known.mark.rev < fact.mark.rev:
                    self.marks[fact.mark.uid] = drawn
                    yield from self.everyone(drawn)
            case facts.Leads():
                self.presenter = fact.presenter
                yield from self.everyone(messages.PresenterChanged(n=n, presenter=fact.presenter))
            case facts.Ended():
                self.is_ended = True
                yield from self._ended(messages.SessionEnded(n=n, by=fact.by_name))
            case _:
                assert_never(fact)

    def _entered(self, fact: facts.Entered, at_ms: int) -> Iterator[Send]:
        self.began_ms = self.began_ms or at_ms
        place = self.arriving.pop(fact.peer, None) or self.waiting.pop(fact.peer, None)
        if place is None:
            return  # gone while the journal was writing, or read again after a restart
        self.members[fact.peer] = place
        yield from self.changed(fact.peer)
        yield Send(fact.peer, self.snapshot(fact.peer, at_ms, messages.Joined))
        yield from self.tell_the_door()

    def _gone(self, fact: facts.Gone) -> Iterator[Send]:
        if self.members.pop(fact.peer, None) is None:
            return
        self.epochs = {link: epoch for link, epoch in self.epochs.items() if fact.peer not in link[0]}
        self.candidates = {way: count for way, count in self.candidates.items() if fact.peer not in way}
        self.rev += 1
        yield from self.everyone(
            messages.Left(rev=self.rev, peer=fact.peer, person=fact.person, why=fact.why)
        )
        yield Send(fact.peer, bye(fact.why))

    def _ended(self, ended: messages.SessionEnded) -> Iterator[Send]:
        for peer in (*self.members, *self.waiting):
            yield Send(peer, ended)
            yield Send(peer, bye("session-ended"))
        self.members.clear()
        self.waiting.clear()

    def restore(self, fact: AnyFact, n: int, at_ms: int) -> None:
        """Read one journal row again: what was said, drawn, led and allowed; not who was here."""
        for _ in self.apply(fact, n, at_ms):
            pass
