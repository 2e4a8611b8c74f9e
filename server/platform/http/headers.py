"""The headers that stand on every answer."""

from functools import cache

from aiohttp import web
from aiohttp.hdrs import CACHE_CONTROL, SERVER
from multidict import istr

from server.platform.http.context import SETTINGS

CSP = (
    "default-src 'none'; script-src 'self'{wasm}; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "X-Frame-Options": "DENY",
}


@cache
def _standing(*, decodes_images: bool, is_https: bool) -> tuple[tuple[str, str], ...]:
    """Names and values, the names ready to be looked up."""
    headers = {
        **HEADERS,
        "Content-Security-Policy": CSP.format(wasm=" 'wasm-unsafe-eval'" if decodes_images else ""),
        "Cache-Control": "no-store",
    }
    if is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return tuple((istr(name), value) for name, value in headers.items())


def standing_headers(*, is_https: bool) -> dict[str, str]:
    """What stands on every answer but a page that decodes images; Cache-Control is the answer's own."""
    headers = dict(_standing(decodes_images=False, is_https=is_https))
    del headers[CACHE_CONTROL]
    return headers


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Security headers on every answer; nothing of a patient is ever kept by a cache we did not mean."""
    path, headers = request.path, response.headers
    headers.pop(SERVER, None)  # which versions run here is nobody's business
    if path.startswith("/static/assets/"):  # hashed files never change
        headers[CACHE_CONTROL] = "public, max-age=31536000, immutable"
    # The room's image decoder is WebAssembly, in a worker that keeps to the policy of its own script.
    decodes_images = path.endswith("/room") or path.startswith("/static/")
    for name, value in _standing(decodes_images=decodes_images, is_https=request.app[SETTINGS].is_https):
        headers.setdefault(name, value)
