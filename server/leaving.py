"""What a signed case leaves is made and kept: the worker's side of `consultation/evidence.py`."""

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom import ingest
from dicom.evidence.measuring import measured
from dicom.ingest import Committed, Received
from server import delivering
from server.consultation import evidence
from server.consultation.evidence import Order
from server.consultation.form.pdf import printed
from server.consultation.minutes.compose import compose
from server.consultation.model import Consultation, Evidence
from server.consultation.views.lines import WHOLE
from server.imaging import Imaging
from server.platform.db import Database
from server.platform.events import audit

log = logging.getLogger(__name__)

Json = dict[str, Any]


class NotMade(RuntimeError):
    """An object was made that our own archive does not take: the job is done again, and then given up in sight."""


class Leaving:
    """Makes the evidence of a case and stores it with the study that it is of."""

    def __init__(self, database: Database, imaging: Imaging) -> None:
        self._database, self._imaging = database, imaging

    async def make(self, consultation_id: int) -> None:
        """All of it; what was made by an earlier attempt stays. Raises BadInstance, NotMade."""
        async with self._database.system(writes=False) as session:
            case = await _whole(session, consultation_id)
            orders = await evidence.plan(session, case)
            made = set(
                await session.scalars(
                    select(Evidence.sop_uid).where(Evidence.consultation_id == consultation_id)
                )
            )
            form, annex = await compose(session, case)
        for order in orders:
            if order.sop_uid in made:
                continue
            pdf = await printed(form, annex) if order.kind == "minutes" else b""
            body = await self._body(order, pdf)
            if body:
                await self._keep(case, order, body)
        if orders:
            async with self._database.system() as session:
                await delivering.begin(session, case)

    async def _body(self, order: Order, pdf: bytes) -> bytes:
        """The Part 10 file; empty where nothing of what was drawn is a measurement."""
        told = order.as_json() | {"marks": await self._measured(order)}
        if order.kind == "report":
            told["marks"] = [one for one in told["marks"] if one["figures"]]
            if not told["marks"]:
                return b""
        images = [{"header": one.header, "syntax": one.syntax} for one in order.images]
        made: bytes = await self._imaging.sandbox.run(
            "evidence", kind=order.kind, images=images, order=told, pdf=pdf
        )
        return made

    async def _measured(self, order: Order) -> list[Json]:
        images = {one.sop_uid: one for one in order.images}

        def frame_of(mark: Json) -> tuple[str, int]:
            return mark["sop"], mark["frame"]

        found: list[Json] = []
        for (sop, frame), marks in groupby(sorted(order.marks, key=frame_of), frame_of):
            image = images[sop]
            path = self._imaging.store.path(image.blob)
            found += await measured(self._imaging.sandbox, path, image.header, frame, list(marks))
        return found

    async def _keep(self, case: Consultation, order: Order, body: bytes) -> None:
        """Under the hospital whose study it is; first the archive's rows, then ours: a lost row is made again."""
        imaging = self._imaging

        async def commit(received: Sequence[Received]) -> list[Committed]:
            return await imaging.receive(case.hospital_id, received, "evidence")

        with tempfile.TemporaryDirectory(prefix="hoichan-evidence-") as folder:
            path = Path(folder) / "made.dcm"
            await asyncio.to_thread(path.write_bytes, body)
            outcome = await ingest.receive(path, "", case.hospital_id, imaging.store, imaging.sandbox, commit)
        refused = {one.code for one in outcome.refused} - {"instance-differs"}  # the first is kept
        if refused:
            log.error("evidence was not kept: %s", " ".join(sorted(refused)))
            raise NotMade
        async with self._database.system() as session:
            session.add(
                Evidence(
                    consultation_id=case.id, study_id=order.study_id, kind=order.kind, sop_uid=order.sop_uid
                )
            )
            thing = f"consultation:{case.public_id} study:{order.study_id}"
            await audit(
                session, "make-evidence", thing, by=None, hospital_id=case.hospital_id, kind=order.kind
            )


async def _whole(session: AsyncSession, consultation_id: int) -> Consultation:
    found: Consultation = (
        await session.scalars(select(Consultation).where(Consultation.id == consultation_id).options(*WHOLE))
    ).one()
    return found
