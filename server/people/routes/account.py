"""One's own account: signing in and out, the password, one's sign-ins, place of work, language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from server.people import roster, sign_in
from server.people.demo import DEMO_PASSWORD, DEMO_PEOPLE
from server.people.model import Hospital, Membership, SignIn
from server.people.routes.edge import (
    GUESSES,
    PASSWORDS,
    REFUSED,
    Command,
    Secret,
    Word,
    address_of,
    browser_of,
    cookie_name,
    safe_next,
    set_cookie,
)
from server.platform.errors import Refusal
from server.platform.http import (
    DATABASE,
    PRINCIPAL,
    SESSION,
    SETTINGS,
    THING,
    parse,
    principal,
    see,
    to_json,
    wants_json,
)
from server.platform.pages import LANGUAGES, THEMES, Page, gettext, render

routes = web.RouteTableDef()


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
    login: str  # "" while the link is being opened
    word: str
    error: str


@dataclass(frozen=True)
class SessionsPage(Page):
    template: ClassVar[str] = "sessions.html"
    sign_ins: Sequence[SignIn]
    current: int
    places: Sequence[tuple[Membership, Hospital]]
    membership_id: int


def login_page(asked: web.Request, *, error: str = "", login: str = "", status: int = 200) -> web.Response:
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
    password: Secret = ""
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
        working = await sign_in.places(session, person.id if person else 0)  # nobody takes as long
    try:
        await guesses.take(login, address_of(asked), familiar)
        is_right = await asked.app[PASSWORDS].is_right(
            command.password, person.password_hash if person else None
        )
        if person is None or not is_right or person.suspended_at or not working:
            raise sign_in.WrongPassword
    except Refusal as refusal:  # a login that nobody has may be a password in the wrong box: not written down
        hospital_id = working[0].hospital_id if working else 0
        who = f"person:{person.id}" if person else "nobody"
        asked.app[REFUSED].soon(sign_in.Refused(hospital_id, who, address_of(asked), refusal.code))
        raise
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


@routes.get("/password")
async def get_password(asked: web.Request) -> web.Response:
    """The word of the link is behind "#": no server, log or history sees it. The page posts it."""
    return render(asked, PasswordPage("", "", ""))


class NewPassword(Command):
    word: Secret = ""
    password: Secret = ""
    again: Secret = ""


@routes.post("/password")
async def post_password(asked: web.Request) -> web.Response:
    """The word alone opens the form; with a new password it is used up."""
    command = await parse(asked, NewPassword)
    async with asked.app[DATABASE].system(writes=False) as session:
        login = (await sign_in.person_of_link(session, command.word)).login
    if not (command.password or command.again):
        return render(asked, PasswordPage(login, command.word, ""))
    try:
        if command.password != command.again:
            raise sign_in.PasswordsDiffer
        sign_in.must_be_strong(login, command.password)
        password_hash = await asked.app[PASSWORDS].hash(command.password)
        async with asked.app[DATABASE].system() as session:
            await sign_in.set_password(session, command.word, password_hash)
    except Refusal as refusal:
        page = PasswordPage(login, command.word, refusal.text(gettext(asked)))
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
