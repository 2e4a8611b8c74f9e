"""The room page over a real signalling server, without the rest of the service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import ClientSession, web
from markupsafe import Markup

from server.platform.bus import LocalBus
from server.platform.pages import environment
from signaling.endpoint import signal_routes
from signaling.hub import Hub
from signaling.ice import IceConfig
from signaling.linecheck import linecheck_routes
from signaling.ports import Seat
from tests.signaling.building import House, MemoryJournal, Tickets, may

WEB = Path(__file__).parents[2] / "web"


class RoomHouse(House):
    """A house with pages: `page_url(seat)` is the room as that person sees it."""

    seats: dict[str, Seat]
    extra: dict[str, Any]
    origins: set[str]
    reports: list[dict[str, Any]]  # of device checks

    def page_url(self, seat: Seat, port: int | None = None, page: str = "room") -> str:
        """The room (or check) as `seat` sees it; `port` is that of a cable in between."""
        base = self.url if port is None else f"http://127.0.0.1:{port}"
        self.origins.add(base)
        self.seats[seat.name] = seat
        return f"{base}/{page}/{seat.name}"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def _entry(dist: Path, name: str) -> Markup:
    manifest = json.loads((dist / ".vite" / "manifest.json").read_text())
    if (chunk := manifest.get(f"src/entries/{name}.ts")) is None:
        return Markup()
    keys = [*chunk.get("imports", ()), f"src/entries/{name}.ts"]
    styles = [style for key in keys for style in manifest[key].get("css", ())]
    tags = [Markup('<link rel="stylesheet" href="/static/{}">').format(style) for style in styles]
    return Markup("\n").join(
        [*tags, Markup('<script type="module" src="/static/{}"></script>').format(chunk["file"])]
    )


def _template(dist: Path, name: str) -> jinja2.Template:
    templates = environment()
    templates.globals["entry"] = lambda entry: _entry(dist, entry)
    return templates.get_template(name)


@asynccontextmanager
async def a_room_house(
    ice: IceConfig | None = None,
    dist: Path = WEB / "dist",
    place_kept_s: float = 30,
    images: Sequence[web.RouteDef] = (),
) -> AsyncIterator[RoomHouse]:
    """`images`: what answers under /images; without it there are no studies."""
    journal, tickets = MemoryJournal(), Tickets()
    hub = Hub(journal=journal, bus=LocalBus(), may=may, ice=ice, place_kept_s=place_kept_s)
    house = RoomHouse.__new__(RoomHouse)
    house.seats, house.extra, house.reports = {}, {}, []

    async def page(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        seat = house.seats[name]
        data = {
            "consultation": "c1",
            "room": seat.room,
            "title": "TRẦN THỊ B · 54 · nữ",
            "me": {"person": seat.person, "name": seat.name, "hospital": seat.hospital, "role": seat.role},
            "ticket_url": f"/ticket/{name}",
            "socket_path": "/signal",
            "images_root": "/images",
            "minutes_root": "/minutes",
            "leave_url": "/left",
            "room_url": f"/room/{name}",
            "report_url": "/report",
            "questions": [{"id": 1, "number": 1, "text": "U hay viêm?"}],
            "csrf": "x",
            **house.extra,
        }
        shell = {"language": "vi", "theme": "dark", "csrf": "x", "shelf": ""}
        text = _template(dist, f"{request.match_info['page']}.html").render(room=data, shell=shell)
        return web.Response(text=text, content_type="text/html")

    async def report(request: web.Request) -> web.Response:
        house.reports.append(await request.json())
        return web.Response(status=204)

    async def ticket(request: web.Request) -> web.Response:
        return web.json_response({"ticket": tickets.issue(house.seats[request.match_info["name"]])})

    async def nothing(_request: web.Request) -> web.Response:
        return web.json_response({"studies": [], "seq": 0, "updates": [], "images": []})

    async def left(_request: web.Request) -> web.Response:
        return web.Response(text="<title>left</title>", content_type="text/html")

    async def arrived(_request: web.Request) -> web.Response:
        return web.Response(text='<span class="arrived"></span>', content_type="text/html")

    origins: set[str] = set()
    house.origins = origins
    app = web.Application()
    app.add_routes(signal_routes("/signal", hub, tickets.admit, origins))
    app.add_routes(linecheck_routes("/signal/check", origins, hub.ice))
    app.add_routes(images)
    app.add_routes(
        [
            web.get("/{page:room|check}/{name}", page),
            web.post("/report", report),
            web.post("/ticket/{name}", ticket),
            web.get("/left", left),
            web.get("/left/arrived", arrived),
            web.get("/{kind:images|minutes}/{rest:.*}", nothing),
            web.static("/static", dist),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await hub.start()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    origins.add(url)
    try:
        async with ClientSession() as http:
            House.__init__(house, hub, tickets, journal, url, http)
            yield house
    finally:
        await hub.stop()
        await runner.cleanup()
