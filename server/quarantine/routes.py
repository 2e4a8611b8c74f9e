"""The page of refused files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from aiohttp import web

from dicom.instance import REASONS
from server.platform.db import id_from
from server.platform.errors import later
from server.platform.http import SESSION
from server.platform.pages import Page, render
from server.quarantine.model import RefusedFile
from server.quarantine.record import KEPT, refusals

routes = web.RouteTableDef()
LAST_PAGE: Final = 100

WAYS: Final[Mapping[str, str]] = {
    "upload": later("Tải lên từ trình duyệt"),
    "stow": later("Phần mềm gửi qua DICOMweb"),
    "c-store": later("Máy chụp gửi qua DICOM"),
    "pacs": later("Lấy từ PACS"),
}
# What an administrator does about it, beside what the reason's sentence tells the sender.
NEXT: Final[Mapping[str, str]] = {
    "upload": later("Người gửi đã thấy lý do này. Nhắc họ gửi lại nếu ca còn thiếu phim."),
    "stow": later("Báo người quản lý phần mềm đã gửi; bản gốc vẫn ở bên gửi."),
    "c-store": later("Xem lại cấu hình gửi trên máy này; ảnh vẫn còn trên máy chụp."),
    "pacs": later("Ảnh vẫn còn trong PACS. Bác sĩ bấm lấy lại sau khi PACS đã sửa."),
}


@dataclass(frozen=True, kw_only=True)
class RefusedFilesPage(Page):
    template: ClassVar[str] = "refused_files.html"
    files: Sequence[RefusedFile]
    counts: Mapping[str, int]
    people: Mapping[str, str]
    code: str  # the reason that is looked at; "" for all
    page: int  # from 0, newest first
    is_more: bool
    reasons: Mapping[str, str]
    ways: Mapping[str, str]
    next_steps: Mapping[str, str]
    kept_days: int


@routes.get("/refused-files")
async def get_refused_files(asked: web.Request) -> web.Response:
    """Newest first; `?reason=CODE` shows one reason, `?page=2` what is older."""
    code = asked.query.get("reason", "")
    code = code if code in REASONS else ""
    page = min(max(id_from(asked.query.get("page", "")) - 1, 0), LAST_PAGE)
    found = await refusals(asked[SESSION], code, page)
    return render(
        asked,
        RefusedFilesPage(
            files=found.files,
            counts=found.counts,
            people=found.people,
            code=code,
            page=page,
            is_more=found.is_more,
            reasons=REASONS,
            ways=WAYS,
            next_steps=NEXT,
            kept_days=KEPT.days,
        ),
    )
