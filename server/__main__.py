"""The command line: `python -m server …`."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from server.commands import audit, people
from server.platform import logs
from server.platform.errors import Refusal
from server.platform.settings import Settings
from server.roles import ProcessRole

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(people.user, name="user")
app.add_typer(audit.audit, name="audit")
app.command("token")(people.token)
Folder = Annotated[Path, typer.Argument(help="Thư mục của bản sao lưu")]


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


@app.command()
def doctor() -> None:
    """Look at all that the service stands on: green or red, and what to do."""
    from server.commands.doctor import examine

    findings = asyncio.run(examine(Settings()))
    for one in findings:
        mark = typer.style("✓", fg="green") if one.is_good else typer.style("✗", fg="red")
        typer.echo(f"{mark} {one.what}: {one.words}")
    raise typer.Exit(0 if all(one.is_good for one in findings) else 1)


@app.command()
def backup(folder: Folder) -> None:
    """Copy rows and originals into a folder, while the service works; again: only what is new."""
    from server.commands.backup import backup as copy

    made = asyncio.run(copy(Settings(), folder))
    typer.echo(f"Đã sao lưu {sum(made['rows'].values())} dòng, {len(made['blobs'])} tệp vào {folder}.")
    typer.echo("Trong đó có secret.key: cất bản sao lưu như cất chìa khóa.")


@app.command()
def restore(folder: Folder) -> None:
    """Build an empty place from a backup; every file is held against its hash."""
    from server.commands.backup import restore as build

    try:
        made = asyncio.run(build(Settings(), folder))
    except Refusal as refusal:
        typer.echo(refusal.text(str), err=True)
        raise typer.Exit(2) from None
    typer.echo(f"Đã phục hồi {sum(made['rows'].values())} dòng, {len(made['blobs'])} tệp, đúng mã băm.")


if __name__ == "__main__":
    app()
