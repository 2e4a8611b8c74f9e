"""documents: PDFs and photos of a case, kept in the store, shown without any right to run."""

import hashlib
from typing import Final

from aiohttp import web
from sqlalchemy import select

from server.consultation.journey import Stage, WrongStage
from server.consultation.model import Consultation, Document
from server.consultation.routes.ports import STORE
from server.platform import keys
from server.platform.db import now
from server.platform.errors import NotFound, Refusal, TooLarge, later
from server.platform.events import audit
from server.platform.http import SESSION, THING, principal, to_json, transaction
from server.platform.pages import gettext

LIMIT_BYTES = 25 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
# What the first bytes must be; the name and the browser's word do not count.
KINDS: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"RIFF", "image/webp"),
)

routes = web.RouteTableDef()


class NoDocument(Refusal):
    code = "not-a-document"
    status = 415
    sentence = later("Chỉ nhận tệp PDF và ảnh JPG, PNG, WebP. Phim DICOM hãy gửi ở mục hình ảnh.")


def kind_of(head: bytes) -> str:
    for mark, kind in KINDS:
        if head.startswith(mark) and (kind != "image/webp" or head[8:12] == b"WEBP"):
            return kind
    raise NoDocument


@routes.post("/consultations/{consultation}/documents")
async def post_document(asked: web.Request) -> web.Response:
    """The body is the file itself; its title comes in `?title=`-less header X-Title, percent-encoded."""
    if (asked.content_length or 0) > LIMIT_BYTES:
        raise TooLarge(limit="25 MB")
    async with transaction(asked):
        pass  # whose case it is, before any byte is read
    by, store = principal(asked), asked.app[STORE]
    sha256, size, kind = hashlib.sha256(), 0, ""
    with store.new(by.hospital_id) as writer:
        async for chunk in asked.content.iter_chunked(CHUNK_BYTES):
            kind = kind or kind_of(chunk)
            size += len(chunk)
            if size > LIMIT_BYTES:
                raise TooLarge(limit="25 MB")
            sha256.update(chunk)
            writer.write(chunk)
        if not kind:
            raise NoDocument
        blob = await writer.commit()
    async with transaction(asked) as session:
        case: Consultation = asked[THING]
        document = Document(
            public_id=keys.opaque(),
            consultation_id=case.id,
            hospital_id=by.hospital_id,
            title=title_of(asked),
            media_type=kind,
            size_bytes=size,
            sha256=sha256.hexdigest(),
            blob=blob,
            added_by_id=by.person_id,
        )
        session.add(document)
        thing = f"consultation:{case.public_id} document:{document.public_id}"
        await audit(session, "add-document", thing, by=by)
    return to_json(
        {"id": document.public_id, "title": document.title, "type": kind, "size": size}, status=201
    )


def title_of(asked: web.Request) -> str:
    from urllib.parse import unquote

    return unquote(asked.headers.get("X-Title", ""))[:120].strip() or gettext(asked)(later("Tài liệu"))


async def document_of(asked: web.Request) -> Document:
    case: Consultation = asked[THING]
    found = await asked[SESSION].scalar(
        select(Document).where(
            Document.public_id == asked.match_info["document"],
            Document.consultation_id == case.id,
            Document.removed_at.is_(None),
        )
    )
    if found is None:
        raise NotFound
    return found


@routes.get("/consultations/{consultation}/documents/{document}")
async def get_document(asked: web.Request) -> web.StreamResponse:
    document = await document_of(asked)
    return web.FileResponse(
        asked.app[STORE].path(document.blob),
        headers={
            "Content-Type": document.media_type,
            "Content-Disposition": "inline",
            "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'",
            "Cache-Control": "private, no-store",
        },
    )


@routes.delete("/consultations/{consultation}/documents/{document}")
async def delete_document(asked: web.Request) -> web.Response:
    if asked[THING].stage in {Stage.SIGNED, Stage.OUTCOME_KNOWN}:
        raise WrongStage  # what was signed rests on it
    document = await document_of(asked)
    document.removed_at = now()
    return web.Response(status=204)
