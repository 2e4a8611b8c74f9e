"""copies: asked for from a signed case, blanked where a person sees something, released or thrown away."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.index import studies
from server.consultation.journey import Stage, WrongStage
from server.consultation.model import Consultation
from server.consultation.share import visible_study_ids
from server.platform import keys
from server.platform.db import now
from server.platform.errors import Invalid, NotFound, Refusal, later
from server.platform.events import audit
from server.platform.jobs import enqueue
from server.platform.policy import Principal
from server.teaching.model import OPEN, CopyState, TeachingCopy, TeachingImage

SIGNED: Final = frozenset({Stage.SIGNED, Stage.OUTCOME_KNOWN})
MAKE, RELEASE = "teaching-make", "teaching-release"
MAX_BLANKS: Final = 40  # rectangles an image
LISTED: Final = 200


class CopyUnderWay(Refusal):
    code = "copy-under-way"
    sentence = later(
        "Một đồng nghiệp đang soạn bản giảng dạy của phim này. Hãy đợi bản đó xong ở trang “Ca giảng dạy”."
    )


class NotReady(Refusal):
    code = "copy-not-ready"
    sentence = later("Bản giảng dạy này đang được xử lý hoặc đã xong nên không đổi được. Hãy tải lại trang.")


class NotLookedAt(Refusal):
    code = "not-looked-at"
    status = 422
    sentence = later(
        "Chưa phát hành được: hãy xem từng ảnh rồi đánh dấu, gồm cả mục “không còn gì nhận ra người bệnh”."
    )


async def ask(session: AsyncSession, case: Consultation, study_id: int, by: Principal) -> TeachingCopy:
    """A copy of one study for the asker's hospital; one that is there already is the same."""
    if case.stage not in SIGNED:
        raise WrongStage
    if study_id not in await visible_study_ids(session, case, by):
        raise NotFound
    # Two colleagues may ask at once: the study's row lets one in after the other.
    await session.execute(
        update(studies).where(studies.c.id == study_id).values(changed_at_ms=studies.c.changed_at_ms)
    )
    copies = TeachingCopy.__table__
    there = (
        await session.execute(
            select(copies.c.id, copies.c.asked_by_id, copies.c.state)
            .where(copies.c.hospital_id == by.hospital_id, copies.c.study_id == study_id)
            .where(copies.c.state.in_({*OPEN, CopyState.RELEASED}))
        )
    ).first()
    if there is not None:
        if there.state != CopyState.RELEASED and there.asked_by_id != by.person_id:
            raise CopyUnderWay
        return await session.get_one(TeachingCopy, there.id)
    copy = TeachingCopy(
        public_id=keys.opaque(),
        hospital_id=by.hospital_id,
        consultation_id=case.id,
        study_id=study_id,
        asked_by_id=by.person_id,
        state=CopyState.MAKING,
        record={},
    )
    session.add(copy)
    await session.flush()
    thing = f"consultation:{case.public_id} study:{study_id} teaching:{copy.public_id}"
    await audit(session, "ask-teaching-copy", thing, by=by)
    enqueue(session, MAKE, copy_id=copy.id)
    return copy


async def images_of(session: AsyncSession, copy: TeachingCopy) -> list[TeachingImage]:
    found = await session.scalars(
        select(TeachingImage).where(TeachingImage.copy_id == copy.id).order_by(TeachingImage.position)
    )
    return list(found)


async def image_of(session: AsyncSession, copy: TeachingCopy, number: int) -> TeachingImage:
    image = await session.get(TeachingImage, number)
    if image is None or image.copy_id != copy.id:
        raise NotFound
    return image


async def blank(
    session: AsyncSession,
    copy: TeachingCopy,
    image: TeachingImage,
    rect: Sequence[int],
    by: Principal,
    *,
    whole_series: bool,
) -> None:
    """Cover a rectangle in every frame of one image or of its series; an empty one takes all covers off."""
    must_wait_for_a_person(copy)
    which = await images_of(session, copy)
    for one in which:
        if one.id == image.id or (whole_series and one.series_id == image.series_id):
            one.blank = with_rect(one.blank, rect)
            one.is_made = False
    copy.state, copy.done = CopyState.MAKING, sum(one.is_made for one in which)
    await audit(session, "blank-teaching-copy", f"teaching:{copy.public_id} image:{image.id}", by=by)
    enqueue(session, MAKE, copy_id=copy.id)


def with_rect(rects: list[list[int]], rect: Sequence[int]) -> list[list[int]]:
    """Raises Invalid for what is no rectangle, or one too many."""
    if not rect:
        return []
    left, top, right, bottom = rect
    if not (0 <= left <= right and 0 <= top <= bottom):
        raise no_rectangle()
    if len(rects) >= MAX_BLANKS:
        raise Invalid({"left": later("Ảnh này đã có quá nhiều ô che. Hãy bỏ các ô che rồi vẽ ô lớn hơn.")})
    return [*rects, list(rect)]


def no_rectangle() -> Invalid:
    return Invalid({"left": later("Ô che cần đủ bốn mép: mép phải sau mép trái, mép dưới sau mép trên.")})


def must_wait_for_a_person(copy: TeachingCopy) -> None:
    if copy.state is not CopyState.CHECKING:
        raise NotReady


async def release(
    session: AsyncSession, copy: TeachingCopy, by: Principal, *, looked: bool, seen: frozenset[int]
) -> None:
    """A person says that every image was looked at and names nobody. Raises NotLookedAt, NotReady."""
    must_wait_for_a_person(copy)
    must = {one.id for one in await images_of(session, copy) if one.must_look}
    if not looked or not must <= seen:
        raise NotLookedAt
    copy.state, copy.released_by_id, copy.released_at = CopyState.RELEASING, by.person_id, now()
    counts = {f"action_{code}": int(count) for code, count in copy.record["counts"].items()}
    facts: dict[str, Any] = {"methods": " ".join(copy.record["methods"]), "images": copy.record["images"]}
    await audit(session, "release-teaching-copy", f"teaching:{copy.public_id}", by=by, **facts, **counts)
    enqueue(session, RELEASE, copy_id=copy.id)


async def discard(session: AsyncSession, copy: TeachingCopy, by: Principal) -> None:
    """Throw away what was not released; nothing of it stays but that it was."""
    if copy.state not in {CopyState.MAKING, CopyState.CHECKING, CopyState.FAILED}:
        raise NotReady
    copy.state = CopyState.DISCARDED
    copy.record = {}
    await session.execute(delete(TeachingImage).where(TeachingImage.copy_id == copy.id))
    await audit(session, "discard-teaching-copy", f"teaching:{copy.public_id}", by=by)


async def released(session: AsyncSession, by: Principal) -> list[Row[Any]]:
    """The hospital's released copies with their studies, the newest first."""
    rows = await session.execute(
        select(TeachingCopy, studies)
        .join(studies, studies.c.id == TeachingCopy.released_study_id)
        .where(TeachingCopy.hospital_id == by.hospital_id, TeachingCopy.state == CopyState.RELEASED)
        .order_by(TeachingCopy.released_at.desc())
        .limit(LISTED)
    )
    return list(rows)


async def begun(session: AsyncSession, by: Principal) -> list[TeachingCopy]:
    """What this person has under way, or what went wrong with it."""
    found = await session.scalars(
        select(TeachingCopy)
        .where(TeachingCopy.asked_by_id == by.person_id, TeachingCopy.hospital_id == by.hospital_id)
        .where(TeachingCopy.state.in_({*OPEN, CopyState.FAILED}))
        .order_by(TeachingCopy.id.desc())
        .limit(LISTED)
    )
    return list(found)
