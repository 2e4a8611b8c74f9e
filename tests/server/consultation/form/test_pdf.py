"""What poppler reads in the printed minutes: words in order, fonts, the PDF/A mark; no text does harm."""

import dataclasses
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.consultation.form.form import Annex, Member, MinutesForm, Question, digest
from server.consultation.form.labels import LABELS
from server.consultation.form.pdf import printed, render
from tests.server.consultation.form.builders import a_form, a_signature, an_addendum, an_annex


def text_of(pdf: bytes, first: int = 1, last: int = 99) -> str:
    """The words of pages in the order in which they were set, spaces as one, without the dotted lines."""
    command = ["pdftotext", "-raw", "-f", str(first), "-l", str(last), "-", "-"]
    done = subprocess.run(command, input=pdf, capture_output=True, check=True)
    words = done.stdout.decode().replace("\u200b", "").replace("\f", " ")
    return " ".join(re.sub(r"(?:\s*\.){3,}", " ", words).split())


def in_order(text: str, words: list[str]) -> None:
    place = 0
    for word in words:
        found = text.find(word, place)
        assert found >= 0, f"{word!r} does not come after the one before it in: {text}"
        place = found + len(word)


def signed() -> tuple[MinutesForm, Annex]:
    form, annex = a_form(), an_annex()
    both = (a_signature("secretary", form, annex), a_signature("chair", form, annex))
    return form, dataclasses.replace(annex, signatures=both)


def test_the_head_stands_left_and_right() -> None:
    text = text_of(render(a_form(), an_annex()), 1, 1)
    in_order(text, ["Sở Y tế Quảng Bình", "Bệnh viện đa khoa huyện Lệ Thủy", "Khoa: Nội tổng hợp"])
    in_order(text, ["MS: 27/BV2", "Số vào viện: 26.004512", "TRÍCH BIÊN BẢN HỘI CHẨN"])


def test_every_field_comes_in_the_order_of_the_form() -> None:
    fields = [
        "TRÍCH BIÊN BẢN HỘI CHẨN",
        "Họ tên người bệnh (IN HOA): TRẦN THỊ BƯỞI",
        "Tuổi: 67 tuổi",
        "Nam/nữ: Nữ",
        "Đã điều trị từ ngày 18/11/2026 đến ngày 21/11/2026",
        "Tại số giường: 12",
        "Buồng: 305",
        "Khoa: Hồi sức",
        "Chẩn đoán: Viêm phổi thùy dưới phải (J18.1)",
        "Hội chẩn lúc 14 giờ 30 phút, ngày 22/11/2026",
        "Chủ tọa: BSCKII. Lê Thị Hoa",
        "Thư ký: BS. Nguyễn Thị Hường",
        "Thành viên tham gia:",
        "1. Lê Thị Hoa, BSCKII, Bệnh viện đa khoa tỉnh",
        "2. Nguyễn Thị Hường, BS, Bệnh viện đa khoa huyện Lệ Thủy",
        "Tóm tắt quá trình diễn biến bệnh, quá trình điều trị và chăm sóc người bệnh:",
        "Ho, sốt 5 ngày, SpO₂ 93 %. Đã dùng ceftriaxon 2 g × 4 ngày.",
        "Kết luận (sau khi đã khám lại và thảo luận):",
        "Viêm phổi đáp ứng kháng sinh, nốt 18 mm chưa loại trừ u.",
        "Hướng điều trị tiếp:",
        "Đủ 10 ngày kháng sinh, chụp lại CT sau 4 tuần.",
        "Ngày 22 tháng 11 năm 2026",
        "THƯ KÝ",
        "CHỦ TỌA",
    ]
    in_order(text_of(render(a_form(), an_annex()), 1, 1), fields)


def test_the_facts_of_the_remote_session_stand_in_the_annex_alone() -> None:
    pdf = render(a_form(), an_annex())
    facts = [
        "PHỤ LỤC BIÊN BẢN HỘI CHẨN TỪ XA",
        "người bệnh TRẦN THỊ BƯỞI, số vào viện 26.004512",
        "1. Điểm cầu",
        "14:28 22/11/2026",
        "14:58 22/11/2026",
        "Đồng Hới",
        "2. Câu hỏi và kết luận",
        "1. U hay viêm?",
        "Kết luận: Viêm là chính.",
        "2. Sinh thiết ngay?",
        "Chưa kết luận được, lý do: Chờ CT có tiêm.",
        "3. Thêm corticoid?",
        "3. Ghi hình",
        "mọi người dưới đây đã đồng ý",
        "14:29 22/11/2026",
        "4. Gián đoạn kết nối",
        "14:41 22/11/2026",
        "14:43 22/11/2026",
        "5. Người bệnh đã được thông tin",
        "BS. Hường báo người bệnh, 13:50 22/11/2026, tại giường",
        "6. Hợp đồng hỗ trợ chuyên môn",
        "Chưa có. Lý do vẫn hội chẩn: hợp đồng đang ký lại",
        "7. Hình ảnh chính",
        "không dùng để chẩn đoán",
        "1. Nốt phân thùy 6",
        "Loạt 3 · Ảnh 118/240",
        "Cửa sổ: W 1500 · L -600",
        "2. Tim to",
        "8. Chữ ký",
        "Chưa ai ký.",
        "9. Mã băm của văn bản (SHA-256)",
        digest(a_form(), an_annex()),
    ]
    in_order(text_of(pdf, 2), facts)
    assert "Gián đoạn" not in text_of(pdf, 1, 1)


def test_a_session_without_events_says_so() -> None:
    text = text_of(render(a_form(), Annex("LT-1", contract="12/HĐ-2026")), 2)
    in_order(
        text,
        ["Không ghi nhận điểm cầu nào.", "Không ghi hình.", "Không ghi nhận gián đoạn.", "Số: 12/HĐ-2026"],
    )


def test_what_nobody_or_only_one_has_signed_is_a_draft() -> None:
    form, annex = a_form(), an_annex()
    one = dataclasses.replace(annex, signatures=(a_signature("chair", form, annex),))
    assert "BẢN NHÁP" in text_of(render(form, annex))
    assert "BẢN NHÁP" in text_of(render(form, one))
    assert "BẢN NHÁP" not in text_of(render(*signed()))


def test_the_draft_mark_lies_across_the_page() -> None:
    draft, final = (shades(render(form, annex)) for form, annex in ((a_form(), an_annex()), signed()))
    assert draft[228] > draft.sum() // 100
    assert final[228] < final.sum() // 1000


def shades(pdf: bytes) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many pixels of the first page have each of 256 greys."""
    command = ["pdftoppm", "-r", "40", "-gray", "-l", "1", "-singlefile", "-"]
    done = subprocess.run(command, input=pdf, capture_output=True, check=True)
    pixels = np.frombuffer(done.stdout.split(b"\n255\n", 1)[1], np.uint8)
    return np.bincount(pixels, minlength=256)


def test_signatures_say_who_when_and_how() -> None:
    pdf = render(*signed())
    in_order(text_of(pdf, 1, 1), ["CHỦ TỌA", "Đã ký lúc 15:05 22/11/2026"])
    in_order(text_of(pdf, 2), ["8. Chữ ký", "Thư ký", "BS. Nguyễn Thị Hường", "nhập lại mật khẩu", "Chủ tọa"])


def test_an_addendum_has_a_page_of_its_own_and_changes_nothing_before_it() -> None:
    form, annex = signed()
    longer = dataclasses.replace(annex, addenda=(an_addendum(1), an_addendum(2)))
    pdf = render(form, longer)
    in_order(
        text_of(pdf), ["PHẦN BỔ SUNG SỐ 1", "Cấy đờm: phế cầu.", "BS. Nguyễn Thị Hường", "PHẦN BỔ SUNG SỐ 2"]
    )
    assert pages(pdf) == pages(render(form, annex)) + 2


def pages(pdf: bytes) -> int:
    done = subprocess.run(["pdfinfo", "-"], input=pdf, capture_output=True, check=True)
    found = re.search(rb"Pages:\s+(\d+)", done.stdout)
    assert found
    return int(found[1])


def test_pages_are_numbered() -> None:
    pdf = render(a_form(), an_annex())
    assert f"Trang 1/{pages(pdf)}" in text_of(pdf, 1, 1)


def test_empty_fields_are_dotted_lines() -> None:
    done = subprocess.run(
        ["pdftotext", "-l", "1", "-", "-"],
        input=render(MinutesForm(), Annex("LT-1")),
        capture_output=True,
        check=True,
    )
    lines = done.stdout.decode().splitlines()
    assert sum(bool(re.search(r"(?:\. ?){20}", line)) for line in lines) >= 20


def test_it_is_pdf_a_with_its_fonts_inside(tmp_path: Path) -> None:
    path = tmp_path / "minutes.pdf"
    path.write_bytes(render(*signed()))
    xmp = path.read_bytes()
    assert b"<pdfaid:part>2</pdfaid:part>" in xmp
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in xmp
    fonts = (
        subprocess.run(["pdffonts", str(path)], capture_output=True, check=True).stdout.decode().splitlines()
    )
    assert len(fonts) > 2
    assert all(re.search(r"yes +yes +yes +\d", line) for line in fonts[2:])
    pictures = subprocess.run(
        ["pdfimages", "-list", str(path)], capture_output=True, check=True
    ).stdout.decode()
    assert "jpeg" in pictures


def test_the_patient_is_not_named_in_the_file_description() -> None:
    done = subprocess.run(["pdfinfo", "-"], input=render(*signed()), capture_output=True, check=True)
    assert "LT-0012" in done.stdout.decode()
    assert "BƯỞI" not in done.stdout.decode().upper()


async def test_the_same_minutes_give_the_same_bytes() -> None:
    assert await printed(*signed()) == render(*signed())


def test_another_language_has_every_label() -> None:
    assert LABELS["en"].keys() == LABELS["vi"].keys()
    text = text_of(render(a_form(), an_annex(), language="en"))
    in_order(text, ["EXTRACT OF THE MINUTES", "Consultation held at 14:30 on 22/11/2026", "Support contract"])


HOSTILE = [
    '#read("/etc/passwd")',
    "*x* _y_ `z` $a^2$ = tiêu đề",
    "#set page(width: 1pt) #panic()",
    "\\u{41} \\ // /* */ <label> @ref [a](b) ~ -- --- ...x",
    '"}],"form":{"x":1}',
    "{day} {0} %s %(x)s",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_is_printed_as_it_was_typed(text: str) -> None:
    form = dataclasses.replace(
        a_form(), course=text, diagnosis=text, patient_name=text, members=(Member(text),)
    )
    annex = dataclasses.replace(an_annex(), questions=(Question(1, text, text),), contract=text)
    shown = text_of(render(form, annex))
    assert shown.count(" ".join(re.sub(r"\.{3,}", " ", text).split())) >= 4


def test_a_very_long_word_stays_on_the_page() -> None:
    word = "x" * 2000
    pdf = render(dataclasses.replace(a_form(), course=word), an_annex())
    boxes = subprocess.run(["pdftotext", "-bbox", "-", "-"], input=pdf, capture_output=True, check=True)
    right = [float(edge) for edge in re.findall(r'xMax="([\d.]+)"', boxes.stdout.decode())]
    assert max(right) < 595
    assert text_of(pdf).replace(" ", "").count("x") >= 2000


def test_thirty_thousand_letters_flow_over_pages() -> None:
    long = "Diễn biến nặng dần. " * 1500
    pdf = render(dataclasses.replace(a_form(), course=long, conclusion=long), an_annex())
    assert pages(pdf) > 10
    assert text_of(pdf).count("Diễn biến nặng dần.") > 2900  # the foot of a page cuts some
    in_order(text_of(pdf), ["Hướng điều trị tiếp:", "THƯ KÝ", "PHỤ LỤC"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ổn 🧠", "ổn [U+1F9E0]"),
        ("a\u202egnuh", "a[U+202E]gnuh"),
        ("中", "[U+4E2D]"),
        ("tắt\x00", "tắt[U+0000]"),
        ("⚠\ufe0f sốc", "⚠ sốc"),
        ("o\u031b\u0309n", "ởn"),
        ("x\u0308\u0323", "ẍ\u0323"),
        ("SpO₂ ≥ 90 % → ½ µg ☑ α", "SpO₂ ≥ 90 % → ½ µg ☑ α"),
    ],
)
def test_what_no_font_has_is_printed_as_its_number(text: str, shown: str) -> None:
    assert shown in text_of(render(dataclasses.replace(a_form(), conclusion=text), an_annex()), 1, 1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(), max_size=400))
def test_no_text_stops_the_printing(text: str) -> None:
    form = MinutesForm(*(text,) * 7, diagnosis=text, chair=Member(text, text, text), course=text)
    assert render(form, Annex(text, questions=(Question(1, text, text, text),))).startswith(b"%PDF")


def test_a_picture_of_another_kind_is_left_out() -> None:
    annex = an_annex()
    gif = dataclasses.replace(annex.key_images[0], picture=b"GIF89a")
    text = text_of(render(a_form(), dataclasses.replace(annex, key_images=(gif,))))
    in_order(text, ["7. Hình ảnh chính", "không có ảnh thu nhỏ", "1. Nốt phân thùy 6"])
