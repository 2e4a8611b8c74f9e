"""Every address of the journey, one module a step, in its order. Handlers translate; the steps decide."""

from server.consultation.routes import (
    ahead,
    api,
    case,
    documents,
    films,
    join,
    marks,
    minutes,
    outcome,
    request,
    schedule,
    share,
    triage,
)

TABLES = tuple(
    module.routes
    for module in (
        case,
        request,
        documents,
        films,
        triage,
        schedule,
        join,
        share,
        ahead,
        marks,
        minutes,
        outcome,
        api,
    )
)

__all__ = ["TABLES"]
