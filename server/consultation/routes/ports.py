"""What the application gives to the handlers of the journey."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from aiohttp import web

from dicom.ingest import Quarantined
from dicom.store import BlobStore
from server.consultation.minutes.key_images import Picture
from server.platform.policy import Principal
from signaling.hub import Hub


class Films(Protocol):
    """Where photos of films become images."""

    async def film(self, by: Principal, photo: Path, header: Mapping[str, str]) -> int:
        """The id of the study that the image of this photo is in now. Raises BadInstance."""

    async def refused_film(self, by: Principal, file: Quarantined) -> None:
        """Write down a photo that was refused."""


HUB: Final = web.AppKey("hub", Hub)
STORE: Final = web.AppKey("store", BlobStore)
FILMS: Final = web.AppKey[Films]("films")
PICTURE: Final = web.AppKey[Picture]("picture")
