"""`jobs retry`: once what stood in their way is mended, try again what was given up."""

import asyncio

import typer

from server.platform.db import Database
from server.platform.jobs import try_again
from server.platform.settings import Settings

jobs = typer.Typer(no_args_is_help=True, help="Việc nền.")


@jobs.callback()
def _words() -> None:
    """Việc nền."""


@jobs.command("retry")
def retry() -> None:
    """Làm lại các việc đã bỏ sau nhiều lần lỗi."""

    async def go() -> int:
        database = Database(Settings().database)
        try:
            async with database.system() as session:
                return await try_again(session)
        finally:
            await database.close()

    typer.echo(f"Sẽ làm lại {asyncio.run(go())} việc.")
