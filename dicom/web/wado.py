"""WADO-RS (PS3.18 10.4): originals and metadata of studies, series and instances. Frames are beside."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from dicom import jsonmodel
from dicom.web.accept import DICOM, JSON, Offer, choose
from dicom.web.archive import Archive, Located, StudyRow
from dicom.web.cache import Cache
from dicom.web.send import CHECKED, VARY, Part, send, send_parts

MAX_METADATA_BYTES = 64 << 20  # gzipped
JSON_OFFERS = (Offer(JSON), Offer("application/json"))


@dataclass(frozen=True, slots=True)
class Metadata:
    """The headers of some instances, gzipped, and what names this very text."""

    body: bytes
    etag: str


class Wado:
    """The handlers of one root."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._rendered: Cache[Any, Metadata] = Cache(MAX_METADATA_BYTES)

    async def originals(self, request: web.Request) -> web.StreamResponse:
        """Send the files as they were received, in one part each; one alone also without parts."""
        _, instances = await self._archive.instances(request)
        syntaxes = {located.transfer_syntax for located in instances}
        only = syntaxes.pop() if len(syntaxes) == 1 else "*"
        offers = (Offer(DICOM, only, is_multipart=True), Offer(DICOM, only))
        offer = choose(request, offers[: 2 if len(instances) == 1 else 1])
        root = self._archive.root(request)
        parts = [
            Part(
                f"{DICOM}; transfer-syntax={located.transfer_syntax}",
                root + located.path,
                located.size_bytes,
                self._archive.original(located),
            )
            for located in instances
        ]
        if offer.is_multipart:
            return await send_parts(request, self._archive.standing, DICOM, parts)
        return await send(request, self._archive.standing, parts[0], instances[0].etag)

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        """Send the headers of all instances as one JSON array, gzipped for who takes that."""
        study, instances = await self._archive.instances(request)
        choose(request, JSON_OFFERS)
        metadata = await self._metadata_of(request, study, instances)
        headers = {"ETag": metadata.etag, "Cache-Control": CHECKED, "Vary": VARY}
        if metadata.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        body = metadata.body
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            body = await asyncio.to_thread(zlib.decompress, body, 31)
        return web.Response(body=body, content_type=JSON, headers=headers)

    async def _metadata_of(
        self, request: web.Request, study: StudyRow, instances: Sequence[Located]
    ) -> Metadata:
        """Join the stored headers, once for all who ask until the study changes."""
        root = self._archive.root(request)
        key = (root, request.path, study.id, study.received_at_ms, study.changed_at_ms)
        known = self._rendered.get(key)
        if known is not None:
            return known
        headers = await self._archive.headers([located.id for located in instances])
        described = [
            (headers[located.id], root + located.path, located.bits)
            for located in instances
            if located.id in headers
        ]
        body = await asyncio.to_thread(jsonmodel.metadata, described)
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
        return self._rendered.put(key, Metadata(body, etag), len(body))
