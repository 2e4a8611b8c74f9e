"""What the gateway asks of the program that runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from dicom.ingest import Committed, Received
from dicom.sandbox import Sandbox
from dicom.store import BlobStore


class GatewayPorts(Protocol):
    """The server's side of the gateway."""

    @property
    def store(self) -> BlobStore:
        """Where the original bytes lie."""

    @property
    def sandbox(self) -> Sandbox:
        """The limited child processes: the only place where received bytes are parsed."""

    async def admit(self, calling: str, address: str) -> int | None:
        """The hospital that a calling AE title at this address belongs to; None when it is unknown."""

    async def rejected(self, calling: str, called: str, address: str, reason: str) -> None:
        """Note for the audit that an association was rejected: `calling-title` or `called-title`."""

    async def commit(self, owner_id: int, received: Sequence[Received], sender: str) -> list[Committed]:
        """Keep index rows, audit and outbox in one transaction, in order; `sender`: the calling AE title."""


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
