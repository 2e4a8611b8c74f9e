"""Every message of `hoichan.v1`, one frozen type each, in the order of PROTOCOL.md.

Requests are imperative and come from the browser, facts are past tense and come from the server.
`signaling.codec` reads and writes them.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from signaling.fields import (
    Candidate,
    ChatText,
    ConnectionName,
    Count,
    Epoch,
    IceServer,
    Knock,
    Link,
    Mark,
    MediaState,
    Member,
    MessageId,
    PeerId,
    Person,
    Piece,
    Resume,
    ResumeGrant,
    Sdp,
    Secret,
    Text,
    View,
    Why,
)


class Message(Piece):
    """The `d` of an envelope; `type` is its `t`."""

    type: ClassVar[str]


# --- opening -----------------------------------------------------------------------------------


class Hello(Message):
    """The first message: a ticket, or a resume token, or both (the ticket serves where resuming fails)."""

    type = "hello"
    versions: Annotated[tuple[int, ...], Field(min_length=1, max_length=16)]
    ticket: Secret | None = None
    resume: Resume | None = None


class Welcome(Message):
    type = "welcome"
    version: int
    peer: PeerId
    room: Text
    role: Text
    waits: bool
    resumed: bool
    resume: ResumeGrant
    ice_servers: tuple[IceServer, ...]
    ice_ttl_s: Count
    ping_ms: Count
    quiet_ms: Count


class KnockAsked(Message):
    """A waiting peer asks to be let in."""

    type = "knock"


class Knocked(Message):
    """All who wait, for those who may admit; an empty list: nobody waits any more."""

    type = "knocked"
    waiting: tuple[Knock, ...]


class Admit(Message):
    type = "admit"
    peer: PeerId
    allow: bool


class Admitted(Message):
    """To the one who waited: come in. `joined` follows."""

    type = "admitted"
    by: Text


class Chatted(Message):
    type = "chatted"
    n: Count
    id: MessageId
    person: Person
    text: ChatText
    at_ms: Count


class Marked(Message):
    type = "marked"
    n: Count
    person: Person
    mark: Mark


class ViewShared(View, Message):
    """The presenter's view: the envelope's `from` and the roster say whose."""

    type = "view-shared"


class Snapshot(Message):
    """Everything that one who comes now must know."""

    peer: PeerId
    rev: Count
    members: tuple[Member, ...]
    links: tuple[Link, ...]
    waiting: tuple[Knock, ...]
    presenter: Person | None
    view: View | None
    marks: tuple[Marked, ...]
    chat: tuple[Chatted, ...]
    minutes_seq: Count | None
    n: Count
    now_ms: Count
    began_ms: Count


class Joined(Snapshot):
    type = "joined"


# --- who is here -------------------------------------------------------------------------------


class Roster(Message):
    """One member, new or changed."""

    type = "roster"
    rev: Count
    member: Member


class Left(Message):
    type = "left"
    rev: Count
    peer: PeerId
    person: Person
    why: Why


class Media(Message):
    type = "media"
    media: MediaState


# --- connecting browsers -----------------------------------------------------------------------


class Addressed(Message):
    """About one media connection between two peers. `to` in a request, `from` in the envelope after."""

    pc: ConnectionName
    epoch: Epoch


class Offer(Addressed):
    type = "offer"
    to: PeerId
    sdp: Sdp


class Answer(Addressed):
    type = "answer"
    to: PeerId
    sdp: Sdp


class Ice(Addressed):
    """`candidate` None: no more will come."""

    type = "ice"
    to: PeerId
    candidate: Candidate | None


class Restart(Addressed):
    """Start this connection over: the RTCPeerConnection is beyond an ICE restart."""

    type = "restart"
    to: PeerId


class Restarted(Addressed):
    """The connection with `peer` has a new epoch; `offers` says whether the receiver makes the offer."""

    type = "restarted"
    peer: PeerId
    offers: bool


class IceServers(Message):
    """Fresh STUN/TURN credentials."""

    type = "ice-servers"
    ice_servers: tuple[IceServer, ...]
    ice_ttl_s: Count


# --- talking and pointing ----------------------------------------------------------------------


class Chat(Message):
    type = "chat"
    text: ChatText


class ShareView(View, Message):
    type = "share-view"


class MarkAsked(Mark, Message):
    type = "mark"


class Present(Message):
    """`take` the lead, `give` it to another peer, `drop` it."""

    type = "present"
    op: Literal["take", "give", "drop"]
    to: PeerId | None = None


class PresenterChanged(Message):
    type = "presenter-changed"
    n: Count
    presenter: Person | None


class MinutesChanged(Message):
    """The minutes have a new update: fetch from your last number."""

    type = "minutes-changed"
    seq: Count


# --- leaving -----------------------------------------------------------------------------------


class Leave(Message):
    type = "leave"


class End(Message):
    """The host ends the session for everyone."""

    type = "end"


class SessionEnded(Message):
    type = "session-ended"
    n: Count
    by: Text


# --- keeping the line --------------------------------------------------------------------------


class Ping(Message):
    type = "ping"
    n: Count


class Pong(Message):
    type = "pong"
    n: Count


class ResyncAsked(Message):
    """A browser that lost count asks for the whole state."""

    type = "resync"


class Resynced(Snapshot):
    """The whole state in place of what was missed."""

    type = "resynced"


class Ok(Message):
    """The request named by `re` is done, and kept where it must be."""

    type = "ok"


class Error(Message):
    """The request named by `re` was refused; the connection stays."""

    type = "error"
    code: Text
    sentence: Text
    retry_after_ms: Count | None = None


class Bye(Message):
    """The last message before the server closes: what the browser should do next."""

    type = "bye"
    code: Text
    sentence: Text
    reconnect: Literal["none", "resume", "rejoin"]


FROM_BROWSER: tuple[type[Message], ...] = (
    Hello, KnockAsked, Admit, Media, Offer, Answer, Ice, Restart, Chat, ShareView, MarkAsked,
    Present, ResyncAsked, Ping, Pong, Leave, End,
)  # fmt: skip
FROM_SERVER: tuple[type[Message], ...] = (
    Welcome, Joined, Knocked, Admitted, Roster, Left, Offer, Answer, Ice, Restarted, IceServers,
    Chatted, ViewShared, Marked, PresenterChanged, MinutesChanged, SessionEnded, Ping, Pong,
    Resynced, Ok, Error, Bye,
)  # fmt: skip

MESSAGE_TYPES: frozenset[str] = frozenset(message.type for message in FROM_BROWSER)
"""What a browser may send: the server's policy has a row for each."""
