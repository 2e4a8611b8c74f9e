"""The answers that every feature gives: look there, JSON."""

import json
from typing import Any

from aiohttp import web


def see(path: str) -> web.Response:
    """After a form: look there (303, so that a reload does not send it twice)."""
    return web.Response(status=303, headers={"Location": path})


def to_json(data: Any, status: int = 200) -> web.Response:
    return web.Response(
        text=json.dumps(data, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json",
    )
