"""films: photos of films, which become images of the case."""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from dicom.ingest import Quarantined
from dicom.instance import BadInstance
from dicom.store import BlobWriter
from server.consultation import share
from server.consultation.film import header_of
from server.consultation.model import Consultation
from server.consultation.routes.ports import FILMS, STORE
from server.platform.errors import Refusal, TooLarge
from server.platform.http import THING, principal, to_json, transaction

LIMIT_BYTES: Final = 25 * 1024 * 1024
CHUNK_BYTES: Final = 256 * 1024

routes = web.RouteTableDef()


class NotAFilm(Refusal):
    """The photo cannot be shown; the sentence is that of its reason."""

    code = "not-a-film"
    status = 422

    def __init__(self, reason: BadInstance) -> None:
        super().__init__()
        self.reason = reason

    def text(self, gettext: Callable[[str], str]) -> str:
        return gettext(self.reason.sentence)


@routes.post("/consultations/{consultation}/films")
async def post_film(asked: web.Request) -> web.Response:
    """The body is the photo (JPEG or PNG). It becomes a Secondary Capture of the case's patient, tied to the case."""
    by, films = principal(asked), asked.app[FILMS]
    header = await _header(asked)  # whose case it is, before any byte is read
    with asked.app[STORE].new(by.hospital_id) as writer:
        try:
            await _receive(asked, writer)
            study_id = await films.film(by, writer.path, header)
        except BadInstance as refused:
            await films.refused_film(by, Quarantined(refused.code, writer.size_bytes, writer.sha256))
            if refused.code == "too-large":
                raise TooLarge(limit="25 MB") from refused
            raise NotAFilm(refused) from refused
    async with transaction(asked) as session:
        # The image has this case's patient: only a change of the request meanwhile makes it another.
        await share.attach(session, asked[THING], study_id, by, same_patient=False)
    return to_json({"study": study_id}, status=201)


async def _receive(asked: web.Request, writer: BlobWriter) -> None:
    """Write the body as it comes. Raises BadInstance for what is too large, at the latest where it is."""
    if (asked.content_length or 0) > LIMIT_BYTES:
        raise BadInstance("too-large")
    async for chunk in asked.content.iter_chunked(CHUNK_BYTES):
        if writer.size_bytes + len(chunk) > LIMIT_BYTES:
            raise BadInstance("too-large")
        writer.write(chunk)


async def _header(asked: web.Request) -> Mapping[str, str]:
    async with transaction(asked) as session:
        case: Consultation = asked[THING]
        share.must_take_studies(case, principal(asked))
        return await header_of(session, case)
