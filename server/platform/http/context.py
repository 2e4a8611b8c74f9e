"""What the application and each request carry, and the policy table's word for a request."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from server.platform import keys
from server.platform.db import Database
from server.platform.errors import SignInNeeded
from server.platform.policy import Policy, Principal
from server.platform.recent import Recent
from server.platform.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Authenticate = Callable[[web.Request], Awaitable[Principal | None]]
Loader = Callable[[AsyncSession, web.Request], Awaitable[object | None]]

SETTINGS: Final = web.AppKey("settings", Settings)
DATABASE: Final = web.AppKey("database", Database)
POLICY: Final = web.AppKey("policy", Policy)
AUTHENTICATE: Final = web.AppKey[Authenticate]("authenticate")
LOADERS: Final = web.AppKey[Mapping[str, Loader]]("loaders")  # by the name in the path: {consultation}
SITTINGS: Final = web.AppKey[Recent[tuple[str, str, str], bool]]("sittings")  # sign-in, action, object

PRINCIPAL: Final = web.RequestKey[Principal | None]("principal")
SESSION: Final = web.RequestKey("session", AsyncSession)
THING: Final = web.RequestKey[Any]("thing")
WHAT: Final = web.RequestKey("what", str)
REFERENCE: Final = web.RequestKey("reference", str)

NOWHERE = "(no such address)"  # the path itself may hold an id: it is neither logged nor counted
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def principal(request: web.Request) -> Principal:
    """Who asks, on a route whose row lets only signed-in people in."""
    found = request[PRINCIPAL]
    if found is None:
        raise SignInNeeded
    return found


def what(request: web.Request) -> str:
    """The policy table's word for this request: "GET /consultations/{consultation}"."""
    resource = request.match_info.route.resource
    method = "GET" if request.method == "HEAD" else request.method
    return f"{method} {resource.canonical if resource else NOWHERE}"


def reference(request: web.Request) -> str:
    """What names this request to a person and in the log; made when somebody first asks for it."""
    known = request.get(REFERENCE)
    if known is None:
        known = request[REFERENCE] = keys.opaque(8)
    return known


def routes_of(app: web.Application) -> set[str]:
    return {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
