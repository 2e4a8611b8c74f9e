"""triage: the desk"""

from aiohttp import web

from server.consultation import triage
from server.consultation.routes.answer import Command, Reason, Short, Text, done, page_of
from server.consultation.views.desk import DeskQueue, desk_page
from server.platform.http import SESSION, THING, parse, principal
from server.platform.pages import render

routes = web.RouteTableDef()


@routes.get("/desk")
async def get_desk(asked: web.Request) -> web.Response:
    return render(asked, await desk_page(asked[SESSION], principal(asked)))


@routes.get("/desk/queue")
async def get_desk_queue(asked: web.Request) -> web.Response:
    return render(asked, await desk_page(asked[SESSION], principal(asked), DeskQueue))


@routes.post("/consultations/{consultation}/take-up")
async def post_take_up(asked: web.Request) -> web.Response:
    await triage.take_up(asked[SESSION], asked[THING], principal(asked))
    return done(asked, page_of(asked[THING]))


@routes.post("/consultations/{consultation}/accept")
async def post_accept(asked: web.Request) -> web.Response:
    await triage.accept(asked[SESSION], asked[THING], principal(asked))
    return done(asked, f"{page_of(asked[THING])}/schedule")


class Redirect(Command):
    hospital_id: int | None = None
    specialty: Short = ""
    reason: Text = ""


@routes.post("/consultations/{consultation}/redirect")
async def post_redirect(asked: web.Request) -> web.Response:
    command = await parse(asked, Redirect)
    await triage.redirect(asked[SESSION], asked[THING], principal(asked), **command.model_dump())
    return done(asked, "/desk")


@routes.post("/consultations/{consultation}/ask-more")
async def post_ask_more(asked: web.Request) -> web.Response:
    command = await parse(asked, Reason)
    await triage.ask_more(asked[SESSION], asked[THING], principal(asked), command.reason)
    return done(asked, "/desk")


@routes.post("/consultations/{consultation}/decline")
async def post_decline(asked: web.Request) -> web.Response:
    command = await parse(asked, Reason)
    await triage.decline(asked[SESSION], asked[THING], principal(asked), command.reason)
    return done(asked, "/desk")
