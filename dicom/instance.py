"""What is known of one received instance, or why it is refused. `parsing.py` finds it out, in the sandbox.

Only plain types here: the parent process reads these and never opens the bytes themselves.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from dicom.texts import later
from dicom.uid import InstanceUID, SeriesUID, StudyUID

# Every reason an instance, an archive or an upload can be refused for: a stable code, and what to tell the
# person, who is to know what to do next. Nothing of the file itself is repeated: it may be health data.
REASONS: Final[dict[str, str]] = {
    "not-dicom": later("Tệp này không phải ảnh DICOM. Hãy chọn đúng tệp xuất từ máy chụp hoặc PACS."),
    "truncated": later("Ảnh DICOM bị cắt cụt, thiếu dữ liệu. Hãy xuất lại từ máy chụp rồi gửi lại."),
    "malformed": later("Ảnh DICOM bị hỏng, không đọc được. Hãy xuất lại từ máy chụp rồi gửi lại."),
    "bad-identifiers": later("Ảnh DICOM thiếu hoặc sai mã định danh. Hãy xuất lại từ máy chụp rồi gửi lại."),
    "wrong-pixels": later("Dữ liệu điểm ảnh không khớp với thông tin trong tệp. Hãy xuất lại từ máy chụp."),
    "no-pixels": later(
        "Tệp này không có ảnh để hiển thị (ví dụ là báo cáo). Hãy mở bằng phần mềm của máy chụp."
    ),
    "unsupported-pixels": later(
        "Kiểu ảnh này (video, hơn 16 bit) chưa xem được ở đây. Hãy mở ở trạm đọc ảnh."
    ),
    "too-many-pixels": later("Ảnh lớn quá mức hệ thống nhận. Hãy xuất ảnh nhỏ hơn hoặc liên hệ quản trị."),
    "too-costly": later(
        "Tệp đòi quá nhiều bộ nhớ hoặc thời gian để đọc nên bị từ chối. Hãy xuất lại từ máy chụp."
    ),
    "dicomdir": later("DICOMDIR chỉ là mục lục của đĩa. Hãy gửi các tệp ảnh trong thư mục."),
    "too-large": later("Tệp lớn hơn mức hệ thống nhận. Hãy chia nhỏ rồi gửi lại."),
    "empty": later("Tệp rỗng. Hãy chọn lại tệp rồi gửi lại."),
    "bad-archive": later("Tệp zip bị hỏng hoặc có mật khẩu. Hãy nén lại không đặt mật khẩu rồi gửi lại."),
    "unsafe-name": later(
        "Tệp zip chứa tên tệp không an toàn nên bị từ chối. Hãy nén lại thư mục ảnh rồi gửi lại."
    ),
    "too-many-entries": later(
        "Tệp zip chứa quá nhiều tệp. Hãy chia thành nhiều tệp zip nhỏ hơn rồi gửi lại."
    ),
    "nested-archive": later("Tệp zip chứa tệp nén khác bên trong. Hãy giải nén tệp bên trong rồi gửi lại."),
    "instance-differs": later(
        "Ảnh này đã có trong hệ thống với nội dung khác; hệ thống giữ bản nhận đầu tiên."
    ),
    "wrong-study": later(
        "Ảnh thuộc ca chụp khác với ca được nêu khi gửi. Hãy gửi lại vào đúng ca chụp của ảnh."
    ),
    "wrong-bulk": later(
        "Phần dữ liệu kèm theo (bulk data) bị thiếu, trùng, hoặc không ảnh nào nêu. Hãy gửi lại toàn bộ ảnh."
    ),
    "unsupported-bulk": later(
        "Phần dữ liệu ảnh kèm theo có kiểu nén không nhận ở đây. Hãy gửi tệp DICOM (application/dicom)."
    ),
    "not-a-photo": later("Tệp này không phải ảnh chụp JPG hoặc PNG. Hãy chọn ảnh chụp phim rồi gửi lại."),
    "photo-heic": later(
        "Ảnh HEIC của iPhone chưa đọc được ở đây. Vào Cài đặt > Camera > Định dạng, chọn “Tương thích nhất” "
        "rồi chụp lại, hoặc gửi ảnh JPG."
    ),
    "photo-broken": later("Ảnh chụp bị hỏng, không đọc được. Hãy chụp lại rồi gửi."),
    "checksum": later("Dữ liệu nhận được không khớp mã kiểm tra. Hãy gửi lại tệp."),
    "holds-words": later(
        "Báo cáo, tài liệu và lớp chú thích không chép để giảng dạy được vì toàn lời về người bệnh."
    ),
    "unavailable": later("Hệ thống chưa kiểm tra được tệp. Hãy gửi lại sau ít phút."),
}


class BadInstance(Exception):
    """Received bytes that are not kept: a code of REASONS and the sentence for the person who sent them."""

    def __init__(self, code: str, sentence: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence or REASONS[code]


@dataclass(frozen=True, slots=True)
class Summary:
    """One instance as the index keeps it. Text is decoded and stripped; absent is "" for text, else None."""

    study_uid: StudyUID
    series_uid: SeriesUID
    sop_uid: InstanceUID
    sop_class_uid: str
    transfer_syntax_uid: str
    patient_id: str
    patient_name: str  # all component groups, as in the file: "Nguyen^Van A=阮文甲"
    patient_birth_date: str  # DA text
    patient_sex: str
    study_date: str  # DA text
    study_time: str  # TM text
    accession_number: str
    study_description: str
    modality: str
    series_number: int | None
    series_description: str
    body_part: str
    number: int | None
    frames: int  # 0 where there are no pixels, else at least 1
    rows: int | None
    columns: int | None
    photometric: str
    bits_allocated: int | None
    samples: int | None
    pixel_offset: int | None  # byte offset of the value of native Pixel Data in the file
    frame_bytes: int | None  # length of one native frame
    header: bytes  # gzipped DICOM JSON (PS3.18 F) of the data set without bulk values

    @property
    def patient_name_key(self) -> str:
        return name_key(self.patient_name)


@dataclass(frozen=True, slots=True)
class Named:
    """Whom an image or a study names, as in the file; "" for what it leaves out."""

    patient_id: str
    patient_name: str
    birth_date: str
    sex: str

    def differs_from(self, other: Named) -> bool:
        """Whether these cannot be one person. What one of them leaves out is no difference, nor is a second script."""
        pairs = (
            (self.patient_id, other.patient_id),
            (_first_script(self.patient_name), _first_script(other.patient_name)),
            (
                _if(self.birth_date, len(self.birth_date) == 8),
                _if(other.birth_date, len(other.birth_date) == 8),
            ),
            (_if(self.sex, self.sex in ("M", "F")), _if(other.sex, other.sex in ("M", "F"))),
        )
        return any(ours and theirs and ours != theirs for ours, theirs in pairs)


def _first_script(name: str) -> str:
    return name_key(name.partition("=")[0])


def _if(text: str, is_known: bool) -> str:
    return text if is_known else ""


def name_key(name: str) -> str:
    """Fold a name for search: no marks, đ as d, lower case, ^ and = and blanks as one blank.

    >>> name_key("NGUYỄN^Văn  Đức")
    'nguyen van duc'
    """
    letters = unicodedata.normalize("NFKD", name.lower().replace("đ", "d"))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(plain.replace("^", " ").replace("=", " ").split())
