"""What the minutes still lack: some of it stops the signing, the rest is only said."""

from collections.abc import Iterator
from dataclasses import dataclass

from server.consultation.form.form import Annex, MinutesForm
from server.platform.errors import later


@dataclass(frozen=True)
class Missing:
    """`field` is the name in form or annex, a question's with its number ("question:2")."""

    field: str
    sentence: str
    stops_signing: bool


_NEEDED = (
    ("course", later("Chưa có tóm tắt diễn biến bệnh.")),
    ("conclusion", later("Chưa có kết luận.")),
    ("next_treatment", later("Chưa có hướng điều trị tiếp.")),
    ("diagnosis", later("Chưa có chẩn đoán.")),
    ("patient_name", later("Chưa có họ tên người bệnh.")),
    ("held_at", later("Chưa có giờ hội chẩn.")),
)
_WANTED = (
    ("admission_number", later("Chưa ghi số vào viện.")),
    ("department", later("Chưa ghi khoa.")),
    ("bed", later("Chưa ghi số giường.")),
    ("treated_from", later("Chưa ghi ngày bắt đầu điều trị.")),
    ("members", later("Chưa có thành viên tham gia.")),
)


def missing(form: MinutesForm, annex: Annex) -> tuple[Missing, ...]:
    """What stops the signing first, in the order of the form."""
    return (*_stopping(form, annex), *_wanted(form, annex))


def _stopping(form: MinutesForm, annex: Annex) -> Iterator[Missing]:
    for field, sentence in _NEEDED:
        if not _is_filled(form, field):
            yield Missing(field, sentence, stops_signing=True)
    for role, sentence in (("chair", later("Chưa có chủ tọa.")), ("secretary", later("Chưa có thư ký."))):
        if not getattr(form, role).name.strip():
            yield Missing(role, sentence, stops_signing=True)
    for question in annex.questions:
        # Thông tư 49/2017: every problem gets a clear conclusion; where there is none, the reason is stated.
        if not (question.conclusion.strip() or question.reason.strip()):
            sentence = later("Còn câu hỏi chưa có kết luận hoặc lý do chưa kết luận được.")
            yield Missing(f"question:{question.number}", sentence, stops_signing=True)


def _wanted(form: MinutesForm, annex: Annex) -> Iterator[Missing]:
    for field, sentence in _WANTED:
        if not _is_filled(form, field):
            yield Missing(field, sentence, stops_signing=False)
    if annex.informed is None:
        yield Missing("informed", later("Chưa ghi ai báo cho người bệnh, lúc nào."), stops_signing=False)
    if not (annex.contract.strip() or annex.contract_reason.strip()):
        sentence = later("Chưa có hợp đồng hỗ trợ, cũng chưa ghi lý do.")
        yield Missing("contract", sentence, stops_signing=False)


def _is_filled(form: MinutesForm, field: str) -> bool:
    value = getattr(form, field)
    return bool(value.strip() if isinstance(value, str) else value)
