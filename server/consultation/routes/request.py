"""request: the form, saved as one types, sent"""

import asyncio

from aiohttp import web

from server.consultation import earlier_codes, hand_over, icd10, readiness, request, share
from server.consultation.model import Consultation
from server.consultation.routes.answer import Command, Text, done, page_of
from server.consultation.views.request import request_page
from server.platform.db import HERE
from server.platform.http import SESSION, THING, parse, principal, to_json
from server.platform.pages import gettext, render

routes = web.RouteTableDef()


@routes.post("/consultations")
async def post_consultations(asked: web.Request) -> web.Response:
    case = await request.begin(asked[SESSION], principal(asked))
    return done(asked, f"{page_of(case)}/request")


@routes.get("/consultations/{consultation}/request")
async def get_request(asked: web.Request) -> web.Response:
    return render(asked, await request_page(asked[SESSION], asked[THING], principal(asked)))


@routes.patch("/consultations/{consultation}/request")
async def patch_request(asked: web.Request) -> web.Response:
    case, by = asked[THING], principal(asked)
    await request.save(asked[SESSION], case, await parse(asked, request.Draft), by)
    return to_json(await saved(asked, case))


async def saved(asked: web.Request, case: Consultation) -> dict[str, object]:
    """What the form shows after each save: when, what is still missing, what looks odd."""
    translate = gettext(asked)
    studies = await share.visible_study_ids(asked[SESSION], case, principal(asked))
    return {
        "version": case.version,
        "saved_at": f"{case.changed_at.astimezone(HERE):%H:%M}",
        "hints": [
            {"field": hint.field, "text": translate(hint.text), "is_needed": hint.is_needed}
            for hint in readiness.hints(case, studies=len(studies))
        ],
        "doubts": {name: translate(text) for name, text in readiness.doubts(case).items()},
        "differences": {
            str(tied.study_id): ". ".join(translate(share.DIFFERENCES[kind]) for kind in kinds)
            for tied, kinds in await share.unsettled(asked[SESSION], case)
        },
        "warnings": [translate(text) for text in readiness.warnings(case)],
    }


@routes.post("/consultations/{consultation}/request")
async def post_request(asked: web.Request) -> web.Response:
    case: Consultation = asked[THING]
    await request.send(asked[SESSION], case, principal(asked))
    return done(asked, page_of(case))


@routes.get("/icd10")
async def get_icd10(asked: web.Request) -> web.Response:
    earlier = await earlier_codes.known(asked[SESSION], principal(asked).hospital_id)
    # In a thread: the first search reads the whole classification.
    found = await asyncio.to_thread(icd10.search, asked.query.get("q", ""), earlier, 12)
    return to_json([{"code": match.code, "text": match.text} for match in found])


class HandOver(Command):
    person_id: int


@routes.post("/consultations/{consultation}/hand-over")
async def post_hand_over(asked: web.Request) -> web.Response:
    command = await parse(asked, HandOver)
    await hand_over.hand_over(asked[SESSION], asked[THING], principal(asked), command.person_id)
    return done(asked, page_of(asked[THING]))


class MoreAnswer(Command):
    answer: Text = ""


@routes.post("/consultations/{consultation}/answer-more")
async def post_answer_more(asked: web.Request) -> web.Response:
    command = await parse(asked, MoreAnswer)
    await request.answer_more(asked[SESSION], asked[THING], command.answer, principal(asked))
    return done(asked, page_of(asked[THING]))
