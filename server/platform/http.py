"""The HTTP edge: who asks, may they, in one transaction; refusals in plain words; headers on everything."""

import json
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import pydantic
from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from server.platform import keys
from server.platform.db import Database
from server.platform.errors import (
    ForeignOrigin,
    Invalid,
    NotFound,
    Refusal,
    SignInNeeded,
    Stale,
    TooLarge,
    later,
)
from server.platform.events import audit
from server.platform.policy import Policy, Principal, Reach, Row, admit, relate
from server.platform.settings import Settings

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Authenticate = Callable[[web.Request], Awaitable[Principal | None]]
Loader = Callable[[AsyncSession, web.Request], Awaitable[object | None]]
Show = Callable[[web.Request, "Problem"], web.Response]

SETTINGS: Final = web.AppKey("settings", Settings)
DATABASE: Final = web.AppKey("database", Database)
POLICY: Final = web.AppKey("policy", Policy)
AUTHENTICATE: Final = web.AppKey[Authenticate]("authenticate")
LOADERS: Final = web.AppKey[Mapping[str, Loader]]("loaders")  # by the name in the path: {consultation}
SHOW_PROBLEM: Final = web.AppKey[Show]("show_problem")

PRINCIPAL: Final = web.RequestKey[Principal | None]("principal")
SESSION: Final = web.RequestKey("session", AsyncSession)
THING: Final = web.RequestKey[Any]("thing")
REFERENCE: Final = web.RequestKey("reference", str)

NOWHERE = "(no such address)"  # the path itself may hold an id: it is neither logged nor counted
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
BODY_LIMIT_BYTES = 1024 * 1024
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


class Problem:
    """What went wrong, as the person and RFC 9457 need it."""

    def __init__(
        self, status: int, code: str, sentence: str, reference: str, fields: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.code, self.sentence = status, code, sentence
        self.reference = reference
        self.fields = dict(fields or {})

    def as_json(self) -> web.Response:
        body: dict[str, Any] = {
            "type": f"urn:hoichan:{self.code}",
            "code": self.code,
            "status": self.status,
            "title": self.sentence,
            "detail": self.sentence,
            "reference": self.reference,
        }
        if self.fields:
            body["fields"] = self.fields
        return web.json_response(body, status=self.status, content_type="application/problem+json")


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


def routes_of(app: web.Application) -> set[str]:
    return {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


@web.middleware
async def answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One place where refusals become answers and faults become a reference number."""
    request[REFERENCE] = keys.opaque(8)
    request[PRINCIPAL] = None
    started = time.perf_counter()
    status = 500
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as stop:
        status = stop.status
        if stop.status < 400:
            raise
        refusal = NotFound() if stop.status in {404, 405} else None
        problem = _problem(request, refusal) if refusal else _plain(request, stop)
        return _answer(request, problem)
    except Refusal as refusal:
        status = refusal.status
        return _answer(request, _problem(request, refusal))
    except StaleDataError:  # another transaction changed the row between our look and our write
        status = Stale.status
        return _answer(request, _problem(request, Stale()))
    except ConnectionResetError:
        raise
    except Exception as fault:
        if (refused := refused_elsewhere(fault)) is not None:
            status = refused[0]
            return _answer(request, Problem(*refused, request[REFERENCE]))
        log.exception("fault", extra={"reference": request[REFERENCE], "what": what(request)})
        return _answer(request, Problem(500, "fault", FAULT, request[REFERENCE]))
    finally:
        _note(request, status, time.perf_counter() - started)


FAULT = later("Hệ thống gặp lỗi. Hãy thử lại; nếu vẫn lỗi, báo cho quản trị mã số bên dưới.")


def refused_elsewhere(fault: Exception) -> tuple[int, str, str] | None:
    """Refusals of the libraries (`dicom.ports.Refused`) look like ours: status, code, sentence."""
    status, code = getattr(fault, "status", None), getattr(fault, "code", None)
    sentence = getattr(fault, "sentence", None)
    if isinstance(status, int) and isinstance(code, str) and isinstance(sentence, str):
        return status, code, sentence
    return None


def _problem(request: web.Request, refusal: Refusal) -> Problem:
    from server.platform.pages import gettext

    fields = refusal.fields if isinstance(refusal, Invalid) else None
    return Problem(refusal.status, refusal.code, refusal.text(gettext(request)), request[REFERENCE], fields)


def _plain(request: web.Request, stop: web.HTTPException) -> Problem:
    from server.platform.pages import gettext

    if stop.status == 413:
        text = TooLarge(limit="1 MB").text(gettext(request))
        return Problem(413, TooLarge.code, text, request[REFERENCE])
    return Problem(stop.status, "refused", gettext(request)(Refusal.sentence), request[REFERENCE])


def _answer(request: web.Request, problem: Problem) -> web.Response:
    if wants_json(request):
        return problem.as_json()
    return request.app[SHOW_PROBLEM](request, problem)


def wants_json(request: web.Request) -> bool:
    """Scripts and API callers get JSON; people get a page."""
    if request.path.startswith(("/api/", "/dicom-web", "/uploads", "/images", "/signal")):
        return True
    accept = request.headers.get("Accept", "")
    return "text/html" not in accept and not request.headers.get("HX-Request")


def _note(request: web.Request, status: int, seconds: float) -> None:
    """One line a request: the route's pattern, never the path, so that no id or name is logged."""
    from server.platform.metrics import observe

    observe(what(request), status, seconds)
    row = request.app[POLICY].rows.get(what(request))
    if status < 400 and row is not None and row.streams:
        return  # frames come by the thousand: counted, not told one by one
    log.info(
        "request",
        extra={
            "what": what(request),
            "status": status,
            "ms": round(seconds * 1000, 1),
            "reference": request[REFERENCE],
        },
    )


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Policy first, then one transaction in which the handler works."""
    if request.match_info.http_exception is not None:
        return await handler(request)
    row = request.app[POLICY].row(what(request))
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType
    if "\0" in request.path or any("\0" in part for pair in request.query.items() for part in pair):
        raise NotFound  # no name of ours has it, and PostgreSQL takes no text with it
    found = await request.app[AUTHENTICATE](request)
    if found is not None and found.is_script and not row.is_open_to_scripts:
        found = None  # pages are for people: a token opens the doors of programs alone
    request[PRINCIPAL] = found
    admit(row, found)
    if request.method in UNSAFE and not _is_script(request, row):
        await _check_forgery(request, found)
    if row.streams:
        return await handler(request)
    if request.method in UNSAFE and request.content_type != "multipart/form-data":
        await request.read()  # a slow line must not hold a transaction open
    async with transaction(request) as session:
        request[SESSION] = session
        return await handler(request)


@asynccontextmanager
async def transaction(request: web.Request) -> AsyncIterator[AsyncSession]:
    """The request's one transaction: what the path names is loaded, related and, at the end, audited.

    Handlers of rows that stream open it themselves, once the bytes have come.
    """
    row, found = request.app[POLICY].row(what(request)), request[PRINCIPAL]
    writes = row.writes if row.writes is not None else (request.method in UNSAFE or row.audit is not None)
    async with request.app[DATABASE].session(found, writes=writes) as session:
        await _load(request, session, row)
        yield session
        if row.audit and found:
            await audit(session, row.audit, _named(request), by=found)


def _named(request: web.Request) -> str:
    """The object in our own words: "consultation:abc"; ids of ours only."""
    return " ".join(f"{name}:{value}" for name, value in request.match_info.items()) or what(request)


async def _load(request: web.Request, session: AsyncSession, row: Row) -> None:
    """Load what the path names, within the principal's scope; the last one named is the THING."""
    thing: object | None = None
    loaders = request.app[LOADERS]
    names = [name for name in request.match_info if name in loaders]
    for name in names:
        thing = await loaders[name](session, request)
        if thing is None:
            raise NotFound
    if names and row.who is not Reach.ANYONE:
        relate(row, principal(request), thing)
    request[THING] = thing


def _is_script(request: web.Request, row: Row) -> bool:
    return row.is_open_to_scripts and request.headers.get("Authorization", "").startswith("Bearer ")


async def _check_forgery(request: web.Request, found: Principal | None) -> None:
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


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Security headers on every answer; nothing of a patient is ever kept by a cache we did not mean."""
    response.headers.pop("Server", None)  # which versions run here is nobody's business
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # The room's image decoder is WebAssembly, in a worker that keeps to the policy of its own script.
    wasm = (
        " 'wasm-unsafe-eval'" if request.path.endswith("/room") or request.path.startswith("/static/") else ""
    )
    response.headers.setdefault("Content-Security-Policy", CSP.format(wasm=wasm))
    response.headers.setdefault("Cache-Control", "no-store")
    if request.app[SETTINGS].is_https:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")


Model = TypeVar("Model", bound=pydantic.BaseModel)

REASONS: Final[Mapping[str, str]] = {
    "missing": later("Chưa điền mục này."),
    "string_too_short": later("Chưa điền mục này."),
    "string_too_long": later("Dài quá, hãy viết gọn lại."),
    "enum": later("Hãy chọn một trong các giá trị có sẵn."),
    "literal_error": later("Hãy chọn một trong các giá trị có sẵn."),
    "extra_forbidden": later("Mục này không có trong biểu mẫu."),
    "date_from_datetime_parsing": later("Ngày chưa đúng, viết ngày/tháng/năm."),
    "date_parsing": later("Ngày chưa đúng, viết ngày/tháng/năm."),
    "datetime_parsing": later("Ngày giờ chưa đúng."),
    "datetime_from_date_parsing": later("Ngày giờ chưa đúng."),
    "int_parsing": later("Cần một số nguyên."),
    "json_invalid": later("Nội dung gửi lên không đọc được."),
}
OTHER_REASON = later("Mục này chưa đúng.")


async def parse(request: web.Request, model: type[Model]) -> Model:
    """The body as a frozen typed command, or Invalid; what was typed is never echoed."""
    try:
        if request.content_type == "application/json":
            read = model.model_validate_json(await request.read(), strict=True)
        else:
            read = model.model_validate(await form_of(request, model))
    except pydantic.ValidationError as wrong:
        raise invalid(request, wrong) from None
    if unkept := [name for name, value in read.model_dump().items() if not can_be_kept(value)]:
        raise Invalid(dict.fromkeys(unkept, OTHER_REASON))
    return read


def can_be_kept(value: object) -> bool:
    """Whether both databases take it: no NUL in a text, no number beyond 32 bits, nothing but real numbers."""
    match value:
        case str():
            return "\0" not in value
        case int():
            return abs(value) < 2**31
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(can_be_kept, value.values()))
        case list() | tuple() | set() | frozenset():
            return all(map(can_be_kept, value))
        case _:
            return True


async def posted_by(request: web.Request) -> "MultiDictProxy[str | bytes | bytearray | web.FileField]":
    """The fields of a form. Raises Invalid where they cannot be read: an unknown charset, no boundary."""
    try:
        return await request.post()
    except (ValueError, LookupError, AssertionError):
        raise Invalid({"form": REASONS["json_invalid"]}) from None


async def form_of(request: web.Request, model: type[Model]) -> dict[str, Any]:
    """A form's fields by name; a repeated field is a list where the model wants one; empty is absent."""
    posted = await posted_by(request)
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        values = [str(value) for value in posted.getall(name, []) if isinstance(value, str)]
        if str(field.annotation).startswith(("tuple", "list", "frozenset")):
            found[name] = values
        elif values and values[-1].strip():
            found[name] = values[-1]
    return found


def invalid(request: web.Request, wrong: pydantic.ValidationError) -> Invalid:
    from server.platform.pages import gettext

    translate = gettext(request)
    fields: dict[str, str] = {}
    for error in wrong.errors(include_input=False, include_url=False, include_context=True):
        name = ".".join(str(part) for part in error["loc"]) or "form"
        own = error.get("ctx", {}).get("error")
        text = str(own) if isinstance(own, ValueError) else REASONS.get(error["type"], OTHER_REASON)
        fields.setdefault(name, translate(text))
    return Invalid(fields)


def see(path: str) -> web.Response:
    """After a form: look there (303, so that a reload does not send it twice)."""
    return web.Response(status=303, headers={"Location": path})


def to_json(data: Any, status: int = 200) -> web.Response:
    return web.Response(
        text=json.dumps(data, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json",
    )
