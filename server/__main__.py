"""The command line: `python -m server …`."""

import asyncio
import os
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.core import TyperGroup

from server.platform import logs
from server.platform.errors import Refusal
from server.platform.settings import Settings
from server.roles import DEMO_IS_THERE, ProcessRole

# Imported when one of them is asked for: `run` starts sooner without them.
LATER: Final = {
    "user": ("server.commands.people", "user"),
    "token": ("server.commands.people", "keys"),
    "audit": ("server.commands.audit", "audit"),
    "jobs": ("server.commands.jobs", "jobs"),
    "frames": ("server.commands.frames", "frames"),
    "device": ("server.commands.devices", "device"),
}


class Commands(TyperGroup):
    """Our commands, those of `LATER` included."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted({*super().list_commands(ctx), *LATER})

    def get_command(self, ctx: typer.Context, cmd_name: str):  # type: ignore[no-untyped-def, override]
        if cmd_name not in LATER:
            return super().get_command(ctx, cmd_name)
        module, name = LATER[cmd_name]
        return typer.main.get_command(getattr(import_module(module), name))


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Folder = Annotated[Path, typer.Argument(help="Thư mục của bản sao lưu")]


def a_role(word: str) -> ProcessRole:
    try:
        return ProcessRole(word)
    except ValueError:
        known = f"có {', '.join(ProcessRole)}"
        if word == "relay":
            known = f"bản này chưa có; phòng đông người nối thẳng với nhau, không cần chạy gì thêm ({known})"
        raise typer.BadParameter(known) from None


@app.callback()
def hoichan() -> None:
    """Remote consultation between hospitals."""
    os.umask(0o077)  # whatever we write may be about patients


@app.command()
def run(
    role: Annotated[ProcessRole | None, typer.Option(parser=a_role, help="One role alone")] = None,
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
    if roles.must_migrate(settings):
        from server.platform.db import migrate as bring

        asyncio.run(bring(settings.database))
    if demo:
        from server.people.demo import say_log_ins

        if not (settings.data_dir / DEMO_IS_THERE).exists():
            from server.commands.demo import fill

            asyncio.run(fill(settings, typer.echo, rows=True, images=False))
            (settings.data_dir / DEMO_IS_THERE).touch()
        say_log_ins(settings.origin, typer.echo)
    raise typer.Exit(roles.run_all(settings, extra=("demo", "--no-rows") if demo else ()))


@app.command()
def demo(
    rows: Annotated[bool, typer.Option(help="People and cases")] = True,
    images: Annotated[bool, typer.Option(help="Real images for the cases")] = True,
) -> None:
    """Write the demo data: into an empty database once, images where they are missing."""
    from server.commands import demo as data

    os.environ["HOICHAN_DEMO"] = "true"
    logs.set_up()
    settings = Settings()
    asyncio.run(data.fill(settings, typer.echo, rows=rows, images=images))
    if rows:
        (settings.data_dir / DEMO_IS_THERE).touch()


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
    if made["damaged"]:
        typer.echo(f"{len(made['damaged'])} tệp gốc đã hỏng trên đĩa và không có bản sao tốt:", err=True)
        for key in made["damaged"]:
            typer.echo(f"  {key}", err=True)
        typer.echo("Hãy kiểm tra ổ đĩa, và giữ lại các bản sao lưu cũ hơn.", err=True)
        raise typer.Exit(1)


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
