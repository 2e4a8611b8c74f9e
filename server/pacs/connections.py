"""connections: what an administrator enters, and the archive that it stands for."""

import base64
import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.pacs.dicomweb import Dicomweb, Endpoint
from dicom.pacs.dimse import Dimse, Peer
from dicom.pacs.dimse import Way as DimseWay
from dicom.pacs.failures import PacsFailure
from dicom.pacs.found import Archive
from dicom.pacs.network import Destination, Networks
from dicom.tls import Security
from server.pacs.model import PacsConnection, Way
from server.platform import keys
from server.platform.db import now
from server.platform.errors import Invalid, later
from server.platform.events import audit
from server.platform.policy import Principal
from server.platform.settings import Settings

log = logging.getLogger(__name__)

# PS3.5 6.2: 16 characters of the default repertoire, no backslash; blanks around them mean nothing.
AE_TITLE: Final = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?")
HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252})")
SHOWN: Final = (
    "name",
    "way",
    "host",
    "port",
    "ae_title",
    "trusted",
    "root",
    "takes_evidence",
)  # the account is not


async def connections(session: AsyncSession, by: Principal) -> list[PacsConnection]:
    found = await session.scalars(
        select(PacsConnection)
        .where(PacsConnection.hospital_id == by.hospital_id, PacsConnection.removed_at.is_(None))
        .order_by(PacsConnection.name, PacsConnection.id)
    )
    return list(found)


async def add(session: AsyncSession, by: Principal, settings: Settings, typed: Mapping[str, str]) -> None:
    connection = PacsConnection(hospital_id=by.hospital_id)
    _write(connection, settings, typed)
    session.add(connection)
    await session.flush()
    await audit(session, "add-pacs", f"pacs:{connection.id}", by=by)


async def change(
    session: AsyncSession,
    connection: PacsConnection,
    by: Principal,
    settings: Settings,
    typed: Mapping[str, str],
) -> None:
    """What is not typed anew of the account stays, as long as it goes to the same place."""
    before = connection.root
    _write(connection, settings, typed)
    if connection.way is not Way.WEB or (connection.root != before and not typed["secret"]):
        connection.sealed = ""
    await audit(session, "change-pacs", f"pacs:{connection.id}", by=by)


async def remove(session: AsyncSession, connection: PacsConnection, by: Principal) -> None:
    connection.removed_at, connection.sealed = now(), ""
    await audit(session, "remove-pacs", f"pacs:{connection.id}", by=by)


def _write(connection: PacsConnection, settings: Settings, typed: Mapping[str, str]) -> None:
    """Raises Invalid, with nothing written."""
    if wrong := _wrong(typed):
        raise Invalid(wrong)
    connection.name, connection.way = typed["name"], Way(typed["way"])
    is_web = connection.way is Way.WEB
    connection.root = typed["root"].rstrip("/") if is_web else ""
    connection.host = "" if is_web else typed["host"]
    connection.port = 0 if is_web else int(typed["port"])
    connection.ae_title = "" if is_web else typed["ae_title"]
    connection.trusted = "" if is_web else typed["trusted"]
    connection.takes_evidence = bool(typed["takes_evidence"])
    if is_web and typed["secret"]:
        connection.sealed = keys.seal(settings.key, _PURPOSE, _authorization(typed["user"], typed["secret"]))


_PURPOSE: Final = "pacs"


def _authorization(user: str, secret: str) -> str:
    """Basic with a user's name, else a bearer token."""
    if not user:
        return f"Bearer {secret}"
    return f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"


def _wrong(typed: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if not typed["name"]:
        found["name"] = later("Đặt tên cho kết nối, ví dụ “PACS chính”.")
    if typed["way"] not in set(Way):
        found["way"] = later("Chọn một cách kết nối trong danh sách.")
    elif typed["way"] == Way.WEB:
        found |= _wrong_of_web(typed)
    else:
        if not HOST.fullmatch(typed["host"]):
            found["host"] = later("Ghi tên máy hoặc địa chỉ IP của PACS, ví dụ 192.168.1.20.")
        if not (typed["port"].isascii() and typed["port"].isdigit() and 0 < int(typed["port"][:9]) < 65536):
            found["port"] = later("Cổng là một số từ 1 đến 65535, thường là 104 hoặc 11112.")
        if not AE_TITLE.fullmatch(typed["ae_title"]):
            found["ae_title"] = later("AE title có 1 đến 16 ký tự không dấu, đúng như khai trong PACS.")
        if typed["trusted"] and not _is_trustworthy(typed["trusted"]):
            found["trusted"] = later(
                "Dán nguyên chứng thư dạng PEM, từ dòng BEGIN CERTIFICATE đến END CERTIFICATE."
            )
    return found


def _is_trustworthy(pem: str) -> bool:
    try:
        Security(pem).context()
    except (OSError, ValueError):
        return False
    return True


def security_of(connection: PacsConnection, settings: Settings) -> Security | None:
    """TLS, where the connection has a certificate to trust; ours is shown where there is one."""
    own = settings.dimse_tls_certificate, settings.dimse_tls_key
    certificate, key = (str(Path(one).resolve()) if one else "" for one in own)
    return Security(connection.trusted, certificate, key) if connection.trusted else None


def _wrong_of_web(typed: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if not _is_root(typed["root"]):
        found["root"] = later("Ghi đường dẫn gốc của DICOMweb, ví dụ https://pacs.benhvien.vn/dicom-web.")
    elif typed["secret"] and not typed["root"].startswith("https://"):
        found["root"] = later("Có tài khoản hoặc khóa thì phải dùng https, để khóa không đi trần trên mạng.")
    if not (typed["user"] + typed["secret"]).isprintable() or ":" in typed["user"]:
        found["user"] = later("Tên tài khoản không có dấu hai chấm hoặc ký tự lạ.")
    return found


def _is_root(address: str) -> bool:
    try:
        root = urlsplit(address)
        is_port = root.port is None or root.port > 0
    except ValueError:
        return False
    is_plain = not (root.username or root.query or root.fragment)
    return root.scheme in {"http", "https"} and bool(root.hostname) and is_port and is_plain


def networks_of(settings: Settings) -> Networks:
    """Where a PACS may be: a demo's is on this machine."""
    return Networks(settings.pacs_networks or (("0.0.0.0/0", "::/0") if settings.demo else ()))


async def destination(
    session: AsyncSession, settings: Settings, hospital_id: int, ae_title: str
) -> Destination | None:
    """Where the PACS of this title listens, as the hospital's administrator entered it; None where none may."""
    connection = await session.scalar(
        select(PacsConnection)
        .where(PacsConnection.hospital_id == hospital_id, PacsConnection.ae_title == ae_title)
        .where(PacsConnection.removed_at.is_(None), PacsConnection.way != Way.WEB)
        .order_by(PacsConnection.id)
        .limit(1)
    )
    if connection is None:
        return None
    try:
        address = await networks_of(settings).address(connection.host, connection.port)
    except PacsFailure as failure:
        log.info("a PACS may not be called: %s", failure.code)
        return None
    security = security_of(connection, settings)
    return Destination(address, connection.port, connection.ae_title, security)


async def taking_evidence(session: AsyncSession, hospital_ids: Collection[int]) -> list[PacsConnection]:
    """Where what a signed case leaves is sent: only where the hospital said so."""
    found = await session.scalars(
        select(PacsConnection)
        .where(PacsConnection.hospital_id.in_(hospital_ids), PacsConnection.takes_evidence)
        .where(PacsConnection.removed_at.is_(None))
        .order_by(PacsConnection.id)
    )
    return list(found)


def archive_of(connection: PacsConnection, settings: Settings) -> Archive:
    """What the connection stands for; nothing is opened yet."""
    networks = networks_of(settings)
    if connection.way is Way.WEB:
        secret = keys.unseal(settings.key, _PURPOSE, connection.sealed) if connection.sealed else ""
        return Dicomweb(Endpoint(connection.root, secret), networks)
    way = DimseWay.MOVE if connection.way is Way.MOVE else DimseWay.GET
    security = security_of(connection, settings)
    peer = Peer(connection.host, connection.port, connection.ae_title, settings.dimse_ae_title, way, security)
    return Dimse(peer, networks)
