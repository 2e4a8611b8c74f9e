"""What the pages of teaching say of states, options and deeds."""

from collections.abc import Mapping
from typing import Final

from server.platform.errors import later
from server.teaching.model import CopyState

STATES: Final[Mapping[str, str]] = {
    CopyState.MAKING: later("Đang bỏ thông tin người bệnh"),
    CopyState.CHECKING: later("Chờ bạn kiểm tra"),
    CopyState.RELEASING: later("Đang phát hành"),
    CopyState.RELEASED: later("Đã phát hành"),
    CopyState.DISCARDED: later("Đã bỏ"),
    CopyState.FAILED: later("Không làm được"),
}
METHODS: Final[Mapping[str, str]] = {
    "basic": later("Hồ sơ bảo mật cơ bản (PS3.15 phụ lục E)"),
    "pixels": later("Che vùng có chữ trên ảnh"),
    "descriptors": later("Lời mô tả: chỉ giữ từ chuyên môn"),
    "dates": later("Ngày giờ: dời cùng một khoảng, giữ khoảng cách giữa các lần chụp"),
    "patient": later("Giữ giới tính, tuổi làm tròn"),
}
ACTIONS: Final[Mapping[str, str]] = {
    "X": later("xóa hẳn"),
    "Z": later("để trống"),
    "D": later("thay bằng giá trị vô nghĩa"),
    "U": later("đổi mã định danh"),
    "C": later("lọc nội dung"),
}
