"""Whether our own page asks: the browser's word for the origin, and the token of the sign-in."""

from urllib.parse import urlsplit

from aiohttp import web

from server.platform import keys
from server.platform.errors import ForeignOrigin
from server.platform.http.bodies import posted_by
from server.platform.http.context import SETTINGS
from server.platform.policy import Principal


async def check_forgery(request: web.Request, found: Principal | None) -> None:
    """Same origin by the browser's own word, and the token of this sign-in."""
    if not is_same_origin(request):
        raise ForeignOrigin
    if found is None:
        return
    given = request.headers.get("X-CSRF-Token")
    if given is None and request.content_type == "application/x-www-form-urlencoded":
        given = str((await posted_by(request)).get("csrf", ""))
    if not given or not keys.same(keys.unmasked(given), _csrf_secret(request, found)):
        raise ForeignOrigin


def is_same_origin(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin_is_ours(request)


def origin_is_ours(request: web.Request) -> bool:
    """Exact comparison of scheme, host and port (RFC 6454), against our public address or this host."""
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    settings = request.app[SETTINGS]
    if settings.public_url:
        return origin == settings.origin
    parts = urlsplit(origin)
    return parts.scheme == "http" and parts.netloc == request.host


def csrf_token(request: web.Request, found: Principal) -> str:
    return keys.masked(_csrf_secret(request, found))


def _csrf_secret(request: web.Request, found: Principal) -> str:
    return keys.mac(keys.derive(request.app[SETTINGS].key, "csrf"), found.sign_in)
