"""Which representation to give (PS3.18 8.7): media types asked for against those that exist.

A request asks in its Accept header, or in the query parameter `accept` that stands for it where a browser
cannot set headers. An original is never re-encoded, so a transfer syntax is met or refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from aiohttp import web

from dicom.ports import NotAcceptable
from dicom.texts import later

MULTIPART = "multipart/related"
OCTETS = "application/octet-stream"
DICOM = "application/dicom"
JSON = "application/dicom+json"

# Between commas or semicolons, with quoted text as one piece.
_BETWEEN_COMMAS = re.compile(r'(?:[^,"]|"[^"]*")+')
_BETWEEN_SEMICOLONS = re.compile(r'(?:[^;"]|"[^"]*")+')


@dataclass(frozen=True, slots=True)
class Wanted:
    """One media range of an Accept header; the parameters' names are in lower case."""

    media_type: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def quality(self) -> float:
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0


@dataclass(frozen=True, slots=True)
class Offer:
    """One representation that can be given."""

    media_type: str
    transfer_syntax: str = ""
    is_multipart: bool = False
    only_if_named: bool = False  # given to who names its transfer syntax or says that any will do


def asked_for(request: web.Request) -> str:
    """The media ranges that the request names."""
    in_query = request.query.get("accept") if "?" in request.raw_path else None
    return in_query or ",".join(request.headers.getall("Accept", ())) or "*/*"


def choose(request: web.Request, offers: tuple[Offer, ...]) -> Offer:
    """Return the first offer that the most wanted range covers. Raises NotAcceptable."""
    chosen = _chosen(asked_for(request), offers)
    if chosen is None:
        raise NotAcceptable(
            later("Không có dạng dữ liệu được yêu cầu. Hãy xin transfer-syntax=* hoặc xem CONFORMANCE.md.")
        )
    return chosen


# A viewer asks for thousands of frames in the same words.
@lru_cache(maxsize=512)
def _chosen(asked: str, offers: tuple[Offer, ...]) -> Offer | None:
    wanted = [wanted for wanted in parse(asked) if wanted.quality > 0]
    return next((offer for w in wanted for offer in offers if _covers(w, offer)), None)


def parse(header: str) -> list[Wanted]:
    """Read an Accept header, most wanted first."""
    ranges = [media(text) for text in _BETWEEN_COMMAS.findall(header)]
    return sorted(ranges, key=lambda wanted: -wanted.quality)


def media(text: str) -> Wanted:
    """Read one media type with its parameters."""
    media_type, *parameters = (piece.strip() for piece in _BETWEEN_SEMICOLONS.findall(text) or [""])
    pairs = (parameter.partition("=") for parameter in parameters)
    return Wanted(media_type.lower(), {name.strip().lower(): value.strip(' "') for name, _, value in pairs})


def _covers(wanted: Wanted, offer: Offer) -> bool:
    media_type = wanted.media_type
    if media_type == MULTIPART:
        if not offer.is_multipart:
            return False
        media_type = wanted.parameters.get("type", "*/*").lower()
    elif media_type != "*/*" and offer.is_multipart:
        return False
    syntax = wanted.parameters.get("transfer-syntax")
    if syntax is None:
        return not offer.only_if_named and _is_within(offer.media_type, media_type)
    return syntax in ("*", offer.transfer_syntax) and _is_within(offer.media_type, media_type)


def _is_within(media_type: str, media_range: str) -> bool:
    media_type = media_type.lower()
    if media_range.endswith("/*"):
        return media_range == "*/*" or media_type.startswith(media_range[:-1])
    return media_type == media_range
