"""Key images: chosen in the viewer, each with the window it was seen in; fixed by the first signature."""

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation.minutes.draft import ring_rooms
from server.consultation.minutes.record import must_be_open
from server.consultation.model import Consultation, KeyImage
from server.consultation.share import visible_study_ids
from server.platform.db import now
from server.platform.errors import NotFound
from server.platform.events import audit
from server.platform.policy import Principal


@dataclass(frozen=True)
class Shown:
    """An image as it was seen, and the words that name it in the annex."""

    picture: bytes  # a small JPEG
    study: str  # "CT ngực 21/11/2026"
    study_uid: str
    series: str
    image: str


class Picture(Protocol):
    """Makes the picture of one frame with its window: [center, width, inverted 0|1]. Raises NotFound."""

    async def __call__(self, study_id: int, sop_uid: str, frame: int, voi: list[float]) -> Shown: ...


async def key_images(session: AsyncSession, case: Consultation) -> list[KeyImage]:
    found = await session.scalars(
        select(KeyImage)
        .where(KeyImage.consultation_id == case.id, KeyImage.removed_at.is_(None))
        .order_by(KeyImage.id)
    )
    return list(found)


async def has_key_images(session: AsyncSession, case: Consultation) -> bool:
    """Without reading their pictures."""
    found = select(KeyImage.id).where(KeyImage.consultation_id == case.id, KeyImage.removed_at.is_(None))
    return await session.scalar(found.limit(1)) is not None


async def may_add(session: AsyncSession, case: Consultation, study_id: int, by: Principal) -> None:
    """Before the picture is made, and again before it is kept: raises NotFound for a study that `by` does not
    see, DraftLocked.
    """
    if study_id not in await visible_study_ids(session, case, by):
        raise NotFound
    await must_be_open(session, case)


async def add(session: AsyncSession, case: Consultation, image: KeyImage, by: Principal) -> None:
    session.add(image)
    await session.flush()
    await audit(session, "add-key-image", f"consultation:{case.public_id}", by=by)
    await ring_rooms(session, case)


async def describe(session: AsyncSession, case: Consultation, image_id: int, caption: str) -> KeyImage:
    """Say what there is to see: the words under the picture, printed in the annex."""
    image = await change(session, case, image_id)
    image.caption = caption
    return image


async def change(session: AsyncSession, case: Consultation, image_id: int) -> KeyImage:
    """The image, to be changed: removed, brought back, described. Raises DraftLocked, NotFound."""
    await must_be_open(session, case)
    found = await session.scalar(
        select(KeyImage).where(KeyImage.id == image_id, KeyImage.consultation_id == case.id)
    )
    if found is None:
        raise NotFound
    await ring_rooms(session, case)
    return found


async def remove(session: AsyncSession, case: Consultation, image_id: int) -> None:
    """Take the image out of the minutes; `restore` undoes it."""
    (await change(session, case, image_id)).removed_at = now()


async def restore(session: AsyncSession, case: Consultation, image_id: int) -> KeyImage:
    image = await change(session, case, image_id)
    image.removed_at = None
    return image
