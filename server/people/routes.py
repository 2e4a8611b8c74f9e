"""Addresses of people: signing in and out, one's own sign-ins, an administrator's people and hospitals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from server.people import roster, sign_in
from server.people.model import Hospital, Membership, Person, SignIn
from server.platform.errors import Invalid, NotAllowed, Refusal, SignInNeeded
from server.platform.http import (
    DATABASE,
    PRINCIPAL,
    SESSION,
    SETTINGS,
    THING,
    is_same_origin,
    parse,
    principal,
    see,
    to_json,
    wants_json,
)
from server.platform.pages import LANGUAGES, THEMES, Page, gettext, render
from server.platform.policy import Role

routes = web.RouteTableDef()
PASSWORDS = web.AppKey("passwords", sign_in.Passwords)
GUESSES = web.AppKey("guesses", sign_in.Guesses)

Word = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class DemoLogin:
    login: str
    who: str


@dataclass(frozen=True)
class LoginPage(Page):
    template: ClassVar[str] = "login.html"
    demo_logins: Sequence[DemoLogin]
    password: str  # of the demo log-ins; empty otherwise
    error: str
    login: str
    next: str


@dataclass(frozen=True)
class PasswordPage(Page):
    template: ClassVar[str] = "password.html"
    login: str
    word: str
    error: str


@dataclass(frozen=True)
class SessionsPage(Page):
    template: ClassVar[str] = "sessions.html"
    sign_ins: Sequence[SignIn]
    current: int
    places: Sequence[tuple[Membership, Hospital]]
    membership_id: int


@dataclass(frozen=True)
class PeoplePage(Page):
    template: ClassVar[str] = "people.html"
    members: Sequence[tuple[Membership, Person]]
    hospital: Hospital
    link: str  # a one-time link just made, shown once
    link_for: str
    fields: dict[str, str] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class HospitalsPage(Page):
    template: ClassVar[str] = "hospitals.html"
    hospitals: Sequence[Hospital]
    link: str
    link_for: str
    fields: dict[str, str] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    error: str = ""


def cookie_name(asked: web.Request) -> str:
    """`__Host-` over HTTPS; a plain name on loopback HTTP, where scripts could not send it back."""
    return "__Host-hoichan" if asked.app[SETTINGS].is_https else "hoichan"


def set_cookie(asked: web.Request, answer: web.Response, name: str, value: str, days: float) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=int(days * 86400),
        httponly=True,
        samesite="Lax",
        secure=asked.app[SETTINGS].is_https,
        path="/",
    )


def address_of(asked: web.Request) -> str:
    """The caller's address; a proxy's word counts only where a setting trusts that proxy."""
    direct = asked.remote or ""
    if direct in asked.app[SETTINGS].trusted_proxies:
        return asked.headers.get("X-Forwarded-For", direct).split(",")[-1].strip()
    return direct


def browser_of(asked: web.Request) -> str:
    """Which browser on what ("Chrome, Windows"): enough to recognise one's own, too little to track."""
    agent = asked.headers.get("User-Agent", "")
    names = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Mac", "Mac"),
        ("Linux", "Linux"),
    )
    found = [next((name for mark, name in table if mark in agent), "") for table in (names, systems)]
    return ", ".join(word for word in found if word)


def safe_next(path: str) -> str:
    """Only a path of ours may follow a sign-in."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


def login_page(asked: web.Request, *, error: str = "", login: str = "", status: int = 200) -> web.Response:
    from server.people.demo import DEMO_PASSWORD, DEMO_PEOPLE

    demo = asked.app[SETTINGS].demo
    translate = gettext(asked)
    page = LoginPage(
        demo_logins=[DemoLogin(one.login, translate(one.who)) for one in DEMO_PEOPLE if one.is_listed]
        if demo
        else [],
        password=DEMO_PASSWORD if demo else "",
        error=error,
        login=login,
        next=safe_next(asked.query.get("next", "/")),
    )
    return render(asked, page, status=status)


@routes.get("/sign-in")
async def get_sign_in(asked: web.Request) -> web.Response:
    return see("/") if asked[PRINCIPAL] else login_page(asked)


class SignInForm(Command):
    login: Word = ""
    password: Annotated[str, StringConstraints(max_length=200)] = ""
    next: Word = "/"


@routes.post("/sign-in")
async def post_sign_in(asked: web.Request) -> web.Response:
    command = await parse(asked, SignInForm)
    try:
        entered = await _enter(asked, command)
    except Refusal as refusal:
        if wants_json(asked):
            raise
        return login_page(
            asked, error=refusal.text(gettext(asked)), login=command.login, status=refusal.status
        )
    answer = to_json({"href": "/"}) if wants_json(asked) else see(safe_next(command.next))
    set_cookie(asked, answer, cookie_name(asked), entered.cookie, asked.app[SETTINGS].session_hours / 24)
    set_cookie(asked, answer, "browser", entered.browser, 365)
    return answer


async def _enter(asked: web.Request, command: SignInForm) -> sign_in.Entered:
    """Guesses are counted before the password is looked at; hashing happens outside any transaction."""
    guesses, login = asked.app[GUESSES], command.login.lower()
    browser = asked.cookies.get("browser")
    async with asked.app[DATABASE].system(writes=False) as session:
        person = await sign_in.find_person(session, login)
        familiar = await sign_in.is_familiar(session, login, browser)
    await guesses.take(login, address_of(asked), familiar)
    is_right = await asked.app[PASSWORDS].is_right(command.password, person.password_hash if person else None)
    if person is None or not is_right or person.suspended_at:
        raise sign_in.WrongPassword
    await guesses.forgive(login, familiar)
    async with asked.app[DATABASE].system() as session:
        return await sign_in.enter(
            session, person, asked.app[SETTINGS], browser_name=browser_of(asked), browser=browser
        )


@routes.post("/sign-out")
async def post_sign_out(asked: web.Request) -> web.Response:
    await sign_in.leave(asked[SESSION], principal(asked))
    answer = see("/sign-in")
    answer.del_cookie(cookie_name(asked), path="/")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'  # shared PCs: leave nothing behind
    return answer


@routes.get("/password/{word}")
async def get_password(asked: web.Request) -> web.Response:
    async with asked.app[DATABASE].system(writes=False) as session:
        person = await sign_in.person_of_link(session, asked.match_info["word"])
    return render(asked, PasswordPage(person.login, asked.match_info["word"], ""))


class NewPassword(Command):
    password: Annotated[str, StringConstraints(max_length=200)] = ""
    again: Annotated[str, StringConstraints(max_length=200)] = ""


@routes.post("/password/{word}")
async def post_password(asked: web.Request) -> web.Response:
    command, word = await parse(asked, NewPassword), asked.match_info["word"]
    async with asked.app[DATABASE].system(writes=False) as session:
        login = (await sign_in.person_of_link(session, word)).login
    try:
        if command.password != command.again:
            raise sign_in.PasswordsDiffer
        async with asked.app[DATABASE].system() as session:
            await sign_in.set_password(session, asked.app[PASSWORDS], word, command.password)
    except Refusal as refusal:
        page = PasswordPage(login, word, refusal.text(gettext(asked)))
        return render(asked, page, status=refusal.status)
    return see("/sign-in")


@routes.get("/sessions")
async def get_sessions(asked: web.Request) -> web.Response:
    by = principal(asked)
    return render(
        asked,
        SessionsPage(
            sign_ins=await roster.own_sign_ins(asked[SESSION], by),
            current=int(by.sign_in[1:]),
            places=await roster.own_places(asked[SESSION], by),
            membership_id=by.membership_id,
        ),
    )


@routes.post("/sessions/{sign_in}/end")
async def post_session_end(asked: web.Request) -> web.Response:
    row: SignIn = asked[THING]
    await sign_in.end_sign_in(asked[SESSION], row.id, principal(asked))
    return see("/sessions")


class Place(Command):
    membership_id: int


@routes.post("/place")
async def post_place(asked: web.Request) -> web.Response:
    command = await parse(asked, Place)
    cookie = await sign_in.switch_place(asked[SESSION], principal(asked), command.membership_id)
    answer = see("/")
    set_cookie(asked, answer, cookie_name(asked), cookie, asked.app[SETTINGS].session_hours / 24)
    return answer


class Preferences(Command):
    language: Word = ""
    theme: Word = ""
    next: Word = "/"


@routes.post("/preferences")
async def post_preferences(asked: web.Request) -> web.Response:
    command = await parse(asked, Preferences)
    answer = see(safe_next(command.next))
    if command.language in LANGUAGES:
        set_cookie(asked, answer, "language", command.language, 365)
    if command.theme in THEMES:
        set_cookie(asked, answer, "theme", command.theme, 365)
    return answer


# --- an administrator's people ---


async def people_page(
    asked: web.Request,
    *,
    link: str = "",
    link_for: str = "",
    refusal: Refusal | None = None,
    typed: dict[str, str] | None = None,
) -> web.Response:
    by, session = principal(asked), asked[SESSION]
    page = PeoplePage(
        members=await roster.members(session, by),
        hospital=await session.get_one(Hospital, by.hospital_id),
        link=link,
        link_for=link_for,
        fields=refusal.fields if isinstance(refusal, Invalid) else {},
        typed=typed or {},
        error=refusal.text(gettext(asked)) if refusal else "",
    )
    return render(asked, page, status=refusal.status if refusal else 200)


@routes.get("/people")
async def get_people(asked: web.Request) -> web.Response:
    return await people_page(asked)


class NewPerson(Command):
    name: Word = ""
    login: Word = ""
    roles: tuple[Role, ...] = ()
    department: Word = ""
    specialty: Word = ""
    licence: Word = ""


@routes.post("/people")
async def post_people(asked: web.Request) -> web.Response:
    """Add somebody, or give somebody known a place here too; shows the one-time link to set a password."""
    try:
        command = await parse(asked, NewPerson)
        person, word = await roster.add_person(
            asked[SESSION],
            principal(asked),
            name=command.name,
            login=command.login,
            roles=frozenset(command.roles),
            department=command.department,
            specialty=command.specialty,
            licence=command.licence,
        )
    except Invalid as refusal:
        await asked[SESSION].rollback()
        return await people_page(asked, refusal=refusal, typed=await typed_of(asked))
    return await people_page(asked, link=link_of(asked, word), link_for=person.login)


async def typed_of(asked: web.Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await asked.post()).items() if name != "csrf"}


def link_of(asked: web.Request, word: str) -> str:
    return f"{asked.app[SETTINGS].origin}/password/{word}" if word else ""


class ChangeMember(Command):
    roles: tuple[Role, ...] = ()
    department: Word = ""
    specialty: Word = ""


@routes.post("/people/{member}/change")
async def post_member_change(asked: web.Request) -> web.Response:
    command = await parse(asked, ChangeMember)
    await roster.change_member(
        asked[SESSION],
        asked[THING],
        principal(asked),
        roles=frozenset(command.roles),
        department=command.department,
        specialty=command.specialty,
    )
    return see("/people")


@routes.post("/people/{member}/leave")
async def post_member_leave(asked: web.Request) -> web.Response:
    await roster.leave(asked[SESSION], asked[THING], principal(asked))
    return see("/people")


@routes.post("/people/{member}/return")
async def post_member_return(asked: web.Request) -> web.Response:
    await roster.come_back(asked[SESSION], asked[THING], principal(asked))
    return see("/people")


@routes.post("/people/{member}/link")
async def post_member_link(asked: web.Request) -> web.Response:
    login, word = await roster.password_link(asked[SESSION], asked[THING], principal(asked))
    return await people_page(asked, link=link_of(asked, word), link_for=login)


# --- hospitals, by the host's administrators ---


async def hospitals_page(
    asked: web.Request,
    *,
    link: str = "",
    link_for: str = "",
    refusal: Refusal | None = None,
    typed: dict[str, str] | None = None,
) -> web.Response:
    page = HospitalsPage(
        hospitals=await roster.hospitals(asked[SESSION]),
        link=link,
        link_for=link_for,
        fields=refusal.fields if isinstance(refusal, Invalid) else {},
        typed=typed or {},
        error=refusal.text(gettext(asked)) if refusal else "",
    )
    return render(asked, page, status=refusal.status if refusal else 200)


def must_be_host(asked: web.Request) -> None:
    """Hospitals are added by the hospital that runs the service. Raises NotAllowed."""
    if not principal(asked).is_host:
        raise NotAllowed


@routes.get("/hospitals")
async def get_hospitals(asked: web.Request) -> web.Response:
    must_be_host(asked)
    return await hospitals_page(asked)


class NewHospital(Command):
    code: Word = ""
    name: Word = ""
    short_name: Word = ""
    parent_name: Word = ""
    tier: Word = ""
    technical_level: Word = ""
    administrator_name: Word = ""
    administrator_login: Word = ""


@routes.post("/hospitals")
async def post_hospitals(asked: web.Request) -> web.Response:
    must_be_host(asked)
    try:
        command = await parse(asked, NewHospital)
        login, word = await roster.add_hospital(asked[SESSION], principal(asked), **command.model_dump())
    except Invalid as refusal:
        await asked[SESSION].rollback()
        return await hospitals_page(asked, refusal=refusal, typed=await typed_of(asked))
    return await hospitals_page(asked, link=link_of(asked, word), link_for=login)


__all__ = ["SignInNeeded", "is_same_origin", "routes"]
