"""One place where refusals become answers and faults become a reference number; one note a request."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web
from sqlalchemy.orm.exc import StaleDataError

import dicom.ports
from server.platform.errors import Invalid, NotFound, Refusal, Stale, TooLarge, later
from server.platform.http.context import POLICY, PRINCIPAL, WHAT, Handler, reference, what
from server.platform.http.headers import is_data
from server.platform.metrics import observe

log = logging.getLogger(__name__)

FAULT = later("Hệ thống gặp lỗi. Hãy thử lại; nếu vẫn lỗi, báo cho quản trị mã số bên dưới.")
Show = Callable[[web.Request, "Problem"], web.Response]
SHOW_PROBLEM: Final = web.AppKey[Show]("show_problem")


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


@web.middleware
async def answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One place where refusals become answers and faults become a reference number."""
    request[WHAT] = what(request)
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
    except dicom.ports.Refused as refused:
        from server.platform.pages import gettext

        status = refused.status
        text = refused.text(gettext(request))
        return _answer(request, Problem(refused.status, refused.code, text, reference(request)))
    except ConnectionResetError:  # nobody is there any more
        status = 499
        raise
    except Exception:
        log.exception("fault", extra={"reference": reference(request), "what": request[WHAT]})
        return _answer(request, Problem(500, "fault", FAULT, reference(request)))
    finally:
        _note(request, status, time.perf_counter() - started)


def _problem(request: web.Request, refusal: Refusal) -> Problem:
    from server.platform.pages import gettext

    fields = refusal.fields if isinstance(refusal, Invalid) else None
    return Problem(refusal.status, refusal.code, refusal.text(gettext(request)), reference(request), fields)


def _plain(request: web.Request, stop: web.HTTPException) -> Problem:
    from server.platform.pages import gettext

    if stop.status == 413:
        text = TooLarge(limit="1 MB").text(gettext(request))
        return Problem(413, TooLarge.code, text, reference(request))
    return Problem(stop.status, "refused", gettext(request)(Refusal.sentence), reference(request))


def _answer(request: web.Request, problem: Problem) -> web.Response:
    if wants_json(request):
        return problem.as_json()
    return request.app[SHOW_PROBLEM](request, problem)


def wants_json(request: web.Request) -> bool:
    """Scripts and API callers get JSON; people get a page."""
    if is_data(request.path) or request.path.startswith(
        ("/api/", "/dicom-web", "/uploads", "/images", "/signal")
    ):
        return True
    accept = request.headers.get("Accept", "")
    return "text/html" not in accept and not request.headers.get("HX-Request")


def _note(request: web.Request, status: int, seconds: float) -> None:
    """One line a request: the route's pattern, never the path, so that no id or name is logged."""
    observe(request[WHAT], status, seconds)
    row = request.app[POLICY].rows.get(request[WHAT])
    if status < 400 and row is not None and row.streams:
        return  # frames come by the thousand: counted, not told one by one
    log.info(
        "request",
        extra={
            "what": request[WHAT],
            "status": status,
            "ms": round(seconds * 1000, 1),
            "reference": reference(request),
        },
    )
