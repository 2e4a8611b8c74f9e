"""An administrator's people; and the hospitals, added by the one that runs the service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from aiohttp import web

from server.people import roster
from server.people.model import Hospital, Membership, Person
from server.people.routes.edge import Command, Word, link_of
from server.platform.errors import Invalid, NotAllowed
from server.platform.http import SESSION, SETTINGS, THING, parse, principal, see
from server.platform.jobs import given_up
from server.platform.pages import Page, gettext, render
from server.platform.policy import Role

routes = web.RouteTableDef()


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form under a list: the one-time link just made, or what was wrong with what was typed."""

    link: str = ""  # shown once
    link_for: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


BLANK = Form()


@dataclass(frozen=True, kw_only=True)
class PeoplePage(Form, Page):
    template: ClassVar[str] = "people.html"
    members: Sequence[tuple[Membership, Person]]
    hospital: Hospital
    dead_jobs: int  # told to those who run the service


@dataclass(frozen=True, kw_only=True)
class HospitalsPage(Form, Page):
    template: ClassVar[str] = "hospitals.html"
    hospitals: Sequence[Hospital]


def made(asked: web.Request, login: str, word: str) -> Form:
    return Form(link=link_of(asked.app[SETTINGS].origin, word) if word else "", link_for=login)


async def refused(asked: web.Request, refusal: Invalid) -> Form:
    """The form as it was typed; nothing of it is kept."""
    await asked[SESSION].rollback()
    typed = {name: str(value) for name, value in (await asked.post()).items() if name != "csrf"}
    return Form(fields=refusal.fields, typed=typed, error=refusal.text(gettext(asked)))


def show(asked: web.Request, page: PeoplePage | HospitalsPage) -> web.Response:
    return render(asked, page, status=Invalid.status if page.error else 200)


# --- people ---


async def show_people(asked: web.Request, form: Form = BLANK) -> web.Response:
    by, session = principal(asked), asked[SESSION]
    members = await roster.members(session, by)
    hospital = await session.get_one(Hospital, by.hospital_id)
    dead_jobs = sum((await given_up(session)).values()) if by.is_host else 0
    return show(asked, PeoplePage(members=members, hospital=hospital, dead_jobs=dead_jobs, **vars(form)))


@routes.get("/people")
async def get_people(asked: web.Request) -> web.Response:
    return await show_people(asked)


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
        return await show_people(asked, await refused(asked, refusal))
    return await show_people(asked, made(asked, person.login, word))


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
    return await show_people(asked, made(asked, login, word))


# --- hospitals ---


async def show_hospitals(asked: web.Request, form: Form = BLANK) -> web.Response:
    return show(asked, HospitalsPage(hospitals=await roster.hospitals(asked[SESSION]), **vars(form)))


def must_be_host(asked: web.Request) -> None:
    """Hospitals are added by the hospital that runs the service. Raises NotAllowed."""
    if not principal(asked).is_host:
        raise NotAllowed


@routes.get("/hospitals")
async def get_hospitals(asked: web.Request) -> web.Response:
    must_be_host(asked)
    return await show_hospitals(asked)


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
        return await show_hospitals(asked, await refused(asked, refusal))
    return await show_hospitals(asked, made(asked, login, word))
