"""outcome: what became of the patient"""

from aiohttp import web

from server.consultation import outcome
from server.consultation.routes.answer import Command, Short, Text, done, page_of
from server.platform.http import SESSION, SETTINGS, THING, parse, principal

routes = web.RouteTableDef()


class NoteOutcome(Command):
    kind: Short = ""
    reason: Text = ""


@routes.post("/consultations/{consultation}/outcome")
async def post_outcome(asked: web.Request) -> web.Response:
    command = await parse(asked, NoteOutcome)
    await outcome.note_outcome(
        asked[SESSION],
        asked[THING],
        principal(asked),
        asked.app[SETTINGS],
        kind=command.kind,
        reason=command.reason,
    )
    return done(asked, page_of(asked[THING]))
