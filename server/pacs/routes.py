"""Addresses of a hospital's PACS: its administrator's page, a doctor's search and retrievals."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from dicom.pacs.failures import FAILURES, PacsFailure
from dicom.pacs.found import Question
from server.pacs import connections, retrievals
from server.pacs.model import PacsConnection, Retrieval
from server.people.routes.edge import Command, Pem, Secret, Word
from server.platform.db import id_from
from server.platform.errors import Invalid, Refusal, later
from server.platform.events import audit
from server.platform.http import SESSION, SETTINGS, THING, parse, principal, see, to_json, transaction
from server.platform.pages import Page, gettext, render

routes = web.RouteTableDef()
QUESTIONS: Final = web.AppKey("questions to a PACS", asyncio.Semaphore)
AT_ONCE: Final = 4  # each a process of its own


class Unusable(Refusal):
    """What the PACS, or the way to it, is in the way with."""

    code = "pacs"

    def __init__(self, failure: PacsFailure) -> None:
        super().__init__()
        self.failure = failure.code

    def text(self, gettext: Callable[[str], str]) -> str:
        return gettext(FAILURES[self.failure])


# --- the administrator's page ---


@dataclass(frozen=True, kw_only=True)
class PacsPage(Page):
    template: ClassVar[str] = "pacs.html"
    connections: Sequence[PacsConnection]
    ae_title: str
    port: int
    editing: int = 0  # the connection in the form; 0: a new one
    about: int = 0  # the connection that was tried
    typed: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    said: str = ""  # of a connection that was tried: what is wrong with it
    is_good: bool = False


async def show(asked: web.Request, **more: object) -> web.Response:
    settings = asked.app[SETTINGS]
    page = PacsPage(
        connections=await connections.connections(asked[SESSION], principal(asked)),
        ae_title=settings.dimse_ae_title,
        port=settings.dimse_port,
        **more,  # type: ignore[arg-type]
    )
    return render(asked, page, status=Invalid.status if page.error else 200)


@routes.get("/pacs")
async def get_pacs(asked: web.Request) -> web.Response:
    """The list, and the form: of a new connection, or of the one that the address names."""
    number = id_from(asked.query.get("edit", ""))
    for one in await connections.connections(asked[SESSION], principal(asked)):
        if one.id == number:
            typed = {name: str(getattr(one, name) or "") for name in connections.SHOWN}
            return await show(asked, editing=one.id, typed=typed)
    return await show(asked)


class Connect(Command):
    name: Word = ""
    way: Word = ""
    host: Word = ""
    port: Word = ""
    ae_title: Word = ""
    trusted: Pem = ""
    root: Word = ""
    takes_evidence: Word = ""  # a ticked box says something
    user: Word = ""
    secret: Secret = ""


async def typed_again(
    asked: web.Request, refusal: Invalid, typed: Mapping[str, str], about: int
) -> web.Response:
    """The form as it was typed, but for the secret; nothing of it is kept."""
    await asked[SESSION].rollback()
    again = {name: value for name, value in typed.items() if name != "secret"}
    return await show(
        asked, editing=about, typed=again, fields=refusal.fields, error=refusal.text(gettext(asked))
    )


@routes.post("/pacs")
async def post_pacs(asked: web.Request) -> web.Response:
    typed = (await parse(asked, Connect)).model_dump()
    try:
        await connections.add(asked[SESSION], principal(asked), asked.app[SETTINGS], typed)
    except Invalid as refusal:
        return await typed_again(asked, refusal, typed, 0)
    return see("/pacs")


@routes.post("/pacs/{connection}/change")
async def post_change(asked: web.Request) -> web.Response:
    typed = (await parse(asked, Connect)).model_dump()
    connection: PacsConnection = asked[THING]
    number = connection.id
    try:
        await connections.change(asked[SESSION], connection, principal(asked), asked.app[SETTINGS], typed)
    except Invalid as refusal:
        return await typed_again(asked, refusal, typed, number)
    return see("/pacs")


@routes.post("/pacs/{connection}/remove")
async def post_remove(asked: web.Request) -> web.Response:
    await connections.remove(asked[SESSION], asked[THING], principal(asked))
    return see("/pacs")


@routes.post("/pacs/{connection}/test")
async def post_test(asked: web.Request) -> web.Response:
    """Ask for nothing in every way that doctors will, outside any transaction; say what is in the way."""
    async with transaction(asked) as session:
        connection: PacsConnection = asked[THING]
        await audit(session, "test-pacs", f"pacs:{connection.id}", by=principal(asked))
    said = ""
    try:
        async with asked.app[QUESTIONS]:
            await connections.archive_of(connection, asked.app[SETTINGS]).test()
    except PacsFailure as failure:
        said = gettext(asked)(failure.sentence)
    async with transaction(asked) as asked[SESSION]:
        return await show(asked, about=connection.id, said=said, is_good=not said)


# --- a doctor's search and retrievals ---


class Search(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Word = ""
    patient_id: Word = ""
    first_day: Word = ""
    last_day: Word = ""


def question_of(typed: Search) -> Question:
    """Raises Invalid."""
    if not any(typed.model_dump().values()):
        raise Invalid({"name": later("Ghi họ tên, mã người bệnh hoặc ngày chụp để tìm.")})
    days = {}
    for name in ("first_day", "last_day"):
        text = getattr(typed, name)
        try:
            days[name] = dt.date.fromisoformat(text).strftime("%Y%m%d") if text else ""
        except ValueError:
            raise Invalid({name: later("Ngày chưa đúng, viết ngày/tháng/năm.")}) from None
    # A wildcard of the protocol would be a question for everybody.
    patient_id = typed.patient_id.translate(dict.fromkeys(map(ord, "*?\\")))
    return Question(name=typed.name, patient_id=patient_id, **days)


@routes.post("/pacs/{connection}/search")
async def post_search(asked: web.Request) -> web.Response:
    """The studies of the PACS that fit, asked outside any transaction; the audit says who asked, not for whom."""
    await asked.read()  # a slow line must not hold a transaction open
    async with transaction(asked) as session:
        connection: PacsConnection = asked[THING]
        question = question_of(await parse(asked, Search))
        by = ("name", "patient_id", "first_day", "last_day")
        kinds = " ".join(one for one in by if getattr(question, one))
        await audit(session, "search-pacs", f"pacs:{connection.id}", by=principal(asked), by_what=kinds)
    try:
        async with asked.app[QUESTIONS]:
            found = await connections.archive_of(connection, asked.app[SETTINGS]).search(question)
    except PacsFailure as failure:
        raise Unusable(failure) from None
    return to_json({"studies": [asdict(one) for one in found]})


class Pull(Command):
    study_uid: Word
    title: Word = ""


@routes.post("/pacs/{connection}/retrievals")
async def post_retrieval(asked: web.Request) -> web.Response:
    command = await parse(asked, Pull)
    connection: PacsConnection = asked[THING]
    begun = await retrievals.begin(
        asked[SESSION], connection, principal(asked), command.study_uid, command.title
    )
    return to_json(line(asked, begun))


@routes.get("/retrievals")
async def get_retrievals(asked: web.Request) -> web.Response:
    """What is on its way, and where more may be asked for."""
    session, by = asked[SESSION], principal(asked)
    there = [{"id": one.id, "name": one.name} for one in await connections.connections(session, by)]
    lines = [line(asked, one) for one in await retrievals.recent(session, by)]
    return to_json({"connections": there, "retrievals": lines})


@routes.post("/retrievals/{retrieval}/retry")
async def post_retry(asked: web.Request) -> web.Response:
    await retrievals.retry(asked[SESSION], asked[THING], principal(asked))
    return to_json(line(asked, asked[THING]))


@routes.post("/retrievals/{retrieval}/cancel")
async def post_cancel(asked: web.Request) -> web.Response:
    await retrievals.cancel(asked[SESSION], asked[THING], principal(asked))
    return to_json(line(asked, asked[THING]))


def line(asked: web.Request, one: Retrieval) -> dict[str, object]:
    return {
        "id": one.id,
        "title": one.title,
        "state": one.state,
        "done": one.done,
        "total": one.total,
        "sentence": gettext(asked)(FAILURES[one.failure]) if one.failure in FAILURES else "",
        "study": one.study_id,
    }
