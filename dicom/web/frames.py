"""Frames and bulk data (PS3.18 10.4.1.1.6, 10.4.1.1.5), out of the stored file in its own encoding."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web

from dicom import jsonmodel
from dicom.instance import BadInstance
from dicom.ports import Malformed, NotHere, Refused
from dicom.texts import later
from dicom.web.accept import OCTETS, Offer, asked_for, choose
from dicom.web.archive import Archive, Located, StudyRow
from dicom.web.cache import Cache
from dicom.web.send import SAVED, Content, Part, send_bytes, send_parts

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
LITTLE_ENDIAN = (EXPLICIT, IMPLICIT)
MAX_FRAMES = 1000  # in one request
MAX_WANTED = 8_000_000  # letters of the requests that are remembered, about 30 MB in all
# Media types of encapsulated transfer syntaxes (PS3.18 tables 8.7.3-3 and 8.7.3-5), by the UID's end.
_ENDS = {
    "image/jpeg": "4.50 4.51 4.57 4.70",
    "image/jls": "4.80 4.81",
    "image/jp2": "4.90 4.91",
    "image/jpx": "4.92 4.93",
    "image/jxl": "4.110 4.111 4.112",
    "image/jphc": "4.201 4.202 4.203",
    "image/dicom-rle": "5",
    "video/mpeg": "4.100 4.100.1 4.101 4.101.1",
    "video/mp4": "4.102 4.102.1 4.103 4.103.1 4.104 4.104.1 4.105 4.105.1 4.106 4.106.1",
    "video/H265": "4.107 4.108",
}
MEDIA_TYPES = {
    f"1.2.840.10008.1.2.{end}": media_type for media_type, ends in _ENDS.items() for end in ends.split()
}
_NUMBERS = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")
# All pixel data of these are given frame by frame: each says its encoding.
BY_FRAME = (*MEDIA_TYPES, BIG_ENDIAN)


class Unreadable(Refused):
    """The file does not hold what its header says."""

    status = 422
    code = "unreadable"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request for frames comes to: which, of what, how packed, and the instance's own address."""

    located: Located
    numbers: tuple[int, ...]
    offer: Offer
    address: str


class Frames:
    """The handlers of one root."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._wanted: Cache[tuple[object, ...], Wanted] = Cache(MAX_WANTED)

    async def frames(self, request: web.Request) -> web.StreamResponse:
        study = await self._archive.study(request)  # each time: who asks, may they, and is it still there
        # The rest follows from these alone, and whoever reads together asks for the same.
        words = (study, request.raw_path, asked_for(request), request.host, request.scheme)
        wanted = self._wanted.get(words)
        if wanted is None:
            known = await self._understand(request, study)
            wanted = self._wanted.put(words, known, len(words[1]) + len(words[2]))
        located, numbers = wanted.located, wanted.numbers
        if not wanted.offer.is_multipart:
            frame = await self._frame(located, numbers[0])
            return await send_bytes(
                request, self._archive.standing, _content_type(located), frame, f"{located.etag}.{numbers[0]}"
            )
        parts = await self._frame_parts(located, numbers, wanted.address)
        return await send_parts(request, self._archive.standing, wanted.offer.media_type, parts)

    async def _understand(self, request: web.Request, study: StudyRow) -> Wanted:
        """Raises NotHere, Malformed or NotAcceptable."""
        located = await self._archive.instance_of(request, study)
        numbers = numbers_of(request.match_info["frames"], located.frames)
        offer = choose(request, _offers(located, is_one=len(numbers) == 1))
        return Wanted(located, numbers, offer, f"{self._archive.root(request)}{located.path}")

    async def bulk(self, request: web.Request) -> web.StreamResponse:
        """Send all pixel data, or another binary value that the metadata name by its path."""
        located = await self._archive.instance(request)
        element = request.match_info["element"].upper()
        address = f"{self._archive.root(request)}{located.path}"
        if element == jsonmodel.PIXEL_DATA and located.frames and located.transfer_syntax in BY_FRAME:
            offer = choose(request, _offers(located, is_one=False))
            parts = await self._frame_parts(located, range(1, located.frames + 1), address)
            return await send_parts(request, self._archive.standing, offer.media_type, parts)
        value = await self._value(located, element)
        offer = choose(request, _OCTETS)
        if not offer.is_multipart:
            named = f"{located.etag}.{element.replace('/', '.')}"
            return await send_bytes(request, self._archive.standing, OCTETS, value, named, SAVED)
        part = Part(OCTETS, f"{address}/bulkdata/{element}", len(value), value)
        return await send_parts(request, self._archive.standing, OCTETS, [part])

    async def _frame(self, located: Located, number: int) -> memoryview:
        if located.pixel_offset is not None and located.frame_bytes is not None:
            start = located.pixel_offset + (number - 1) * located.frame_bytes
            return await self._archive.files.slice(located.blob, start, located.frame_bytes)
        fragments = await self._fragments(located, number)
        views = [await self._archive.files.slice(located.blob, *fragment) for fragment in fragments]
        return views[0] if len(views) == 1 else memoryview(b"".join(views))

    async def _frame_parts(self, located: Located, numbers: Sequence[int], address: str) -> list[Part]:
        """One frame at once, so that what is not there is refused; of several each when its turn comes."""
        parts = []
        for number in numbers:
            content: Content
            if len(numbers) == 1:
                content = await self._frame(located, number)
                size = len(content)
            else:
                content = self._chunks(located, number)
                size = await self._size(located, number)
            parts.append(Part(_content_type(located), f"{address}/frames/{number}", size, content))
        return parts

    async def _size(self, located: Located, number: int) -> int:
        if located.frame_bytes is not None:
            return located.frame_bytes
        return sum(length for _, length in await self._fragments(located, number))

    async def _chunks(self, located: Located, number: int) -> AsyncIterator[memoryview]:
        yield await self._frame(located, number)

    async def _fragments(self, located: Located, number: int) -> Sequence[tuple[int, int]]:
        try:
            table = await self._archive.frames(located)
        except BadInstance as bad:
            raise Unreadable(bad.sentence) from bad
        return table[number - 1]

    async def _value(self, located: Located, element: str) -> memoryview:
        """All native pixel data, or what the sandbox reads. Raises NotHere."""
        if element == jsonmodel.PIXEL_DATA and located.pixel_offset is not None and located.frame_bytes:
            length = located.frames * located.frame_bytes
            return await self._archive.files.slice(located.blob, located.pixel_offset, length)
        path = self._archive.ports.store.path(located.blob)
        try:
            found = await self._archive.ports.sandbox.run("bulk_value", path=path, element=element)
        except BadInstance as bad:
            raise NotHere from bad
        return memoryview(found)


_OCTETS = (
    Offer(OCTETS, EXPLICIT, is_multipart=True),
    Offer(OCTETS, EXPLICIT),
)


def _offers(located: Located, *, is_one: bool) -> tuple[Offer, ...]:
    """What frames of this instance can be given as."""
    return _offered(located.transfer_syntax, located.pixel_offset is not None, is_one)


@lru_cache(maxsize=256)
def _offered(syntax: str, is_in_place: bool, is_one: bool) -> tuple[Offer, ...]:
    """Its own encoding: in parts, and where it is only one, also without."""
    media_type = MEDIA_TYPES.get(syntax)
    if is_in_place and syntax in LITTLE_ENDIAN:
        offers = list(_OCTETS)
    elif is_in_place:
        offers = [Offer(OCTETS, syntax, is_multipart=m, only_if_named=True) for m in (True, False)]
    elif media_type is not None:
        offers = [Offer(media_type, syntax, is_multipart=m) for m in (True, False)]
        # OHIF and others ask for octets of any transfer syntax and mean this.
        offers += [Offer(OCTETS, syntax, is_multipart=m, only_if_named=True) for m in (True, False)]
    else:
        offers = []
    return tuple(offer for offer in offers if offer.is_multipart or is_one)


def _content_type(located: Located) -> str:
    syntax = located.transfer_syntax
    if syntax in LITTLE_ENDIAN:
        return f"{OCTETS}; transfer-syntax={EXPLICIT}"
    return f"{MEDIA_TYPES.get(syntax, OCTETS)}; transfer-syntax={syntax}"


def numbers_of(text: str, frames: int) -> tuple[int, ...]:
    """The frames that the path lists, counted from 1. Raises Malformed or NotHere."""
    if not _NUMBERS.fullmatch(text):
        raise Malformed(later("Danh sách khung hình phải là các số cách nhau bằng dấu phẩy, ví dụ 1,2,3."))
    numbers = tuple(int(number) for number in text.split(","))
    if len(numbers) > MAX_FRAMES:
        raise Malformed(later("Xin quá nhiều khung hình trong một lần. Hãy chia thành nhiều lần."))
    if not all(1 <= number <= frames for number in numbers):
        raise NotHere
    return numbers
