"""Rendered resources and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4) of studies, series, instances and frames.

One picture is asked for with an image type: of several images it is the one in the middle, which stands for them
(`<img>` and thumbnails). With multipart/related it is each frame, in order.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from aiohttp import web

from dicom.instance import REASONS, BadInstance
from dicom.ports import Malformed, NotAcceptable, NotHere
from dicom.texts import later
from dicom.web.accept import Offer, choose
from dicom.web.archive import Archive, Located
from dicom.web.frames import Unreadable, numbers_of
from dicom.web.send import Part, send_bytes, send_parts

JPEG, PNG = "image/jpeg", "image/png"
ONE: Final = (Offer(JPEG), Offer(PNG))
EACH: Final = (Offer(JPEG, is_multipart=True), Offer(PNG, is_multipart=True))
MAX_PICTURES: Final = 200  # of one answer: all are in memory before the first is sent
MAX_SIDE_PX: Final = 4096
THUMBNAIL_PX: Final = 160
DEFAULT_QUALITY: Final = 90
FUNCTIONS: Final = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
NOT_APPLIED: Final = "299 hoichan: The following rendering parameters were not applied: "
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a picture is to look (PS3.18 8.3.5.1), as the sandbox takes it."""

    window: tuple[float | str, ...] = ()
    viewport: tuple[int, ...] = ()
    region: tuple[float, ...] = ()
    quality: int = DEFAULT_QUALITY


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame of one instance, counted from 1."""

    located: Located
    number: int


class Rendered:
    """The handlers of one root."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def rendered(self, request: web.Request) -> web.StreamResponse:
        """The picture, or in parts each of the pictures, of what the path names."""
        return await self._answer(request, rendering_of(request))

    async def thumbnail(self, request: web.Request) -> web.StreamResponse:
        """A small picture; of the parameters only the viewport's size counts (PS3.18 8.3.5.2)."""
        asked = rendering_of(request)
        return await self._answer(
            request,
            Rendering(viewport=asked.viewport or (THUMBNAIL_PX, THUMBNAIL_PX), quality=80),
            may_be_many=False,
        )

    async def _answer(
        self, request: web.Request, rendering: Rendering, *, may_be_many: bool = True
    ) -> web.StreamResponse:
        _, instances = await self._archive.instances(request)
        frames = _frames(instances, request.match_info.get("frames"))
        if not frames:
            raise NotAcceptable(REASONS["no-pixels"])
        offers = (*ONE, *EACH) if len(frames) == 1 else (*EACH, *ONE)
        offer = choose(request, offers if may_be_many else ONE)
        facts = _not_applied(request)
        standing = self._archive.standing
        if not offer.is_multipart:
            shown = _middle(frames)
            picture = await self._picture(shown, offer.media_type, rendering)
            named = f"{shown.located.etag}.{shown.number}.{_digest(rendering, offer)}"
            return await send_bytes(request, standing, offer.media_type, memoryview(picture), named, facts)
        if len(frames) > MAX_PICTURES:
            raise Malformed(
                later("Xin quá nhiều hình trong một lần. Hãy xin từng chuỗi hoặc từng khung hình.")
            )
        root = self._archive.root(request)
        parts = []
        for shown in frames:
            picture = await self._picture(shown, offer.media_type, rendering)
            address = f"{root}{shown.located.path}/frames/{shown.number}/rendered"
            parts.append(Part(offer.media_type, address, len(picture), picture))
        return await send_parts(request, standing, offer.media_type, parts)

    async def _picture(self, shown: Shown, media_type: str, rendering: Rendering) -> bytes:
        ports = self._archive.ports
        values: dict[str, Any] = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(rendering).items()
        }
        path = ports.store.path(shown.located.blob)
        try:
            picture: bytes = await ports.sandbox.run(
                "rendered", path=path, number=shown.number, media_type=media_type, **values
            )
        except BadInstance as bad:
            raise Unreadable(bad.sentence) from bad
        return picture


def _frames(instances: Sequence[Located], numbers: str | None) -> list[Shown]:
    """What there is to show: the frames that the path lists, or all. Raises Malformed, NotHere."""
    if numbers is not None:
        [located] = instances
        if not located.frames:
            raise NotHere
        return [Shown(located, number) for number in numbers_of(numbers, located.frames)]
    return [Shown(located, number) for located in instances for number in range(1, located.frames + 1)]


def _middle(frames: Sequence[Shown]) -> Shown:
    """The middle of the longest series: scouts and reports stand back."""
    of_series: dict[str, list[Shown]] = defaultdict(list)
    for shown in frames:
        of_series[shown.located.series_uid].append(shown)
    longest = max(of_series.values(), key=len)
    return longest[(len(longest) - 1) // 2]


def _digest(rendering: Rendering, offer: Offer) -> str:
    return hashlib.sha256(f"{rendering} {offer.media_type}".encode()).hexdigest()[:16]


def _not_applied(request: web.Request) -> dict[str, str]:
    """Annotations and colour profiles are not made; who asks for them is told so."""
    asked = [
        name
        for name in ("annotation", "iccprofile")
        if request.query.get(name, "no" if name == "iccprofile" else "") not in ("", "no")
    ]
    return {"Warning": NOT_APPLIED + ", ".join(asked)} if asked else {}


def rendering_of(request: web.Request) -> Rendering:
    """The rendering parameters of the query. Raises Malformed."""
    query, rendering = request.query, Rendering()
    if "quality" in query:
        [quality] = _numbers(query["quality"], 1, "quality")
        if not 1 <= quality <= 100 or quality != int(quality):
            raise _malformed("quality")
        rendering = replace(rendering, quality=int(quality))
    if "window" in query:
        rendering = replace(rendering, window=_window(query["window"]))
    if "viewport" in query:
        size, region = _viewport(query["viewport"])
        rendering = replace(rendering, viewport=size, region=region)
    return rendering


def _window(text: str) -> tuple[float | str, ...]:
    """`center,width,function`, all three (PS3.18 8.3.5.1.4); the function in any case."""
    *numbers, function = text.split(",")
    center, width = _numbers(",".join(numbers), 2, "window")
    name = function.strip().upper().replace("-", "_")
    if name not in FUNCTIONS or width < (1 if name == "LINEAR" else 1e-6):
        raise _malformed("window")
    return center, width, name


def _viewport(text: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """`width,height`, and perhaps the region `left,top,width,height` of the image (PS3.18 8.3.5.1.3)."""
    pieces = text.split(",")
    width, height = _numbers(",".join(pieces[:2]), 2, "viewport")
    if not all(1 <= side <= MAX_SIDE_PX and side == int(side) for side in (width, height)):
        raise _malformed("viewport")
    if len(pieces) == 2:
        return (int(width), int(height)), ()
    region = _numbers(",".join(pieces[2:]), 4, "viewport")
    if min(region[:2]) < 0 or 0 in region[2:]:
        raise _malformed("viewport")
    return (int(width), int(height)), tuple(region)


def _numbers(text: str, count: int, name: str) -> list[float]:
    pieces = [piece.strip() for piece in text.split(",")]
    if len(pieces) != count or not all(map(_NUMBER.fullmatch, pieces)):
        raise _malformed(name)
    return [float(piece) for piece in pieces]


def _malformed(name: str) -> Malformed:
    return Malformed(
        later("Tham số {name} của hình không đúng dạng. Xem mục 4.3 của CONFORMANCE.md."), name=name
    )
