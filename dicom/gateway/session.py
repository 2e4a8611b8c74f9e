"""What a service of the gateway works with: the link, the ports, and who is at the other end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dicom.gateway import command as commands
from dicom.gateway.command import Command, Status, Tag, Value
from dicom.gateway.link import Link
from dicom.gateway.pdu import AbortReason, BadPDU
from dicom.gateway.ports import GatewayPorts, Keep, Limits


@dataclass(slots=True, eq=False)
class Session:
    """One admitted association. `ours`: the AE title that was called."""

    link: Link
    ports: GatewayPorts
    keep: Keep
    limits: Limits
    owner_id: int
    calling: str
    ours: str
    is_searched: bool = False  # noted for the audit: once an association
    retrieved: set[tuple[int, str]] = field(default_factory=set)  # study and destination, noted as well
    reports: dict[int, int] = field(
        default_factory=dict
    )  # message id to commitment request, not answered yet

    async def answer(
        self,
        context_id: int,
        to: Command,
        status: Status,
        comment: str = "",
        values: Mapping[Tag, Value] | None = None,
        data_set: Iterable[bytes] = (),
    ) -> None:
        """Send a response, with a data set when there is one."""
        parts = [part for part in data_set if part]
        encoded = commands.response(to, status, comment, values, has_data_set=bool(parts))
        await self.link.message(context_id, encoded, parts)

    async def skip_data_set(self, context_id: int, command: Command) -> None:
        size_bytes = 0
        if command.has_data_set:
            async for fragment in self.link.data_set(context_id):
                size_bytes += len(fragment)
                if size_bytes > self.limits.instance_bytes:
                    raise BadPDU(AbortReason.NOT_SPECIFIED)
