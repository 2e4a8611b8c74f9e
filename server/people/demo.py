"""The made-up people and hospitals of the demo; shown on the sign-in page in demo mode only."""

from collections.abc import Callable
from dataclasses import dataclass

from server.platform.errors import later
from server.platform.policy import Role

DEMO_PASSWORD = "hoichan-demo"  # noqa: S105  # public on purpose: the demo listens on this machine only


@dataclass(frozen=True)
class DemoHospital:
    code: str
    name: str
    short_name: str
    parent_name: str
    tier: str
    technical_level: str
    is_host: bool = False


@dataclass(frozen=True)
class DemoPerson:
    login: str
    name: str
    title: str
    hospital: str  # code
    role: Role
    who: str  # on the sign-in page
    specialty: str = ""
    department: str = ""
    is_listed: bool = True


DISTRICT, OTHER, PROVINCIAL, DEPARTMENT = "99011", "99012", "99001", "99000"

DEMO_HOSPITALS = (
    DemoHospital(DEPARTMENT, "Sở Y tế tỉnh (mẫu)", "Sở Y tế", "UBND tỉnh", "department", "none"),
    DemoHospital(
        PROVINCIAL,
        "Bệnh viện Đa khoa tỉnh (mẫu)",
        "BVĐK tỉnh",
        "Sở Y tế tỉnh (mẫu)",
        "provincial",
        "specialised",
        True,
    ),
    DemoHospital(
        DISTRICT, "Bệnh viện Đa khoa Lệ Thủy (mẫu)", "BVĐK Lệ Thủy", "Sở Y tế tỉnh (mẫu)", "district", "basic"
    ),
    DemoHospital(
        OTHER,
        "Bệnh viện Đa khoa Tuyên Hóa (mẫu)",
        "BVĐK Tuyên Hóa",
        "Sở Y tế tỉnh (mẫu)",
        "district",
        "basic",
    ),
)

DEMO_PEOPLE = (
    DemoPerson(
        "bacsi.huyen",
        "Nguyễn Thị Hường",
        "BS",
        DISTRICT,
        Role.DOCTOR,
        later("bác sĩ tuyến huyện, ký thư ký"),
        department="Khoa Nội",
    ),
    DemoPerson(
        "bacsi.khac",
        "Trần Văn Nam",
        "BS",
        OTHER,
        Role.DOCTOR,
        later("bác sĩ bệnh viện huyện khác"),
        department="Khoa Ngoại",
    ),
    DemoPerson(
        "chuyengia",
        "Lê Thị Hoa",
        "BSCKII",
        PROVINCIAL,
        Role.SPECIALIST,
        later("chuyên gia tuyến tỉnh, ký chủ tọa"),
        specialty="neurology",
        department="Khoa Thần kinh",
    ),
    DemoPerson(
        "dieuphoi",
        "Phạm Thu Hà",
        "ĐD",
        PROVINCIAL,
        Role.COORDINATOR,
        later("điều phối viên"),
        department="Phòng Hội chẩn từ xa",
    ),
    DemoPerson("soyte", "Võ Minh Đức", "", DEPARTMENT, Role.OVERSIGHT, later("Sở Y tế, chỉ xem số liệu")),
    DemoPerson("quantri", "Hoàng Quốc Trị", "", PROVINCIAL, Role.ADMINISTRATOR, later("quản trị bệnh viện")),
    DemoPerson(
        "quantri.huyen",
        "Trương Quang Máy",
        "",
        DISTRICT,
        Role.ADMINISTRATOR,
        later("quản trị bệnh viện huyện: PACS, thiết bị gửi ảnh"),
    ),
    DemoPerson(
        "chuyengia.tim",
        "Đặng Văn Hùng",
        "TS.BS",
        PROVINCIAL,
        Role.SPECIALIST,
        "",
        specialty="cardiology",
        department="Khoa Tim mạch",
        is_listed=False,
    ),
)
# Calling AE titles of dcmtk's tools, from loopback, belong to the demo district hospital.
DEMO_PEERS = ("STORESCU", "ECHOSCU", "FINDSCU", "MOVESCU", "GETSCU")


def say_log_ins(url: str, say: Callable[[str], None]) -> None:
    say(f"\nhoichan: {url}\nTài khoản mẫu, mật khẩu {DEMO_PASSWORD}:")
    for one in DEMO_PEOPLE:
        if one.is_listed:
            say(f"  {one.login:<14} {one.who}")
    say("")
