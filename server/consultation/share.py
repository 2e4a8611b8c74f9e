"""share: which studies a case shows to whom; an inbox of studies not tied to a case; the wrong-patient guard."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.index import series, studies
from server.consultation.grants import end_grants, grant_studies, is_live, shared_study_ids
from server.consultation.journey import CLOSED, WAITING_FOR_DESK, Side, Stage, WrongStage
from server.consultation.model import Consultation, Grant, SharedStudy
from server.consultation.take import CASE
from server.people.birth import BadBirthDate, BirthDate
from server.platform.db import now
from server.platform.errors import NotFound, Refusal, Said, later
from server.platform.events import audit, ring
from server.platform.policy import Principal

BEFORE_TRIAGE = WAITING_FOR_DESK | {Stage.DRAFT, Stage.NEEDS_MORE}
TEACHING = "teaching"  # source of released copies: no patient is in them, so no case takes them
DICOM_SEX = {"M": 1, "F": 2}
DIFFERENCES = {
    "name": later("Họ tên trên ảnh khác với hồ sơ"),
    "id": later("Số CCCD trên ảnh khác với hồ sơ"),
    "birth": later("Ngày sinh trên ảnh khác với hồ sơ"),
    "sex": later("Giới tính trên ảnh khác với hồ sơ"),
}


class OtherPatient(Refusal):
    """The DICOM header names somebody else: a person must look and say it is the same patient."""

    code = "other-patient"
    status = 409
    sentence = later(
        "Thông tin người bệnh trên ảnh khác với hồ sơ: {kinds}. "
        "Hãy so lại; nếu đúng là cùng một người, bấm “Đúng người bệnh”."
    )


class OtherPatientTied(OtherPatient):
    """The same, found when the request is sent: its images were tied before the patient was typed."""

    sentence = later(
        "Chưa gửi được: thông tin người bệnh trên ảnh khác với hồ sơ: {kinds}. "
        "Ở mục “Hình ảnh và tài liệu”, hãy so lại rồi xác nhận đúng người bệnh, hoặc gỡ phim đó."
    )


@dataclass(frozen=True)
class StudyLine:
    """A study as lists show it."""

    id: int
    patient_name: str
    patient_id: str
    birth: str
    sex: str
    description: str
    modalities: tuple[str, ...]
    study_date: str
    instances: int
    received_at_ms: int
    source: str
    other_patients: int  # images that name somebody else
    cover: int | None  # the series whose middle image stands for the study


# The fullest series, the first of equals: scouts and reports stand back.
COVER = (
    select(series.c.id)
    .where(series.c.study_id == studies.c.id)
    .order_by(series.c.instance_count.desc(), series.c.id)
    .limit(1)
    .scalar_subquery()
    .label("cover")
)


# What reports on images beside them, our own evidence too, is counted and named nowhere as images.
BESIDE = frozenset({"SR", "KO", "PR", "DOC"})
PICTURES = (
    select(func.coalesce(func.sum(series.c.instance_count), 0))
    .where(series.c.study_id == studies.c.id, series.c.modality.not_in(BESIDE))
    .scalar_subquery()
    .label("pictures")
)


def line(row: Row[Any]) -> StudyLine:
    return StudyLine(
        id=row.id,
        patient_name=row.patient_name.replace("^", " ").strip(),
        patient_id=row.patient_id,
        birth=day_of(row.patient_birth_date),
        sex=row.patient_sex,
        description=row.description,
        modalities=tuple(word for word in row.modalities.split("\\") if word and word not in BESIDE),
        study_date=day_of(row.study_date),
        instances=row.pictures,
        received_at_ms=row.received_at_ms,
        source=row.source,
        other_patients=row.other_patients,
        cover=row.cover,
    )


def day_of(text: str) -> str:
    """DA (YYYYMMDD) as people read it."""
    return f"{text[6:8]}/{text[4:6]}/{text[:4]}" if len(text) == 8 and text.isdigit() else text


async def inbox(session: AsyncSession, by: Principal) -> list[StudyLine]:
    """The hospital's studies that no case has, the newest first."""
    tied = select(SharedStudy.study_id).where(SharedStudy.removed_at.is_(None))
    rows = await session.execute(
        select(studies, COVER, PICTURES)
        .where(studies.c.owner_id == by.hospital_id, studies.c.removed_at_ms.is_(None))
        .where(studies.c.id.not_in(tied), studies.c.source != TEACHING)
        .order_by(studies.c.received_at_ms.desc())
        .limit(200)
    )
    return [line(row) for row in rows]


async def studies_of(session: AsyncSession, case: Consultation, by: Principal) -> list[StudyLine]:
    """The studies of the case that `by` may see."""
    ids = await visible_study_ids(session, case, by)
    rows = await session.execute(
        select(studies, COVER, PICTURES).where(studies.c.id.in_(ids)).order_by(studies.c.id)
    )
    return [line(row) for row in rows]


async def studies_known(session: AsyncSession, case: Consultation) -> list[str]:
    """The descriptions of all studies tied to the case."""
    rows = await session.scalars(
        select(studies.c.description).where(studies.c.id.in_(await shared_study_ids(session, case)))
    )
    return list(rows)


async def shared_studies(session: AsyncSession, case: Consultation) -> list[SharedStudy]:
    """How each study of the case came to be tied to it."""
    found = await session.scalars(
        select(SharedStudy).where(SharedStudy.consultation_id == case.id, SharedStudy.removed_at.is_(None))
    )
    return list(found)


async def visible_study_ids(session: AsyncSession, case: Consultation, by: Principal) -> frozenset[int]:
    """The asking side sees its own; others what a grant that holds now gives them."""
    shared = await shared_study_ids(session, case)
    if case.side_of(by) is Side.ASKING:
        return frozenset(shared)
    granted = await session.scalars(
        select(Grant.study_id).where(
            Grant.consultation_id == case.id,
            Grant.hospital_id == by.hospital_id,
            Grant.study_id.in_(shared),
            *is_live(now()),  # type: ignore[arg-type]
        )
    )
    return frozenset(study_id for study_id in granted if study_id is not None)


async def own_study(session: AsyncSession, study_id: int, by: Principal) -> Row[Any]:
    row = (
        await session.execute(
            select(studies).where(
                studies.c.id == study_id,
                studies.c.owner_id == by.hospital_id,
                studies.c.removed_at_ms.is_(None),
                studies.c.source != TEACHING,
            )
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def differences(case: Consultation, row: Row[Any]) -> list[str]:
    """The kinds in which the DICOM header and the request name different patients; what one lacks is no difference."""
    found: list[str] = []
    if row.patient_name_key and case.patient_name_key and row.patient_name_key != case.patient_name_key:
        found.append("name")
    is_citizen_number = len(row.patient_id) == 12 and row.patient_id.isdigit()
    if is_citizen_number and case.id_kind == "cccd" and case.id_number not in {"", row.patient_id}:
        found.append("id")
    if case.birth and not _same_birth(case.birth, row.patient_birth_date):
        found.append("birth")
    sex = DICOM_SEX.get(row.patient_sex)
    if sex and case.sex in {1, 2} and sex != case.sex:
        found.append("sex")
    return found


def in_words(kinds: list[str]) -> list[Said]:
    return [Said(DIFFERENCES[kind]) for kind in kinds]


def _same_birth(birth: BirthDate, header: str) -> bool:
    if len(header) != 8 or not header.isdigit():
        return True
    try:
        other = BirthDate.parse(f"{header[:4]}-{header[4:6]}-{header[6:]}", now().date())
    except BadBirthDate:
        return True
    return birth.may_equal(other)


def must_take_studies(case: Consultation, by: Principal) -> None:
    """Raises WrongStage where studies are not tied to the case, or not by them."""
    if case.side_of(by) is not Side.ASKING or case.stage in CLOSED:
        raise WrongStage


async def attach(
    session: AsyncSession, case: Consultation, study_id: int, by: Principal, *, same_patient: bool
) -> None:
    """Tie a study of the own hospital to the case. Raises OtherPatient until a person says it is the same."""
    must_take_studies(case, by)
    row = await own_study(session, study_id, by)
    kinds = differences(case, row)
    if kinds and not same_patient:
        raise OtherPatient(kinds=in_words(kinds))
    known = await session.scalar(
        select(SharedStudy).where(SharedStudy.consultation_id == case.id, SharedStudy.study_id == study_id)
    )
    if known is None:
        known = SharedStudy(consultation_id=case.id, study_id=study_id, added_by_id=by.person_id)
        session.add(known)
    known.removed_at = None
    await _note(session, case, known, kinds, by)
    if case.stage not in BEFORE_TRIAGE:
        await grant_studies(session, case, [study_id])
    ring(session, CASE.format(case.id), studies=True)


async def _note(
    session: AsyncSession, case: Consultation, tied: SharedStudy, kinds: list[str], by: Principal
) -> None:
    """That `by` ties this study to the case, with these differences."""
    tied.differences = kinds
    tied.accepted_by_id = by.person_id if kinds else None
    await session.flush()
    thing = f"consultation:{case.public_id} study:{tied.study_id}"
    await audit(session, "share", thing, by=by, differences=" ".join(kinds))


async def unsettled(session: AsyncSession, case: Consultation) -> list[tuple[SharedStudy, list[str]]]:
    """The tied studies that differ from the request, as it is now, in a kind that nobody has accepted."""
    found = await session.execute(
        select(SharedStudy, studies)
        .join(studies, studies.c.id == SharedStudy.study_id)
        .where(SharedStudy.consultation_id == case.id, SharedStudy.removed_at.is_(None))
        .order_by(SharedStudy.id)
    )
    differing = ((row.SharedStudy, differences(case, row)) for row in found)
    return [(tied, kinds) for tied, kinds in differing if not set(kinds) <= set(tied.differences)]


async def must_be_one_patient(
    session: AsyncSession,
    case: Consultation,
    by: Principal,
    *,
    same_patient: bool = False,
    refusal: type[OtherPatient] = OtherPatient,
) -> None:
    """Hold every tied study against the request once more. Raises `refusal` until a person says it is the same."""
    for tied, kinds in await unsettled(session, case):
        if not same_patient:
            raise refusal(kinds=in_words(kinds))
        await _note(session, case, tied, kinds, by)


async def detach(session: AsyncSession, case: Consultation, study_id: int, by: Principal) -> None:
    """Untie a study; it is in the inbox again, and nobody else sees it any more. `attach` undoes this."""
    if case.side_of(by) is not Side.ASKING or case.stage in CLOSED | {Stage.SIGNED}:
        raise WrongStage
    known = await session.scalar(
        select(SharedStudy).where(
            SharedStudy.consultation_id == case.id,
            SharedStudy.study_id == study_id,
            SharedStudy.removed_at.is_(None),
        )
    )
    if known is None:
        raise NotFound
    known.removed_at = now()
    await end_grants(session, case, "detached", study_id=study_id)
    await audit(session, "unshare", f"consultation:{case.public_id} study:{study_id}", by=by)
    ring(session, CASE.format(case.id), studies=True)
