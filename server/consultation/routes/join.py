"""join: device check, room, ticket, end."""

from aiohttp import web

from server.consultation import join
from server.consultation.model import Consultation, LiveSession
from server.consultation.routes.answer import done, page_of
from server.consultation.routes.ports import HUB
from server.consultation.views.lines import case_line
from server.consultation.views.room import CheckPage, RoomPage
from server.consultation.words import SEXES
from server.platform.http import SESSION, THING, csrf_token, principal, to_json
from server.platform.pages import full_name, gettext, render
from server.platform.policy import Principal, Role
from signaling.messages import SessionEnded

routes = web.RouteTableDef()


@routes.post("/consultations/{consultation}/join")
async def post_join(asked: web.Request) -> web.Response:
    ticket = await join.join(asked[SESSION], asked[THING], principal(asked))
    return to_json({"ticket": ticket})


@routes.post("/consultations/{consultation}/end-session")
async def post_end_session(asked: web.Request) -> web.Response:
    by = principal(asked)
    room, n = await join.end_from_page(asked[SESSION], asked[THING], by)
    await asked[SESSION].commit()  # database before the doorbell
    await asked.app[HUB].announce(room, SessionEnded(n=n, by=full_name(by.title, by.name)))
    return done(asked, f"{page_of(asked[THING])}/minutes")


@routes.get("/consultations/{consultation}/check")
async def get_check(asked: web.Request) -> web.Response:
    case, by = asked[THING], principal(asked)
    booked = await join.open_room(asked[SESSION], case)
    return render(asked, CheckPage(room_data(asked, case, booked, by), case_line(case, booked)))


@routes.get("/consultations/{consultation}/room")
async def get_room(asked: web.Request) -> web.Response:
    case, by = asked[THING], principal(asked)
    booked = await join.open_room(asked[SESSION], case)
    return render(asked, RoomPage(room_data(asked, case, booked, by), case_line(case, booked)))


def room_data(
    asked: web.Request, case: Consultation, booked: LiveSession, by: Principal
) -> dict[str, object]:
    """What the scripts of the room are told; the patient's name is on the images and in the title only."""
    here, line, say = page_of(case), case_line(case), gettext(asked)
    age = say(line.age.sentence).format(count=line.age.count) if line.age else ""
    is_host = by.person_id == booked.specialist_id
    return {
        "consultation": case.public_id,
        "room": booked.public_id,
        "title": " · ".join(word for word in (line.patient, age, say(SEXES[case.sex])) if word),
        "me": {
            "person": by.person_id,
            "name": full_name(by.title, by.name),
            "hospital": by.hospital,
            "role": "host" if is_host else ("doctor" if by.has(Role.DOCTOR) else "viewer"),
        },
        "ticket_url": f"{here}/join",
        "socket_path": "/signal",
        "images_root": f"{here}/images",
        "minutes_root": f"{here}/minutes",
        "check_url": f"{here}/check",
        "room_url": f"{here}/room",
        "leave_url": here,
        "end_url": f"{here}/end-session",
        "questions": [
            {"id": question.id, "number": question.number, "text": question.text}
            for question in case.questions
        ],
        "csrf": csrf_token(asked, by),
    }
