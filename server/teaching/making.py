"""The worker's side: each image through the sandbox into the store; once a person released them, into the index."""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, select, update

from dicom.deidentify.profile import EDITION
from dicom.index import instances, series
from dicom.ingest import Committed, Received
from dicom.instance import BadInstance
from dicom.sandbox import Sandbox
from dicom.store import BlobKey, BlobStore
from server.consultation.model import Consultation
from server.consultation.share import TEACHING
from server.platform import keys
from server.platform.db import Database
from server.platform.settings import Settings
from server.teaching.copies import MAKE, RELEASE
from server.teaching.model import CopyState, TeachingCopy, TeachingImage

log = logging.getLogger(__name__)

_BATCH: Final = 64
_CHUNK_BYTES: Final = 1 << 20

Receive = Callable[[int, Sequence[Received], str], Awaitable[list[Committed]]]


class Maker:
    """Makes copies, and releases them."""

    def __init__(
        self, settings: Settings, database: Database, store: BlobStore, sandbox: Sandbox, receive: Receive
    ) -> None:
        self._root, self._database = settings.key, database
        self._store, self._sandbox, self._receive = store, sandbox, receive

    def handlers(self) -> dict[str, Callable[..., Awaitable[None]]]:
        return {MAKE: self.make, RELEASE: self.release}

    async def make(self, copy_id: int) -> None:
        """Every image that is not made as it should be. Begun again it goes on where it stopped."""
        async with self._database.system(writes=False) as session:
            copy = await session.get(TeachingCopy, copy_id)
            if copy is None or copy.state is not CopyState.MAKING:
                return
            case = await session.get_one(Consultation, copy.consultation_id)
            sources = (await session.execute(_sources(copy.study_id))).all()
            known = {
                one.instance_id: one
                for one in await session.scalars(
                    select(TeachingImage).where(TeachingImage.copy_id == copy_id)
                )
            }
        names, numbers = _patient(case)
        refused: Counter[str] = Counter()
        for position, source in enumerate(sources):
            image = known.get(source.id)
            if image is None or not image.is_made:
                try:
                    made = await self._image(copy, source, names, numbers, image.blank if image else [])
                except BadInstance as wrong:
                    if wrong.code == "unavailable":
                        raise  # no verdict: the job is done again
                    refused[wrong.code] += 1
                    continue
                if not await self._keep(copy, source, position, made, image):
                    return  # thrown away meanwhile
            await self._tell(copy, position + 1, len(sources))
        await self._finish(copy, refused)

    async def _image(
        self,
        copy: TeachingCopy,
        source: Row[Any],
        names: list[str],
        numbers: list[str],
        blank: list[list[int]],
    ) -> dict[str, Any]:
        """What the sandbox made of one image; the file is durable in the store, its key under `blob`."""
        made: dict[str, Any] = await self._sandbox.run(
            "deidentify",
            path=self._store.path(source.blob),
            key=keys.derive(self._root, f"deidentify {copy.hospital_id}"),
            names=names,
            numbers=numbers,
            options={},
            blank=blank,
        )
        with self._store.new(copy.hospital_id) as writer:
            await asyncio.to_thread(_write, writer.write, made.pop("file"))
            made["blob"] = await writer.commit()
        return made

    async def _keep(
        self,
        copy: TeachingCopy,
        source: Row[Any],
        position: int,
        made: dict[str, Any],
        image: TeachingImage | None,
    ) -> bool:
        done = {name: made[name] for name in ("counts", "texts", "methods", "blanked")}
        async with self._database.system() as session:
            now_is = await session.scalar(
                select(TeachingCopy.state).where(TeachingCopy.id == copy.id).with_for_update()
            )
            if now_is is not CopyState.MAKING:
                return False
            if image is not None:
                which = update(TeachingImage).where(TeachingImage.id == image.id)
                await session.execute(which.values(blob=made["blob"], done=done, is_made=True))
                return True
            session.add(
                TeachingImage(
                    copy_id=copy.id,
                    instance_id=source.id,
                    series_id=source.series_id,
                    position=position,
                    frames=max(1, source.frames),
                    rows=source.rows or 0,
                    columns=source.columns or 0,
                    must_look=made["must_look"],
                    blank=[],
                    blob=made["blob"],
                    done=done,
                )
            )
        return True

    async def _tell(self, copy: TeachingCopy, done: int, total: int) -> None:
        async with self._database.system() as session:
            which = update(TeachingCopy).where(TeachingCopy.id == copy.id)
            await session.execute(which.values(done=done, total=total))

    async def _finish(self, copy: TeachingCopy, refused: Counter[str]) -> None:
        async with self._database.system() as session:
            images = list(
                await session.scalars(select(TeachingImage).where(TeachingImage.copy_id == copy.id))
            )
            is_whole = bool(images) and all(one.is_made for one in images)
            values: dict[str, Any] = (
                {"state": CopyState.CHECKING, "record": record_of(images, refused)}
                if is_whole
                else {"state": CopyState.FAILED, "failure": next(iter(refused), "no-pixels")}
            )
            which = update(TeachingCopy).where(
                TeachingCopy.id == copy.id, TeachingCopy.state == CopyState.MAKING
            )
            await session.execute(which.values(**values))

    async def release(self, copy_id: int) -> None:
        """Into the index, as a study of the hospital like any other. Begun again it changes nothing twice."""
        async with self._database.system(writes=False) as session:
            copy = await session.get(TeachingCopy, copy_id)
            if copy is None or copy.state is not CopyState.RELEASING:
                return
            blobs = list(
                await session.scalars(
                    select(TeachingImage.blob)
                    .where(TeachingImage.copy_id == copy_id)
                    .order_by(TeachingImage.position)
                )
            )
        study_id = 0
        for start in range(0, len(blobs), _BATCH):
            received = [await self._received(blob) for blob in blobs[start : start + _BATCH]]
            committed = await self._receive(copy.hospital_id, received, TEACHING)
            study_id = committed[0].study_id
        async with self._database.system() as session:
            which = update(TeachingCopy).where(TeachingCopy.id == copy_id)
            await session.execute(which.values(state=CopyState.RELEASED, released_study_id=study_id))
            await session.execute(delete(TeachingImage).where(TeachingImage.copy_id == copy_id))

    async def _received(self, blob: str) -> Received:
        path = self._store.path(blob)
        summary = await self._sandbox.summarise(path)
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(path.read_bytes()).hexdigest())
        return Received(BlobKey(blob), path.stat().st_size, sha256, summary)


def record_of(images: Sequence[TeachingImage], refused: Counter[str]) -> dict[str, Any]:
    """What was done, all images together: table, options, deeds by code, every text that is left."""
    counts: Counter[str] = Counter()
    texts: dict[str, set[str]] = {}
    methods: set[str] = set()
    for one in images:
        counts.update(one.done["counts"])
        methods |= set(one.done["methods"])
        for keyword, text in one.done["texts"]:
            texts.setdefault(keyword, set()).add(text)
    return {
        "edition": EDITION,
        "methods": sorted(methods),
        "counts": dict(sorted(counts.items())),
        "images": len(images),
        "blanked": sum(bool(one.done["blanked"]) for one in images),
        "refused": dict(refused),
        "texts": {keyword: sorted(values) for keyword, values in sorted(texts.items())},
    }


def _sources(study_id: int) -> Any:
    table = instances.c
    return (
        select(table.id, table.series_id, table.blob, table.frames, table.rows, table.columns)
        .join(series, series.c.id == table.series_id)
        .where(table.study_id == study_id)
        .order_by(series.c.number, series.c.id, table.number, table.id)
    )


def _patient(case: Consultation) -> tuple[list[str], list[str]]:
    """Names and numbers of the case's patient: what no copy may hold wherever a device wrote it."""
    return [case.patient_name], [number for number in (case.id_number, case.insurance) if number]


def _write(write: Callable[[bytes], None], data: bytes) -> None:
    for start in range(0, len(data), _CHUNK_BYTES):
        write(data[start : start + _CHUNK_BYTES])
