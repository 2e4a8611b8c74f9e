"""What the application gives to the handlers of the journey."""

from typing import Final

from aiohttp import web

from dicom.store import BlobStore
from server.consultation.minutes.key_images import Picture
from signaling.hub import Hub

HUB: Final = web.AppKey("hub", Hub)
STORE: Final = web.AppKey("store", BlobStore)
PICTURE: Final = web.AppKey[Picture]("picture")
