"""The words on the screen for the journey's codes."""

from collections.abc import Mapping

from server.consultation.journey import Stage, Step, Urgency
from server.consultation.outcome import KINDS as OUTCOMES
from server.consultation.request import INFORMED_HOW, SPECIALTIES
from server.consultation.share import DIFFERENCES
from server.platform.errors import later

STAGES: Mapping[Stage, str] = {
    Stage.DRAFT: later("Bản nháp"),
    Stage.REQUESTED: later("Chờ phân loại"),
    Stage.NEEDS_MORE: later("Cần bổ sung"),
    Stage.DECLINED: later("Không nhận"),
    Stage.REDIRECTED: later("Đã chuyển nơi khác"),
    Stage.ACCEPTED: later("Đã nhận, chờ xếp lịch"),
    Stage.SCHEDULED: later("Đã xếp lịch"),
    Stage.IN_SESSION: later("Đang hội chẩn"),
    Stage.ANSWERED: later("Đã trả lời bằng văn bản"),
    Stage.MINUTES_OPEN: later("Chờ ký biên bản"),
    Stage.SIGNED: later("Đã ký biên bản"),
    Stage.OUTCOME_KNOWN: later("Đã có kết quả"),
    Stage.CANCELLED: later("Đã hủy"),
    Stage.REOPENED: later("Mở lại, chờ phân loại"),
}
# The colour's name goes with a word, never alone (styles: badge-wait, badge-urgent, …).
STAGE_TONES: Mapping[Stage, str] = {
    Stage.DRAFT: "quiet",
    Stage.REQUESTED: "wait",
    Stage.NEEDS_MORE: "wait",
    Stage.DECLINED: "quiet",
    Stage.REDIRECTED: "wait",
    Stage.ACCEPTED: "wait",
    Stage.SCHEDULED: "scheduled",
    Stage.IN_SESSION: "scheduled",
    Stage.ANSWERED: "wait",
    Stage.MINUTES_OPEN: "wait",
    Stage.SIGNED: "done",
    Stage.OUTCOME_KNOWN: "done",
    Stage.CANCELLED: "quiet",
    Stage.REOPENED: "wait",
}
URGENCIES: Mapping[Urgency, str] = {
    Urgency.EMERGENCY: later("Cấp cứu"),
    Urgency.URGENT: later("Khẩn"),
    Urgency.ROUTINE: later("Thường quy"),
}
DOTS: Mapping[str, str] = {
    "request": later("Yêu cầu"),
    "triage": later("Phân loại"),
    "schedule": later("Xếp lịch"),
    "join": later("Vào phòng"),
    "share": later("Chia sẻ hình ảnh"),
    "minutes": later("Biên bản"),
    "outcome": later("Theo dõi"),
}
STEPS: Mapping[str, str] = {
    Step.REQUEST: later("Gửi yêu cầu"),
    Step.EDIT: later("Sửa yêu cầu"),
    Step.ACCEPT: later("Nhận ca"),
    Step.REDIRECT: later("Chuyển nơi khác"),
    Step.ASK_MORE: later("Hỏi thêm"),
    Step.ANSWER_MORE: later("Trả lời bổ sung"),
    Step.DECLINE: later("Không nhận"),
    Step.SCHEDULE: later("Xếp lịch"),
    Step.JOIN: later("Vào phòng"),
    Step.END_SESSION: later("Kết thúc hội chẩn"),
    Step.ANSWER: later("Trả lời bằng văn bản"),
    Step.MINUTES: later("Viết biên bản"),
    Step.SIGN: later("Ký biên bản"),
    Step.COMPLETE: later("Hoàn tất biên bản"),
    Step.ADD: later("Thêm phụ lục"),
    Step.OUTCOME: later("Báo kết quả"),
    Step.HAND_OVER: later("Giao ca cho bác sĩ khác"),
    Step.CANCEL: later("Hủy ca"),
    Step.REOPEN: later("Mở lại ca"),
}
SEXES: Mapping[int, str] = {1: later("nam"), 2: later("nữ"), 3: later("chưa xác định")}
ID_KINDS: Mapping[str, str] = {
    "cccd": later("CCCD"),
    "cmnd": later("CMND"),
    "passport": later("Hộ chiếu"),
    "none": later("Chưa có"),
}
ROLES: Mapping[str, str] = {
    "doctor": later("Bác sĩ tuyến huyện"),
    "specialist": later("Chuyên gia"),
    "coordinator": later("Điều phối viên"),
    "administrator": later("Quản trị"),
    "oversight": later("Sở Y tế"),
}
TIERS: Mapping[str, str] = {
    "district": later("Tuyến huyện"),
    "provincial": later("Tuyến tỉnh"),
    "central": later("Tuyến trung ương"),
    "private": later("Tư nhân"),
    "department": later("Sở Y tế"),
}
NOTICES: Mapping[str, str] = {
    "requested": later("Yêu cầu hội chẩn mới"),
    "answered-more": later("Bác sĩ đã bổ sung"),
    "accepted": later("Ca đã được nhận"),
    "redirected": later("Ca được chuyển nơi khác"),
    "asked-more": later("Cần bổ sung thông tin"),
    "declined": later("Ca không được nhận"),
    "scheduled": later("Đã xếp lịch"),
    "rescheduled": later("Lịch đã thay đổi"),
    "cancelled": later("Ca đã hủy"),
    "reopened": later("Ca được mở lại"),
    "answered": later("Chuyên gia đã trả lời bằng văn bản"),
    "signed-one": later("Bên kia đã ký biên bản"),
    "signed": later("Biên bản đã đủ hai chữ ký"),
    "handed-over": later("Ca được giao cho bạn"),
    "addendum": later("Biên bản có phụ lục mới"),
    "outcome-followed": later("Kết quả: theo đúng ý kiến hội chẩn"),
    "outcome-changed": later("Kết quả: đã thay đổi cách xử trí"),
    "outcome-transferred": later("Kết quả: đã chuyển tuyến"),
    "outcome-transfer-avoided": later("Kết quả: không phải chuyển tuyến"),
}

__all__ = ["DIFFERENCES", "INFORMED_HOW", "OUTCOMES", "SPECIALTIES"]
