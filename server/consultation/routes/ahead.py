"""ahead: what to fetch before the session, and how far that is"""

from typing import Annotated

from aiohttp import web
from pydantic import Field

from server.consultation import ahead
from server.consultation.routes.answer import Command, done, page_of
from server.consultation.views.ahead import ProgressPage
from server.platform.http import SESSION, THING, parse, principal, to_json
from server.platform.pages import render

routes = web.RouteTableDef()


@routes.get("/ahead")
async def get_ahead(asked: web.Request) -> web.Response:
    found = await ahead.studies_ahead(asked[SESSION], principal(asked))
    return to_json(
        {"studies": [{"case": f"/consultations/{one.consultation}", "study": one.study} for one in found]}
    )


@routes.get("/consultations/{consultation}/arrived")
async def get_arrived(asked: web.Request) -> web.Response:
    """The line of the case page, the check and the room that renews itself."""
    found = await ahead.progress(asked[SESSION], asked[THING], principal(asked))
    return render(asked, ProgressPage(asked[THING].public_id, found))


class Arrived(Command):
    study_id: int
    frames: Annotated[int, Field(ge=0, le=1_000_000)]


@routes.post("/consultations/{consultation}/arrived")
async def post_arrived(asked: web.Request) -> web.Response:
    command = await parse(asked, Arrived)
    by = principal(asked)
    await ahead.arrived(asked[SESSION], asked[THING], by, command.study_id, command.frames)
    return done(asked, page_of(asked[THING]))
