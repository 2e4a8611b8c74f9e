"""A made-up consultation, whole: tests take one thing away or put another in with `dataclasses.replace`."""

import datetime as dt

import imagecodecs
import numpy as np

from server.consultation.form.form import (
    Addendum,
    Annex,
    Consent,
    Gap,
    Informed,
    KeyImage,
    Member,
    MinutesForm,
    Question,
    Role,
    Signature,
    SiteStay,
    digest,
)

HOA = Member("Lê Thị Hoa", "BSCKII", "Bệnh viện đa khoa tỉnh")
HUONG = Member("Nguyễn Thị Hường", "BS", "Bệnh viện đa khoa huyện Lệ Thủy")


def at(hour: int, minute: int = 0) -> dt.datetime:
    """A time of that day, in UTC: seven hours less than on the page."""
    return dt.datetime(2026, 11, 22, hour, minute, tzinfo=dt.UTC)


def a_form() -> MinutesForm:
    return MinutesForm(
        authority="Sở Y tế Quảng Bình",
        facility="Bệnh viện đa khoa huyện Lệ Thủy",
        department="Nội tổng hợp",
        admission_number="26.004512",
        patient_name="Trần Thị Bưởi",
        age="67 tuổi",
        sex="Nữ",
        treated_from=dt.date(2026, 11, 18),
        treated_to=dt.date(2026, 11, 21),
        bed="12",
        room="305",
        ward="Hồi sức",
        diagnosis="Viêm phổi thùy dưới phải (J18.1)",
        held_at=at(7, 30),
        chair=HOA,
        secretary=HUONG,
        members=(HOA, HUONG),
        course="Ho, sốt 5 ngày, SpO₂ 93 %.\nĐã dùng ceftriaxon 2 g × 4 ngày.",
        conclusion="Viêm phổi đáp ứng kháng sinh, nốt 18 mm chưa loại trừ u.",
        next_treatment="Đủ 10 ngày kháng sinh, chụp lại CT sau 4 tuần.",
        written_on=dt.date(2026, 11, 22),
    )


def an_annex() -> Annex:
    return Annex(
        consultation="LT-0012",
        sites=(
            SiteStay("Lệ Thủy", "BS. Nguyễn Thị Hường", at(7, 28), at(7, 58)),
            SiteStay("Đồng Hới", "BSCKII. Lê Thị Hoa", at(7, 30), None),
        ),
        questions=(
            Question(1, "U hay viêm?", conclusion="Viêm là chính."),
            Question(2, "Sinh thiết ngay?", reason="Chờ CT có tiêm."),
            Question(3, "Thêm corticoid?"),
        ),
        recorded=True,
        consents=(Consent("Nguyễn Thị Hường", at(7, 29), "bấm đồng ý trong phòng"),),
        gaps=(Gap("Lệ Thủy", at(7, 41), at(7, 43)),),
        informed=Informed("BS. Hường báo người bệnh", at(6, 50), "tại giường"),
        contract_reason="hợp đồng đang ký lại",
        key_images=(
            KeyImage(
                "Nốt phân thùy 6",
                "CT ngực",
                "1.2.3",
                "1.2.3.4",
                1,
                "3",
                "118/240",
                "W 1500 · L -600",
                a_jpeg(),
            ),
            KeyImage("Tim to", "X-quang ngực", "1.2.3", "1.2.3.5", 1, "1", "1/1", "", a_png()),
        ),
    )


def a_jpeg() -> bytes:
    ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    return bytes(imagecodecs.jpeg8_encode(ramp))


def a_png() -> bytes:
    return bytes(imagecodecs.png_encode(np.eye(32, dtype=np.uint8) * 255))


def a_signature(role: Role, form: MinutesForm, annex: Annex) -> Signature:
    who = HOA if role == "chair" else HUONG
    return Signature(role, who.name, who.title, who.unit, at(8, 5), "nhập lại mật khẩu", digest(form, annex))


def an_addendum(number: int = 1) -> Addendum:
    return Addendum(
        number,
        "Cấy đờm: phế cầu.",
        HUONG.name,
        HUONG.title,
        HUONG.unit,
        at(9),
        "nhập lại mật khẩu",
        "0f" * 32,
    )
