"""From UIDs in a path to rows and bytes, within a scope.

What a request may see is asked anew each time (`ports.scope`). What is found there is remembered: instances
never change, so only the study's row is looked at again, once a second, for all requests together.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from dicom import uid
from dicom.fresh import Fresh
from dicom.ports import Malformed, NotHere, Ports, Scope
from dicom.query import statements
from dicom.texts import later
from dicom.web.cache import Cache
from dicom.web.mapped import MappedFiles
from dicom.web.send import head_of

TRUST_S = 1.0  # how long a study's row is believed: a removed study is gone after this
MAX_INSTANCES = 100_000  # about 60 MB
MAX_FRAME_TABLES = 500_000  # fragments
MAX_PARAMETERS = 500  # of one statement
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")  # it goes into addresses inside of JSON
PREAMBLE = memoryview(bytes(128))


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study as it is at the moment; another `changed_at_ms` means that instances were added."""

    id: int
    uid: str
    received_at_ms: int
    changed_at_ms: int


@dataclass(frozen=True, slots=True)
class Located:
    """Where the bytes of one instance are."""

    id: int
    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    transfer_syntax: str
    frames: int
    bits: int  # allocated to a sample; 0 where there are no pixels
    size_bytes: int
    blob: str
    pixel_offset: int | None
    frame_bytes: int | None

    @property
    def path(self) -> str:
        """Below the root of the service."""
        return f"/studies/{self.study_uid}/series/{self.series_uid}/instances/{self.sop_uid}"

    @property
    def etag(self) -> str:
        """The end of the blob's name, a keyed hash of the content."""
        return self.blob[-24:]


Frames = tuple[tuple[tuple[int, int], ...], ...]  # of each frame, offset and length of its fragments
Instances = dict[str, Located]  # by SOP Instance UID; in a whole study after the series' UID


class Archive:
    """What the routes of one root share."""

    def __init__(self, prefix: str, ports: Ports) -> None:
        self.ports = ports
        self.standing = head_of(ports.headers)
        self.files = MappedFiles(ports.store)
        self._frames: Cache[str, Frames] = Cache(MAX_FRAME_TABLES)
        self._depth = prefix.count("/")
        self._studies: Fresh[tuple[Scope, str], StudyRow] = Fresh(TRUST_S, self._look_up)
        self._series: Cache[Any, Instances] = Cache(MAX_INSTANCES)

    def root(self, request: web.Request) -> str:
        """The absolute address that the addresses in answers begin with."""
        path = "/".join(request.path.split("/")[: self._depth + 1])
        if self.ports.public_url:
            return self.ports.public_url + path
        if not _HOST.fullmatch(request.host):
            raise Malformed(
                later("Tên máy chủ trong yêu cầu không đúng dạng. Hãy kiểm tra địa chỉ đã cấu hình.")
            )
        return f"{request.scheme}://{request.host}{path}"

    async def study(self, request: web.Request) -> StudyRow:
        """The study that the path names, noted as viewed. Raises NotHere, or the server's refusals."""
        scope = await self.ports.scope(request)
        study = await self.find(scope, request.match_info["study"])
        await self.ports.viewed(request, study.id)
        return study

    async def instances(self, request: web.Request) -> tuple[StudyRow, list[Located]]:
        """The study that the path names and, in their order, the instances. Raises NotHere."""
        study = await self.study(request)
        names = request.match_info
        if "instance" in names:
            return study, [await self._instance(study, names["series"], names["instance"])]
        return study, list((await self._load(study, names.get("series"))).values())

    async def instance(self, request: web.Request) -> Located:
        """The instance that the path names. Raises NotHere."""
        return await self.instance_of(request, await self.study(request))

    async def instance_of(self, request: web.Request, study: StudyRow) -> Located:
        """The instance of this study that the path names. Raises NotHere."""
        return await self._instance(study, request.match_info["series"], request.match_info["instance"])

    async def headers(self, ids: Sequence[int]) -> dict[int, bytes]:
        """The stored headers of these instances, by id."""
        headers: dict[int, bytes] = {}
        for at in range(0, len(ids), MAX_PARAMETERS):
            rows = await self.ports.rows(statements.headers_of(ids[at : at + MAX_PARAMETERS]))
            headers.update((row.id, row.header) for row in rows)
        return headers

    async def original(self, located: Located) -> AsyncIterator[memoryview]:
        """Yield the file as it was received, but for a preamble of its sender's: that could be a program."""
        yield PREAMBLE
        rest = located.size_bytes - len(PREAMBLE)
        async for chunk in self.files.chunks(located.blob, len(PREAMBLE), rest):
            yield chunk

    async def frames(self, located: Located) -> Frames:
        """The fragments of each frame of an encapsulated instance, from the sandbox. Raises BadInstance."""
        known = self._frames.get(located.blob)
        if known is not None:
            return known
        path = self.ports.store.path(located.blob)
        found = await self.ports.sandbox.run("frame_table", path=path, frames=located.frames)
        table = tuple(tuple((offset, length) for offset, length in frame) for frame in found)
        return self._frames.put(located.blob, table, 1 + sum(map(len, table)))

    async def find(self, scope: Scope, study_uid: str) -> StudyRow:
        """The study of this UID within the scope. Raises NotHere."""
        study = await self._studies.get((scope, study_uid))
        if study is None:
            raise NotHere
        return study

    async def _look_up(self, wanted: tuple[Scope, str]) -> StudyRow | None:
        scope, study_uid = wanted
        if not uid.is_acceptable(study_uid):
            return None
        rows = await self.ports.rows(statements.study_of_uid(scope, study_uid))
        if not rows:
            return None
        return StudyRow(rows[0].id, study_uid, rows[0].received_at_ms, rows[0].changed_at_ms)

    async def _instance(self, study: StudyRow, series_uid: str, sop_uid: str) -> Located:
        located = (await self._load(study, series_uid)).get(sop_uid)
        if located is None:
            raise NotHere
        return located

    async def _load(self, study: StudyRow, series_uid: str | None) -> Instances:
        key = (study.id, study.received_at_ms, study.changed_at_ms, series_uid)
        known = self._series.get(key)
        if known is not None:
            return known
        rows = await self.ports.rows(statements.instances_of(study.id, series_uid))
        if not rows:
            raise NotHere
        located = {
            row.sop_uid if series_uid else f"{row.series_uid}/{row.sop_uid}": _located(study, row)
            for row in rows
        }
        return self._series.put(key, located, len(located))


def _located(study: StudyRow, row: Any) -> Located:
    return Located(
        id=row.id,
        study_uid=study.uid,
        series_uid=row.series_uid,
        sop_uid=row.sop_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax=row.transfer_syntax_uid,
        frames=row.frames,
        bits=(row.bits_allocated or 0) if row.frames else 0,
        size_bytes=row.size_bytes,
        blob=row.blob,
        pixel_offset=row.pixel_offset,
        frame_bytes=row.frame_bytes,
    )
