"""documents: PDFs and photos of a case, kept in the store, shown without any right to run."""

import hashlib
from typing import Final

from aiohttp import web
from sqlalchemy import select

from server.consultation.journey import CLOSED, Stage
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
HEAD_BYTES = 12  # say what a file is; the line may bring fewer at first
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


class DocumentsFixed(Refusal):
    """What was signed rests on them; and a closed case changes no more."""

    code = "documents-fixed"
    sentence = later(
        "Ca đã ký biên bản hoặc đã đóng nên không thêm hay gỡ tài liệu được. "
        "Đã ký thì ghi vào phụ lục của biên bản; đã hủy hoặc bị từ chối thì mở lại ca trước."
    )


def must_be_open(case: Consultation) -> None:
    if case.stage in CLOSED | {Stage.SIGNED}:
        raise DocumentsFixed


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
    async with transaction(asked):  # whose case it is, before any byte is read
        must_be_open(asked[THING])
    by, store = principal(asked), asked.app[STORE]
    sha256, size, head, kind = hashlib.sha256(), 0, b"", ""
    with store.new(by.hospital_id) as writer:
        async for chunk in asked.content.iter_chunked(CHUNK_BYTES):
            if not kind:
                head += chunk[:HEAD_BYTES]
                kind = kind_of(head) if len(head) >= HEAD_BYTES else ""
            size += len(chunk)
            if size > LIMIT_BYTES:
                raise TooLarge(limit="25 MB")
            sha256.update(chunk)
            writer.write(chunk)
        kind = kind or kind_of(head)
        blob = await writer.commit()
    async with transaction(asked) as session:
        case: Consultation = asked[THING]
        must_be_open(case)  # somebody may have signed meanwhile
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
    must_be_open(asked[THING])
    document = await document_of(asked)
    document.removed_at = now()
    return web.Response(status=204)
