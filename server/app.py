"""The web role, composed: the only place where the service, signaling and the DICOM library are joined."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

import server.consultation.policy
import server.devices.policy
import server.devices.routes
import server.oversight.policy
import server.oversight.routes
import server.pacs.policy
import server.pacs.routes
import server.people.policy
import server.quarantine.policy
import server.quarantine.routes
import server.teaching.policy
import server.teaching.routes
from dicom.keywords import tag_of
from dicom.web import routes as dicomweb_routes
from dicom.web.upload import add_uploads
from dicom.web.viewer import viewer_routes
from server.authenticate import Authenticator
from server.consultation import icd10, join, words
from server.consultation import routes as consultation
from server.consultation.model import Consultation
from server.consultation.routes.ports import FILMS, HUB, PICTURE, STORE
from server.consultation.views.lines import WHOLE
from server.imaging import Imaging, policy_rows
from server.pacs.model import PacsConnection, Retrieval
from server.people import routes as people
from server.people import sign_in
from server.people.model import DicomPeer, Membership, SignIn
from server.people.routes.edge import GUESSES, PASSWORDS, REFUSED
from server.platform import health, http, pages
from server.platform.bus import LocalBus, make_bus
from server.platform.db import Database, Doorbell, id_from
from server.platform.errors import later
from server.platform.events import Notice
from server.platform.leases import make_leases
from server.platform.policy import Policy, Principal, Reach, Role, Row
from server.platform.recent import SITTING_S, Recent
from server.platform.repeats import Repeats
from server.platform.settings import Settings
from server.teaching.model import TeachingCopy
from signaling.endpoint import signal_routes
from signaling.hub import Hub
from signaling.ice import IceConfig
from signaling.linecheck import linecheck_routes
from signaling.messages import MESSAGE_TYPES, MinutesChanged

log = logging.getLogger(__name__)

STATIC = pages.WEB / "dist"
WARM_AFTER_S = 5.0

OWN_ROWS = (
    Row("GET /healthz", Reach.ANYONE, streams=True),
    Row("GET /readyz", Reach.ANYONE, streams=True),
    Row("GET /metrics", Reach.ANYONE, streams=True),
    Row("GET /static", Reach.ANYONE, streams=True),
    Row("GET /signal", Reach.ANYONE, streams=True),  # the ticket says who
    Row("GET /signal/check", Reach.SIGNED_IN, streams=True),
)


def build_app(settings: Settings) -> web.Application:
    """The pages, the rooms and the images of one installation over one database."""
    database = Database(settings.database)
    imaging = Imaging(settings, database)
    rooms = join.Rooms(database)
    bus = make_bus(settings)
    leases = make_leases(database, settings.data_dir)
    hub = Hub(
        journal=rooms,
        bus=bus,
        may=lambda seat, kind: kind in seat.permissions,
        ice=IceConfig(settings.turn_urls, settings.turn_secret.get_secret_value()),
        leases=leases,
        ended=rooms.ended,
    )
    app = _edge(settings, database)
    app[HUB] = hub
    app[STORE] = imaging.store
    app[PICTURE] = imaging.picture
    app[FILMS] = imaging
    app[server.teaching.routes.SANDBOX] = imaging.sandbox
    _add_pages(app)
    app.add_routes(signal_routes("/signal", hub, rooms.admit, [settings.origin]))
    app.add_routes(linecheck_routes("/signal/check", [settings.origin], hub.ice))
    app[http.POLICY] = _policy(_add_images(app, imaging, settings))
    app[http.POLICY].must_cover(http.routes_of(app) | {f"ws {kind}" for kind in MESSAGE_TYPES})

    async def resources(_app: web.Application) -> AsyncIterator[None]:
        """What lives as long as the application, opened and closed as one."""
        database.doorbell = _doorbell(hub, bus)
        async with bus, imaging.sandbox:
            await hub.start()
            warming = asyncio.create_task(_warm())
            yield
            warming.cancel()
            await hub.stop()
            await app[REFUSED].close()
        await leases.close()
        await database.close()

    app.cleanup_ctx.append(resources)
    return app


def _edge(settings: Settings, database: Database) -> web.Application:
    """The application with what every request meets: who asks, may they, refusals, headers, pages."""
    app = web.Application(
        middlewares=[http.answer_refusals, http.guard], client_max_size=http.BODY_LIMIT_BYTES
    )
    authenticate: http.Authenticate = Authenticator(settings, database)
    app[http.SETTINGS] = settings
    app[http.DATABASE] = database
    app[http.AUTHENTICATE] = authenticate
    app[http.LOADERS] = LOADERS
    app[http.SHOW_PROBLEM] = pages.show_problem
    app[pages.NAVIGATION] = navigation
    app[pages.TEMPLATES] = pages.environment()
    app[pages.TEMPLATES].globals["words"] = words
    app[server.pacs.routes.QUESTIONS] = asyncio.Semaphore(server.pacs.routes.AT_ONCE)
    app[PASSWORDS] = sign_in.Passwords()
    app[GUESSES] = sign_in.Guesses(settings.redis_url.get_secret_value())
    app[REFUSED] = Repeats(partial(_tell_refused, database), sign_in.OTHERS_REFUSED)
    app[http.SITTINGS] = Recent(SITTING_S)
    app.on_response_prepare.append(http.set_headers)
    return app


def _add_pages(app: web.Application) -> None:
    """The routes of the features, and what their pages are made of."""
    for table in (
        *people.TABLES,
        *consultation.TABLES,
        server.oversight.routes.routes,
        server.pacs.routes.routes,
        server.quarantine.routes.routes,
        server.devices.routes.routes,
        server.teaching.routes.routes,
        health.routes,
    ):
        app.add_routes(table)
    app.router.add_static("/static", STATIC, append_version=False)


def _add_images(app: web.Application, imaging: Imaging, settings: Settings) -> set[str]:
    """DICOMweb, the viewer and uploads, for a hospital's own studies and for those of a case: their addresses."""
    before = http.routes_of(app)
    for prefix in ("", "/consultations/{consultation}"):
        app.add_routes(dicomweb_routes(f"{prefix}/dicom-web", imaging))
        app.add_routes(viewer_routes(f"{prefix}/images", imaging))
    app.add_routes(viewer_routes("/teaching/{copy}/images", imaging))
    add_uploads(app, "/uploads", imaging, settings.upload_limit_bytes)
    return http.routes_of(app) - before


def _policy(imaging_routes: set[str]) -> Policy:
    return Policy.join(
        OWN_ROWS,
        server.people.policy.ROWS,
        server.consultation.policy.ROWS,
        server.oversight.policy.ROWS,
        server.pacs.policy.ROWS,
        server.quarantine.policy.ROWS,
        server.devices.policy.ROWS,
        server.teaching.policy.ROWS,
        policy_rows(imaging_routes),
        [Row(f"ws {kind}", Reach.SIGNED_IN) for kind in join.MAY_SEND],
    )


def _doorbell(hub: Hub, bus: LocalBus) -> Doorbell:
    async def ring(channel: str, data: dict[str, Any]) -> None:
        """After the commit: rooms hear of new minutes as a message, everyone else by the bus."""
        kind, _, name = channel.partition(":")
        if kind == "minutes":
            await hub.announce(name, MinutesChanged(seq=data["seq"]))
        elif kind == sign_in.ENDED:
            await hub.doubt()
        else:
            await bus.publish(channel, json.dumps(data))

    return ring


async def _tell_refused(database: Database, one: sign_in.Refused, times: int) -> None:
    async with database.system() as session:
        await sign_in.tell_refused(session, one, times)


async def _warm() -> None:
    """Read what the first search needs, once the first pages are served."""
    await asyncio.sleep(WARM_AFTER_S)
    await asyncio.to_thread(icd10.load)
    await asyncio.to_thread(tag_of, "StudyInstanceUID")


async def load_consultation(session: AsyncSession, request: web.Request) -> Consultation | None:
    """The case with all that hangs on it. Whoever may change it holds it: steps of a case go one by one."""
    query = (
        select(Consultation)
        .where(Consultation.public_id == request.match_info["consultation"])
        .options(*WHOLE)
    )
    if request.method in http.UNSAFE:
        query = query.with_for_update(of=Consultation)
    found: Consultation | None = await session.scalar(query)
    return found


async def load_notice(session: AsyncSession, request: web.Request) -> Notice | None:
    return await session.get(Notice, id_from(request.match_info["notice"]))


async def load_member(session: AsyncSession, request: web.Request) -> Membership | None:
    found: Membership | None = await session.scalar(
        select(Membership).where(Membership.id == id_from(request.match_info["member"]))
    )
    return found


async def load_sign_in(session: AsyncSession, request: web.Request) -> SignIn | None:
    return await session.get(SignIn, id_from(request.match_info["sign_in"]))


async def load_pacs(session: AsyncSession, request: web.Request) -> PacsConnection | None:
    found = await session.get(PacsConnection, id_from(request.match_info["connection"]))
    return found if found is not None and found.removed_at is None else None


async def load_device(session: AsyncSession, request: web.Request) -> DicomPeer | None:
    return await session.get(DicomPeer, id_from(request.match_info["device"]))


async def load_retrieval(session: AsyncSession, request: web.Request) -> Retrieval | None:
    return await session.get(Retrieval, id_from(request.match_info["retrieval"]), with_for_update=True)


async def load_copy(session: AsyncSession, request: web.Request) -> TeachingCopy | None:
    query = select(TeachingCopy).where(TeachingCopy.public_id == request.match_info["copy"])
    if request.method in http.UNSAFE:
        query = query.with_for_update()
    found: TeachingCopy | None = await session.scalar(query)
    return found


LOADERS: dict[str, http.Loader] = {
    "consultation": load_consultation,
    "notice": load_notice,
    "member": load_member,
    "sign_in": load_sign_in,
    "connection": load_pacs,
    "retrieval": load_retrieval,
    "device": load_device,
    "copy": load_copy,
}

# (path, words, roles that see it)
PLACES = (
    ("/", later("Việc của tôi"), frozenset(Role) - {Role.OVERSIGHT, Role.ADMINISTRATOR}),
    ("/desk", later("Bàn điều phối"), frozenset({Role.COORDINATOR})),
    ("/consultations", later("Ca hội chẩn"), frozenset({Role.DOCTOR, Role.SPECIALIST, Role.COORDINATOR})),
    ("/agenda", later("Lịch"), frozenset({Role.DOCTOR, Role.SPECIALIST, Role.COORDINATOR})),
    ("/inbox", later("Hình ảnh"), frozenset({Role.DOCTOR})),
    ("/teaching", later("Ca giảng dạy"), frozenset({Role.DOCTOR, Role.SPECIALIST})),
    ("/people", later("Nhân sự"), frozenset({Role.ADMINISTRATOR})),
    ("/pacs", later("PACS"), frozenset({Role.ADMINISTRATOR})),
    ("/refused-files", later("Tệp bị từ chối"), frozenset({Role.ADMINISTRATOR})),
    ("/devices", later("Máy gửi ảnh"), frozenset({Role.ADMINISTRATOR})),
    ("/hospitals", later("Bệnh viện"), frozenset({Role.ADMINISTRATOR})),
    ("/oversight", later("Báo cáo"), frozenset({Role.OVERSIGHT})),
)


def navigation(who: Principal, path: str) -> tuple[pages.NavItem, ...]:
    return tuple(
        pages.NavItem(href, text, path == href or (href != "/" and path.startswith(f"{href}/")))
        for href, text, seen_by in PLACES
        if not seen_by.isdisjoint(who.roles) and (href != "/hospitals" or who.is_host)
    )
