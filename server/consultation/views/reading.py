"""The viewer on a page of its own: a script's page, so its facts go to the script."""

from dataclasses import dataclass
from typing import ClassVar

from server.consultation.views.lines import CaseLine
from server.platform.pages import Page


@dataclass(frozen=True)
class ReadingPage(Page):
    template: ClassVar[str] = "reading.html"
    data: dict[str, object]
    line: CaseLine
    here: str  # the page of the case
    may_draw: bool
    is_locked: bool  # signed: nothing is drawn any more
