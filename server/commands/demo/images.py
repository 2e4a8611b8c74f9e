"""Real images for the demo's cases, taken in like any upload; in the background, since some are fetched."""

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from dicom.ingest import check
from dicom.sampledata import Patient, Study, ct_head_series, fetch_head, write_sample
from server.commands.demo.cases import CASES, DemoCase
from server.consultation import share
from server.consultation.model import Consultation
from server.imaging import Imaging
from server.people import sign_in
from server.people.model import Membership
from server.people.names import fold
from server.platform.db import Database
from server.platform.settings import Settings

CT_SLICES = 96
WORDS = {
    "ct": "CT sọ não",
    "mr-abdomen": "MR ổ bụng",
    "cr-chest": "X quang ngực thẳng",
    "cr-leg": "X quang đùi",
    "us-heart": "Siêu âm tim",
}


async def seed_images(settings: Settings, database: Database, say: Callable[[str], None]) -> None:
    """Real images for the cases that have none yet; taken in like any upload, checked in the sandbox."""
    imaging = Imaging(settings, database)
    async with imaging.sandbox:
        for demo in CASES:
            for kind in demo.images:
                await _images(settings, database, imaging, demo, kind, say)


async def _images(
    settings: Settings,
    database: Database,
    imaging: Imaging,
    demo: DemoCase,
    kind: str,
    say: Callable[[str], None],
) -> None:
    async with database.system(writes=False) as session:
        case = await session.scalar(select(Consultation).where(Consultation.patient_name == demo.name))
        if case is None:
            return
        known = await share.studies_known(session, case)
        membership = await session.scalar(
            select(Membership).where(
                Membership.person_id == case.requested_by_id, Membership.hospital_id == case.hospital_id
            )
        )
        assert membership is not None
        by = await sign_in.principal_of(session, membership.id, "demo", settings)
    if any(WORDS[kind] in description for description in known) or by is None:
        return
    say(f"{WORDS[kind]}: {case.code}")
    with tempfile.TemporaryDirectory() as folder:
        files = write_study(Path(folder), settings.data_dir / "sampledata", demo, kind)
        received = []
        for file in files:
            with imaging.store.new(by.hospital_id) as writer:
                writer.write(file.read_bytes())
                received.append(await check(writer, imaging.sandbox))
    committed = await imaging.receive(by.hospital_id, received, "upload")
    async with database.system() as session:
        fresh = await session.get_one(Consultation, case.id)
        await share.attach(session, fresh, committed[0].study_id, by, same_patient=True)


def write_study(folder: Path, fetched: Path, demo: DemoCase, kind: str) -> list[Path]:
    """The files of one made-up visit with real pixels (or a phantom that says it is one)."""
    words = fold(demo.name).upper().split()
    born = [int(part) for part in reversed(demo.birth.split("/"))] + [1, 1]
    patient = Patient(
        name=f"{demo.name.split()[0].upper()}^{' '.join(demo.name.split()[1:])}",
        patient_id=demo.id_number or "-".join(words),
        birth_on=dt.date(born[0], born[1] if len(born) > 3 else 1, born[2] if len(born) > 4 else 1),
        sex={1: "M", 2: "F"}.get(demo.sex, "O"),
    )
    study = Study(
        uid=f"2.25.{int.from_bytes(fold(demo.name + kind).encode()[-15:], 'big')}",
        taken_at=dt.datetime.now() - dt.timedelta(hours=3),  # noqa: DTZ005  # DICOM writes local time
        description=WORDS[kind],
    )
    if kind == "ct":
        return ct_head_series(folder, patient, study, slices=CT_SLICES, matrix=fetch_head(fetched))
    return [write_sample(kind, folder, patient, study)]
