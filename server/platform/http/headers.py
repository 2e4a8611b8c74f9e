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
# For bytes that others sent: were they ever shown as a page, it could run, load, send and frame nothing.
DATA_CSP = "default-src 'none'; sandbox; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
_DATA = ("/dicom-web/", "/images/")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "X-Frame-Options": "DENY",
}


def is_data(path: str) -> bool:
    """Where images and files are given out, to programs and to our scripts: no page lies there."""
    return any(part in path for part in _DATA)


@cache
def _standing(policy: str, *, is_https: bool) -> tuple[tuple[str, str], ...]:
    """Names and values, the names ready to be looked up."""
    headers = {**HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-store"}
    if is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return tuple((istr(name), value) for name, value in headers.items())


def standing_headers(*, is_https: bool) -> dict[str, str]:
    """What stands on every answer of images and files; Cache-Control is the answer's own."""
    headers = dict(_standing(DATA_CSP, is_https=is_https))
    del headers[CACHE_CONTROL]
    return headers


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Security headers on every answer; nothing of a patient is ever kept by a cache we did not mean."""
    path, headers = request.path, response.headers
    headers.pop(SERVER, None)  # which versions run here is nobody's business
    if path.startswith("/static/assets/"):  # hashed files never change
        headers[CACHE_CONTROL] = "public, max-age=31536000, immutable"
    policy = _policy_of(path, response.content_type)
    for name, value in _standing(policy, is_https=request.app[SETTINGS].is_https):
        headers.setdefault(name, value)


def _policy_of(path: str, media_type: str) -> str:
    # A refusal is one of our own pages, wherever it is shown.
    if media_type != "text/html" and is_data(path):
        return DATA_CSP
    # The room's image decoder is WebAssembly, in a worker that keeps to the policy of its own script.
    decodes_images = path.endswith("/room") or path.startswith("/static/")
    return CSP.format(wasm=" 'wasm-unsafe-eval'" if decodes_images else "")
