"""Certificates for tests: an authority, and what it signs, made with openssl."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path

    @property
    def pem(self) -> str:
        return self.certificate.read_text()

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.pem)).hexdigest()


def authority(folder: Path, name: str) -> Certificate:
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    _openssl("req", "-x509", *_EC, "-days", "30", "-subj", f"/CN={name}", *_files(made))
    return made


def signed(by: Certificate, name: str, days: int = 30) -> Certificate:
    folder = by.certificate.parent
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    asked = folder / f"{name}.csr"
    _openssl("req", "-new", *_EC, "-subj", f"/CN={name}", "-keyout", str(made.key), "-out", str(asked))
    who = ("-CA", str(by.certificate), "-CAkey", str(by.key), "-CAcreateserial")
    _openssl("x509", "-req", "-in", str(asked), *who, "-days", str(days), "-out", str(made.certificate))
    return made


def _files(made: Certificate) -> tuple[str, ...]:
    return ("-keyout", str(made.key), "-out", str(made.certificate))


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
