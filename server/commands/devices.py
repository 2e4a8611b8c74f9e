"""`device`: the modalities and PACS that may call the gateway, each for its hospital."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.commands.people import Code, a_hospital, within
from server.devices import entries
from server.devices.entries import Typed
from server.people.model import DicomPeer, Hospital
from server.platform.errors import Invalid
from server.platform.settings import Settings

device = typer.Typer(no_args_is_help=True, help="Máy chụp và PACS được gửi ảnh vào cổng DICOM.")
Title = Annotated[str, typer.Argument(help="AE title mà máy tự xưng (Calling AE title)")]
Address = Annotated[str, typer.Argument(help="Địa chỉ IP của máy")]


@device.command("add")
def add(
    title: Title,
    address: Address,
    hospital: Code,
    may_retrieve: Annotated[
        bool, typer.Option("--may-retrieve", help="Được cả tìm và lấy ảnh của bệnh viện, không chỉ gửi")
    ] = False,
    certificate: Annotated[
        Path | None,
        typer.Option(
            help="Chứng thư của máy (PEM hoặc DER): từ đó máy chỉ gọi được cổng TLS, bằng chứng thư này"
        ),
    ] = None,
    no_certificate: Annotated[bool, typer.Option("--no-certificate", help="Bỏ chứng thư đã khai")] = False,
    name: Annotated[str, typer.Option(help="Tên gọi ở bệnh viện, ví dụ “CT 64 dãy”")] = "",
) -> None:
    """Cho một máy gửi ảnh vào; nêu lại để đổi quyền lấy ảnh hoặc chứng thư."""
    shown = certificate.read_bytes() if certificate else b""

    async def work(session: AsyncSession, _: Settings) -> None:
        owner = await a_hospital(session, hospital)
        known = await entries.found(session, title.strip(), address.strip())
        typed = Typed(
            ae_title=title,
            address=address,
            name=name or (known.name if known else ""),
            may_retrieve=may_retrieve,
            certificate=shown,
            drops_certificate=no_certificate,
        )
        if known is None:
            known = await entries.add(session, owner.id, typed, None)
        elif known.hospital_id != owner.id:
            raise Invalid({"title": "AE title và địa chỉ này đã thuộc bệnh viện khác."})
        else:
            await entries.change(session, known, typed, None)
        does = "gửi, tìm và lấy ảnh" if may_retrieve else "gửi ảnh"
        port = "cổng TLS" if known.certificate else "cổng thường"
        typer.echo(f"{known.ae_title} ở {known.address}: {does} của {owner.name}, {port}. Có hiệu lực ngay.")

    within(work)


@device.command("remove")
def remove(title: Title, address: Address) -> None:
    """Không nhận kết nối của một máy nữa. Ảnh đã nhận vẫn còn."""

    async def work(session: AsyncSession, _: Settings) -> None:
        known = await entries.found(session, title.strip(), address.strip())
        if known is None:
            raise Invalid({"title": "Không có máy này. Xem danh sách: python -m server device list"})
        await entries.remove(session, known, None)
        typer.echo(f"Đã bỏ {known.ae_title} ở {known.address}.")

    within(work)


@device.command("list")
def listed() -> None:
    """Mọi máy, bệnh viện của nó, nó được làm gì, và gọi cổng nào."""

    async def work(session: AsyncSession, _: Settings) -> None:
        rows = await session.execute(
            select(DicomPeer, Hospital.code)
            .join(Hospital, Hospital.id == DicomPeer.hospital_id)
            .order_by(Hospital.code, DicomPeer.ae_title)
        )
        lines = [
            f"{code}  {one.ae_title:16}  {one.address:15}  {'gửi, lấy' if one.may_retrieve else 'gửi'}"
            f"{'  TLS' if one.certificate else ''}"
            for one, code in rows
        ]
        typer.echo(
            "\n".join(lines) or "Chưa có máy nào. Thêm: python -m server device add AE ĐỊA_CHỈ --hospital MÃ"
        )

    within(work)
