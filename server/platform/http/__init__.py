"""The HTTP edge: who asks, may they, in one transaction; refusals in plain words; headers on everything."""

from server.platform.http.answers import see, to_json
from server.platform.http.bodies import BODY_LIMIT_BYTES, can_be_kept, form_of, invalid, parse, posted_by
from server.platform.http.context import (
    AUTHENTICATE,
    DATABASE,
    LOADERS,
    POLICY,
    PRINCIPAL,
    SESSION,
    SETTINGS,
    SITTINGS,
    THING,
    UNSAFE,
    Authenticate,
    Handler,
    Loader,
    principal,
    routes_of,
)
from server.platform.http.guard import guard, transaction
from server.platform.http.headers import CSP, set_headers, standing_headers
from server.platform.http.origin import csrf_token, is_same_origin, origin_is_ours
from server.platform.http.refusals import SHOW_PROBLEM, Problem, answer_refusals, wants_json

__all__ = [
    "AUTHENTICATE",
    "BODY_LIMIT_BYTES",
    "CSP",
    "DATABASE",
    "LOADERS",
    "POLICY",
    "PRINCIPAL",
    "SESSION",
    "SETTINGS",
    "SHOW_PROBLEM",
    "SITTINGS",
    "THING",
    "UNSAFE",
    "Authenticate",
    "Handler",
    "Loader",
    "Problem",
    "answer_refusals",
    "can_be_kept",
    "csrf_token",
    "form_of",
    "guard",
    "invalid",
    "is_same_origin",
    "origin_is_ours",
    "parse",
    "posted_by",
    "principal",
    "routes_of",
    "see",
    "set_headers",
    "standing_headers",
    "to_json",
    "transaction",
    "wants_json",
]
