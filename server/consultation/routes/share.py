"""share: inbox, attaching, detaching"""

from aiohttp import web

from server.consultation import share
from server.consultation.routes.answer import Command, done, page_of
from server.consultation.views.inbox import inbox_page
from server.platform.http import SESSION, SETTINGS, THING, parse, principal
from server.platform.pages import render

routes = web.RouteTableDef()


@routes.get("/inbox")
async def get_inbox(asked: web.Request) -> web.Response:
    page = await inbox_page(asked[SESSION], principal(asked), asked.app[SETTINGS].upload_limit_bytes)
    return render(asked, page)


class Attach(Command):
    study_id: int
    same_patient: bool = False


@routes.post("/consultations/{consultation}/studies")
async def post_study(asked: web.Request) -> web.Response:
    command = await parse(asked, Attach)
    await share.attach(
        asked[SESSION], asked[THING], command.study_id, principal(asked), same_patient=command.same_patient
    )
    return done(asked, page_of(asked[THING]))


class Detach(Command):
    study_id: int


@routes.post("/consultations/{consultation}/studies/remove")
async def post_study_remove(asked: web.Request) -> web.Response:
    command = await parse(asked, Detach)
    await share.detach(asked[SESSION], asked[THING], command.study_id, principal(asked))
    return done(asked, page_of(asked[THING]))
