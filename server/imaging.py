"""Where the service and the DICOM library meet: what `dicom/` asks of its host, answered from our tables."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dicom import index, ingest
from dicom.framecache import FrameCache
from dicom.fresh import Fresh
from dicom.ingest import Committed, Quarantined, Received
from dicom.instance import BadInstance
from dicom.ports import Scope
from dicom.sandbox import Sandbox
from dicom.store import BlobStore
from server.consultation import share
from server.consultation.minutes.key_images import Shown
from server.consultation.model import Consultation
from server.platform import keys
from server.platform.db import Database, now
from server.platform.errors import NotFound
from server.platform.events import audit, ring
from server.platform.http import principal, standing_headers
from server.platform.jobs import enqueue_once
from server.platform.pages import gettext
from server.platform.policy import Principal, Role, Row, roles
from server.platform.recent import SITTING_S, Recent
from server.platform.settings import Settings
from server.quarantine import record
from server.teaching.model import CopyState, TeachingCopy

READERS = roles(Role.DOCTOR, Role.SPECIALIST)
PARTY = READERS | roles(Role.COORDINATOR)
SCOPE_KEPT_S = 1.0  # for so long an ended grant may still serve
KEY_IMAGE_PX = 480
MILLISECOND = dt.timedelta(milliseconds=1)
# Images follow each other: a study is prepared once it is quiet for so long, or the first of it has waited so long.
QUIET = dt.timedelta(seconds=2)
LONGEST_WAIT = dt.timedelta(seconds=30)
INBOX = "inbox:{}"  # rung when a hospital received images


def policy_rows(addresses: Iterable[str]) -> list[Row]:
    """One row for each address of `dicom/web`; which studies may be seen there, `scope` decides."""
    return [
        Row(
            address,
            PARTY if "{consultation}" in address else READERS,
            streams=True,
            is_open_to_scripts=True,
        )
        for address in addresses
    ]


class Imaging:
    """The ports of `dicom/web` and of the gateway."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.store = BlobStore(settings.store_dir, keys.derive(settings.key, "store"))
        self.sandbox = Sandbox(readable=[settings.store_dir])
        self.frames = FrameCache(
            settings.data_dir / "frames",
            self.store,
            self.sandbox,
            max_bytes=settings.frames_limit_bytes,
            max_days=settings.frames_days,
        )
        self.public_url = settings.public_url.rstrip("/")
        self.headers = standing_headers(is_https=settings.is_https)
        self._database = database
        self._scopes = Fresh(SCOPE_KEPT_S, self._case_scope)
        self._sittings: Recent[tuple[str, str], bool] = Recent(SITTING_S)

    async def scope(self, request: web.Request) -> Scope:
        """Own hospital's studies, or those that the named case shows to this person."""
        by = principal(request)
        case_id = request.match_info.get("consultation", "")
        if copy := request.match_info.get("copy"):
            return await self._copy_scope(by, copy)
        if not case_id:
            return Scope(
                owner_id=by.hospital_id, study_ids=None, may_store=by.has(Role.DOCTOR, Role.SPECIALIST)
            )
        found = await self._scopes.get((by, case_id))
        if found is None:
            raise NotFound
        return found

    async def _case_scope(self, asked: tuple[Principal, str]) -> Scope | None:
        by, case_id = asked
        async with self._database.session(by, writes=False) as session:
            case = await session.scalar(select(Consultation).where(Consultation.public_id == case_id))
            if case is None or by.hospital_id not in {case.hospital_id, case.target_hospital_id}:
                return None
            visible = await share.visible_study_ids(session, case, by)
            return Scope(owner_id=by.hospital_id, study_ids=visible, may_store=False)

    async def _copy_scope(self, by: Principal, copy: str) -> Scope:
        """One released copy for teaching, to people of its hospital."""
        async with self._database.session(by, writes=False) as session:
            study_id = await session.scalar(
                select(TeachingCopy.released_study_id).where(
                    TeachingCopy.public_id == copy, TeachingCopy.state == CopyState.RELEASED
                )
            )
        if study_id is None:
            raise NotFound
        return Scope(owner_id=by.hospital_id, study_ids=frozenset({study_id}), may_store=False)

    def person(self, request: web.Request) -> str:
        """Who may go on with an upload: this person in this hospital, from any browser."""
        return f"membership:{principal(request).membership_id}"

    def gettext(self, request: web.Request) -> Callable[[str], str]:
        return gettext(request)

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._database.read()

    async def rows(self, statement: Select[Any]) -> Sequence[Any]:
        return await self._database.rows(statement)

    async def viewed(self, request: web.Request, study_id: int) -> None:
        """One audit row a person, study and sitting: written before the first byte is sent."""
        await self._once(principal(request), "view-study", f"study:{study_id}")

    async def listed(self, request: web.Request) -> None:
        """One audit row a person, sitting, and hospital or case whose studies were listed or searched."""
        by = principal(request)
        case_id = request.match_info.get("consultation")
        thing = f"consultation:{case_id}" if case_id else f"hospital:{by.hospital_id}"
        await self._once(by, "list-studies", thing)

    async def _once(self, by: Principal, action: str, thing: str) -> None:
        if self._sittings.get((by.sign_in, thing)):
            return
        async with self._database.session(by) as session:
            await audit(session, action, thing, by=by)
        self._sittings.keep((by.sign_in, thing), True)

    async def commit(
        self, scope: Scope, received: Sequence[Received], source: str, sender: str
    ) -> list[Committed]:
        return await self.receive(scope.owner_id, received, source)

    async def quarantine(self, owner_id: int, files: Sequence[Quarantined], source: str, sender: str) -> None:
        """Files that were refused, for the hospital's administrators to look into."""
        async with self._database.system() as session:
            await record.keep(session, owner_id, files, source, sender)

    async def receive(self, owner_id: int, received: Sequence[Received], source: str) -> list[Committed]:
        """Index, audit, job and doorbell in one transaction; the bytes are durable already."""
        async with self._database.system() as session:
            committed = await index.add_all(session, owner_id, received, source)
            for study_id in sorted({one.study_id for one in committed if one.is_new}):
                count = sum(one.is_new and one.study_id == study_id for one in committed)
                facts: dict[str, str | int | None] = {"source": source, "instances": count}
                await audit(session, "receive", f"study:{study_id}", by=None, hospital_id=owner_id, **facts)
                await enqueue_once(session, "frames", run_at=now() + QUIET, study_id=study_id)
            ring(session, INBOX.format(owner_id))
        return committed

    async def film(self, by: Principal, photo: Path, header: Mapping[str, str]) -> int:
        """Make a photo of a film an image of the hospital's own: the id of its study. Raises BadInstance."""
        made: bytes = await self.sandbox.run("capture", path=photo, header=dict(header))
        with self.store.new(by.hospital_id) as writer:
            writer.write(made)
            received = await ingest.check(writer, self.sandbox)
        [committed] = await self.receive(by.hospital_id, [received], "upload")
        return committed.study_id

    async def refused_film(self, by: Principal, file: Quarantined) -> None:
        await self.quarantine(by.hospital_id, [file], "upload", f"membership:{by.membership_id}")

    async def prepare(self, study_id: int) -> None:
        """Make the frames of a study that has come, unless more of it comes: then a little later."""
        table = index.instances
        waits = (
            select(func.min(table.c.received_at_ms), func.max(table.c.received_at_ms))
            .where(table.c.study_id == study_id, table.c.frames > 0)
            .where(table.c.frames_at_ms.is_(None), table.c.frames_refused.is_(None))
        )
        [(first_ms, last_ms)] = await self._database.rows(waits)
        now_ms = time.time() * 1000
        is_coming = last_ms is not None and now_ms - last_ms < QUIET / MILLISECOND
        if is_coming and now_ms - first_ms < LONGEST_WAIT / MILLISECOND:
            async with self._database.system() as session:
                await enqueue_once(session, "frames", run_at=now() + QUIET, study_id=study_id)
            return
        await self.make_frames(study_id)

    async def make_frames(self, study_id: int) -> None:
        """Write the frame cache of a study's instances; what cannot be shown is noted with the reason."""
        table = index.instances
        async with self._database.read() as connection:
            waiting = await connection.execute(
                select(table.c.id, table.c.blob)
                .where(table.c.study_id == study_id, table.c.frames > 0)
                .where(table.c.frames_at_ms.is_(None), table.c.frames_refused.is_(None))
                .order_by(table.c.number)
            )
            rows = waiting.all()
        for row in rows:
            try:
                await self.frames.ensure_frames(row.blob)
                made: dict[str, Any] = {"frames_at_ms": int(time.time() * 1000)}
            except BadInstance as refused:
                if refused.code == "unavailable":
                    raise  # no verdict: the job is done again
                made = {"frames_refused": refused.code}
            async with self._database.system() as session:
                await session.execute(update(table).where(table.c.id == row.id).values(**made))

    async def trim_frames(self) -> None:
        """Several processes add to the cache: one looks at all of it now and then."""
        await asyncio.to_thread(self.frames.trim)

    async def picture(self, study_id: int, sop_uid: str, frame: int, voi: list[float]) -> Shown:
        """For the key images of the minutes."""
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(
                        index.instances.c.blob,
                        index.instances.c.number,
                        index.series.c.number.label("series_number"),
                        index.series.c.description.label("series_description"),
                        index.series.c.modality,
                        index.studies.c.study_uid,
                        index.studies.c.description,
                        index.studies.c.study_date,
                    )
                    .join(index.series, index.series.c.id == index.instances.c.series_id)
                    .join(index.studies, index.studies.c.id == index.instances.c.study_id)
                    .where(index.instances.c.study_id == study_id, index.instances.c.sop_uid == sop_uid)
                )
            ).first()
        if row is None:
            raise NotFound
        jpeg: bytes = await self.sandbox.run(
            "picture",
            path=self.store.path(row.blob),
            number=frame,
            voi=voi,
            side_px=KEY_IMAGE_PX,
        )
        words = (row.modality, row.description, share.day_of(row.study_date))
        return Shown(
            picture=jpeg,
            study=" ".join(word for word in words if word),
            study_uid=row.study_uid,
            series=" ".join(str(word) for word in (row.series_number, row.series_description) if word),
            image=str(row.number or ""),
        )
