"""Rooms by id: performs what they decide. Keeps facts before they are announced ("database first").

Server code speaks into a room with `announce`, from any process: the bus carries it to the hub that
holds the room. A room is opened by its first peer, from its journal, and closed after its last.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from pydantic import ValidationError

from signaling import facts, messages
from signaling.codec import Envelope, Malformed, body, encode, server_message
from signaling.fields import Piece, Why
from signaling.ice import TTL_S as ICE_TTL_S
from signaling.ice import IceConfig
from signaling.messages import Message
from signaling.peer import PLACE_KEPT_S, Outbox, Peer, token_key
from signaling.ports import Bus, Ended, Journal, Leases, May, NotKept, OneProcess, Seat, none_ends
from signaling.refusals import bye, error
from signaling.room import Decision, Room
from signaling.rooms import Closing, Held, Rooms, channel
from signaling.state import Refused, Send

PING_MS = 1000
QUIET_MS = 3000  # a line that is silent for so long counts as lost
KEEPING_LIMIT_S = 5.0
CALLS_LIMIT = 1000
CHECK_S = 5.0
SEATS = "seats"  # the bus channel that says: look who may still sit

LOSSY = (messages.ViewShared,)
KEPT = (messages.Admit, messages.Chat, messages.MarkAsked, messages.Present, messages.Leave, messages.End)

log = logging.getLogger(__name__)


class Call(Piece):
    """What one process asks of the hub that holds a room."""

    announce: str


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Hub:
    def __init__(
        self,
        *,
        journal: Journal,
        bus: Bus,
        may: May,
        ice: IceConfig | None = None,
        leases: Leases | None = None,
        ended: Ended = none_ends,
        place_kept_s: float = PLACE_KEPT_S,
    ) -> None:
        self.journal = journal
        self.bus = bus
        self.may = may
        self.ended = ended
        self.ice = ice or IceConfig()
        self.place_kept_s = place_kept_s
        self.peers: dict[str, Peer] = {}
        self._rooms = Rooms(journal, bus, may, leases or OneProcess(), self._rung)
        self._tokens: dict[bytes, Peer] = {}
        self._calls: asyncio.Queue[tuple[str, str]] = asyncio.Queue(CALLS_LIMIT)
        self._tasks: list[asyncio.Task[None]] = []
        self._doubt = asyncio.Event()
        self.is_draining = False

    # --- for the server ------------------------------------------------------------------------

    async def announce(self, room: str, message: Message) -> None:
        """Tell everyone in `room` a fact that is already kept, from any process."""
        await self.bus.publish(channel(room), Call(announce=encode(Envelope(message))).model_dump_json())

    async def doubt(self) -> None:
        """A sign-in has ended: every process looks at once who of its rooms must rise."""
        await self.bus.publish(SEATS, "")

    async def drain(self) -> None:
        """Before a stop: let nobody in, ask everyone to come back in a moment."""
        self.is_draining = True
        for peer in tuple(self.peers.values()):
            self._part(peer, "draining")

    async def start(self) -> None:
        """Begin the hub's own tasks: places that run out, calls of other processes, sign-ins that end."""
        self._hear_no_more = await self.bus.subscribe(SEATS, lambda _: self._doubt.set())
        self._tasks = [
            asyncio.create_task(work) for work in (self._sweep(), self._answer_calls(), self._check())
        ]

    async def stop(self) -> None:
        """Drain, give up the rooms, end the tasks."""
        await self.drain()
        await self._hear_no_more()
        await self._rooms.close_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- for the endpoint ----------------------------------------------------------------------

    async def enter(self, seat: Seat, outbox: Outbox) -> Peer:
        """Seat a newcomer. Raises Closing."""
        if self.is_draining:
            raise Closing("draining")
        peer = Peer(seat)
        async with self._rooms.locked(seat.room) as held:
            try:
                decision = held.room.enter(peer.id, seat, now_ms())
            except Refused as refusal:
                raise Closing(refusal.code) from None
            self.peers[peer.id] = peer
            peer.attach(outbox)
            self._welcome(peer, held.room, is_resumed=False)
            try:
                await self._perform(held, decision)
            except Refused as refusal:
                self._turn_back(held.room, peer, outbox)
                raise Closing(refusal.code) from None
            except asyncio.CancelledError:
                self._turn_back(held.room, peer, outbox)
                raise
        return peer

    async def resume(self, token: str, seq: int | None, outbox: Outbox) -> Peer:
        """Give a peer back its place, for one token once. Raises Closing."""
        if self.is_draining:
            raise Closing("draining")
        peer = self._tokens.pop(token_key(token), None)
        held = self._rooms.get(peer.seat.room) if peer else None
        if peer is None or held is None or peer.id not in self.peers:
            raise Closing("resume-refused")
        async with held.lock:
            if peer.id not in self.peers:  # gone while we waited
                raise Closing("resume-refused")
            peer.attach(outbox)
            self._welcome(peer, held.room, is_resumed=seq is not None)
            if seq is None:
                self._deliver(held.room.reload(peer.id, now_ms()).sends)
            elif peer.can_replay(seq):
                peer.replay(seq)
                self._deliver(held.room.show_again(peer.id))
            elif peer.id in held.room.members:
                snapshot = held.room.snapshot(peer.id, now_ms(), messages.Resynced)
                self._deliver((Send(peer.id, snapshot),))
            peer.is_silent = False
            await self._perform(held, held.room.find(peer.id))
        return peer

    async def receive(self, peer: Peer, envelope: Envelope) -> None:
        """Do what `peer` asks, once for each id, and answer."""
        known = peer.answered(envelope.id)
        if known is not None:
            peer.send(known, re=envelope.id)
            return
        try:
            await self._do(peer, envelope)
        except Refused as refusal:
            refused = body(error(refusal.code))
            if refusal.code == "unavailable":
                peer.send(refused, re=envelope.id)  # not remembered: asked again, it may succeed
            else:
                peer.answer(envelope.id, refused)
        else:
            if envelope.id is not None:
                peer.answer(envelope.id, body(messages.Ok()))

    async def silent(self, peer: Peer) -> None:
        """The socket is open, the line behind it is not."""
        if not peer.is_silent:
            peer.is_silent = True
            await self._change(peer, lambda room: room.lose(peer.id))

    async def heard(self, peer: Peer) -> None:
        """It speaks again."""
        if peer.is_silent:
            peer.is_silent = False
            await self._change(peer, lambda room: room.find(peer.id))

    async def lost(self, peer: Peer, outbox: Outbox) -> None:
        """The socket is gone; the place is kept for a while."""
        if peer.detach(outbox):
            await self.silent(peer)

    def renew_ice(self, peer: Peer) -> None:
        """Send fresh credentials before the old ones end."""
        servers = self.ice.servers(peer.seat.room, peer.id)
        if servers:
            peer.send(body(messages.IceServers(ice_servers=servers, ice_ttl_s=ICE_TTL_S)))

    # --- performing ----------------------------------------------------------------------------

    async def _do(self, peer: Peer, envelope: Envelope) -> None:
        message = envelope.message
        if not self.may(peer.seat, message.type):
            raise Refused("not-allowed")
        held = self._rooms.get(peer.seat.room)
        if held is None:
            raise Refused("not-in-room")
        id = envelope.id or f"server-{held.room.n + 1}"
        if not isinstance(message, KEPT):
            self._deliver(held.room.receive(peer.id, message, now_ms(), id).sends)
            return
        async with held.lock:
            await self._perform(held, held.room.receive(peer.id, message, now_ms(), id))
        await self._rooms.close_if_empty(peer.seat.room)

    async def _change(self, peer: Peer, decide: Callable[[Room], Decision]) -> None:
        held = self._rooms.get(peer.seat.room)
        if held is None:
            return
        try:
            async with held.lock:
                await self._perform(held, decide(held.room))
        except Refused as refusal:  # gone meanwhile, or not kept: the sweep will try again
            log.info("room %s: presence not kept (%s)", held.room.id, refusal.code)

    async def _take_out(self, peer: Peer, why: Why) -> None:
        await self._change(peer, lambda room: room.forget(peer.id, why))

    async def _perform(self, held: Held, decision: Decision) -> None:
        """Keep each fact, then apply and announce it; then what needs no keeping."""
        for fact in decision.facts:
            n = await self._keep(held.room.id, fact)
            self._deliver(held.room.apply(fact, n, now_ms()))
        self._deliver(decision.sends)

    async def _keep(self, room: str, fact: facts.AnyFact) -> int:
        try:
            async with asyncio.timeout(KEEPING_LIMIT_S):
                return await self.journal.append(room, fact.type, fact.by, facts.write(fact))
        except NotKept as refusal:
            raise Refused(refusal.code) from None
        except Exception as problem:
            log.exception("room %s: a fact of type %s was not kept", room, fact.type)
            raise Refused("unavailable") from problem

    def _deliver(self, sends: Iterable[Send]) -> None:
        last: Message | None = None
        text = ""
        for to, message, sender in sends:
            peer = self.peers.get(to)
            if peer is None:
                continue
            if message is not last:  # one text for all receivers of a message
                last, text = message, body(message)
            if isinstance(message, messages.Bye):
                self._part(peer, message.code)
            elif isinstance(message, LOSSY):
                peer.send_lossy(text, message.type, sender)
            else:
                peer.send(text, sender=sender)

    def _welcome(self, peer: Peer, room: Room, *, is_resumed: bool) -> None:
        """Sent outside the count: it carries the token of this socket."""
        grant = peer.grant()
        self._tokens[token_key(grant.token)] = peer
        welcome = messages.Welcome(
            version=1,
            peer=peer.id,
            room=room.id,
            role=peer.seat.role,
            waits=peer.id in room.waiting,
            resumed=is_resumed,
            resume=grant,
            ice_servers=self.ice.servers(room.id, peer.id),
            ice_ttl_s=ICE_TTL_S,
            ping_ms=PING_MS,
            quiet_ms=QUIET_MS,
        )
        peer.send_lossy(body(welcome), "welcome")

    def _part(self, peer: Peer, code: str) -> None:
        """Say good-bye, close after what is queued, forget."""
        peer.send(body(bye(code)))
        if peer.outbox is not None:
            peer.outbox.finish(code)
        self._forget(peer)

    def _turn_back(self, room: Room, peer: Peer, outbox: Outbox) -> None:
        """Its entering was not kept. Where others saw it already, the sweep takes it out in due form."""
        room.arriving.pop(peer.id, None)
        room.waiting.pop(peer.id, None)
        peer.detach(outbox)
        if peer.id not in room.members:
            self._forget(peer)

    def _forget(self, peer: Peer) -> None:
        self.peers.pop(peer.id, None)
        if peer.token is not None:
            self._tokens.pop(peer.token, None)

    # --- tasks ---------------------------------------------------------------------------------

    def _rung(self, room: str, text: str) -> None:
        try:
            self._calls.put_nowait((room, text))
        except asyncio.QueueFull:
            log.warning("room %s: too many calls at once, one is dropped", room)

    async def _answer_calls(self) -> None:
        while True:
            room, text = await self._calls.get()
            try:
                await self._answer(room, Call.model_validate_json(text))
            except (ValidationError, Malformed) as problem:
                log.warning("room %s: a call that is no call (%s)", room, type(problem).__name__)
            except Exception:
                log.exception("room %s: a call was not answered", room)

    async def _answer(self, room: str, call: Call) -> None:
        held = self._rooms.get(room)
        if held is None:
            return
        await self._announce(held, server_message(call.announce))

    async def _announce(self, held: Held, message: Message) -> None:
        """Tell the room what the server kept, and let the room know it too."""
        room = held.room
        match message:
            case messages.MinutesChanged(seq=seq):
                room.minutes_seq = max(room.minutes_seq or 0, seq)
                self._deliver(room.everyone(message))
            case messages.Marked(person=person, mark=mark):
                async with held.lock:
                    fact = facts.Drew(by=person.person, person=person, mark=mark)
                    self._deliver(room.apply(fact, 0, now_ms()))
            case messages.SessionEnded(n=n, by=by):
                async with held.lock:
                    self._deliver(room.apply(facts.Ended(by_name=by), n, now_ms()))
                await self._rooms.close_if_empty(room.id)
            case _:
                self._deliver(room.everyone(message))

    async def _check(self) -> None:
        """At every doubt, and every few seconds: a bell may be lost, and some things end by the clock."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    await self._doubt.wait()
            self._doubt.clear()
            try:
                await self._take_out_ended()
            except Exception:
                log.exception("it is not known whose sign-in has ended")

    async def _take_out_ended(self) -> None:
        """Whose sign-in has ended leaves the room; the resume token dies with the place."""
        signed_in = {peer.seat.sign_in for peer in self.peers.values()}
        ended = await self.ended(signed_in) if signed_in else ()
        for peer in tuple(self.peers.values()):
            if peer.seat.sign_in in ended:
                if (held := self._rooms.get(peer.seat.room)) is not None:
                    held.room.admitted.discard(peer.seat.person)
                await self._take_out(peer, "removed")
                await self._rooms.close_if_empty(peer.seat.room)

    async def _sweep(self) -> None:
        """Once a second: places whose time is over."""
        while True:
            await asyncio.sleep(1)
            limit = time.monotonic() - self.place_kept_s
            for peer in tuple(self.peers.values()):
                if peer.lost_at is not None and peer.lost_at < limit:
                    try:
                        await self._take_out(peer, "lost")
                        await self._rooms.close_if_empty(peer.seat.room)
                    except Exception:
                        log.exception("peer %s: its place was not cleared", peer.id)
