"""The command line: `python -m server …`."""

import asyncio
import os
from typing import Annotated

import typer

from server.platform import logs
from server.platform.settings import Settings
from server.roles import ProcessRole

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    role: Annotated[ProcessRole | None, typer.Option(help="One role alone")] = None,  # typer reads it
    demo: Annotated[bool, typer.Option(help="Made-up data, this machine only")] = False,
) -> None:
    """Run the service: every role side by side, or one."""
    from server import roles

    if demo:
        os.environ["HOICHAN_DEMO"] = "true"
    logs.set_up()
    settings = Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _ = settings.key  # made once, before several processes want it
    if role is not None:
        roles.run_role(role, settings)
        return
    if demo:
        from server.commands.demo import prepare

        asyncio.run(prepare(settings, typer.echo))
    raise typer.Exit(roles.run_all(settings, extra=("demo", "--images") if demo else ()))


@app.command()
def demo(images: Annotated[bool, typer.Option(help="Only the images")] = False) -> None:
    """Write the demo data into an empty database."""
    from server.commands import demo as data

    os.environ["HOICHAN_DEMO"] = "true"
    logs.set_up()
    asyncio.run(data.fill(Settings(), typer.echo, images=images))


@app.command()
def migrate() -> None:
    """Bring the database to this version."""
    from server.platform.db import migrate as bring

    asyncio.run(bring(Settings().database))
    typer.echo("Cơ sở dữ liệu đã ở phiên bản này.")


if __name__ == "__main__":
    app()
