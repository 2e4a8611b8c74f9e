"""The pages of the health department: figures by hospital and period."""

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from server.oversight.figures import Figures, figures
from server.platform.db import HERE, now
from server.platform.http import DATABASE
from server.platform.pages import Page, render

routes = web.RouteTableDef()
LONGEST_DAYS = 3 * 366
EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2200, 1, 1)


@dataclass(frozen=True)
class OversightPage(Page):
    template: ClassVar[str] = "oversight.html"
    now: Figures
    before: Figures  # the period of the same length before


@routes.get("/oversight")
async def get_oversight(asked: web.Request) -> web.Response:
    first, last = period(asked)
    database = asked.app[DATABASE]
    length = last - first + dt.timedelta(days=1)
    return render(
        asked,
        OversightPage(
            now=await figures(database, first, last),
            before=await figures(database, first - length, first - dt.timedelta(days=1)),
        ),
    )


def period(asked: web.Request) -> tuple[dt.date, dt.date]:
    """`?first=2026-07-01&last=…`; this half-year where nothing readable is given."""
    today = now().astimezone(HERE).date()
    try:
        first = dt.date.fromisoformat(asked.query["first"])
        last = dt.date.fromisoformat(asked.query["last"])
        if EARLIEST <= first <= last <= LATEST and (last - first).days <= LONGEST_DAYS:
            return first, last
    except (KeyError, ValueError):
        pass
    return dt.date(today.year, 1 if today.month <= 6 else 7, 1), today
