"""minutes: draft, key images, signatures, addenda, PDF; and the answer in writing."""

import asyncio
import base64
import binascii
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from pydantic import Field, StringConstraints

from server.consultation import deliveries
from server.consultation.form.pdf import render as render_pdf
from server.consultation.minutes import addenda, draft, key_images, signing
from server.consultation.minutes.compose import compose
from server.consultation.model import Consultation, KeyImage
from server.consultation.routes.answer import Command, Short, Text, done, page_of
from server.consultation.routes.ports import PICTURE
from server.consultation.views.minutes import form_as_json, minutes_page
from server.people import sign_in
from server.people.model import Person
from server.people.routes.edge import GUESSES, PASSWORDS, Secret, address_of
from server.platform.db import id_from
from server.platform.errors import Invalid, later
from server.platform.http import SESSION, THING, parse, principal, to_json, transaction
from server.platform.pages import gettext, language, render

routes = web.RouteTableDef()


@routes.get("/consultations/{consultation}/minutes")
async def get_minutes(asked: web.Request) -> web.Response:
    case, by = asked[THING], principal(asked)
    return render(asked, await minutes_page(asked[SESSION], case, by))


@routes.get("/consultations/{consultation}/minutes/form")
async def get_form(asked: web.Request) -> web.Response:
    """What would be signed now: the printed fields, what is lacking, the digest to sign."""
    page = await minutes_page(asked[SESSION], asked[THING], principal(asked))
    return to_json(form_as_json(page, gettext(asked)))


@routes.get("/consultations/{consultation}/minutes/draft")
async def get_draft(asked: web.Request) -> web.Response:
    since = max(0, id_from(asked.query.get("since", "")))
    seq, updates = await draft.updates_since(asked[SESSION], asked[THING], since)
    return to_json({"seq": seq, "updates": [base64.b64encode(update).decode() for update in updates]})


class DraftUpdate(Command):
    update: str = Field(max_length=100_000)


@routes.post("/consultations/{consultation}/minutes/draft")
async def post_draft(asked: web.Request) -> web.Response:
    command = await parse(asked, DraftUpdate)
    try:
        update = base64.b64decode(command.update, validate=True)
    except binascii.Error:
        raise Invalid({"update": later("Nội dung gửi lên không đọc được.")}) from None
    return to_json({"seq": await draft.write(asked[SESSION], asked[THING], update, principal(asked))})


# --- key images ---


Caption = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]


class AddKeyImage(Command):
    study: int
    sop: str = Field(pattern=r"^[0-9.]{1,64}$")
    frame: int = Field(ge=1, le=1_000_000)
    voi: list[float] = Field(min_length=3, max_length=3)
    view: list[float] = Field(min_length=6, max_length=6)
    caption: Caption = ""


class Describe(Command):
    caption: Caption


def key_image_json(image: KeyImage) -> dict[str, Any]:
    return {
        "id": image.id,
        "study": image.study_id,
        "sop": image.sop_uid,
        "frame": image.frame,
        "voi": image.voi,
        "view": image.view,
        "caption": image.caption,
        "label": " · ".join(word for word in (image.study, image.series, image.image) if word),
        "picture": f"data:image/jpeg;base64,{base64.b64encode(image.picture).decode()}",
    }


@routes.get("/consultations/{consultation}/minutes/key-images")
async def get_key_images(asked: web.Request) -> web.Response:
    case = asked[THING]
    found = await key_images.key_images(asked[SESSION], case)
    return to_json({"images": [key_image_json(image) for image in found]})


@routes.post("/consultations/{consultation}/minutes/key-images")
async def post_key_image(asked: web.Request) -> web.Response:
    by = principal(asked)
    await asked.read()
    async with transaction(asked) as session:
        command = await parse(asked, AddKeyImage)
        await key_images.may_add(session, asked[THING], command.study, by)
    shown = await asked.app[PICTURE](command.study, command.sop, command.frame, command.voi)
    async with transaction(asked) as session:
        case: Consultation = asked[THING]
        await key_images.may_add(session, case, command.study, by)  # the picture took its time
        image = KeyImage(
            consultation_id=case.id,
            study_id=command.study,
            sop_uid=command.sop,
            frame=command.frame,
            voi=command.voi,
            view=command.view,
            caption=command.caption,
            by_id=by.person_id,
            **vars(shown),
        )
        await key_images.add(session, case, image, by)
    return to_json(key_image_json(image), status=201)


@routes.patch("/consultations/{consultation}/minutes/key-images/{image}")
async def patch_key_image(asked: web.Request) -> web.Response:
    command = await parse(asked, Describe)
    image = await key_images.describe(
        asked[SESSION], asked[THING], id_from(asked.match_info["image"]), command.caption
    )
    return to_json(key_image_json(image))


@routes.delete("/consultations/{consultation}/minutes/key-images/{image}")
async def delete_key_image(asked: web.Request) -> web.Response:
    await key_images.remove(asked[SESSION], asked[THING], id_from(asked.match_info["image"]))
    return web.Response(status=204)


@routes.post("/consultations/{consultation}/minutes/key-images/{image}/restore")
async def post_key_image_restore(asked: web.Request) -> web.Response:
    image = await key_images.restore(asked[SESSION], asked[THING], id_from(asked.match_info["image"]))
    return to_json(key_image_json(image))


# --- signing ---


SignedCommand = TypeVar("SignedCommand", "Sign", "AddAddendum")


async def signed_command(asked: web.Request, kind: type[SignedCommand]) -> SignedCommand:
    """A signature needs the password anew: who walks up to an open screen cannot sign.

    Checked outside any transaction: it takes its time, and others write meanwhile. Raises WrongSignature.
    """
    by = principal(asked)
    await asked.read()
    async with transaction(asked) as session:  # whose case it is, before anything is judged
        command = await parse(asked, kind)
        person = await session.get_one(Person, by.person_id)
    await asked.app[GUESSES].take(by.login, address_of(asked), familiar=True)
    if not await asked.app[PASSWORDS].is_right(command.password, person.password_hash, familiar=True):
        raise sign_in.WrongSignature
    await asked.app[GUESSES].forgive(by.login, familiar=True)
    return command


class Sign(Command):
    role: Literal["secretary", "chair"]
    password: Secret = ""
    digest: Short = ""


@routes.post("/consultations/{consultation}/minutes/sign")
async def post_sign(asked: web.Request) -> web.Response:
    command = await signed_command(asked, Sign)
    async with transaction(asked) as session:
        await signing.sign(session, asked[THING], principal(asked), role=command.role, digest=command.digest)
    return done(asked, f"{page_of(asked[THING])}/minutes")


@routes.post("/consultations/{consultation}/minutes/give-back")
async def post_give_back(asked: web.Request) -> web.Response:
    await signing.give_back(asked[SESSION], asked[THING], principal(asked))
    return done(asked, f"{page_of(asked[THING])}/minutes")


class AddAddendum(Command):
    text: Text = ""
    password: Secret = ""


@routes.post("/consultations/{consultation}/minutes/addenda")
async def post_addendum(asked: web.Request) -> web.Response:
    command = await signed_command(asked, AddAddendum)
    async with transaction(asked) as session:
        await addenda.add(session, asked[THING], principal(asked), command.text)
    return done(asked, f"{page_of(asked[THING])}/minutes")


@routes.get("/consultations/{consultation}/minutes/pdf")
async def get_pdf(asked: web.Request) -> web.Response:
    async with transaction(asked) as session:
        form, annex = await compose(session, asked[THING])
    body = await asyncio.to_thread(
        render_pdf, form, annex, language="en" if language(asked) == "en" else "vi"
    )
    name = f"bien-ban-{asked[THING].code}.pdf"
    return web.Response(
        body=body,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"', "Content-Security-Policy": "sandbox"},
    )


@routes.post("/consultations/{consultation}/evidence/send")
async def post_send_evidence(asked: web.Request) -> web.Response:
    await deliveries.send_again(asked[SESSION], asked[THING], principal(asked))
    return done(asked, page_of(asked[THING]))


@routes.post("/consultations/{consultation}/answer")
async def post_answer(asked: web.Request) -> web.Response:
    await signing.answer(asked[SESSION], asked[THING], principal(asked))
    return done(asked, f"{page_of(asked[THING])}/minutes")
