"""Policy first, then one transaction in which the handler works."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from server.platform.errors import NotFound
from server.platform.events import audit
from server.platform.http.context import (
    AUTHENTICATE,
    DATABASE,
    LOADERS,
    POLICY,
    PRINCIPAL,
    SESSION,
    SITTINGS,
    THING,
    UNSAFE,
    WHAT,
    Handler,
    principal,
)
from server.platform.http.origin import check_forgery
from server.platform.policy import Reach, Row, admit, relate


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Policy first, then one transaction in which the handler works."""
    if request.match_info.http_exception is not None:
        request[PRINCIPAL] = await request.app[AUTHENTICATE](
            request
        )  # the page that says so shows the way on
        return await handler(request)
    row = request.app[POLICY].row(request[WHAT])
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType
    if "%00" in request.raw_path:
        raise NotFound  # no name of ours has it, and PostgreSQL takes no text with it
    found = await request.app[AUTHENTICATE](request)
    if found is not None and found.is_script and not row.is_open_to_scripts:
        found = None  # pages are for people: a token opens the doors of programs alone
    request[PRINCIPAL] = found
    admit(row, found)
    if request.method in UNSAFE and not _is_script(request, row):
        await check_forgery(request, found)
    if row.streams:
        return await handler(request)
    if request.method in UNSAFE and request.content_type != "multipart/form-data":
        await request.read()  # a slow line must not hold a transaction open
    async with transaction(request) as session:
        request[SESSION] = session
        return await handler(request)


@asynccontextmanager
async def transaction(request: web.Request) -> AsyncIterator[AsyncSession]:
    """The request's one transaction: what the path names is loaded, related and, at the end, audited.

    Handlers of rows that stream open it themselves, once the bytes have come.
    """
    row, found = request.app[POLICY].row(request[WHAT]), request[PRINCIPAL]
    deed = (found.sign_in, row.audit, _named(request)) if found and row.audit else None
    sittings = request.app[SITTINGS]
    if row.once and deed and sittings.get(deed):
        deed = None
    writes = row.writes if row.writes is not None else (_may_write(request, row) or deed is not None)
    async with request.app[DATABASE].session(found, writes=writes) as session:
        await _load(request, session, row)
        yield session
        if deed:
            await audit(session, deed[1], deed[2], by=found)
    if row.once and deed:
        sittings.keep(deed, True)


def _may_write(request: web.Request, row: Row) -> bool:
    return request.method in UNSAFE and not row.once


def _named(request: web.Request) -> str:
    """The object in our own words: "consultation:abc"; ids of ours only."""
    return " ".join(f"{name}:{value}" for name, value in request.match_info.items()) or request[WHAT]


async def _load(request: web.Request, session: AsyncSession, row: Row) -> None:
    """Load what the path names, within the principal's scope; the last one named is the THING."""
    thing: object | None = None
    loaders = request.app[LOADERS]
    names = [name for name in request.match_info if name in loaders]
    for name in names:
        thing = await loaders[name](session, request)
        if thing is None:
            raise NotFound
    if names and row.who is not Reach.ANYONE:
        relate(row, principal(request), thing)
    request[THING] = thing


def _is_script(request: web.Request, row: Row) -> bool:
    return row.is_open_to_scripts and request.headers.get("Authorization", "").startswith("Bearer ")
