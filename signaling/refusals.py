"""Every stable code of the protocol with its sentence: refused requests, and last words before closing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from signaling.messages import Bye, Error

REFUSALS: Mapping[str, str] = {
    "malformed": "Tin gửi đi không đúng dạng. Hãy tải lại trang.",
    "unknown-type": "Tin gửi đi thuộc loại chưa biết. Hãy tải lại trang để có bản mới.",
    "not-allowed": "Vai trò của bạn trong phòng không được làm việc này. Hãy nhờ bác sĩ chủ tọa.",
    "not-now": "Chưa thể làm việc này lúc này.",
    "still-waiting": "Bạn còn ở phòng chờ. Hãy đợi bác sĩ chủ tọa cho vào.",
    "not-in-room": "Bạn không còn ở trong phòng. Hãy vào lại.",
    "not-waiting": "Người này không còn chờ ở cửa.",
    "room-full": "Phòng đã đủ người. Hãy nhờ một điểm cầu rời phòng rồi vào lại.",
    "session-ended": "Phiên hội chẩn đã kết thúc.",
    "no-such-peer": "Người này đã rời phòng.",
    "stale-epoch": "Kết nối này đã được làm mới.",
    "too-many-candidates": "Quá nhiều đường kết nối được thử một lúc.",
    "too-many-connections": "Quá nhiều kết nối với một người.",
    "too-many-marks": "Đã có quá nhiều hình vẽ trên ảnh. Hãy xóa bớt.",
    "not-your-mark": "Hình này do người khác vẽ nên bạn không sửa được. Hãy vẽ hình của bạn, hoặc nhờ bác sĩ chủ tọa.",
    "mark-changed": "Hình này vừa được người khác sửa. Hãy xem bản mới rồi sửa lại.",
    "no-such-image": "Ảnh này không còn trong ca hội chẩn nên hình vẽ không được giữ.",
    "minutes-signed": "Biên bản đã có chữ ký nên hình vẽ không đổi được nữa. Hãy mở lại biên bản để sửa.",
    "presenter-busy": "Đang có người dẫn. Hãy nhờ người ấy hoặc bác sĩ chủ tọa trao lại.",
    "not-presenting": "Bạn không phải người đang dẫn.",
    "cannot-present": "Không thể trao quyền dẫn cho người này.",
    "rate-limited": "Gửi quá nhanh. Hãy chậm lại một chút.",
    "unavailable": "Máy chủ chưa lưu được. Tin sẽ được gửi lại.",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ends: the close code, and whether the browser comes back by itself."""

    close: int
    reconnect: Literal["none", "resume", "rejoin"]
    sentence: str


ENDINGS: Mapping[str, Ending] = {
    "left": Ending(1000, "none", "Bạn đã rời phòng."),
    "malformed": Ending(4400, "none", "Trang gửi tin không đúng dạng. Hãy tải lại trang."),
    "version": Ending(4406, "none", "Trang này đã cũ. Hãy tải lại trang."),
    "ticket-refused": Ending(4401, "rejoin", "Vé vào phòng đã hết hạn. Đang xin vé mới."),
    "resume-refused": Ending(4410, "rejoin", "Chỗ trong phòng không còn giữ. Đang vào lại."),
    "removed": Ending(4403, "none", "Bạn không còn quyền ở trong phòng này."),
    "turned-away": Ending(4403, "none", "Bác sĩ chủ tọa chưa cho vào phòng. Hãy gọi điện cho nơi mời."),
    "room-full": Ending(4403, "none", REFUSALS["room-full"]),
    "no-such-room": Ending(4404, "none", "Không có phòng này, hoặc phòng đã đóng."),
    "too-slow-hello": Ending(4408, "rejoin", "Kết nối quá chậm. Đang thử lại."),
    "lost": Ending(4408, "resume", "Mất tín hiệu. Đang kết nối lại."),
    "replaced": Ending(4409, "none", "Bạn đã vào phòng này từ một máy hoặc một cửa sổ khác."),
    "resumed": Ending(4409, "none", "Kết nối này đã được thay bằng kết nối mới."),
    "session-ended": Ending(4411, "none", REFUSALS["session-ended"]),
    "too-big": Ending(4413, "none", "Tin gửi đi quá lớn."),
    "rate-limited": Ending(4429, "resume", "Gửi quá nhanh nên bị ngắt. Đang kết nối lại."),
    "slow-peer": Ending(4429, "resume", "Đường truyền quá chậm. Đang kết nối lại."),
    "broken": Ending(4500, "rejoin", "Máy chủ gặp lỗi. Đang kết nối lại."),
    "unavailable": Ending(4500, "rejoin", "Máy chủ chưa sẵn sàng. Đang kết nối lại."),
    "draining": Ending(4503, "rejoin", "Máy chủ sắp khởi động lại. Đang kết nối lại."),
    "elsewhere": Ending(4503, "rejoin", "Phòng đang ở máy chủ khác. Đang kết nối lại."),
}


def error(code: str, retry_after_ms: int | None = None) -> Error:
    return Error(code=code, sentence=REFUSALS[code], retry_after_ms=retry_after_ms)


def bye(code: str) -> Bye:
    ending = ENDINGS[code]
    return Bye(code=code, sentence=ending.sentence, reconnect=ending.reconnect)
