"""TLS around DIMSE: BCP 195 as PS3.15 B.12 has it, that is 1.2 or newer, forward secrecy, AEAD; never downgraded."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SUITES: Final = "ECDHE+AESGCM"  # of TLS 1.2 (RFC 9325, 4.2); those of 1.3 are all good


@dataclass(frozen=True, slots=True)
class Security:
    """How we call one peer. `trusted`: PEM certificates, for this peer alone: its own, or its authority's.

    `certificate` and `key` are files of ours for a peer that asks who calls; "": none. What the peer is called in its
    certificate is not compared: devices are known by address, so name the certificate itself where its authority
    signs for others too.
    """

    trusted: str
    certificate: str = ""
    key: str = ""

    def context(self) -> ssl.SSLContext:
        """Raises OSError for files that cannot be read, or certificates that are none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= (
            ssl.VERIFY_X509_PARTIAL_CHAIN
        )  # a device's own certificate is a beginning of trust
        context.load_verify_locations(cadata=self.trusted)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return _strict(context)


def server_context(certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    """Of a port where who calls must show a certificate that `authorities` stand for. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authorities)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.num_tickets = 0  # each association shows its certificate
    context.options |= ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE
    return _strict(context)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate in DER, in hexadecimal."""
    return hashlib.sha256(certificate).hexdigest()


def _strict(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_SUITES)
    return context
