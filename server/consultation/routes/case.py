"""home, the list of cases, the case page"""

from typing import Annotated

from aiohttp import web
from pydantic import StringConstraints
from sqlalchemy import ColumnElement

from server.consultation.journey import CLOSED
from server.consultation.model import Consultation
from server.consultation.routes.answer import Command, Short, done
from server.consultation.views.case import case_page
from server.consultation.views.home import CasesPage, home_page
from server.consultation.views.lines import case_line, page_in, page_of_cases
from server.people.names import fold
from server.platform.db import now
from server.platform.events import Notice
from server.platform.http import SESSION, THING, parse, principal, see
from server.platform.pages import render
from server.platform.policy import Role

routes = web.RouteTableDef()


@routes.get("/")
async def get_home(asked: web.Request) -> web.Response:
    by = principal(asked)
    if not by.has(Role.DOCTOR, Role.SPECIALIST, Role.COORDINATOR):
        return see("/oversight" if by.has(Role.OVERSIGHT) else "/people")
    return render(asked, await home_page(asked[SESSION], by))


@routes.post("/notices/{notice}/seen")
async def post_notice_seen(asked: web.Request) -> web.Response:
    notice: Notice = asked[THING]
    notice.seen_at = now()
    return done(asked, "/")


@routes.get("/consultations")
async def get_consultations(asked: web.Request) -> web.Response:
    return await show_cases(
        asked, asked.query.get("filter", "open"), page=page_in(asked.query.get("page", ""))
    )


class Search(Command):
    q: Annotated[str, StringConstraints(max_length=100)] = ""
    filter: Short = "open"
    page: Short = ""


@routes.post("/consultations/search")
async def post_search(asked: web.Request) -> web.Response:
    """By POST: a patient's name belongs in no address, no log and no history."""
    command = await parse(asked, Search)
    return await show_cases(asked, command.filter, command.q, page_in(command.page))


@routes.get("/consultations/search")
async def get_search(_asked: web.Request) -> web.Response:
    """Where a reload leads whose browser let go of the words."""
    return see("/consultations")


async def show_cases(asked: web.Request, which: str, search: str = "", page: int = 1) -> web.Response:
    by = principal(asked)
    conditions: list[ColumnElement[bool]] = []
    if which == "open":
        conditions.append(Consultation.stage.not_in(CLOSED))
    elif which == "closed":
        conditions.append(Consultation.stage.in_(CLOSED))
    if words := fold(search).split():
        conditions += [Consultation.patient_name_key.contains(word, autoescape=True) for word in words]
    found, has_more = await page_of_cases(asked[SESSION], *conditions, page=page)
    lines = [case_line(case) for case in found]
    return render(asked, CasesPage(lines, search, which, by.has(Role.DOCTOR), page, has_more))


@routes.get("/consultations/{consultation}")
async def get_consultation(asked: web.Request) -> web.Response:
    return render(asked, await case_page(asked[SESSION], asked[THING], principal(asked)))
