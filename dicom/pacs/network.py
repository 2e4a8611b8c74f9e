"""Which addresses we connect to, and how much of us they may take.

A hospital's administrator types them, so not each may be reached from here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from dicom.pacs.failures import PacsFailure
from dicom.tls import Security

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of us a PACS may take."""

    answer_s: float = 30  # a test or a search, from beginning to end
    idle_s: float = 60  # no byte for so long
    store_s: float = 180  # to send what one case leaves
    retrieval_s: float = 3 * 3600
    retrieval_bytes: int = 20 << 30
    instance_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Destination:
    """Where another application entity listens: an IP address that `Networks` allows."""

    address: str
    port: int
    ae_title: str
    security: Security | None = None  # TLS


class Networks:
    """The networks that may be reached; with none given, all but this machine and what is nobody's host."""

    def __init__(self, given: Iterable[str] = ()) -> None:
        self._given: list[_Network] = [ipaddress.ip_network(one) for one in given]

    async def address(self, host: str, port: int) -> str:
        """The one address to connect to, looked up once: a second answer of the DNS changes nothing.

        Raises PacsFailure.
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise PacsFailure("no-address") from error
        addresses = [str(one[4][0]) for one in found]
        allowed = next((one for one in addresses if self.allows(one)), None)
        if allowed is None:
            raise PacsFailure("forbidden-address")
        return allowed

    def allows(self, text: str) -> bool:
        """Whether an IP address may be reached."""
        address: _Address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address.is_multicast or address.is_unspecified or address.is_link_local:
            return False  # a cloud's metadata service is link-local
        if self._given:
            return any(address in network for network in self._given)
        return not (address.is_loopback or address.is_reserved)
