"""What a request still lacks, what in it cannot be right, and what merely looks odd."""

from dataclasses import dataclass

from server.consultation.model import Consultation
from server.people.birth import BadBirthDate
from server.people.identifiers import CitizenNumber, DocumentKind, Sex, document_number, insurance_number
from server.people.names import clean_name
from server.platform.db import today
from server.platform.errors import Refusal, later


@dataclass(frozen=True)
class Hint:
    """Something that the form still lacks, in plain words; only the needed ones stop the sending."""

    field: str
    text: str
    is_needed: bool


# (field, what is missing in words, needed to send?) in the order of the form.
LACKING: tuple[tuple[str, str, bool], ...] = (
    ("patient_name", later("họ tên người bệnh"), True),
    ("birth_text", later("ngày hoặc năm sinh"), True),
    ("summary", later("tóm tắt bệnh án"), True),
    ("diagnosis", later("chẩn đoán"), True),
    ("target_hospital_id", later("bệnh viện hỗ trợ"), True),
    ("specialty", later("chuyên khoa"), True),
    ("informed_how", later("người bệnh đã được thông tin"), True),
    ("id_number", later("số CCCD"), False),
    ("admission_number", later("số vào viện"), False),
    ("admitted_on", later("ngày vào viện"), False),
    ("course", later("diễn biến bệnh"), False),
    ("treatment", later("điều trị đã dùng"), False),
    ("icd10", later("mã ICD-10"), False),
)


def hints(case: Consultation, *, studies: int = 0) -> list[Hint]:
    """What is still missing, the needed things first."""
    found = [Hint(field, text, needed) for field, text, needed in LACKING if not getattr(case, field)]
    if not case.questions:
        found.append(Hint("questions", later("ít nhất một câu hỏi"), True))
    if not case.labs:
        found.append(Hint("labs", later("kết quả xét nghiệm"), False))
    if not studies:
        found.append(Hint("studies", later("phim, ảnh chụp"), False))
    return sorted(found, key=lambda hint: not hint.is_needed)


def doubts(case: Consultation) -> dict[str, str]:
    """Numbers that cannot be right (they stop the sending) by field."""
    wrong: dict[str, str] = {}
    if case.id_number and case.id_kind != "none":
        try:
            document_number(DocumentKind(case.id_kind), case.id_number)
        except Refusal as refusal:
            wrong["id_number"] = refusal.text(str)
    if case.insurance:
        try:
            insurance_number(case.insurance)
        except Refusal as refusal:
            wrong["insurance"] = refusal.text(str)
    if case.birth_text and not case.birth_on:
        wrong["birth_text"] = BadBirthDate.sentence
    if case.admitted_on and case.admitted_on > today():
        wrong["admitted_on"] = later("Ngày vào viện ở tương lai. Hãy xem lại.")
    if case.admitted_on and case.treated_until and case.treated_until < case.admitted_on:
        wrong["treated_until"] = later("Ngày kết thúc trước ngày vào viện. Hãy xem lại.")
    if case.patient_name:
        try:
            clean_name(case.patient_name)
        except Refusal as refusal:
            wrong["patient_name"] = refusal.text(str)
    return wrong


def warnings(case: Consultation) -> list[str]:
    """Oddities of the citizen number: said, never blocking."""
    if case.id_kind != "cccd" or "id_number" in doubts(case) or not case.id_number:
        return []
    number = CitizenNumber.parse(case.id_number)
    return [doubt.sentence for doubt in number.doubts(Sex(case.sex), case.birth, today())]
