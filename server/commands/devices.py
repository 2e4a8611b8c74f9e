"""`device`: the modalities and PACS that may call the gateway, each for its hospital."""

import re
from ipaddress import ip_address
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.commands.people import Code, a_hospital, within
from server.people.model import DicomPeer, Hospital
from server.platform.errors import Invalid
from server.platform.events import audit
from server.platform.settings import Settings

device = typer.Typer(no_args_is_help=True, help="Máy chụp và PACS được gửi ảnh vào cổng DICOM.")
Title = Annotated[str, typer.Argument(help="AE title mà máy tự xưng (Calling AE title)")]
Address = Annotated[str, typer.Argument(help="Địa chỉ IP của máy")]
TITLE = re.compile(r"[ -\[\]-~]{1,16}")  # VR AE: no backslash, no control character (PS3.5 6.2)


def checked(title: str, address: str) -> tuple[str, str]:
    """Both as an association shows them. Raises Invalid."""
    wrong = {}
    if not TITLE.fullmatch(title.strip()):
        wrong["title"] = "AE title có 1 đến 16 ký tự không dấu."
    try:
        address = str(ip_address(address.strip()))
    except ValueError:
        wrong["address"] = "Ghi địa chỉ IP, ví dụ 192.168.1.20. Máy phải có địa chỉ cố định."
    if wrong:
        raise Invalid(wrong)
    return title.strip(), address


async def found(session: AsyncSession, title: str, address: str) -> DicomPeer | None:
    where = DicomPeer.ae_title == title, DicomPeer.address == address
    return await session.scalar(select(DicomPeer).where(*where))


@device.command("add")
def add(
    title: Title,
    address: Address,
    hospital: Code,
    may_retrieve: Annotated[
        bool, typer.Option("--may-retrieve", help="Được cả tìm và lấy ảnh của bệnh viện, không chỉ gửi")
    ] = False,
) -> None:
    """Cho một máy gửi ảnh vào; nêu lại để đổi quyền lấy ảnh."""

    async def work(session: AsyncSession, _: Settings) -> None:
        owner, (ae_title, ip) = await a_hospital(session, hospital), checked(title, address)
        peer = await found(session, ae_title, ip)
        if peer is None:
            peer = DicomPeer(hospital_id=owner.id, ae_title=ae_title, address=ip)
            session.add(peer)
        elif peer.hospital_id != owner.id:
            raise Invalid({"title": "AE title và địa chỉ này đã thuộc bệnh viện khác."})
        peer.may_retrieve = may_retrieve
        await session.flush()
        facts: dict[str, str | int | None] = {
            "calling": ae_title,
            "address": ip,
            "may_retrieve": int(may_retrieve),
        }
        await audit(session, "add-device", f"device:{peer.id}", by=None, hospital_id=owner.id, **facts)
        does = "gửi, tìm và lấy ảnh" if may_retrieve else "gửi ảnh"
        typer.echo(f"{ae_title} ở {ip}: {does} của {owner.name}. Có hiệu lực ngay.")

    within(work)


@device.command("remove")
def remove(title: Title, address: Address) -> None:
    """Không nhận kết nối của một máy nữa. Ảnh đã nhận vẫn còn."""

    async def work(session: AsyncSession, _: Settings) -> None:
        ae_title, ip = checked(title, address)
        peer = await found(session, ae_title, ip)
        if peer is None:
            raise Invalid({"title": "Không có máy này. Xem danh sách: python -m server device list"})
        facts = {"calling": ae_title, "address": ip}
        thing = f"device:{peer.id}"
        await session.delete(peer)
        await audit(session, "remove-device", thing, by=None, hospital_id=peer.hospital_id, **facts)
        typer.echo(f"Đã bỏ {ae_title} ở {ip}.")

    within(work)


@device.command("list")
def listed() -> None:
    """Mọi máy, bệnh viện của nó, và nó được làm gì."""

    async def work(session: AsyncSession, _: Settings) -> None:
        rows = await session.execute(
            select(DicomPeer, Hospital.code)
            .join(Hospital, Hospital.id == DicomPeer.hospital_id)
            .order_by(Hospital.code, DicomPeer.ae_title)
        )
        lines = [
            f"{code}  {peer.ae_title:16}  {peer.address:15}  {'gửi, lấy' if peer.may_retrieve else 'gửi'}"
            for peer, code in rows
        ]
        typer.echo(
            "\n".join(lines) or "Chưa có máy nào. Thêm: python -m server device add AE ĐỊA_CHỈ --hospital MÃ"
        )

    within(work)
