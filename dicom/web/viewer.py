"""HTTP of our own viewer: studies, manifest, frames, thumbnails. DICOMweb is beside it, for all others."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from functools import lru_cache
from typing import Any, NoReturn, Protocol

from aiohttp import hdrs, web
from sqlalchemy import select

from dicom import manifest
from dicom.framecache import Entry, FrameCache
from dicom.fresh import Fresh
from dicom.index import instances, series, studies
from dicom.instance import REASONS, BadInstance
from dicom.ports import NotHere, Ports, Refused, Scope
from dicom.query import visible
from dicom.web.archive import TRUST_S
from dicom.web.cache import Cache
from dicom.web.joined import Wanted, facts_of, places, send_joined
from dicom.web.send import CHECKED, VARY, head_of, send_bytes

Row = dict[str, Any]
Headers = dict[str, str]

_HEADERS: Headers = {hdrs.CACHE_CONTROL: CHECKED, hdrs.VARY: VARY}
_MANIFESTS = 32
_LISTED = 200
_INSTANCES = 20_000
_TOLD = (
    20_000  # frames whose tag and facts are remembered: they are asked for again and again, and never change
)


class ViewerPorts(Ports, Protocol):
    """What the viewer asks of the server beside DICOMweb's ports."""

    @property
    def frames(self) -> FrameCache:
        """The derived frames."""


class NotShown(Refused):
    """The image is there, but cannot be shown: the sentence says why."""

    status = 422
    code = "not-shown"


def viewer_routes(prefix: str, ports: ViewerPorts) -> list[web.RouteDef]:
    viewer = _Viewer(ports)
    study = prefix + r"/studies/{study:\d{1,18}}"
    return [
        # The router tries one after the other: what is asked for most comes first.
        web.get(study + r"/instances/{instance:\d{1,18}}/frames/{frame:\d{1,6}}", viewer.frame),
        web.get(f"{prefix}/studies", viewer.studies),
        web.get(study, viewer.study),
        web.get(study + r"/series/{series:\d{1,18}}/frames", viewer.joined),
        web.get(study + r"/series/{series:\d{1,18}}/thumbnail", viewer.thumbnail),
    ]


class _Viewer:
    def __init__(self, ports: ViewerPorts) -> None:
        self._ports = ports
        self._standing = head_of(ports.headers)
        self._manifests: Cache[tuple[int, int, int], bytes] = Cache(_MANIFESTS)
        self._visible: Fresh[tuple[Scope, int], Row] = Fresh(TRUST_S, self._look_up)
        self._instances: Cache[tuple[int, int, int], Row] = Cache(_INSTANCES)

    async def studies(self, request: web.Request) -> web.Response:
        """`{"studies": […]}`, newest first, 200 at most."""
        scope = await self._ports.scope(request)
        await self._ports.listed(request)
        columns = [studies.c[name] for name in _STUDY_COLUMNS]
        query = (
            select(*columns)
            .where(visible(scope), studies.c.removed_at_ms.is_(None))
            .order_by(studies.c.study_date.desc(), studies.c.received_at_ms.desc())
            .limit(_LISTED)
        )
        async with self._ports.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        listed = [_listed(dict(row)) for row in rows]
        return web.json_response({"studies": listed}, headers={hdrs.CACHE_CONTROL: "private, no-store"})

    async def study(self, request: web.Request) -> web.Response:
        """The manifest: everything but the pixels."""
        study = await self._study(request)
        await self._ports.viewed(request, study["id"])
        key = study["id"], study["changed_at_ms"], study["instance_count"]
        body = self._manifests.get(key)
        if body is None:
            body = self._manifests.put(key, await self._manifest(study))
        headers: Headers = {
            **_HEADERS,
            hdrs.ETAG: f'"{hashlib.sha256(body).hexdigest()[:20]}"',
            hdrs.CONTENT_ENCODING: "gzip",
            hdrs.CONTENT_TYPE: "application/json; charset=utf-8",
        }
        return _unless_known(request, headers) or web.Response(body=body, headers=headers)

    async def frame(self, request: web.Request) -> web.StreamResponse:
        """One frame; `?level=k` the prefix that shows it halved k times, `Range` any part of it."""
        study = await self._visible_study(request)
        row = await self._instance(study, int(request.match_info["instance"]))
        await self._ports.viewed(request, study["id"])
        number = int(request.match_info["frame"])
        if not 1 <= number <= row["frames"]:
            raise NotHere
        try:
            file = await self._ports.frames.ensure_frames(row["blob"])
        except BadInstance as refused:
            _refuse(refused)
        entry = file.frame(number)
        if entry is None:
            raise NotShown(REASONS["wrong-pixels"])
        level = _level(request)
        prefix = file.read(entry, 0, entry.cuts[min(level, len(entry.cuts) - 1)])
        etag = _etag(row["blob"], number, level)
        return await send_bytes(
            request, self._standing, entry.media, prefix, etag, {"Frame-Facts": _facts(entry)}
        )

    async def joined(self, request: web.Request) -> web.StreamResponse:
        """Frames of a series in one answer, as `dicom/web/joined.py` says.

        `?frames=5-8,4-1`: places in the manifest's order of instances and their frames, counted from 1;
        without it all. `?level=k` as for one frame.
        """
        study = await self._visible_study(request)
        shown = await self._frames_of(study["id"], int(request.match_info["series"]))
        await self._ports.viewed(request, study["id"])
        wanted = [shown[place - 1] for place in places(request.query.get("frames", ""), len(shown))]
        return await send_joined(request, self._ports.frames, wanted, _level(request))

    async def thumbnail(self, request: web.Request) -> web.Response:
        """The middle image of a series, as a JPEG of 160 pixels."""
        study = await self._study(request)
        query = (
            select(instances.c.blob)
            .where(
                instances.c.study_id == study["id"],
                instances.c.series_id == int(request.match_info["series"]),
                instances.c.frames > 0,
            )
            .order_by(instances.c.number, instances.c.id)
        )
        async with self._ports.read() as connection:
            blobs = (await connection.execute(query)).scalars().all()
        if not blobs:
            raise NotHere
        blob = blobs[len(blobs) // 2]
        await self._ports.viewed(request, study["id"])
        headers: Headers = {**_HEADERS, hdrs.ETAG: f'"{_etag(blob, 0, 0)}"'}
        if (known := _unless_known(request, headers)) is not None:
            return known
        try:
            jpeg = await self._ports.frames.thumbnail(blob)
        except BadInstance as refused:
            _refuse(refused)
        return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)

    async def _study(self, request: web.Request) -> Row:
        """The study that the path names, as it is now. Raises NotHere."""
        row = await self._look_up((await self._ports.scope(request), int(request.match_info["study"])))
        if row is None:
            raise NotHere
        return row

    async def _visible_study(self, request: web.Request) -> Row:
        """The same as it was within the last moment: frames are asked for by the thousand. Raises NotHere."""
        key = await self._ports.scope(request), int(request.match_info["study"])
        row = await self._visible.get(key)
        if row is None:
            raise NotHere
        return row

    async def _look_up(self, wanted: tuple[Scope, int]) -> Row | None:
        scope, study_id = wanted
        query = select(studies).where(
            studies.c.id == study_id, visible(scope), studies.c.removed_at_ms.is_(None)
        )
        rows = await self._ports.rows(query)
        return dict(rows[0]._mapping) if rows else None

    async def _instance(self, study: Row, instance_id: int) -> Row:
        key = study["id"], study["changed_at_ms"], instance_id
        known = self._instances.get(key)
        if known is not None:
            return known
        query = select(instances.c.blob, instances.c.frames).where(
            instances.c.id == instance_id, instances.c.study_id == study["id"]
        )
        rows = await self._ports.rows(query)
        if not rows:
            raise NotHere
        return self._instances.put(key, dict(rows[0]._mapping))

    async def _frames_of(self, study_id: int, series_id: int) -> list[Wanted]:
        """Every frame of a series, in the manifest's order."""
        query = select(*(instances.c[name] for name in ("id", "number", "frames", "blob"))).where(
            instances.c.study_id == study_id, instances.c.series_id == series_id, instances.c.frames > 0
        )
        async with self._ports.read() as connection:
            rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        if not rows:
            raise NotHere
        return [
            Wanted(row["id"], frame, row["blob"])
            for row in sorted(rows, key=manifest.in_order)
            for frame in range(1, row["frames"] + 1)
        ]

    async def _manifest(self, study: Row) -> bytes:
        async with self._ports.read() as connection:
            of_series = select(series).where(series.c.study_id == study["id"])
            of_instances = select(*_INSTANCE_COLUMNS).where(
                instances.c.study_id == study["id"], instances.c.frames > 0
            )
            series_rows = [dict(row) for row in (await connection.execute(of_series)).mappings()]
            rows = [dict(row) for row in (await connection.execute(of_instances)).mappings()]
        # Thousands of headers take a while to read: not on the event loop.
        await asyncio.to_thread(_read_headers, rows)
        await self._complete_luts(rows)
        return await asyncio.to_thread(_written, study, series_rows, rows)

    async def _complete_luts(self, rows: list[Row]) -> None:
        """Put in VOI tables that were too long for the index; beyond the limit, windows have to do."""
        lacking = [row for row in rows if manifest.lacks_voi_lut(row["header"])]
        for row in lacking[: manifest.MAX_LUTS]:
            try:
                words = await self._ports.sandbox.run("voi_lut", path=self._ports.store.path(row["blob"]))
            except BadInstance:
                continue
            manifest.put_voi_lut(row["header"], words)


_STUDY_COLUMNS = (
    "id", "patient_id", "patient_name", "patient_birth_date", "patient_sex", "study_date", "study_time",
    "description", "modalities", "series_count", "instance_count",
)  # fmt: skip
_INSTANCE_COLUMNS = [
    instances.c[name]
    for name in ("id", "series_id", "sop_uid", "number", "frames", "rows", "columns", "blob", "header")
]


def _listed(row: Row) -> Row:
    return {
        "study": row.pop("id"),
        **row,
        "patient_name": manifest.display_name(row["patient_name"]),
        "modalities": [modality for modality in row["modalities"].split("\\") if modality],
    }


def _read_headers(rows: list[Row]) -> None:
    for row in rows:
        row["header"] = json.loads(gzip.decompress(row["header"]))


def _written(study: Row, series_rows: list[Row], rows: list[Row]) -> bytes:
    text = json.dumps(manifest.study(study, series_rows, rows), ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8", "replace"), compresslevel=6, mtime=0)


def _level(request: web.Request) -> int:
    level = request.query.get("level", "0")
    return int(level) if level in {"0", "1", "2", "3", "4", "5"} else 0


@lru_cache(_TOLD)
def _etag(blob: str, number: int, level: int) -> str:
    # The blob's name is a keyed hash of the bytes; hashed once more, it tells nothing of where they lie.
    return hashlib.sha256(f"{FrameCache.VERSION} {blob} {number} {level}".encode()).hexdigest()[:20]


def _unless_known(request: web.Request, headers: Headers) -> web.Response | None:
    """304 where the browser has just this already."""
    known = request.if_none_match
    if known is None or not any(f'"{tag.value}"' == headers[hdrs.ETAG] for tag in known):
        return None
    return web.Response(status=304, headers={hdrs.ETAG: headers[hdrs.ETAG], **_HEADERS})


@lru_cache(_TOLD)
def _facts(entry: Entry) -> str:
    return json.dumps(facts_of(entry), separators=(",", ":"))


def _refuse(refused: BadInstance) -> NoReturn:
    raise NotShown(refused.sentence) from refused
