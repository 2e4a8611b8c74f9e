"""ahead: the line that says how far the images are."""

from dataclasses import dataclass
from typing import ClassVar

from server.consultation.ahead import Progress
from server.platform.pages import Page


@dataclass(frozen=True)
class ProgressPage(Page):
    template: ClassVar[str] = "arrived.html"
    consultation: str
    progress: Progress
