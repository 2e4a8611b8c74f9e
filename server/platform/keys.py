"""Keys for each purpose, derived from the one root secret (RFC 5869), and opaque random words."""

import datetime as dt
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class NoCertificate(ValueError):
    """What was given is no certificate in PEM or DER."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one knows a certificate by: the SHA-256 of its DER in hexadecimal, and its last day."""

    fingerprint: str
    until: dt.datetime

    @classmethod
    def read(cls, given: bytes) -> "Certificate":
        """The first of PEM, or one in DER. Raises NoCertificate."""
        load = x509.load_pem_x509_certificate if b"-----BEGIN" in given else x509.load_der_x509_certificate
        try:
            found = load(given)
        except ValueError as error:
            raise NoCertificate from error
        until = found.not_valid_after_utc
        return cls(found.fingerprint(SHA256()).hex(), until)


ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1: read aloud over a phone


def derive(root: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose only: what one key opens, another does not."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(root)


def opaque(length: int = 12) -> str:
    """A public name that says nothing: 12 characters are 59 bits."""
    # One draw for all letters; 64 bits more than they hold leave no letter likelier than another.
    drawn = secrets.randbits(5 * length + 64)
    letters = []
    for _ in range(length):
        drawn, letter = divmod(drawn, len(ALPHABET))
        letters.append(ALPHABET[letter])
    return "".join(letters)


def token() -> str:
    """256 random bits for a cookie, ticket, link or API token."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What the database keeps of a token: enough to find it, useless to present it."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def mac(key: bytes, *parts: str) -> str:
    return hmac.new(key, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    # What a header holds beyond UTF-8 comes as surrogates: unequal, and no fault.
    return hmac.compare_digest(left.encode(errors="surrogateescape"), right.encode(errors="surrogateescape"))


def seal(root: bytes, purpose: str, secret: str) -> str:
    """A secret that we must be able to read again, for a column of the database."""
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(derive(root, purpose)).encrypt(nonce, secret.encode(), purpose.encode())
    return (nonce + sealed).hex()


def unseal(root: bytes, purpose: str, sealed: str) -> str:
    """What `seal` was given. Raises ValueError for what it never made, or made with another key."""
    body = bytes.fromhex(sealed)
    try:
        return AESGCM(derive(root, purpose)).decrypt(body[:12], body[12:], purpose.encode()).decode()
    except InvalidTag as error:
        raise ValueError("sealed with another key") from error


def masked(secret: str) -> str:
    """The same secret in another dress each time: the length of a compressed page tells nothing of it."""
    plain = bytes.fromhex(secret)
    mask = secrets.token_bytes(len(plain))
    return mask.hex() + bytes(a ^ b for a, b in zip(mask, plain, strict=True)).hex()


def unmasked(dress: str) -> str:
    """The secret under the dress; what is no dress of ours is no secret either ("")."""
    try:
        both = bytes.fromhex(dress)
    except ValueError:
        return ""
    half = len(both) // 2
    return bytes(a ^ b for a, b in zip(both[:half], both[half:], strict=False)).hex()
