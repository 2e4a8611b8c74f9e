"""The DIMSE gateway for the devices of hospitals: C-ECHO, C-STORE, storage commitment (N-ACTION), and for those that
may retrieve C-FIND, C-GET and C-MOVE (PS3.4 A, B, J, C).

Its own small acceptor on asyncio instead of pynetdicom's: there every connection is two threads that poll, a
length field is believed, and a data set is collected in memory. pynetdicom is our requestor.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass

from dicom.batches import Batches
from dicom.gateway.association import Association
from dicom.gateway.contexts import SERVICES
from dicom.gateway.door import SecureDoor
from dicom.gateway.ports import GatewayPorts, Limits

__all__ = ["SERVICES", "Gateway", "GatewayPorts", "Limits", "Secure"]

_log = logging.getLogger(__name__)
_READ_AHEAD_BYTES = 256 << 10
_STOP_S = 10


@dataclass(frozen=True, slots=True)
class Secure:
    """A second port, for TLS."""

    port: int
    context: ssl.SSLContext


class Gateway:
    """Listens for associations from `start` to `stop`."""

    def __init__(
        self,
        port: int,
        ae_title: str,
        ports: GatewayPorts,
        *,
        host: str = "127.0.0.1",
        limits: Limits | None = None,
        secure: Secure | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._ae_title = ae_title
        self._ports = ports
        self._limits = limits or Limits()
        self._batches = Batches(ports.commit)
        self._server: asyncio.Server | None = None
        self._serving: dict[Association, asyncio.Task[None]] = {}
        self._secure = secure
        self._door: SecureDoor | None = None

    @property
    def port(self) -> int:
        """Where it listens; the system's choice when 0 was asked for."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def secure_port(self) -> int:
        assert self._door is not None
        return self._door.port

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, self._host, self._port, limit=_READ_AHEAD_BYTES, backlog=512
        )
        if self._secure is not None:
            self._door = SecureDoor(
                self._secure.context, self._limits, _READ_AHEAD_BYTES, self._serve, self._refused
            )
            await self._door.open(self._host, self._secure.port)

    async def stop(self) -> None:
        """Take no more, let stores under way be answered, end all associations."""
        if self._server is None:
            return
        self._server.close()
        if self._door is not None:
            await self._door.close()
        busy = [task for association, task in self._serving.items() if association.is_busy]
        for association, task in self._serving.items():
            if not association.is_busy:
                task.cancel()
        if busy:
            await asyncio.wait(busy, timeout=_STOP_S)
        remaining = list(self._serving.values())
        for task in remaining:
            task.cancel()
        await asyncio.gather(*remaining, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        association = Association(
            reader, writer, self._ae_title, self._ports, self._batches.keep, self._limits
        )
        task = asyncio.current_task()
        assert task is not None
        self._make_room(association)
        self._serving[association] = task
        try:
            await association.run()
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception:
            _log.exception("an association failed")
        finally:
            del self._serving[association]

    async def _refused(self, address: str, reason: str) -> None:
        try:
            await self._ports.rejected("", "", address, reason)
        except Exception:
            _log.exception("a refused handshake could not be noted")

    def _make_room(self, new: Association) -> None:
        """Hold the limits. Who connects and says nothing goes first, so that who speaks is heard at once."""
        same = [one for one in self._serving if one.address == new.address]
        waiting = [one for one in same if not one.is_established]
        for oldest in waiting[: max(0, len(waiting) + 1 - self._limits.waiting_an_address)]:
            self._serving[oldest].cancel()
        established = sum(one.is_established for one in self._serving)
        new.is_full = (
            len(same) - len(waiting) >= self._limits.established_an_address
            or established >= self._limits.established
        )
