"""What can go wrong with a PACS: a stable code, and what is so and what to do, for the hospital's administrator."""

from __future__ import annotations

from typing import Final

from dicom.texts import later

FAILURES: Final[dict[str, str]] = {
    "no-address": later(
        "Không tìm thấy máy có tên này trong mạng. Hãy sửa địa chỉ, hoặc ghi thẳng địa chỉ IP."
    ),
    "forbidden-address": later(
        "Địa chỉ này nằm ngoài các mạng mà người vận hành cho phép kết nối. Hãy nhờ người vận hành mở mạng đó."
    ),
    "no-answer": later(
        "Máy PACS không trả lời ở địa chỉ và cổng này. Hãy kiểm tra máy có bật không, cổng đúng chưa và tường lửa."
    ),
    "no-dicom": later(
        "Có máy trả lời nhưng không nói DICOM ở cổng này. Hãy kiểm tra số cổng (thường là 104 hoặc 11112)."
    ),
    "called-title": later(
        "PACS không nhận AE title của nó như đã ghi ở đây. Hãy sửa “AE title của PACS” đúng từng chữ hoa, chữ thường."
    ),
    "calling-title": later(
        "PACS chưa biết AE title của hệ thống này. Hãy nhờ người quản lý PACS khai AE title và địa chỉ của hệ thống."
    ),
    "rejected": later("PACS từ chối kết nối mà không nói lý do. Hãy xem nhật ký của PACS rồi thử lại."),
    "busy": later("PACS đang quá nhiều kết nối. Hãy đợi vài phút rồi thử lại."),
    "no-find": later(
        "PACS không cho tìm kiếm (không có dịch vụ C-FIND). Hãy nhờ người quản lý PACS bật Query/Retrieve."
    ),
    "find-refused": later(
        "PACS nhận kết nối nhưng từ chối câu hỏi tìm kiếm. Hãy nhờ người quản lý PACS cho phép C-FIND."
    ),
    "no-retrieve": later(
        "PACS không có cách lấy ảnh đã chọn. Hãy đổi cách lấy ảnh (C-GET hoặc C-MOVE) trong kết nối này."
    ),
    "move-destination": later(
        "PACS không biết gửi ảnh về đâu. Hãy nhờ người quản lý PACS khai AE title, địa chỉ và cổng của hệ thống."
    ),
    "retrieve-refused": later(
        "PACS từ chối gửi ảnh. Hãy xem nhật ký của PACS; nếu ảnh ở kho lưu lâu dài thì đợi rồi thử lại."
    ),
    "incomplete": later(
        "PACS chưa gửi đủ ảnh của ca chụp này. Hãy bấm “Thử lại”: phần đã nhận không phải lấy lại."
    ),
    "broken": later(
        "Kết nối với PACS bị đứt giữa chừng. Hãy bấm “Thử lại”: phần đã nhận không phải lấy lại."
    ),
    "silent": later("PACS im lặng quá lâu. Hãy kiểm tra mạng và máy PACS rồi bấm “Thử lại”."),
    "too-costly": later(
        "PACS trả lời quá nhiều, quá lâu hoặc sai chuẩn nên hệ thống đã dừng lại. Hãy nhờ người quản lý PACS kiểm tra."
    ),
    "tls": later(
        "Không lập được kết nối mã hóa với PACS. Hãy kiểm tra chứng thư của PACS: còn hạn, đúng tên máy (HTTPS) "
        "hoặc đúng chứng thư đã khai ở đây (DICOM), và PACS có tin chứng thư của hệ thống này."
    ),
    "credential": later(
        "PACS không nhận tài khoản hoặc khóa truy cập. Hãy nhập lại tài khoản trong kết nối này."
    ),
    "no-dicomweb": later(
        "Địa chỉ này không có dịch vụ DICOMweb. Hãy kiểm tra đường dẫn gốc, ví dụ https://pacs/dicom-web."
    ),
    "http": later("PACS báo lỗi khi được hỏi qua DICOMweb. Hãy xem nhật ký của PACS rồi thử lại."),
    "no-store": later(
        "PACS không nhận loại tài liệu này. Hãy nhờ người quản lý PACS cho phép nhận SR, KO, PR và PDF (C-STORE)."
    ),
    "store-refused": later(
        "PACS nhận kết nối nhưng từ chối lưu. Hãy xem nhật ký và chỗ trống của PACS rồi gửi lại."
    ),
    "store-broken": later(
        "Kết nối với PACS bị đứt hoặc im lặng khi đang gửi. Hãy kiểm tra mạng và máy PACS rồi gửi lại."
    ),
    "not-taking": later(
        "Kết nối này đã bỏ hoặc không còn nhận kết quả hội chẩn. Hãy nhờ quản trị bật lại ở trang PACS rồi gửi lại."
    ),
    "gone": later("PACS không còn ca chụp này. Hãy tìm lại trong PACS."),
}


# What is said of a retrieval, as it is said of what we send; searching is no part of it.
WHEN_STORING: Final[dict[str, str]] = {
    "broken": "store-broken",
    "silent": "store-broken",
    "too-costly": "store-broken",
    "no-find": "no-store",
    "gone": "no-dicomweb",
    "http": "store-refused",
}


class PacsFailure(Exception):
    """A PACS that cannot be used for what was asked: a code of FAILURES and its sentence."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code if code in FAILURES else "too-costly"
        self.sentence = FAILURES[self.code]
