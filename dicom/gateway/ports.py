"""What the gateway asks of the program that runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from dicom.ingest import Committed, Received
from dicom.pacs.network import Destination
from dicom.ports import Quarantine
from dicom.query.statements import Statement
from dicom.sandbox import Sandbox
from dicom.store import BlobStore

Reference: TypeAlias = tuple[str, str]  # SOP Class UID and SOP Instance UID


@dataclass(frozen=True, slots=True)
class Caller:
    """A device that is known: its hospital, and whether it may ask for images beside sending them."""

    owner_id: int
    may_retrieve: bool = False


class Stranger(StrEnum):
    """Why nobody knows a caller; it hears the same each time."""

    TITLE = "calling-title"
    ADDRESS = "address"  # the title is known from elsewhere
    CERTIFICATE = "certificate"  # title and address are known, with another certificate, one, or none


class TooManyOpen(Exception):
    """The devices of a hospital wait for too many reports of storage commitment already."""


class GatewayPorts(Quarantine, Protocol):
    """The server's side of the gateway."""

    @property
    def store(self) -> BlobStore:
        """Where the original bytes lie."""

    @property
    def sandbox(self) -> Sandbox:
        """The limited child processes: the only place where received images are parsed."""

    async def admit(self, calling: str, address: str, certificate: str) -> Caller | Stranger:
        """Whose device a calling AE title at this address is. `certificate`: its fingerprint, "" without TLS."""

    async def rejected(self, calling: str, called: str, address: str, reason: str) -> None:
        """Note for the audit that one was rejected: a Stranger, `called-title`, or `tls` for a broken handshake."""

    async def commit(self, owner_id: int, received: Sequence[Received], sender: str) -> list[Committed]:
        """Keep index rows, audit and outbox in one transaction, in order; `sender`: the calling AE title."""

    async def rows(self, statement: Statement) -> Sequence[Any]:
        """Read all rows of one SELECT."""

    async def asked_for_commitment(
        self, owner_id: int, calling: str, transaction_uid: str, references: Sequence[Reference]
    ) -> int:
        """Make a storage commitment request durable; its id. From here on it will be reported, by whom ever.

        Raises TooManyOpen.
        """

    async def reported_commitment(self, request_id: int) -> None:
        """Note that the calling AE has taken the report."""

    async def searched(self, owner_id: int, calling: str) -> None:
        """Note for the audit that the studies of a hospital were searched, with their patients."""

    async def retrieved(self, owner_id: int, calling: str, study_id: int, destination: str) -> None:
        """Note for the audit that a study is sent; `destination`: an AE title, "" for the calling one."""

    async def destination(self, owner_id: int, ae_title: str) -> Destination | None:
        """Where a PACS of this hospital listens; None for who is not registered, or may not be reached."""


Keep: TypeAlias = Callable[[int, str, Received], Awaitable[Committed]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of us one sender may take."""

    negotiation_s: float = 5  # until the association request is complete
    idle_s: float = 60  # until the next PDU is complete
    instance_bytes: int = 2 << 30
    waiting_an_address: int = 8  # connections that have not asked for an association yet
    established_an_address: int = 16
    established: int = 100
    identifier_bytes: int = 256 << 10
    answers: int = 20_000  # to one C-FIND; instances of one C-GET or C-MOVE
    references: int = 10_000  # of one storage commitment request
    commitment_bytes: int = 4 << 20
