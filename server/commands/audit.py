"""`audit verify`: walk every hospital's chain and say where it was touched."""

import asyncio

import typer

from server.consultation.minutes.seals import broken_seals
from server.platform.db import Database
from server.platform.events import broken_links
from server.platform.keys import derive
from server.platform.settings import Settings
from server.platform.upkeep import contradicted

audit = typer.Typer(no_args_is_help=True, help="Nhật ký truy cập.")


@audit.callback()
def _words() -> None:
    """Nhật ký truy cập."""


@audit.command("verify")
def verify() -> None:
    """Kiểm tra chuỗi băm: không dòng nào bị sửa, xóa, đảo hay cắt đuôi; biên bản đúng như đã ký."""

    async def go() -> list[str]:
        settings = Settings()
        database = Database(settings.database)
        try:
            async with database.system(writes=False) as session:
                broken = await broken_links(session) + await broken_seals(session)
            return broken + await contradicted(database, settings.anchors, derive(settings.key, "audit"))
        finally:
            await database.close()

    broken = asyncio.run(go())
    for line in broken:
        typer.echo(line, err=True)
    typer.echo("Nhật ký hoặc biên bản bị thay đổi." if broken else "Nhật ký và biên bản nguyên vẹn.")
    raise typer.Exit(1 if broken else 0)
