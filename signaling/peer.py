"""A peer outlives its sockets: it keeps its place, its count and what it may have missed.

The outbox belongs to one socket and is bounded: a room never waits for a slow peer, it drops its socket.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict, deque

from signaling.codec import wrap
from signaling.fields import ResumeGrant
from signaling.ports import Seat

OUTBOX_LIMIT = 256
OUTBOX_LIMIT_CHARS = 4 * 1024 * 1024  # a whole state of a busy room fits
REPLAY_LIMIT = 256
REPLAY_S = 30.0
PLACE_KEPT_S = 30
ANSWERS_KEPT = 128


class Outbox:
    """What one socket still has to write. Lossy messages of one key replace each other."""

    def __init__(self) -> None:
        self._queue: OrderedDict[object, str] = OrderedDict()
        self._chars = 0
        self._rung = asyncio.Event()
        self.ending: str | None = None  # code of the ending, once decided
        self._cut = asyncio.Event()

    def put(self, text: str, key: str | None = None) -> None:
        if self.ending is not None:
            return
        slot = object() if key is None else key
        self._chars += len(text) - len(self._queue.pop(slot, ""))
        self._queue[slot] = text
        if len(self._queue) > OUTBOX_LIMIT or self._chars > OUTBOX_LIMIT_CHARS:
            self.cut("slow-peer")
        self._rung.set()

    def finish(self, code: str) -> None:
        """Close once everything queued is written."""
        self.ending = self.ending or code
        self._rung.set()

    def cut(self, code: str) -> None:
        """Close now; what is queued is replayed to the next socket."""
        self._queue.clear()
        self.finish(code)
        self._cut.set()

    @property
    def is_cut(self) -> bool:
        return self._cut.is_set()

    async def until_cut(self) -> None:
        """Wait for a cut: whoever writes may be stuck in a full socket."""
        await self._cut.wait()

    async def get(self) -> str | None:
        """Return the next text, or None when it is time to close."""
        while not self._queue:
            if self.ending is not None:
                return None
            self._rung.clear()
            await self._rung.wait()
        _, text = self._queue.popitem(last=False)
        self._chars -= len(text)
        return text


def _fingerprint(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Peer:
    """A connected browser, or one whose place is kept."""

    def __init__(self, seat: Seat) -> None:
        self.id = secrets.token_urlsafe(9)
        self.seat = seat
        self.outbox: Outbox | None = None
        self.token: bytes | None = None
        self.seq = 0
        self.lost_at: float | None = None  # monotonic
        self.is_silent = False
        self._missed: deque[tuple[int, float, str]] = deque(maxlen=REPLAY_LIMIT)
        self._answers: OrderedDict[str, str] = OrderedDict()

    def grant(self) -> ResumeGrant:
        """A new resume token; the one before is void."""
        token = secrets.token_urlsafe(24)
        self.token = _fingerprint(token)
        return ResumeGrant(token=token, ttl_s=PLACE_KEPT_S)

    def attach(self, outbox: Outbox) -> None:
        """A socket is here; an older one is closed."""
        if self.outbox is not None:
            self.outbox.cut("resumed")
        self.outbox, self.lost_at = outbox, None

    def detach(self, outbox: Outbox) -> bool:
        """The socket is gone. False when another one had taken its place before."""
        if self.outbox is not outbox:
            return False
        self.outbox, self.lost_at = None, time.monotonic()
        return True

    def send(self, body: str, *, re: str | None = None, sender: str | None = None) -> None:
        """Number the message, keep it for replay, queue it."""
        self.seq += 1
        text = wrap(body, seq=self.seq, re=re, sender=sender)
        self._missed.append((self.seq, time.monotonic(), text))
        if self.outbox is not None:
            self.outbox.put(text)

    def send_lossy(self, body: str, key: str, sender: str | None = None) -> None:
        """Queue without a number; an older one of the same key is not worth sending any more."""
        if self.outbox is not None:
            self.outbox.put(wrap(body, sender=sender), key)

    def answer(self, id: str | None, body: str) -> None:
        """Answer a request, and remember the answer: the request may come again."""
        if id is not None:
            self._answers[id] = body
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.popitem(last=False)
        self.send(body, re=id)

    def answered(self, id: str | None) -> str | None:
        return self._answers.get(id) if id is not None else None

    def can_replay(self, seq: int) -> bool:
        """Is every message after `seq` still here?"""
        old = time.monotonic() - REPLAY_S
        while self._missed and self._missed[0][1] < old:
            self._missed.popleft()
        first = self._missed[0][0] if self._missed else self.seq + 1
        return first <= seq + 1 and seq <= self.seq

    def replay(self, seq: int) -> None:
        """Queue again what came after `seq`."""
        if self.outbox is not None:
            for number, _, text in self._missed:
                if number > seq:
                    self.outbox.put(text)

    def is_token(self, token: bytes) -> bool:
        return self.token is not None and secrets.compare_digest(self.token, token)


def token_key(token: str) -> bytes:
    """Under which a resume token is looked up: the token itself is never kept."""
    return _fingerprint(token)
