"""What the handlers of the journey have in common: typed commands, and where to go on."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints

from server.consultation.model import Consultation
from server.platform.http import see, to_json, wants_json

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(Command):
    reason: Text = ""


def page_of(case: Consultation) -> str:
    return f"/consultations/{case.public_id}"


def done(asked: web.Request, path: str) -> web.Response:
    """Scripts hear where to go on; a form is sent there."""
    return to_json({"href": path}) if wants_json(asked) else see(path)
