"""Addresses of the devices that send to a hospital: its administrator's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from aiohttp import web

from server.devices import entries
from server.devices.entries import Typed
from server.people.model import DicomPeer
from server.people.routes.edge import Command, Pem, Word
from server.platform.db import id_from, now
from server.platform.errors import Invalid
from server.platform.http import SESSION, SETTINGS, THING, parse, principal, see
from server.platform.pages import Page, gettext, render

routes = web.RouteTableDef()
SHOWN: Final = ("name", "ae_title", "address", "may_retrieve")


@dataclass(frozen=True, kw_only=True)
class DevicesPage(Page):
    template: ClassVar[str] = "devices.html"
    devices: Sequence[DicomPeer]
    ended: frozenset[int]  # devices whose certificate is over
    refusals: Mapping[str, str]
    ae_title: str
    port: int
    tls_port: int  # 0: there is none
    host: str  # as it is reached by browsers; devices may reach it by another name
    editing: DicomPeer | None = None  # the device in the form; None: a new one
    typed: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


async def show(asked: web.Request, **more: object) -> web.Response:
    settings = asked.app[SETTINGS]
    found = await entries.listed(asked[SESSION], principal(asked))
    page = DevicesPage(
        devices=found,
        ended=frozenset(one.id for one in found if one.certificate_until and one.certificate_until < now()),
        refusals=entries.REFUSALS,
        ae_title=settings.dimse_ae_title,
        port=settings.dimse_port,
        tls_port=settings.dimse_tls_port,
        host=asked.url.host or "",
        **more,  # type: ignore[arg-type]
    )
    return render(asked, page, status=Invalid.status if page.error else 200)


@routes.get("/devices")
async def get_devices(asked: web.Request) -> web.Response:
    """The list, and the form: of a new device, or of the one that the address names."""
    number = id_from(asked.query.get("edit", ""))
    for one in await entries.listed(asked[SESSION], principal(asked)):
        if one.id == number:
            typed = {name: str(getattr(one, name) or "") for name in SHOWN}
            return await show(asked, editing=one, typed=typed)
    return await show(asked)


class Device(Command):
    name: Word = ""
    ae_title: Word = ""
    address: Word = ""
    may_retrieve: Literal["", "yes"] = ""
    certificate: Pem = ""
    drops_certificate: Literal["", "yes"] = ""

    def typed(self) -> Typed:
        return Typed(
            name=self.name,
            ae_title=self.ae_title,
            address=self.address,
            may_retrieve=bool(self.may_retrieve),
            certificate=self.certificate.encode(),
            drops_certificate=bool(self.drops_certificate),
        )


async def typed_again(
    asked: web.Request, refusal: Invalid, command: Device, editing: DicomPeer | None
) -> web.Response:
    """The form as it was typed; nothing of it is kept."""
    session = asked[SESSION]
    await session.rollback()
    if editing is not None:
        await session.refresh(editing)
    return await show(
        asked,
        editing=editing,
        typed=command.model_dump(),
        fields=refusal.fields,
        error=refusal.text(gettext(asked)),
    )


@routes.post("/devices")
async def post_device(asked: web.Request) -> web.Response:
    command, by = await parse(asked, Device), principal(asked)
    try:
        await entries.add(asked[SESSION], by.hospital_id, command.typed(), by)
    except Invalid as refusal:
        return await typed_again(asked, refusal, command, None)
    return see("/devices")


@routes.post("/devices/{device}/change")
async def post_change(asked: web.Request) -> web.Response:
    command = await parse(asked, Device)
    device: DicomPeer = asked[THING]
    try:
        await entries.change(asked[SESSION], device, command.typed(), principal(asked))
    except Invalid as refusal:
        return await typed_again(asked, refusal, command, device)
    return see("/devices")


@routes.post("/devices/{device}/remove")
async def post_remove(asked: web.Request) -> web.Response:
    await entries.remove(asked[SESSION], asked[THING], principal(asked))
    return see("/devices")
