"""entries: the modalities and PACS that may call the gateway, each for its hospital; for the page and the command."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from sqlalchemy import ColumnElement, func, inspect, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from server.people.model import DicomPeer
from server.platform import keys
from server.platform.db import now
from server.platform.errors import Invalid, later
from server.platform.events import audit
from server.platform.policy import Principal

TITLE: Final = re.compile(r"[ -\[\]-~]{1,16}")  # VR AE: no backslash, no control character (PS3.5 6.2)
# Why the last call was refused, by the gateway's codes (its `Stranger`, which pages need not load).
# {what} is what came instead, {ours} our AE title.
REFUSALS: Final = {
    "calling-title": later(
        "Máy ở địa chỉ này tự xưng AE title “{what}”, chưa được khai. Sửa trên máy, hoặc khai thêm."
    ),
    "address": later("Máy xưng AE title này gọi từ địa chỉ {what}. Sửa địa chỉ ở đây nếu máy đã đổi."),
    "certificate": later(
        "Sai chứng thư, hoặc gọi nhầm cổng: máy có khai chứng thư phải gọi cổng TLS, máy không khai thì cổng thường."
    ),
    "called-title": later("Máy gọi nhầm tới AE title “{what}”. Sửa trên máy: Called AE title là {ours}."),
    "tls": later("Máy gọi cổng TLS mà không nói TLS 1.2 trở lên. Sửa trên máy, hoặc cho gọi cổng thường."),
}


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A device as it is entered. `certificate`: PEM or DER; nothing leaves the one that is there."""

    ae_title: str
    address: str
    name: str = ""
    may_retrieve: bool = False
    certificate: bytes = b""
    drops_certificate: bool = False


async def listed(session: AsyncSession, by: Principal) -> Sequence[DicomPeer]:
    own = select(DicomPeer).where(DicomPeer.hospital_id == by.hospital_id)
    return list(await session.scalars(own.order_by(DicomPeer.ae_title, DicomPeer.address)))


async def found(session: AsyncSession, ae_title: str, address: str) -> DicomPeer | None:
    where = DicomPeer.ae_title == ae_title, DicomPeer.address == address
    device: DicomPeer | None = await session.scalar(select(DicomPeer).where(*where))
    return device


async def add(session: AsyncSession, hospital_id: int, typed: Typed, by: Principal | None) -> DicomPeer:
    """Raises Invalid. `by`: None for a command on the machine itself."""
    device = DicomPeer(hospital_id=hospital_id)
    await _write(session, device, typed)
    session.add(device)
    await _keep(session)
    await _note(session, "add-device", device, by)
    return device


async def change(session: AsyncSession, device: DicomPeer, typed: Typed, by: Principal | None) -> None:
    """Raises Invalid: then the session is to be rolled back."""
    await _write(session, device, typed)
    await _keep(session)
    await _note(session, "change-device", device, by)


async def remove(session: AsyncSession, device: DicomPeer, by: Principal | None) -> None:
    await session.delete(device)
    await _note(session, "remove-device", device, by)


async def refused(session: AsyncSession, calling: str, called: str, address: str, reason: str) -> None:
    """Note at the devices that it is about why a call was refused, for the page of their hospital.

    A wrong address is told only where one hospital alone has the title: it is no other's business.
    """
    at, titled = DicomPeer.address == address, DicomPeer.ae_title == calling
    whose: tuple[ColumnElement[bool], ...] = (at, titled)
    what = called
    if reason == "calling-title" or not calling:
        whose, what = (at,), calling
    elif reason == "address":
        hospitals = select(func.count(DicomPeer.hospital_id.distinct())).where(titled)
        if await session.scalar(hospitals) != 1:
            return
        whose, what = (titled,), address
    values = {"refused_at": now(), "refused_why": reason, "refused_what": what}
    await session.execute(update(DicomPeer).where(*whose).values(**values))


def _taken() -> Invalid:
    """Whose it is, is not said: it may be another hospital's."""
    return Invalid({"ae_title": later("AE title và địa chỉ này đã được khai. Mỗi máy cần một cặp riêng.")})


async def _keep(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError:  # two enter the same at once
        raise _taken() from None


async def _write(session: AsyncSession, device: DicomPeer, typed: Typed) -> None:
    ae_title, address, certificate = _checked(typed)
    every = inspect(DicomPeer).local_table.c  # not the session's own hospital's alone
    same = select(every.id).where(every.ae_title == ae_title, every.address == address)
    if await session.scalar(same) not in {None, device.id}:
        raise _taken()
    device.ae_title, device.address, device.name = ae_title, address, typed.name
    device.may_retrieve = typed.may_retrieve
    if certificate is not None:
        device.certificate, device.certificate_until = certificate.fingerprint, certificate.until
    elif typed.drops_certificate:
        device.certificate, device.certificate_until = "", None


def _checked(typed: Typed) -> tuple[str, str, keys.Certificate | None]:
    """Title and address as an association shows them. Raises Invalid."""
    wrong: dict[str, str] = {}
    address, certificate = typed.address.strip(), None
    if not TITLE.fullmatch(typed.ae_title.strip()):
        wrong["ae_title"] = later("AE title có 1 đến 16 ký tự không dấu.")
    try:
        address = str(ip_address(address))
    except ValueError:
        wrong["address"] = later("Ghi địa chỉ IP, ví dụ 192.168.1.20. Máy phải có địa chỉ cố định.")
    try:
        certificate = keys.Certificate.read(typed.certificate) if typed.certificate else None
    except keys.NoCertificate:
        wrong["certificate"] = later(
            "Đây không phải chứng thư X.509. Dán nguyên phần PEM, kể cả dòng BEGIN và END."
        )
    if certificate is not None and certificate.until < now():
        wrong["certificate"] = later("Chứng thư này đã hết hạn. Hãy xin chứng thư mới của máy.")
    if wrong:
        raise Invalid(wrong)
    return typed.ae_title.strip(), address, certificate


async def _note(session: AsyncSession, action: str, device: DicomPeer, by: Principal | None) -> None:
    facts: dict[str, str | int | None] = {
        "calling": device.ae_title,
        "address": device.address,
        "may_retrieve": int(device.may_retrieve),
        "certificate": device.certificate,
    }
    await audit(session, action, f"device:{device.id}", by=by, hospital_id=device.hospital_id, **facts)
