"""Reading the images of a case outside its room: the viewer's page, the marks that are kept, and new ones."""

from collections.abc import Callable

from aiohttp import web
from pydantic import ConfigDict

from server.consultation import marks, share
from server.consultation.join import current_session
from server.consultation.model import Consultation
from server.consultation.routes.answer import page_of
from server.consultation.routes.ports import HUB
from server.consultation.views.lines import case_line
from server.consultation.views.reading import ReadingPage
from server.platform.errors import NotFound, Refusal
from server.platform.http import SESSION, THING, parse, principal, to_json
from server.platform.pages import full_name, render
from server.platform.policy import Principal, Role
from signaling.fields import Mark, Person
from signaling.messages import Marked
from signaling.ports import NotKept
from signaling.refusals import REFUSALS

routes = web.RouteTableDef()


class MarkNotKept(Refusal):
    """For the reasons for which a room refuses a mark."""

    code = "mark-not-kept"

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def text(self, gettext: Callable[[str], str]) -> str:
        return gettext(REFUSALS[self.why])


def person_of(by: Principal) -> Person:
    return Person(person=by.person_id, name=by.name, title=by.title, hospital=by.hospital)


@routes.get("/consultations/{consultation}/reading")
async def get_reading(asked: web.Request) -> web.Response:
    case, by = asked[THING], principal(asked)
    here = page_of(case)
    data = {
        "me": {"person": by.person_id, "name": full_name(by.title, by.name)},
        "changes_all_marks": await marks.is_host(asked[SESSION], case, by.person_id),
        "images_root": f"{here}/images",
        "marks_root": f"{here}/marks",
        "minutes_root": f"{here}/minutes",
    }
    is_locked = await marks.are_locked(asked[SESSION], case)
    may_draw = not is_locked and by.has(Role.DOCTOR, Role.SPECIALIST)
    return render(asked, ReadingPage(data, case_line(case), page_of(case), may_draw, is_locked))


@routes.get("/consultations/{consultation}/marks")
async def get_marks(asked: web.Request) -> web.Response:
    case: Consultation = asked[THING]
    visible = await share.visible_study_ids(asked[SESSION], case, principal(asked))
    found = await marks.standing(asked[SESSION], case, visible)
    return to_json({"marks": [one.model_dump(mode="json") for one in found]})


class DrawMark(Mark):
    model_config = ConfigDict(title="mark")


@routes.post("/consultations/{consultation}/marks")
async def post_mark(asked: web.Request) -> web.Response:
    """One version of a mark, drawn outside the room; who sits in the room sees it at once."""
    case, by = asked[THING], principal(asked)
    mark = Mark(**(await parse(asked, DrawMark)).model_dump())
    if mark.study not in await share.visible_study_ids(asked[SESSION], case, by):
        raise NotFound
    try:
        is_new = await marks.keep(asked[SESSION], case, mark, person_of(by))
    except NotKept as refusal:
        raise MarkNotKept(refusal.code) from None
    booked = await current_session(asked[SESSION], case)
    await asked[SESSION].commit()  # database before the doorbell
    if is_new and booked is not None:
        await asked.app[HUB].announce(booked.public_id, Marked(n=0, person=person_of(by), mark=mark))
    return web.Response(status=204)
