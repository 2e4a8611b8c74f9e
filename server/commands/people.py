"""`user` and `token`: the first administrator, people, leavers, one-time links, keys for scripts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.people import roster, sign_in
from server.people.model import Hospital, Membership, Person
from server.platform.db import Database, migrate, now
from server.platform.errors import Invalid, Refusal
from server.platform.events import audit
from server.platform.policy import Role
from server.platform.settings import Settings

user = typer.Typer(no_args_is_help=True, help="Người dùng: thêm, nghỉ việc, đường dẫn đặt mật khẩu.")
keys = typer.Typer(add_completion=False)
Result = TypeVar("Result")
Login = Annotated[str, typer.Argument(help="Tên đăng nhập")]
Code = Annotated[str, typer.Option("--hospital", help="Mã cơ sở KCB, 5 ký tự")]


def within(work: Callable[[AsyncSession, Settings], Awaitable[Result]]) -> Result:
    """Do `work` in one transaction of the service; a refusal is said in plain words."""

    async def go() -> Result:
        settings = Settings()
        await migrate(settings.database)
        database = Database(settings.database)
        try:
            async with database.system() as session:
                return await work(session, settings)
        finally:
            await database.close()

    try:
        return asyncio.run(go())
    except Refusal as refusal:
        typer.echo(refusal.text(str), err=True)
        if isinstance(refusal, Invalid):
            for field, text in refusal.fields.items():
                typer.echo(f"  {field}: {text}", err=True)
        raise typer.Exit(2) from None


async def _person(session: AsyncSession, login: str) -> Person:
    found = await sign_in.find_person(session, login)
    if found is None:
        raise Invalid({"login": "Không có tên đăng nhập này. Xem danh sách: python -m server user list"})
    return found


async def a_hospital(session: AsyncSession, code: str) -> Hospital:
    found = await session.scalar(select(Hospital).where(Hospital.code == code))
    if found is None:
        raise Invalid({"hospital": "Không có mã cơ sở này."})
    return found


def _show(settings: Settings, login: str, word: str) -> None:
    typer.echo(f"{login}: {settings.origin}/password#{word}")
    typer.echo("Đường dẫn dùng một lần, trong 24 giờ. Đưa tận tay, đừng gửi qua mạng xã hội.")


@user.command("administrator")
def administrator(
    login: Login,
    name: Annotated[str, typer.Option(help="Họ tên")],
    hospital: Annotated[str, typer.Option("--hospital", help="Mã cơ sở KCB, 5 ký tự")],
    hospital_name: Annotated[str, typer.Option(help="Tên bệnh viện")],
    short_name: Annotated[str, typer.Option(help="Tên gọi tắt")] = "",
    parent: Annotated[str, typer.Option(help="Cơ quan chủ quản")] = "Sở Y tế",
    tier: Annotated[str, typer.Option(help=", ".join(roster.TIERS))] = "provincial",
) -> None:
    """Lập bệnh viện đầu tiên cùng quản trị đầu tiên."""

    async def work(session: AsyncSession, settings: Settings) -> None:
        is_first = await session.scalar(select(Hospital.id).limit(1)) is None
        made, word = await roster.add_hospital(
            session,
            None,
            code=hospital,
            name=hospital_name,
            short_name=short_name or hospital_name,
            parent_name=parent,
            tier=tier,
            technical_level="none",
            administrator_name=name,
            administrator_login=login,
            is_host=is_first,
        )
        _show(settings, made, word)

    within(work)


@user.command("add")
def add(
    login: Login,
    name: Annotated[str, typer.Option(help='Họ tên, có thể kèm học vị: "BSCKII. Lê Thị Hoa"')],
    hospital: Code,
    role: Annotated[list[Role], typer.Option(help="Có thể nêu nhiều lần")],
    department: Annotated[str, typer.Option(help="Khoa, phòng")] = "",
) -> None:
    """Thêm một người, hoặc cho người đã có làm thêm ở bệnh viện này."""

    async def work(session: AsyncSession, settings: Settings) -> None:
        place = await a_hospital(session, hospital)
        person, word = await roster.place_person(
            session,
            place,
            by=None,
            name=name,
            login=login,
            roles=frozenset(role),
            department=department,
        )
        if word:
            _show(settings, person.login, word)
        else:
            typer.echo(f"{person.login} làm thêm ở {place.short_name}; mật khẩu như cũ.")

    within(work)


@user.command("link")
def link(login: Login) -> None:
    """Đường dẫn dùng một lần để đặt lại mật khẩu."""

    async def work(session: AsyncSession, settings: Settings) -> None:
        person = await _person(session, login)
        await audit(session, "password-link", f"person:{person.id}", by=None)
        _show(settings, person.login, await sign_in.make_link(session, person.id))

    within(work)


@user.command("leave")
def leave(login: Login, hospital: Code) -> None:
    """Người này nghỉ việc ở bệnh viện: bị đăng xuất ngay, tên vẫn còn trong biên bản cũ."""

    async def work(session: AsyncSession, _settings: Settings) -> None:
        person, place = await _person(session, login), await a_hospital(session, hospital)
        member = await session.scalar(
            select(Membership).where(Membership.person_id == person.id, Membership.hospital_id == place.id)
        )
        if member is None:
            raise Invalid({"hospital": "Người này không làm ở đây."})
        member.left_at = member.left_at or now()
        await sign_in.end_place(session, member.id)
        await sign_in.end_links(session, person.id)
        await audit(session, "leave", f"membership:{member.id}", by=None, hospital_id=place.id)
        typer.echo(f"{person.login} đã rời {place.short_name}.")

    within(work)


@user.command("suspend")
def suspend(login: Login, undo: Annotated[bool, typer.Option("--undo", help="Cho dùng lại")] = False) -> None:
    """Khóa tài khoản ở mọi bệnh viện, hoặc mở lại."""

    async def work(session: AsyncSession, _settings: Settings) -> None:
        person = await _person(session, login)
        person.suspended_at = None if undo else now()
        if not undo:
            await sign_in.end_all(session, person.id)
        await audit(session, "resume" if undo else "suspend", f"person:{person.id}", by=None)
        typer.echo(f"{person.login}: {'dùng lại được' if undo else 'đã khóa'}.")

    within(work)


@user.command("list")
def listing() -> None:
    """Ai, ở đâu, vai trò gì."""

    async def work(session: AsyncSession, _settings: Settings) -> None:
        rows = await session.execute(
            select(Person, Membership, Hospital)
            .join(Membership, Membership.person_id == Person.id)
            .join(Hospital, Hospital.id == Membership.hospital_id)
            .order_by(Hospital.code, Person.login)
        )
        for person, member, place in rows:
            note = " (đã nghỉ)" if member.left_at else (" (bị khóa)" if person.suspended_at else "")
            typer.echo(f"{place.code}  {person.login:<20} {member.role_words}{note}")

    within(work)


@keys.command("token")
def token(
    login: Login, hospital: Annotated[str, typer.Option(help="Mã cơ sở, khi làm nhiều nơi")] = ""
) -> None:
    """Một khóa cho máy (DICOMweb, API), in ra một mình trên một dòng; hết hạn sau 90 ngày."""

    async def work(session: AsyncSession, _settings: Settings) -> str:
        person = await _person(session, login)
        places = await sign_in.places(session, person.id)
        if hospital:
            place = await a_hospital(session, hospital)
            places = [member for member in places if member.hospital_id == place.id]
        if not places:
            raise Invalid({"login": "Người này không làm ở bệnh viện nào."})
        return await sign_in.make_token(session, places[0], "cli")

    typer.echo(within(work))
