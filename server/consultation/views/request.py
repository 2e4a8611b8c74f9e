"""request: the form with its hints, the studies of the case and those still in the inbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import readiness, share
from server.consultation.minutes.draft import answered
from server.consultation.model import Consultation, Document
from server.people.model import Hospital
from server.platform.pages import Page
from server.platform.policy import Principal


@dataclass(frozen=True)
class RequestPage(Page):
    template: ClassVar[str] = "request.html"
    case: Consultation
    hospitals: Sequence[Hospital]
    hints: Sequence[readiness.Hint]
    doubts: dict[str, str]
    warnings: Sequence[str]
    documents: Sequence[Document]
    studies: Sequence[share.StudyLine]
    inbox: Sequence[share.StudyLine]
    differences: Mapping[int, Sequence[str]]  # by study: what names another patient, and nobody has accepted
    answered: frozenset[int]  # questions (ids) that stay as they were asked


async def request_page(session: AsyncSession, case: Consultation, by: Principal) -> RequestPage:
    studies = await share.studies_of(session, case, by)
    return RequestPage(
        case=case,
        hospitals=await supporting_hospitals(session, by),
        hints=readiness.hints(case, studies=len(studies)),
        doubts=readiness.doubts(case),
        warnings=readiness.warnings(case),
        documents=await documents_of(session, case),
        studies=studies,
        inbox=await share.inbox(session, by),
        differences={tied.study_id: kinds for tied, kinds in await share.unsettled(session, case)},
        answered=await answered(session, case),
    )


async def supporting_hospitals(session: AsyncSession, by: Principal) -> list[Hospital]:
    """Where a case can be sent."""
    found = await session.scalars(
        select(Hospital)
        .where(Hospital.id != by.hospital_id, Hospital.closed_at.is_(None))
        .where(Hospital.tier.in_(("provincial", "central", "private")))
        .order_by(Hospital.tier.desc(), Hospital.name)
    )
    return list(found)


async def documents_of(session: AsyncSession, case: Consultation) -> list[Document]:
    found = await session.scalars(
        select(Document)
        .where(Document.consultation_id == case.id, Document.removed_at.is_(None))
        .order_by(Document.id)
    )
    return list(found)
