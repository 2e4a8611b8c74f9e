"""The made-up cases: who is ill, what is asked, how far the case has come, which images it has."""

from dataclasses import dataclass, field

from server.consultation.journey import Urgency


@dataclass(frozen=True)
class DemoCase:
    """A made-up patient (numbers valid in form, never issued) and how far the case has come."""

    name: str
    birth: str
    sex: int
    id_number: str
    diagnosis: str
    icd10: str
    summary: str
    questions: tuple[str, ...]
    specialty: str
    urgency: Urgency
    to: str  # the last step taken: a key of journey.WAYS
    by: str = "bacsi.huyen"
    images: tuple[str, ...] = ()
    course: str = ""
    treatment: str = ""
    labs: tuple[tuple[str, str, str], ...] = ()
    extra: dict[str, str] = field(default_factory=dict)


CASES = (
    DemoCase(
        name="Trần Thị Bình",
        birth="12/03/1971",
        sex=2,
        id_number="044171900017",
        diagnosis="Theo dõi u não thùy trán phải",
        icd10="D43.0",
        summary="Đau đầu tăng dần 3 tuần, buồn nôn buổi sáng, yếu nhẹ tay trái. Không sốt. Tăng huyết áp 5 năm.",
        course="Vào viện tỉnh táo, Glasgow 15 điểm. Đau đầu giảm ít sau thuốc, không co giật.",
        treatment="Paracetamol 1 g x 3 lần/ngày, dexamethason 8 mg tiêm tĩnh mạch, amlodipin 5 mg.",
        questions=("Tổn thương là u hay xuất huyết?", "Có cần chuyển mổ cấp cứu không?"),
        specialty="neurology",
        urgency=Urgency.URGENT,
        to="schedule-now",
        images=("ct",),
        labs=(("Creatinin", "78", "µmol/L"), ("Natri", "138", "mmol/L"), ("INR", "1,0", "")),
        extra={"admission_number": "25-01873", "bed": "12", "room": "304", "department": "Khoa Nội"},
    ),
    DemoCase(
        name="Nguyễn Văn An",
        birth="1958",
        sex=1,
        id_number="044058900021",
        diagnosis="Đột quỵ não giờ thứ 2",
        icd10="I63.9",
        summary="Liệt nửa người trái, nói khó, khởi phát 05:40. Huyết áp 170/95. NIHSS 12.",
        questions=("Có chỉ định tiêu sợi huyết không?",),
        specialty="neurology",
        urgency=Urgency.EMERGENCY,
        to="request",
        images=("ct",),
        labs=(("Đường huyết", "7,2", "mmol/L"), ("Tiểu cầu", "231", "G/L")),
        extra={"admission_number": "25-01880", "department": "Khoa Cấp cứu"},
    ),
    DemoCase(
        name="Lê Văn Cường",
        birth="02/09/1949",
        sex=1,
        id_number="044049900035",
        diagnosis="Suy tim, theo dõi hẹp van hai lá",
        icd10="I50.9",
        summary="Khó thở khi gắng sức, phù chân. Siêu âm tim tại giường.",
        questions=("Mức độ hẹp van?", "Chỉnh thuốc thế nào?"),
        specialty="cardiology",
        urgency=Urgency.ROUTINE,
        to="accept",
        images=("us-heart",),
    ),
    DemoCase(
        name="Phạm Thị Dung",
        birth="20/11/1985",
        sex=2,
        id_number="044185900042",
        diagnosis="Viêm phổi thùy dưới phải",
        icd10="J18.9",
        summary="Sốt 39 °C, ho đờm vàng 4 ngày. Ran nổ đáy phổi phải.",
        questions=("Có cần đổi kháng sinh không?",),
        specialty="respiratory",
        urgency=Urgency.ROUTINE,
        to="ask-more",
        images=("cr-chest",),
    ),
    DemoCase(
        name="Hoàng Văn Em",
        birth="05/1990",
        sex=1,
        id_number="044090900058",
        diagnosis="Gãy kín thân xương đùi trái",
        icd10="S72.3",
        summary="Tai nạn xe máy, đau và biến dạng đùi trái. Mạch mu chân rõ.",
        questions=("Kéo liên tục hay chuyển mổ?",),
        specialty="trauma",
        urgency=Urgency.URGENT,
        to="end-session",
        images=("cr-leg",),
    ),
    DemoCase(
        name="Đỗ Thị Giang",
        birth="17/06/1962",
        sex=2,
        id_number="044162900066",
        diagnosis="Tăng huyết áp khó kiểm soát",
        icd10="I10",
        summary="Huyết áp 180/100 dù dùng ba thuốc. Kali 3,1.",
        questions=("Có cần tìm nguyên nhân thứ phát không?",),
        specialty="cardiology",
        urgency=Urgency.ROUTINE,
        to="sign",
    ),
    DemoCase(
        name="Vũ Minh Khang",
        birth="08/01/2024",
        sex=1,
        id_number="",
        diagnosis="Viêm tiểu phế quản",
        icd10="",
        summary="Khò khè ngày thứ 3, bú giảm.",
        questions=(),
        specialty="paediatrics",
        urgency=Urgency.URGENT,
        to="draft",
    ),
    DemoCase(
        name="Ngô Thị Lan",
        birth="1977",
        sex=2,
        id_number="044177900073",
        diagnosis="Sỏi túi mật, theo dõi viêm túi mật cấp",
        icd10="K81.0",
        summary="Đau hạ sườn phải 2 ngày, sốt 38 °C, Murphy dương tính.",
        questions=("Mổ cấp cứu hay điều trị nội?",),
        specialty="surgery",
        urgency=Urgency.URGENT,
        to="schedule-tomorrow",
        by="bacsi.khac",
        images=("mr-abdomen",),
    ),
)

# What is said in the cases that come so far.
MORE_ASKED = "Bệnh nhân đã dùng kháng sinh gì, từ ngày nào?"
ANSWER = "Có. Đề nghị định lượng aldosteron và renin, siêu âm động mạch thận."
CONCLUSION = "Thống nhất chẩn đoán. Theo dõi tại bệnh viện huyện."
NEXT_TREATMENT = "Điều chỉnh thuốc theo ý kiến chuyên gia, hẹn khám lại sau 7 ngày."
