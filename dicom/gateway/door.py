"""The door for TLS: connections are taken one by one, so that handshakes are within the limits too.

asyncio's own server would hold as many of them at once as anybody opens.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from dicom.gateway.ports import Limits

_BACKLOG: Final = 512
_PAUSE_S: Final = 0.1
_NO_CERTIFICATE: Final = "PEER_DID_NOT_RETURN_A_CERTIFICATE"


@dataclass(slots=True, eq=False)
class SecureDoor:
    """`serve` gets each connection behind its handshake, in a task of its own; `refused` the address of others."""

    context: ssl.SSLContext
    limits: Limits
    read_ahead_bytes: int
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    refused: Callable[[str, str], Awaitable[None]]
    port: int = 0
    _socket: socket.socket = field(init=False)
    _taking: asyncio.Task[None] = field(init=False)
    _waiting: dict[asyncio.Task[None], str] = field(
        default_factory=dict
    )  # in a handshake: from which address

    async def open(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._taking = asyncio.create_task(self._take())

    async def close(self) -> None:
        """Take no more; what is being served goes on."""
        tasks = [self._taking, *self._waiting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._socket.close()

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._socket)
            except OSError:  # no file descriptor left: others end
                await asyncio.sleep(_PAUSE_S)
                continue
            address = str(peer[0])
            same = [task for task, where in self._waiting.items() if where == address]
            for oldest in same[: max(0, len(same) + 1 - self.limits.waiting_an_address)]:
                oldest.cancel()
            task = asyncio.create_task(self._admit(connection, address))
            self._waiting[task] = address

    async def _admit(self, connection: socket.socket, address: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        reader = asyncio.StreamReader(limit=self.read_ahead_bytes)
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                connection,
                ssl=self.context,
                ssl_handshake_timeout=self.limits.negotiation_s,
            )
        except ssl.SSLError as error:
            is_certificate = (
                isinstance(error, ssl.SSLCertVerificationError) or error.reason == _NO_CERTIFICATE
            )
            await self.refused(address, "certificate" if is_certificate else "tls")
            return
        except OSError:  # gone, or silent for too long
            return
        finally:
            del self._waiting[task]
            if task.cancelling():
                connection.close()
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        with suppress(asyncio.CancelledError):
            await self.serve(reader, writer)
