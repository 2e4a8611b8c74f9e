"""A room decides, it does no I/O: messages in, facts to keep and messages to send out.

`enter`, `receive`, `lose` … look and decide; `RoomState.apply` changes the room once the facts are
kept. What may be lost (views in motion, offers, candidates) is sent without a fact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from signaling import facts, messages
from signaling.facts import AnyFact
from signaling.fields import Mark, MediaState, View, Why
from signaling.messages import Message
from signaling.ports import Seat
from signaling.refusals import bye
from signaling.state import Place, Refused, RoomState, Send, person_of

MEMBER_LIMIT = 12
WAITING_LIMIT = 20
MARK_LIMIT = 500  # that stand
MARK_LIMIT_EVER = 4000  # with those that were removed
CANDIDATE_LIMIT = 200  # a negotiation
LINK_LIMIT = 8  # named connections of a pair

Media = messages.Offer | messages.Answer | messages.Ice


Verdict = Literal["newer", "known", "not-your-mark", "mark-changed"]


def judge(known: messages.Marked | None, mark: Mark, person: int, *, is_host: bool) -> Verdict:
    """Whether `mark` may follow the version that stands, `known`: its drawer may change it, and the host any.

    "known": sent again by who drew it. What the host changed is the host's from then on.
    """
    if known is None:
        return "newer"
    is_own = known.person.person == person
    if not (is_own or is_host):
        return "not-your-mark"
    if mark.rev > known.mark.rev:
        return "newer"
    return "known" if is_own else "mark-changed"


@dataclass(frozen=True, slots=True)
class Decision:
    facts: tuple[AnyFact, ...] = ()
    sends: tuple[Send, ...] = ()


class Room(RoomState):
    """What a room knows, and what follows from what its peers ask."""

    def enter(self, peer: str, seat: Seat, now_ms: int) -> Decision:
        """Seat a newcomer, or put it at the door. The same person elsewhere makes way."""
        if self.is_ended:
            raise Refused("session-ended")
        earlier = self._peer_of(seat.person, self.members)
        going = (
            (facts.Gone(by=seat.person, peer=earlier, person=person_of(seat), why="replaced"),)
            if earlier
            else ()
        )
        if seat.waits and not seat.is_host and seat.person not in self.admitted and not earlier:
            return self._wait(peer, seat, now_ms)
        if len(self.members) - len(going) >= MEMBER_LIMIT:
            raise Refused("room-full")
        self.arriving[peer] = Place(seat, now_ms, MediaState())
        return Decision((*going, *self._entering(peer, seat)))

    def _wait(self, peer: str, seat: Seat, now_ms: int) -> Decision:
        earlier = self._peer_of(seat.person, self.waiting)
        if earlier is None and len(self.waiting) >= WAITING_LIMIT:
            raise Refused("room-full")
        sends: tuple[Send, ...] = ()
        if earlier is not None:
            del self.waiting[earlier]
            sends = (Send(earlier, bye("replaced")),)
        self.waiting[peer] = Place(seat, now_ms, MediaState())
        return Decision(sends=sends)

    def _entering(self, peer: str, seat: Seat) -> Iterator[AnyFact]:
        yield facts.Entered(by=seat.person, peer=peer, person=person_of(seat), site=seat.site, role=seat.role)
        if self.presenter is None and self.may(seat, "present"):
            yield facts.Leads(by=seat.person, presenter=person_of(seat))

    def receive(self, peer: str, message: Message, now_ms: int, id: str) -> Decision:
        """What follows from a message that the policy lets this peer send. Raises Refused."""
        if peer in self.waiting:
            return self._receive_at_the_door(peer, message)
        seat = self.place(peer).seat
        match message:
            case messages.Admit():
                return self._admit(seat, message)
            case messages.Media():
                self.members[peer].media = message.media
                return Decision(sends=tuple(self.changed(peer)))
            case messages.Offer() | messages.Answer() | messages.Ice():
                return Decision(sends=(self._relay(peer, message),))
            case messages.Restart():
                return Decision(sends=tuple(self._restart(peer, message)))
            case messages.Chat():
                return self._chat(seat, message, id)
            case messages.ShareView():
                return Decision(sends=tuple(self._share(peer, seat, message)))
            case messages.MarkAsked():
                return self._mark(seat, message)
            case messages.Present():
                return self._present(seat, message)
            case messages.Leave():
                return Decision(tuple(self.going(peer, "left")))
            case messages.End():
                return Decision((facts.Ended(by=seat.person, by_name=seat.name),))
            case messages.ResyncAsked():
                return Decision(sends=(Send(peer, self.snapshot(peer, now_ms, messages.Resynced)),))
            case messages.KnockAsked():
                return Decision()  # let in meanwhile
            case _:
                raise Refused("not-now")

    def _receive_at_the_door(self, peer: str, message: Message) -> Decision:
        match message:
            case messages.KnockAsked():
                self.waiting[peer].has_knocked = True
                return Decision(sends=tuple(self.tell_the_door()))
            case messages.Leave():
                del self.waiting[peer]
                return Decision(sends=(*self.tell_the_door(), Send(peer, bye("left"))))
            case messages.Media():
                self.waiting[peer].media = message.media
                return Decision()
            case _:
                raise Refused("still-waiting")

    def _admit(self, host: Seat, message: messages.Admit) -> Decision:
        place = self.waiting.get(message.peer)
        if place is None:
            raise Refused("not-waiting")
        if not message.allow:
            return Decision(
                (
                    facts.TurnedAway(
                        peer=message.peer, person=place.seat.person, by=host.person, by_name=host.name
                    ),
                )
            )
        if len(self.members) >= MEMBER_LIMIT:
            raise Refused("room-full")
        let_in = facts.LetIn(peer=message.peer, person=place.seat.person, by=host.person, by_name=host.name)
        return Decision((let_in, *self._entering(message.peer, place.seat)))

    def _chat(self, seat: Seat, message: messages.Chat, id: str) -> Decision:
        if any(said.id == id and said.person.person == seat.person for said in self.chat):
            return Decision()  # sent again: it was kept before the line was lost
        return Decision((facts.Said(by=seat.person, id=id, person=person_of(seat), text=message.text),))

    def _mark(self, seat: Seat, message: messages.MarkAsked) -> Decision:
        known = self.marks.get(message.uid)
        verdict = judge(known, message, seat.person, is_host=seat.is_host)
        if verdict == "known":
            return Decision()
        if verdict != "newer":
            raise Refused(verdict)
        if known is None and self._has_too_many_marks():
            raise Refused("too-many-marks")
        return Decision(
            (facts.Drew(by=seat.person, person=person_of(seat), mark=Mark(**message.model_dump())),)
        )

    def _has_too_many_marks(self) -> bool:
        standing = sum(not drawn.mark.removed for drawn in self.marks.values())
        return standing >= MARK_LIMIT or len(self.marks) >= MARK_LIMIT_EVER

    def _present(self, seat: Seat, message: messages.Present) -> Decision:
        leads = self.presenter is not None and self.presenter.person == seat.person
        match message.op:
            case "take":
                if leads:
                    return Decision()
                if not seat.is_host and self._presenter_is_here():
                    raise Refused("presenter-busy")
                return Decision((facts.Leads(by=seat.person, presenter=person_of(seat)),))
            case "give":
                other = self.members.get(message.to or "")
                if not (leads or seat.is_host):
                    raise Refused("not-presenting")
                if other is None or not self.may(other.seat, "present"):
                    raise Refused("cannot-present")
                return Decision((facts.Leads(by=seat.person, presenter=person_of(other.seat)),))
            case "drop":
                return Decision((facts.Leads(by=seat.person, presenter=None),) if leads else ())

    def _presenter_is_here(self) -> bool:
        peer = self._peer_of(self.presenter.person, self.members) if self.presenter else None
        return peer is not None and self.members[peer].here

    def _share(self, peer: str, seat: Seat, message: messages.ShareView) -> Iterator[Send]:
        if self.presenter is None or self.presenter.person != seat.person:
            raise Refused("not-presenting")
        shown = message.model_dump()
        self.view = View(**shown)
        yield from self.others(peer, messages.ViewShared(**shown), sender=peer)

    def show_again(self, peer: str) -> Iterator[Send]:
        """Views are not replayed, and the presenter may not move for minutes: one who returns gets the last."""
        leader = self._peer_of(self.presenter.person, self.members) if self.presenter else None
        if self.view is not None and peer in self.members and peer != leader:
            yield Send(peer, messages.ViewShared(**self.view.model_dump()), leader)

    # --- media connections ---------------------------------------------------------------------

    def _epoch(self, peer: str, message: Media | messages.Restart) -> int:
        if message.to not in self.members or message.to == peer:
            raise Refused("no-such-peer")
        return self.epochs.get((frozenset((peer, message.to)), message.pc), 1)

    def _relay(self, peer: str, message: Media) -> Send:
        if message.epoch != self._epoch(peer, message):
            raise Refused("stale-epoch")
        way = (peer, message.to, message.pc)
        if isinstance(message, messages.Ice):
            self.candidates[way] = self.candidates.get(way, 0) + 1
            if self.candidates[way] > CANDIDATE_LIMIT:
                raise Refused("too-many-candidates")
        else:
            self.candidates[way] = 0
        return Send(message.to, message, sender=peer)

    def _restart(self, peer: str, message: messages.Restart) -> Iterator[Send]:
        if message.epoch == self._epoch(peer, message):  # else both asked: once is enough
            yield from self._renew(peer, message.to, message.pc)

    def _renew(self, offerer: str, other: str, pc: str) -> Iterator[Send]:
        link = (frozenset((offerer, other)), pc)
        if link not in self.epochs and sum(pair == link[0] for pair, _ in self.epochs) >= LINK_LIMIT:
            raise Refused("too-many-connections")
        epoch = self.epochs[link] = self.epochs.get(link, 1) + 1
        for peer, partner in ((offerer, other), (other, offerer)):
            yield Send(peer, messages.Restarted(pc=pc, epoch=epoch, peer=partner, offers=peer == offerer))

    def reload(self, peer: str, now_ms: int, pc: str = "p2p") -> Decision:
        """The page of `peer` was loaded anew: its media connections are gone, its place is not."""
        if peer in self.waiting:
            return Decision()
        renewals = [send for other in self.members if other != peer for send in self._renew(peer, other, pc)]
        told = [send for send in renewals if send.to != peer]  # the snapshot tells `peer`
        return Decision(sends=(Send(peer, self.snapshot(peer, now_ms, messages.Joined)), *told))

    # --- losing the line -----------------------------------------------------------------------

    def lose(self, peer: str) -> Decision:
        """The line of `peer` is silent."""
        place = self.place(peer)
        if not place.here:
            return Decision()
        if peer in self.waiting:
            place.here = False
            return Decision(sends=tuple(self.tell_the_door()))
        return Decision((facts.WentAway(peer=peer, person=place.seat.person),))

    def find(self, peer: str) -> Decision:
        """The line of `peer` speaks again."""
        place = self.place(peer)
        if place.here:
            return Decision()
        if peer in self.waiting:
            place.here = True
            return Decision(sends=tuple(self.tell_the_door()))
        return Decision((facts.CameBack(peer=peer, person=place.seat.person),))

    def forget(self, peer: str, why: Why) -> Decision:
        """Take `peer` out: its place was kept long enough, or it was removed."""
        if peer in self.waiting:
            del self.waiting[peer]
            return Decision(sends=(*self.tell_the_door(), Send(peer, bye(why))))
        return Decision(tuple(self.going(peer, why)))

    def going(self, peer: str, why: Why) -> Iterator[AnyFact]:
        person = person_of(self.place(peer).seat)
        yield facts.Gone(by=person.person, peer=peer, person=person, why=why)
        if self.presenter is not None and self.presenter.person == person.person:
            yield facts.Leads(presenter=None)
