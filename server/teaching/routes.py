"""Addresses of teaching: the list, one copy under a person's eyes, its pictures, its zip."""

import asyncio
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Final

from aiohttp import web
from sqlalchemy import Row, select

from dicom.index import instances
from dicom.instance import REASONS
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from server.consultation.routes.answer import done
from server.consultation.routes.ports import STORE
from server.people.model import Person
from server.people.routes.edge import Command
from server.platform.db import id_from
from server.platform.errors import NotFound
from server.platform.http import SESSION, SETTINGS, THING, parse, principal, transaction
from server.platform.pages import Page, render
from server.teaching import copies, words
from server.teaching.model import CopyState, TeachingCopy, TeachingImage

routes = web.RouteTableDef()
SANDBOX: Final = web.AppKey("sandbox", Sandbox)
SIDE_PX, SMALL_PX = 1200, 320
_CHUNK_BYTES: Final = 1 << 18


# --- the list ---


@dataclass(frozen=True)
class TeachingPage(Page):
    template: ClassVar[str] = "teaching.html"
    released: Sequence[Row[Any]]
    begun: Sequence[TeachingCopy]
    states: Mapping[str, str] = field(default_factory=lambda: words.STATES)


@routes.get("/teaching")
async def get_teaching(asked: web.Request) -> web.Response:
    session, by = asked[SESSION], principal(asked)
    return render(asked, TeachingPage(await copies.released(session, by), await copies.begun(session, by)))


class Ask(Command):
    study_id: int


@routes.post("/consultations/{consultation}/teaching")
async def post_copy(asked: web.Request) -> web.Response:
    command = await parse(asked, Ask)
    copy = await copies.ask(asked[SESSION], asked[THING], command.study_id, principal(asked))
    return done(asked, f"/teaching/{copy.public_id}")


# --- one copy ---


@dataclass(frozen=True)
class CopyPage(Page):
    template: ClassVar[str] = "teaching_copy.html"
    copy: TeachingCopy
    series: Sequence[Sequence[TeachingImage]]
    asked_by: Person
    released_by: Person | None
    failure: str
    states: Mapping[str, str] = field(default_factory=lambda: words.STATES)
    methods: Mapping[str, str] = field(default_factory=lambda: words.METHODS)
    actions: Mapping[str, str] = field(default_factory=lambda: words.ACTIONS)
    reasons: Mapping[str, str] = field(default_factory=lambda: REASONS)


@routes.get("/teaching/{copy}")
async def get_copy(asked: web.Request) -> web.Response:
    session, copy = asked[SESSION], asked[THING]
    images = await copies.images_of(session, copy) if copy.state is CopyState.CHECKING else []
    page = CopyPage(
        copy=copy,
        series=[list(some) for _, some in groupby(images, lambda one: one.series_id)],
        asked_by=await session.get_one(Person, copy.asked_by_id),
        released_by=await session.get(Person, copy.released_by_id) if copy.released_by_id else None,
        failure=REASONS.get(copy.failure, ""),
    )
    return render(asked, page)


@routes.get("/teaching/{copy}/pictures/{picture}/{frame}")
async def get_picture(asked: web.Request) -> web.Response:
    """The copy's own pixels as a person would see them; never the original's."""
    async with transaction(asked) as session:
        image = await copies.image_of(session, asked[THING], id_from(asked.match_info["picture"]))
        blob, frame = image.blob, id_from(asked.match_info["frame"])
        if not 1 <= frame <= image.frames:
            raise NotFound
    path, side_px = asked.app[STORE].path(blob), SMALL_PX if "small" in asked.query else SIDE_PX
    jpeg = await asked.app[SANDBOX].run("thumbnail", path=path, number=frame, side_px=side_px)
    return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


class Blank(Command):
    left: int | None = None
    top: int | None = None
    right: int | None = None
    bottom: int | None = None
    whole_series: bool = False


@routes.post("/teaching/{copy}/pictures/{picture}/blank")
async def post_blank(asked: web.Request) -> web.Response:
    """Four edges in pixels of the image, or none of them: then every cover is taken off."""
    command = await parse(asked, Blank)
    session, copy = asked[SESSION], asked[THING]
    image = await copies.image_of(session, copy, id_from(asked.match_info["picture"]))
    edges = (command.left, command.top, command.right, command.bottom)
    rect = [edge for edge in edges if edge is not None]
    if len(rect) not in {0, 4}:
        raise copies.no_rectangle()
    await copies.blank(session, copy, image, rect, principal(asked), whole_series=command.whole_series)
    return done(asked, f"/teaching/{copy.public_id}")


class Release(Command):
    looked: bool = False
    seen: tuple[str, ...] = ()


@routes.post("/teaching/{copy}/release")
async def post_release(asked: web.Request) -> web.Response:
    command = await parse(asked, Release)
    seen = frozenset(map(id_from, command.seen))
    await copies.release(asked[SESSION], asked[THING], principal(asked), looked=command.looked, seen=seen)
    return done(asked, f"/teaching/{asked[THING].public_id}")


@routes.post("/teaching/{copy}/discard")
async def post_discard(asked: web.Request) -> web.Response:
    await copies.discard(asked[SESSION], asked[THING], principal(asked))
    return done(asked, "/teaching")


@routes.get("/teaching/{copy}/zip")
async def get_zip(asked: web.Request) -> web.StreamResponse:
    """Every image of a released copy, named by its place."""
    async with transaction(asked) as session:
        copy: TeachingCopy = asked[THING]
        if copy.state is not CopyState.RELEASED:
            raise NotFound
        blobs = list(
            await session.scalars(
                select(instances.c.blob)
                .where(instances.c.study_id == copy.released_study_id)
                .order_by(instances.c.series_id, instances.c.number, instances.c.id)
            )
        )
    with tempfile.TemporaryFile(dir=asked.app[SETTINGS].data_dir) as file:
        await asyncio.to_thread(_zipped, asked.app[STORE], blobs, file)
        answer = web.StreamResponse(
            headers={
                "Content-Type": "application/zip",
                "Content-Disposition": f'attachment; filename="{copy.public_id}.zip"',
                "Content-Length": str(file.tell()),
                "Cache-Control": "private, no-store",
            }
        )
        await answer.prepare(asked)
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            await answer.write(chunk)
        return answer


def _zipped(store: BlobStore, blobs: Sequence[str], file: Any) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, blob in enumerate(blobs, 1):
            archive.write(Path(store.path(blob)), f"IM{number:05}.dcm")
    file.seek(0, 2)
