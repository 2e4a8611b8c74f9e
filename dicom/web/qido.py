"""QIDO-RS (PS3.18 10.6): lists of studies, series and instances."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from dicom import jsonmodel
from dicom.jsonmodel import Element, required_tags
from dicom.ports import Scope
from dicom.query import Level, Query, parse
from dicom.query.statements import first_headers
from dicom.web.accept import JSON, Offer, choose
from dicom.web.archive import Archive
from dicom.web.cache import Cache
from dicom.web.send import CHECKED, VARY

OFFERS = (Offer(JSON), Offer("application/json"))
MAX_KNOWN = 20_000
MORE = "299 hoichan: There are additional results that can be requested"

Row = Mapping[str, Any]
Elements = dict[str, Element]
Wanted = frozenset[str] | None  # tags; None: all that belong to the level
_ID = {Level.STUDY: "study_id", Level.SERIES: "series_id", Level.INSTANCE: "instance_id"}


class Qido:
    """The handlers of one root."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._required: Cache[Any, Elements] = Cache(MAX_KNOWN)

    def search(self, level: Level) -> Handler:
        """The handler that lists this level, below what its path names."""

        async def handler(request: web.Request) -> web.StreamResponse:
            choose(request, OFFERS)
            scope = await self._archive.ports.scope(request)
            query = parse(level, request.query.items())
            await self._archive.ports.listed(request)
            study_uid = request.match_info.get("study")
            if study_uid is None:
                return await self._answer(request, query, await self._found(query, scope))
            query = query.within(scope, study_uid, request.match_info.get("series"))
            rows = await self._found(query, scope)
            if not rows:
                # Nothing in a study of ours is an empty list; a study of others is not there.
                await self._archive.find(scope, study_uid)
            return await self._answer(request, query, rows)

        return handler

    async def _found(self, query: Query, scope: Scope) -> list[Row]:
        return [row._mapping for row in await self._archive.ports.rows(query.statement(scope))]

    async def _answer(self, request: web.Request, query: Query, rows: list[Row]) -> web.Response:
        headers = {"Cache-Control": CHECKED, "Vary": VARY}
        if len(rows) > query.limit:
            headers["Warning"] = MORE
            rows = rows[: query.limit]
        root = self._archive.root(request)
        results = [jsonmodel.RENDER[query.level](row, root) for row in rows]
        if rows:
            more = await self._from_headers(query.level, rows, _needed(query, results[0].keys()))
            results = [elements | result for elements, result in zip(more, results, strict=True)]
        return web.Response(body=jsonmodel.dumps(results), content_type=JSON, headers=headers)

    async def _from_headers(self, level: Level, rows: Sequence[Row], needed: Wanted) -> Sequence[Elements]:
        """What each answer needs beside its row, from the header of one instance of it."""
        if needed == required_tags(level):
            return await self._required_of(level, rows)
        return await self._read(level, rows, needed)

    async def _required_of(self, level: Level, rows: Sequence[Row]) -> Sequence[Elements]:
        """The attributes that every answer has, remembered until the study changes."""
        keys = [(level, row[_ID[level]], row["changed_at_ms"]) for row in rows]
        known = [self._required.get(key) for key in keys]
        missing = [index for index, elements in enumerate(known) if elements is None]
        read = await self._read(level, [rows[index] for index in missing], required_tags(level))
        for index, elements in zip(missing, read, strict=True):
            known[index] = self._required.put(keys[index], elements)
        return [elements or {} for elements in known]

    async def _read(self, level: Level, rows: Sequence[Row], needed: Wanted) -> Sequence[Elements]:
        if not rows or needed == frozenset():
            return [{}] * len(rows)
        ids = [row[_ID[level]] for row in rows]
        headers = dict(await self._archive.ports.rows(first_headers(level, ids)))
        return [_chosen(headers.get(id_), level, needed) for id_ in ids]


def _needed(query: Query, present: Container[str]) -> Wanted:
    """The tags to look up in headers."""
    if query.include_all:
        return None
    asked = {tag for tag in query.include if tag not in present and jsonmodel.belongs(tag, query.level)}
    return required_tags(query.level) | asked


def _chosen(header: bytes | None, level: Level, needed: Wanted) -> Elements:
    if header is None:
        return {}
    return {
        tag: element
        for tag, element in jsonmodel.header(header).items()
        if (jsonmodel.belongs(tag, level) if needed is None else tag in needed)
    }
