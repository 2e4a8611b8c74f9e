"""The device check and the room: both are scripts' pages, so their facts go to the scripts."""

from dataclasses import dataclass
from typing import ClassVar

from server.consultation.views.lines import CaseLine
from server.platform.pages import Page


@dataclass(frozen=True)
class CheckPage(Page):
    template: ClassVar[str] = "check.html"
    room: dict[str, object]
    line: CaseLine


@dataclass(frozen=True)
class RoomPage(CheckPage):
    template: ClassVar[str] = "room.html"
