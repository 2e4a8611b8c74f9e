"""A PACS by DICOMweb (PS3.18): QIDO-RS to search and list, WADO-RS instance by instance, straight to the disk."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from dicom import uid
from dicom.keywords import tag_of
from dicom.pacs.failures import WHEN_STORING, PacsFailure
from dicom.pacs.found import (
    MAX_ASKED,
    MAX_INSTANCES,
    STUDY_KEYS,
    Arrived,
    Event,
    Found,
    Listed,
    Outgoing,
    Question,
    chosen,
    patterns,
)
from dicom.pacs.network import Limits, Networks

_JSON: Final = "application/dicom+json"
_INSTANCE: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_MAX_ANSWER_BYTES: Final = 32 << 20
_PAGE: Final = 500
_CHUNK_BYTES: Final = 256 << 10
_CONNECT_S: Final = 10
_GOOD: Final = {"GET": {200, 204, 206}, "POST": {200, 202}}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The root of a DICOMweb service, and what opens it: the value of the Authorization header, or ""."""

    root: str
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Dicomweb:
    """One PACS. Certificates are checked; redirects are not followed: they could lead anywhere."""

    endpoint: Endpoint
    networks: Networks = field(default_factory=Networks)
    limits: Limits = field(default_factory=Limits)

    async def test(self) -> None:
        async with self._session() as http:
            await self._studies(http, {"PatientID": "HOICHAN-TEST", "limit": "1"})

    async def search(self, question: Question) -> list[Found]:
        """A name is asked in several dresses (`patterns`)."""
        keys = {"PatientID": question.patient_id, "StudyDate": question.dates, "limit": str(MAX_ASKED)}
        keys = {key: value for key, value in keys.items() if value}
        found: list[Found] = []
        async with self._session() as http:
            for name in patterns(question.name) or [""]:
                answers = await self._studies(http, keys | ({"PatientName": name} if name else {}))
                found += [one for values in answers if (one := Found.read(values)) is not None]
        return chosen(question, found)

    async def retrieve(self, study_uid: str, have: Set[str], folder: Path) -> AsyncGenerator[Event, None]:
        left_bytes = self.limits.retrieval_bytes
        try:
            async with asyncio.timeout(self.limits.retrieval_s), self._session() as http:
                listed = await self._instances(http, study_uid)
                if not listed:
                    raise PacsFailure("gone")
                yield Listed(frozenset(listed))
                for number, (sop_uid, series_uid) in enumerate(listed.items()):
                    if sop_uid in have:
                        continue
                    path = folder / f"{number}.dcm"
                    address = f"studies/{study_uid}/series/{series_uid}/instances/{sop_uid}"
                    left_bytes -= await self._fetch(http, address, path)
                    if left_bytes < 0:
                        raise PacsFailure("too-costly")
                    yield Arrived(path)
                    await asyncio.to_thread(path.unlink, missing_ok=True)
        except TimeoutError as error:
            raise PacsFailure("silent") from error

    async def store(self, outgoing: Sequence[Outgoing]) -> None:
        """STOW-RS, one instance a request: an archive may limit the body (PS3.18 10.5)."""
        try:
            async with asyncio.timeout(self.limits.store_s), self._session() as http:
                for one in outgoing:
                    await self._stow(http, await asyncio.to_thread(one.path.read_bytes))
        except TimeoutError as error:
            raise PacsFailure("store-broken") from error
        except PacsFailure as failure:
            raise PacsFailure(WHEN_STORING.get(failure.code, failure.code)) from failure

    async def _stow(self, http: aiohttp.ClientSession, body: bytes) -> None:
        with aiohttp.MultipartWriter("related", boundary=secrets.token_hex(16)) as parts:
            parts.append(body, {"Content-Type": "application/dicom"})
        kind = f'multipart/related; type="application/dicom"; boundary={parts.boundary}'
        told = {"Content-Type": kind}
        async with self._answered(http, "POST", "studies", _JSON, data=parts, more=told) as answer:
            said = await self._read_json(answer)
        failed = said.get(tag_of("FailedSOPSequence") or "", {}) if isinstance(said, dict) else {}
        if answer.status != 200 or failed.get("Value"):
            raise PacsFailure("store-refused")

    async def _studies(self, http: aiohttp.ClientSession, keys: Mapping[str, str]) -> list[dict[str, str]]:
        included = ("StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedInstances")
        async with asyncio.timeout(self.limits.answer_s):
            answer = await self._json(
                http, "studies", [*keys.items(), *(("includefield", one) for one in included)]
            )
        return [{key: _text(one, key) for key in STUDY_KEYS} for one in answer[:MAX_ASKED]]

    async def _instances(self, http: aiohttp.ClientSession, study_uid: str) -> dict[str, str]:
        """SOP Instance UID to Series Instance UID, page by page."""
        found: dict[str, str] = {}
        while len(found) < MAX_INSTANCES:
            keys = [("limit", str(_PAGE)), ("offset", str(len(found)))]
            before = len(found)
            for one in await self._json(http, f"studies/{study_uid}/instances", keys):
                sop_uid, series_uid = _text(one, "SOPInstanceUID"), _text(one, "SeriesInstanceUID")
                if uid.is_acceptable(sop_uid) and uid.is_acceptable(series_uid):
                    found[sop_uid] = series_uid
            if len(found) - before < _PAGE:  # the last page, or one that brings nothing new
                return found
        raise PacsFailure("too-costly")

    async def _json(
        self, http: aiohttp.ClientSession, address: str, query: list[tuple[str, str]]
    ) -> list[dict[str, Any]]:
        async with self._got(http, address, _JSON, query) as answer:
            if answer.status == 204:
                return []
            found = await self._read_json(answer)
            if not isinstance(found, list):
                raise PacsFailure("no-dicomweb")
            return [one for one in found if isinstance(one, dict)]

    @staticmethod
    async def _read_json(answer: aiohttp.ClientResponse) -> Any:
        body = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > _MAX_ANSWER_BYTES:
                raise PacsFailure("too-costly")
        try:
            return await asyncio.to_thread(json.loads, body)
        except (ValueError, RecursionError) as error:
            raise PacsFailure("no-dicomweb") from error

    async def _fetch(self, http: aiohttp.ClientSession, address: str, path: Path) -> int:
        """Write one instance to `path`; its size in bytes."""
        async with self._got(http, address, _INSTANCE, []) as answer:
            if answer.content_type != "multipart/related":
                raise PacsFailure("no-dicomweb")
            part = await aiohttp.MultipartReader.from_response(answer).next()
            if not isinstance(part, aiohttp.BodyPartReader):
                raise PacsFailure("no-dicomweb")
            size_bytes = 0
            with path.open("wb") as file:
                while chunk := await part.read_chunk(_CHUNK_BYTES):
                    size_bytes += len(chunk)
                    if size_bytes > self.limits.instance_bytes:
                        raise PacsFailure("too-costly")
                    await asyncio.to_thread(file.write, chunk)
            return size_bytes

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        root = URL(self.endpoint.root)
        address = await self.networks.address(root.host or "", root.port or 0)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=_Pinned(address), limit=2),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_S, sock_read=self.limits.idle_s),
        ) as http:
            yield http

    @asynccontextmanager
    async def _got(
        self, http: aiohttp.ClientSession, address: str, accept: str, query: list[tuple[str, str]]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._answered(http, "GET", address, accept, query=query) as answer:
            yield answer

    @asynccontextmanager
    async def _answered(
        self,
        http: aiohttp.ClientSession,
        method: str,
        address: str,
        accept: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        data: aiohttp.MultipartWriter | None = None,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A good answer. Raises PacsFailure for every other, and for what happens while it is read."""
        headers = {"Accept": accept, **more}
        if self.endpoint.authorization:
            headers["Authorization"] = self.endpoint.authorization
        url = URL(self.endpoint.root.rstrip("/") + "/" + address).with_query(list(query))
        asked = http.request(method, url, headers=headers, data=data, allow_redirects=False)
        try:
            async with asked as answer:
                if answer.status not in _GOOD[method]:
                    raise PacsFailure(_of_status(answer.status, address))
                yield answer
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise PacsFailure("tls") from error
        except aiohttp.ClientConnectorError as error:
            raise PacsFailure("no-answer") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise PacsFailure("no-answer") from error
        except TimeoutError as error:
            raise PacsFailure("silent") from error
        except aiohttp.ClientResponseError as error:
            raise PacsFailure("no-dicomweb") from error  # no HTTP at all
        except (aiohttp.ClientError, OSError) as error:
            raise PacsFailure("broken") from error
        except ValueError as error:
            raise PacsFailure("too-costly") from error  # a multipart body that is none


class _Pinned(AbstractResolver):
    """Every name is the one address that was looked up and allowed."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


def _of_status(status: int, address: str) -> str:
    if status in {401, 403}:
        return "credential"
    if status == 404:
        return "no-dicomweb" if address == "studies" else "gone"
    return "no-dicomweb" if status in {300, 301, 302, 303, 307, 308, 405} else "http"


def _text(one: Mapping[str, Any], keyword: str) -> str:
    """A value of the DICOM JSON model as text, several with a backslash between."""
    element = one.get(tag_of(keyword) or "")
    values = element.get("Value") if isinstance(element, dict) else None
    if not isinstance(values, list):
        return ""
    texts = [one.get("Alphabetic", "") if isinstance(one, dict) else one for one in values[:16]]
    return "\\".join(str(text) for text in texts if isinstance(text, str | int))
