"""inbox: studies that no case has, and the cases that may get them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import share
from server.consultation.journey import CLOSED
from server.consultation.model import Consultation
from server.consultation.views.lines import CaseLine, case_line, some_cases
from server.platform.pages import Page
from server.platform.policy import Principal


@dataclass(frozen=True)
class InboxPage(Page):
    template: ClassVar[str] = "inbox.html"
    studies: Sequence[share.StudyLine]
    cases: Sequence[CaseLine]
    upload_limit_bytes: int


async def inbox_page(session: AsyncSession, by: Principal, upload_limit_bytes: int) -> InboxPage:
    own_and_open = (Consultation.hospital_id == by.hospital_id, Consultation.stage.not_in(CLOSED))
    return InboxPage(
        studies=await share.inbox(session, by),
        cases=[case_line(case) for case in await some_cases(session, *own_and_open)],
        upload_limit_bytes=upload_limit_bytes,
    )
