"""film: what an image made of a photo says of its patient and study, from the case that it is for."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom import uid
from dicom.index import studies
from server.consultation.model import Consultation
from server.people.birth import Precision
from server.platform.db import HERE, now
from server.platform.errors import Refusal, later

SEXES: Final = {1: "M", 2: "F", 3: ""}
TITLE: Final = "Ảnh chụp phim"  # in the data set, as the hospital's own words


class NoPatient(Refusal):
    code = "no-patient"
    status = 422
    sentence = later("Hãy ghi họ tên người bệnh trước: tên được ghi vào ảnh. Sau đó chọn lại ảnh chụp phim.")


async def header_of(session: AsyncSession, case: Consultation) -> Mapping[str, str]:
    """The values of the data set (PS3.3 A.8.1.3) by keyword; photos of one day and patient are one study."""
    if not case.patient_name.strip():
        raise NoPatient
    at = now().astimezone(HERE)
    patient = {
        "PatientName": _person_name(case.patient_name),
        "PatientID": case.id_number or case.code,
        "PatientBirthDate": _day(case.birth_on) if case.birth_precision == Precision.DAY else "",
        "PatientSex": SEXES[case.sex],
    }
    day, time = _day(at.date()), f"{at:%H%M%S}"
    study_uid = _uid("study", case.public_id, day, *patient.values())
    taken = await session.scalar(
        select(studies.c.instance_count).where(
            studies.c.owner_id == case.hospital_id, studies.c.study_uid == study_uid
        )
    )
    return {
        **patient,
        "StudyInstanceUID": study_uid,
        "StudyDate": day,
        "StudyTime": time,
        "StudyID": "1",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyDescription": TITLE,
        "SeriesInstanceUID": _uid("series", study_uid),
        "SeriesNumber": "1",
        "SeriesDescription": TITLE,
        "SOPInstanceUID": uid.make(),
        "InstanceNumber": str((taken or 0) + 1),
        "ContentDate": day,
        "ContentTime": time,
        "DateOfSecondaryCapture": day,
        "TimeOfSecondaryCapture": time,
        "SecondaryCaptureDeviceManufacturer": "hoichan",
    }


def _person_name(name: str) -> str:
    """PN text (PS3.5 6.2.1): the family name is the first word of a Vietnamese name."""
    words = "".join(" " if letter in "^=\\" else letter for letter in name).split()
    return "^".join(part for part in (words[0].upper(), " ".join(words[1:])) if part)[:64]


def _day(on: dt.date | None) -> str:
    return f"{on:%Y%m%d}" if on else ""


def _uid(*parts: str) -> str:
    """The same UID for the same parts (PS3.5 B.2)."""
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
