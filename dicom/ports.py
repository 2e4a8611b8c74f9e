"""What `dicom/web` asks of the program that mounts it: whom to serve, where to read, how to keep.

`dicom/` knows no server. The server hands the routes one object with these methods; the tests hand them
a small real one over SQLite. Refusals are exceptions of the one family below: the server's middleware
writes them as RFC 9457 problem details and adds nothing of the request to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from dicom.texts import Gettext, later

if TYPE_CHECKING:
    from aiohttp import web
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from dicom.ingest import Committed, Quarantined, Received
    from dicom.sandbox import Sandbox
    from dicom.store import BlobStore


@dataclass(frozen=True, slots=True)
class Scope:
    """Which studies a request may read, and where what it stores goes: decided once a request."""

    owner_id: int  # the hospital that new instances belong to
    study_ids: frozenset[int] | None  # None: every study of owner_id; else exactly these, of any hospital
    may_store: bool


class Quarantine(Protocol):
    """The server's side of every door: what is refused is written down before the sender is told."""

    async def quarantine(self, owner_id: int, files: Sequence[Quarantined], source: str, sender: str) -> None:
        """Write down files that were refused; `source` and `sender` as of `commit`. Raises when it could not."""


class Ports(Quarantine, Protocol):
    """The server's side of `dicom/web`."""

    @property
    def store(self) -> BlobStore:
        """Where the original bytes lie."""

    @property
    def sandbox(self) -> Sandbox:
        """The limited child processes: the only place where received bytes are parsed or decoded."""

    @property
    def public_url(self) -> str:
        """What addresses in answers begin with (`https://host`); "" where the request's own host will do."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the server adds to every answer under these routes, but for Cache-Control."""

    async def scope(self, request: web.Request) -> Scope:
        """Decide what this request may read and store. Raises the server's own refusals (401, 404)."""

    def person(self, request: web.Request) -> str:
        """A name for the signed-in person, the same in all of their requests to this hospital."""

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection for reading."""

    async def rows(self, statement: Select[Any]) -> Sequence[Any]:
        """Read all rows of one SELECT, by the quickest way there is."""

    async def viewed(self, request: web.Request, study_id: int) -> None:
        """Note that the study was looked at: audited once per person, study and sitting."""

    async def listed(self, request: web.Request) -> None:
        """Note that studies were listed or searched, with their patients: audited once a sitting."""

    async def commit(
        self, scope: Scope, received: Sequence[Received], source: str, sender: str
    ) -> list[Committed]:
        """Keep index rows, audit and outbox of these durable instances in one transaction, in order."""


class Refused(Exception):
    """A request that is not served: an HTTP status, a stable code and a sentence that says what to do.

    The sentence never repeats what was sent: it may be health data.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "malformed"

    def __init__(self, sentence: str, **facts: str | int) -> None:
        super().__init__(sentence)
        self.sentence, self.facts = sentence, facts

    def text(self, gettext: Gettext = str) -> str:
        """The sentence in the language of `gettext`."""
        return gettext(self.sentence).format(**self.facts)


class Malformed(Refused):
    """The request cannot be understood."""


class NotAllowed(Refused):
    """The person may read here, but not store."""

    status = 403
    code = "not-allowed"


class NotHere(Refused):
    """No such object, or one of others: both look the same."""

    status = 404
    code = "not-found"

    def __init__(self, sentence: str = later("Không có ảnh này. Hãy mở lại từ danh sách ca chụp.")) -> None:
        super().__init__(sentence)


class NotAcceptable(Refused):
    """None of the media types asked for can be given."""

    status = 406
    code = "not-acceptable"


class TooLarge(Refused):
    """More bytes than are taken at once."""

    status = 413
    code = "too-large"


class UnsupportedMedia(Refused):
    """The body is of a media type that is not taken."""

    status = 415
    code = "unsupported-media-type"
