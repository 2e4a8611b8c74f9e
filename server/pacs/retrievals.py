"""retrievals: a study is asked for, comes image by image through the sandbox into the index, or says why not."""

import asyncio
import datetime as dt
import logging
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from sqlalchemy import Select, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dicom import ingest, uid
from dicom.index import instances, studies
from dicom.ingest import Committed, Quarantined, Received
from dicom.pacs.failures import PacsFailure
from dicom.pacs.found import Arrived, Listed, Moved
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from server.pacs.connections import archive_of
from server.pacs.model import PacsConnection, Retrieval, State
from server.platform import keys
from server.platform.db import Database, now
from server.platform.errors import Refusal, later
from server.platform.events import audit
from server.platform.policy import Principal
from server.platform.settings import Settings

log = logging.getLogger(__name__)

AT_ONCE: Final = 20  # studies that one hospital may have under way
SHOWN: Final = 20
CLAIM: Final = dt.timedelta(seconds=60)
TOLD_S: Final = 1.0  # how often progress is written
IDLE_S: Final = 1.0
FORGOTTEN_S: Final = 86_400  # a folder that a killed worker left
UNDER_WAY: Final = (State.WAITING, State.RUNNING)

Quarantine = Callable[[int, Sequence[Quarantined], str, str], Awaitable[None]]
Receive = Callable[[int, Sequence[Received], str], Awaitable[list[Committed]]]


class TooManyRetrievals(Refusal):
    code = "too-many-retrievals"
    status = 429
    sentence = later("Đang lấy nhiều ca chụp cùng lúc. Hãy đợi các ca đang lấy xong rồi chọn tiếp.")


class NotAStudy(Refusal):
    code = "not-a-study"
    status = 422
    sentence = later(
        "Ca chụp này không có mã định danh đúng chuẩn nên không lấy được. Hãy tìm lại trong PACS."
    )


async def recent(session: AsyncSession, by: Principal) -> list[Retrieval]:
    found = await session.scalars(
        select(Retrieval)
        .where(Retrieval.hospital_id == by.hospital_id, Retrieval.person_id == by.person_id)
        .order_by(Retrieval.begun_at.desc(), Retrieval.id.desc())
        .limit(SHOWN)
    )
    return list(found)


async def begin(
    session: AsyncSession, connection: PacsConnection, by: Principal, study_uid: str, title: str
) -> Retrieval:
    """Ask for a study; one that is on its way already is the same retrieval."""
    if not uid.is_acceptable(study_uid):
        raise NotAStudy
    under_way = list(
        await session.scalars(
            select(Retrieval).where(Retrieval.hospital_id == by.hospital_id, Retrieval.state.in_(UNDER_WAY))
        )
    )
    for one in under_way:
        if (one.connection_id, one.study_uid, one.person_id) == (connection.id, study_uid, by.person_id):
            return one
    if len(under_way) >= AT_ONCE:
        raise TooManyRetrievals
    retrieval = Retrieval(
        hospital_id=by.hospital_id,
        connection_id=connection.id,
        person_id=by.person_id,
        study_uid=study_uid,
        title=title,
        state=State.WAITING,
    )
    session.add(retrieval)
    await session.flush()
    await audit(session, "retrieve", f"pacs:{connection.id} retrieval:{retrieval.id}", by=by)
    return retrieval


async def retry(session: AsyncSession, retrieval: Retrieval, by: Principal) -> None:
    """Go on where it stopped: only what is not in the index is fetched."""
    if retrieval.state in {State.FAILED, State.CANCELLED}:
        retrieval.state, retrieval.failure, retrieval.claimed_until = State.WAITING, "", None
        await audit(session, "retry-retrieval", f"retrieval:{retrieval.id}", by=by)


async def cancel(session: AsyncSession, retrieval: Retrieval, by: Principal) -> None:
    """The worker sees it within TOLD_S or so, and ends; what has come stays."""
    if retrieval.state in UNDER_WAY:
        retrieval.state, retrieval.claim = State.CANCELLED, ""
        await audit(session, "cancel-retrieval", f"retrieval:{retrieval.id}", by=by)


class Retriever:
    """The worker's side: takes the next retrieval that waits, and sees it through."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: BlobStore,
        sandbox: Sandbox,
        receive: Receive,
        quarantine: Quarantine,
    ) -> None:
        self._settings, self._database = settings, database
        self._store, self._sandbox, self._receive = store, sandbox, receive
        self._quarantine = quarantine
        self._root = settings.data_dir / "pacs"

    async def work(self) -> None:
        """For ever; run several of these to pull several studies at once."""
        while True:
            try:
                was_one = await self.once()
            except Exception:
                log.exception("retrievals could not be looked up")
                was_one = False
            if not was_one:
                await asyncio.sleep(IDLE_S)

    async def once(self) -> bool:
        """See one retrieval through; say whether there was one."""
        retrieval = await self._claim()
        if retrieval is None:
            return False
        fetching = asyncio.create_task(self._fetch(retrieval))
        holding = asyncio.create_task(self._hold(retrieval))
        try:
            await asyncio.wait({fetching, holding}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (fetching, holding):
                task.cancel()
            await asyncio.gather(fetching, holding, return_exceptions=True)
        if not fetching.cancelled():
            await self._write(retrieval, claimed_until=None, **_end_of(fetching))
        return True

    async def _claim(self) -> Retrieval | None:
        due = or_(
            Retrieval.state == State.WAITING,
            (Retrieval.state == State.RUNNING) & (Retrieval.claimed_until < now()),
        )
        if not await self._database.rows(select(Retrieval.id).where(due).limit(1)):
            return None
        first = (
            select(Retrieval.id)
            .where(due)
            .order_by(Retrieval.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        async with self._database.system() as session:
            found = await session.scalars(
                update(Retrieval)
                .where(Retrieval.id == first)
                .values(state=State.RUNNING, claim=keys.opaque(), claimed_until=now() + CLAIM)
                .returning(Retrieval)
                .execution_options(synchronize_session=False)
            )
            return found.one_or_none()

    async def _hold(self, retrieval: Retrieval) -> None:
        """Renew the claim; return when it is gone, for then the doctor has cancelled."""
        while True:
            if not await self._write(retrieval, claimed_until=now() + CLAIM):
                return
            await asyncio.sleep(TOLD_S)

    async def _write(self, retrieval: Retrieval, **values: object) -> bool:
        """Write what is so now, as long as the retrieval is still ours: False when not."""
        async with self._database.system() as session:
            written = await session.execute(
                update(Retrieval)
                .where(
                    Retrieval.id == retrieval.id,
                    Retrieval.claim == retrieval.claim,
                    Retrieval.state == State.RUNNING,
                )
                .values(**values)
                .returning(Retrieval.id)
                .execution_options(synchronize_session=False)
            )
            return written.first() is not None

    async def _fetch(self, retrieval: Retrieval) -> int:
        """Every instance into the index. The study's id there. Raises PacsFailure."""
        async with self._database.system(writes=False) as session:
            connection = await session.get_one(PacsConnection, retrieval.connection_id)
        if connection.removed_at is not None:
            raise PacsFailure("gone")
        archive = archive_of(connection, self._settings)
        have = await self._have(retrieval)
        wanted: frozenset[str] = frozenset()
        told = 0.0
        done = 0
        with self._folder() as folder:
            async with aclosing(archive.retrieve(retrieval.study_uid, have, Path(folder))) as events:
                async for event in events:
                    match event:
                        case Listed():
                            wanted = event.sop_uids
                            done = len(have & wanted)
                            await self._write(retrieval, done=done, total=len(wanted))
                        case Moved():
                            done = len(have & wanted) + event.count
                        case Arrived():
                            await self._take(retrieval, connection.name, event.path)
                            done += 1
                    if time.monotonic() - told > TOLD_S:
                        told = time.monotonic()
                        await self._write(retrieval, done=min(done, len(wanted)))
        arrived = await self._have(retrieval)
        await self._write(retrieval, done=len(wanted & arrived))
        if wanted - arrived:
            raise PacsFailure("incomplete")
        async with self._database.system(writes=False) as session:
            return int(await session.scalar(self._study(retrieval)) or 0)

    def _folder(self) -> "tempfile.TemporaryDirectory[str]":
        self._root.mkdir(parents=True, exist_ok=True)
        for left in self._root.iterdir():
            if time.time() - left.stat().st_mtime > FORGOTTEN_S:
                shutil.rmtree(left, ignore_errors=True)
        return tempfile.TemporaryDirectory(dir=self._root)

    async def _take(self, retrieval: Retrieval, pacs: str, path: Path) -> None:
        """One received file, the way of every door. What is refused is missing at the end, and so told."""

        async def commit(received: Sequence[Received]) -> list[Committed]:
            if any(one.summary.study_uid != retrieval.study_uid for one in received):
                raise PacsFailure("too-costly")  # not what was asked for: it would be somebody else's
            return await self._receive(retrieval.hospital_id, received, "pacs")

        outcome = await ingest.receive(path, "", retrieval.hospital_id, self._store, self._sandbox, commit)
        if outcome.was_unavailable:
            raise PacsFailure("broken")
        if outcome.quarantined:
            await self._quarantine(retrieval.hospital_id, outcome.quarantined, "pacs", pacs)

    async def _have(self, retrieval: Retrieval) -> frozenset[str]:
        async with self._database.system(writes=False) as session:
            found = await session.scalars(
                select(instances.c.sop_uid).where(
                    instances.c.study_id == self._study(retrieval).scalar_subquery()
                )
            )
            return frozenset(found)

    @staticmethod
    def _study(retrieval: Retrieval) -> Select[tuple[int]]:
        return select(studies.c.id).where(
            studies.c.owner_id == retrieval.hospital_id, studies.c.study_uid == retrieval.study_uid
        )


def _end_of(fetching: "asyncio.Task[int]") -> dict[str, object]:
    """What a fetch that ended by itself leaves in the row."""
    fault = fetching.exception()
    if fault is None:
        return {"state": State.DONE, "failure": "", "study_id": fetching.result()}
    if not isinstance(fault, PacsFailure):
        log.error("a retrieval failed", exc_info=fault)
    return {"state": State.FAILED, "failure": fault.code if isinstance(fault, PacsFailure) else "broken"}
