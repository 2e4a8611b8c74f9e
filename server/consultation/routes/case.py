"""home, the list of cases, the case page"""

from aiohttp import web

from server.consultation import views
from server.consultation.journey import CLOSED
from server.consultation.model import Consultation
from server.consultation.routes.answer import done
from server.people.names import fold
from server.platform.db import now
from server.platform.events import Notice
from server.platform.http import SESSION, THING, principal, see
from server.platform.pages import render
from server.platform.policy import Role

routes = web.RouteTableDef()


@routes.get("/")
async def get_home(asked: web.Request) -> web.Response:
    by = principal(asked)
    if not by.has(Role.DOCTOR, Role.SPECIALIST, Role.COORDINATOR):
        return see("/oversight" if by.has(Role.OVERSIGHT) else "/people")
    return render(asked, await views.home_page(asked[SESSION], by))


@routes.post("/notices/{notice}/seen")
async def post_notice_seen(asked: web.Request) -> web.Response:
    notice: Notice = asked[THING]
    notice.seen_at = now()
    return done(asked, "/")


@routes.get("/consultations")
async def get_consultations(asked: web.Request) -> web.Response:
    search, which = asked.query.get("q", "")[:100], asked.query.get("filter", "open")
    by = principal(asked)
    conditions: list[object] = []
    if which == "open":
        conditions.append(Consultation.stage.not_in(CLOSED))
    elif which == "closed":
        conditions.append(Consultation.stage.in_(CLOSED))
    if words := fold(search).split():
        conditions += [Consultation.patient_name_key.contains(word, autoescape=True) for word in words]
    found = await views.some_cases(asked[SESSION], *conditions)
    page = views.CasesPage(await views.lines(asked[SESSION], found), search, which, by.has(Role.DOCTOR))
    return render(asked, page)


@routes.get("/consultations/{consultation}")
async def get_consultation(asked: web.Request) -> web.Response:
    return render(asked, await views.case_page(asked[SESSION], asked[THING], principal(asked)))
