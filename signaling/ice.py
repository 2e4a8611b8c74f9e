"""STUN and TURN servers of the settings, with credentials of short life.

The scheme is that of draft-uberti-behave-turn-rest-00 (coturn: `use-auth-secret`): the user name is
`expiry:room.peer`, the password base64(HMAC-SHA1(secret, user name)). The room is named by a keyed hash:
TURN servers write user names into their logs.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from signaling.fields import IceServer

TTL_S = 600


@dataclass(frozen=True, slots=True)
class IceConfig:
    """`urls` as the browser takes them: `stun:…`, `turn:…`, `turns:…`; none: only direct connections."""

    urls: tuple[str, ...] = ()
    secret: str = ""
    clock: Callable[[], float] = time.time

    def servers(self, room: str, peer: str) -> tuple[IceServer, ...]:
        """Return what `RTCPeerConnection` needs, valid for TTL_S seconds from now."""
        stun = tuple(url for url in self.urls if url.startswith(("stun:", "stuns:")))
        turn = tuple(url for url in self.urls if url.startswith(("turn:", "turns:")))
        servers = (IceServer(urls=stun),) if stun else ()
        if not turn:
            return servers
        username = f"{int(self.clock()) + TTL_S}:{self._room(room)}.{peer}"
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()
        return (
            *servers,
            IceServer(urls=turn, username=username, credential=base64.b64encode(digest).decode()),
        )

    def _room(self, room: str) -> str:
        return hmac.new(self.secret.encode(), room.encode(), hashlib.sha256).hexdigest()[:16]
