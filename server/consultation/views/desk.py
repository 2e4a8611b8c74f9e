"""desk: the queue with its clocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from server.consultation import triage
from server.consultation.journey import WAITING_FOR_DESK, Stage
from server.consultation.model import Consultation
from server.consultation.views.lines import CaseLine, case_line, some_cases
from server.platform.pages import Page
from server.platform.policy import Principal


@dataclass(frozen=True)
class DeskPage(Page):
    template: ClassVar[str] = "desk.html"
    waiting: Sequence[CaseLine]
    to_schedule: Sequence[CaseLine]
    needs_more: Sequence[CaseLine]
    ringing: int


@dataclass(frozen=True)
class DeskQueue(DeskPage):
    """The part of the desk that renews itself."""

    template: ClassVar[str] = "desk_queue.html"


async def desk_page(session: AsyncSession, by: Principal, kind: type[DeskPage] = DeskPage) -> DeskPage:
    ids = [case.id for case in await triage.queue(session, by)]
    cases = {case.id: case for case in await some_cases(session, Consultation.id.in_(ids), limit=500)}
    lines = [case_line(cases[known]) for known in ids if known in cases]

    def those(*stages: Stage) -> list[CaseLine]:
        return [line for line in lines if line.stage in stages]

    return kind(
        waiting=those(*WAITING_FOR_DESK),
        to_schedule=those(Stage.ACCEPTED),
        needs_more=those(Stage.NEEDS_MORE),
        ringing=sum(line.is_ringing for line in lines),
    )
