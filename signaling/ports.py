"""What `signaling/` asks of the program that mounts it: whom to seat, what to keep, how to ring.

Signaling knows no database and no DICOM. The server hands the hub one object per port; the tests hand
it small real ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits where, as the server knows it: nothing in here comes from the browser."""

    room: str
    person: int
    name: str
    title: str
    hospital: str
    site: str
    role: str  # host | doctor | specialist | viewer
    permissions: frozenset[str] = field(default_factory=frozenset)
    waits: bool = False  # a host must let this person in first
    sign_in: str = ""  # the server's word for what this seat rests on: it ends with it

    @property
    def is_host(self) -> bool:
        return self.role == "host"


class NotSeated(Exception):
    """The ticket does not open the room. `code` is one of the codes in PROTOCOL.md (Refusals)."""

    def __init__(self, code: str = "ticket-refused") -> None:
        super().__init__(code)
        self.code = code


Admit = Callable[[str], Awaitable[Seat]]
"""Take a ticket once and say whose seat it is. Raises NotSeated: unknown, used, expired, room closed."""

May = Callable[[Seat, str], bool]
"""The server's policy: may this seat send this message type?"""


Ended = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Which of these sign-ins have ended: whoever sits by one must rise."""


async def none_ends(_sign_ins: Collection[str]) -> Collection[str]:
    """The port of a server whose seats last as long as the room."""
    return ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a room's journal; `seq` counts from 1 without gaps, `at_ms` is epoch milliseconds."""

    seq: int
    type: str
    sender: int | None  # the person, None for the server itself
    data: Mapping[str, JsonValue]
    at_ms: int


class NotKept(Exception):
    """The server will not keep this event, however often it is asked. `code` is one of PROTOCOL.md (Refusals)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Journal(Protocol):
    """The database side of a room: what is announced was kept first."""

    async def append(self, room: str, type: str, sender: int | None, data: Mapping[str, JsonValue]) -> int:
        """Keep one event durably and return its number in the room. Raises NotKept."""

    async def drawn(self, room: str) -> Sequence[Entry]:
        """The last `marked` event of every mark that is kept with what `room` is about, whoever's room it was
        drawn in; `seq` is 0.
        """

    async def since(self, room: str, seq: int, limit: int) -> Sequence[Entry]:
        """Return at most `limit` events after `seq`, in order."""


Deliver = Callable[[str], None]
"""Called on the event loop with each message of a channel; must not block."""


class Bus(Protocol):
    """A doorbell between processes: what it loses, the receiver finds in the database."""

    async def publish(self, channel: str, message: str) -> None:
        """Ring: everyone subscribed anywhere, this process too, hears `message` once at most."""

    async def subscribe(self, channel: str, deliver: Deliver) -> Callable[[], Awaitable[None]]:
        """Listen to `channel`; await what is returned to stop."""


class Leases(Protocol):
    """Which process owns a room: the owner alone numbers its events."""

    async def hold(self, room: str) -> int | None:
        """Return the fencing epoch of our lease, or None while another process owns the room."""

    async def release(self, room: str) -> None:
        """Give the room up: its last peer has gone."""


class OneProcess:
    """The lease port of a single signalling process: every room is ours."""

    async def hold(self, room: str) -> int | None:
        return 1

    async def release(self, room: str) -> None:
        return None
