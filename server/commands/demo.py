"""Demo data: made-up people, hospitals and cases of different stages; then real images, in the background."""

import datetime as dt
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from dicom.ingest import check
from dicom.sampledata import Patient, Study, ct_head_series, fetch_head, write_sample
from server.consultation import join, request, schedule, share, triage
from server.consultation.form import form as forms
from server.consultation.journey import Urgency
from server.consultation.minutes import document, draft
from server.consultation.minutes.compose import compose
from server.consultation.minutes.signing import sign
from server.consultation.model import Consultation
from server.consultation.views.lines import WHOLE
from server.imaging import Imaging
from server.people import sign_in
from server.people.demo import (
    DEMO_HOSPITALS,
    DEMO_PASSWORD,
    DEMO_PEERS,
    DEMO_PEOPLE,
    DISTRICT,
    PROVINCIAL,
)
from server.people.model import DicomPeer, Hospital, Membership, Person
from server.people.names import fold
from server.platform.db import Database, migrate, now
from server.platform.policy import Principal
from server.platform.settings import Settings


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
    to: str  # the last step taken
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

MORE_CONCLUSIONS = {
    "conclusion": "Thống nhất chẩn đoán. Theo dõi tại bệnh viện huyện.",
    "next_treatment": "Điều chỉnh thuốc theo ý kiến chuyên gia, hẹn khám lại sau 7 ngày.",
}


async def seed(settings: Settings, database: Database) -> None:
    """People, hospitals and cases, once; a second start finds them there."""
    async with database.system(writes=False) as session:
        if await session.scalar(select(Hospital.id).limit(1)):
            return
    password_hash = await sign_in.Passwords().hash(DEMO_PASSWORD)
    async with database.system() as session:
        ids = await _people(session, password_hash)
        by = {
            login: await sign_in.principal_of(session, membership_id, "demo", settings)
            for login, membership_id in ids.items()
        }
        for case in sorted(CASES, key=lambda one: one.to not in {"end-session", "sign"}):
            await _case(session, settings, case, {login: who for login, who in by.items() if who})


async def _people(session: AsyncSession, password_hash: str) -> dict[str, int]:
    hospitals: dict[str, Hospital] = {}
    for one in DEMO_HOSPITALS:
        hospitals[one.code] = Hospital(**vars(one))
        session.add(hospitals[one.code])
    await session.flush()
    found: dict[str, int] = {}
    for demo in DEMO_PEOPLE:
        person = Person(
            login=demo.login,
            name=demo.name,
            name_key=fold(demo.name),
            title=demo.title,
            password_hash=password_hash,
        )
        session.add(person)
        await session.flush()
        member = Membership(
            person_id=person.id,
            hospital_id=hospitals[demo.hospital].id,
            role_words=demo.role.value,
            department=demo.department,
            specialty=demo.specialty,
        )
        session.add(member)
        await session.flush()
        found[demo.login] = member.id
    for title in DEMO_PEERS:
        session.add(DicomPeer(hospital_id=hospitals[DISTRICT].id, ae_title=title, address="127.0.0.1"))
    return found


async def _case(
    session: AsyncSession, settings: Settings, demo: DemoCase, people: dict[str, Principal]
) -> None:
    """Walk the case by the journey's own steps, as people would."""
    doctor, desk, expert = people[demo.by], people["dieuphoi"], people["chuyengia"]
    provincial = await session.scalar(select(Hospital.id).where(Hospital.code == PROVINCIAL))
    begun = await request.begin(session, doctor)
    case = await session.scalar(
        select(Consultation)
        .where(Consultation.id == begun.id)
        .options(*WHOLE)
        .execution_options(populate_existing=True)
    )
    assert case is not None
    draft = request.Draft(
        patient_name=demo.name,
        birth_text=demo.birth,
        sex=demo.sex,
        id_kind="cccd" if demo.id_number else "none",
        id_number=demo.id_number,
        diagnosis=demo.diagnosis,
        icd10=demo.icd10,
        summary=demo.summary,
        course=demo.course,
        treatment=demo.treatment,
        specialty=demo.specialty,
        urgency=demo.urgency,
        target_hospital_id=provincial,
        informed_how="family" if demo.urgency is Urgency.EMERGENCY else "patient",
        admitted_on=request.today() - dt.timedelta(days=2),
        questions=demo.questions,
        labs=tuple(request.LabDraft(name=name, value=value, unit=unit) for name, value, unit in demo.labs),
        **demo.extra,
    )
    await request.save(session, case, draft, doctor)
    if demo.to == "draft":
        return
    await request.send(session, case, doctor)
    if demo.to == "request":
        return
    if demo.to == "ask-more":
        await triage.ask_more(session, case, desk, "Bệnh nhân đã dùng kháng sinh gì, từ ngày nào?")
        return
    await triage.accept(session, case, desk)
    if demo.to == "accept":
        return
    starts_at = now() + dt.timedelta(minutes=1)
    if demo.to == "schedule-tomorrow":
        starts_at = now() + dt.timedelta(days=1)
    elif demo.to in {"end-session", "sign"}:
        starts_at = now() - dt.timedelta(minutes=1)
    await schedule.schedule(
        session,
        case,
        desk,
        specialist_id=expert.person_id,
        starts_at=starts_at,
        minutes=45 if demo.to.startswith("schedule") else 5,
        place="Phòng hội chẩn 1" if demo.to.startswith("schedule") else "",
    )
    if demo.to.startswith("schedule"):
        return
    await join.join(session, case, doctor)
    await _end_at_once(session, case, expert, hours=1 if demo.to == "sign" else 3)
    if demo.to == "end-session":
        return
    await _write_conclusions(session, case, expert)
    for role, who in (("secretary", doctor), ("chair", expert)):
        form, annex = await compose(session, case)
        await sign(session, case, who, role=role, digest=forms.digest(form, annex))  # type: ignore[arg-type]


async def _end_at_once(session: AsyncSession, case: Consultation, expert: Principal, *, hours: int) -> None:
    """A session that was over some hours ago."""
    await session.refresh(case, ["sessions"])
    booked = await join.end_session(session, case, expert)
    booked.starts_at -= dt.timedelta(hours=hours)
    booked.ends_at = booked.starts_at + dt.timedelta(minutes=20)
    await session.flush()


async def _write_conclusions(session: AsyncSession, case: Consultation, expert: Principal) -> None:
    texts = {
        document.CONCLUSION: MORE_CONCLUSIONS["conclusion"],
        document.NEXT_TREATMENT: MORE_CONCLUSIONS["next_treatment"],
    }
    for question in case.questions:
        texts[document.answer_field(question.id)] = (
            "Có. Đề nghị định lượng aldosteron và renin, siêu âm động mạch thận."
        )
    await draft.write(session, case, document.begin(texts), expert)


# --- images ---------------------------------------------------------------------------------------

CT_SLICES = 96
WORDS = {
    "ct": "CT sọ não",
    "mr-abdomen": "MR ổ bụng",
    "cr-chest": "X quang ngực thẳng",
    "cr-leg": "X quang đùi",
    "us-heart": "Siêu âm tim",
}


async def seed_images(settings: Settings, database: Database, say: Callable[[str], None]) -> None:
    """Real images for the cases that have none yet; taken in like any upload, checked in the sandbox."""
    imaging = Imaging(settings, database)
    async with imaging.sandbox:
        for demo in CASES:
            for kind in demo.images:
                await _images(settings, database, imaging, demo, kind, say)


async def _images(
    settings: Settings,
    database: Database,
    imaging: Imaging,
    demo: DemoCase,
    kind: str,
    say: Callable[[str], None],
) -> None:
    async with database.system(writes=False) as session:
        case = await session.scalar(
            select(Consultation)
            .where(Consultation.patient_name == demo.name)
            .options(selectinload(Consultation.requested_by))
        )
        if case is None:
            return
        known = await share.studies_known(session, case)
        membership = await session.scalar(
            select(Membership).where(
                Membership.person_id == case.requested_by_id, Membership.hospital_id == case.hospital_id
            )
        )
        assert membership is not None
        by = await sign_in.principal_of(session, membership.id, "demo", settings)
    if any(WORDS[kind] in description for description in known) or by is None:
        return
    say(f"{WORDS[kind]}: {case.code}")
    with tempfile.TemporaryDirectory() as folder:
        files = write_study(Path(folder), settings.data_dir / "sampledata", demo, kind)
        received = []
        for file in files:
            with imaging.store.new(by.hospital_id) as writer:
                writer.write(file.read_bytes())
                received.append(await check(writer, imaging.sandbox))
    committed = await imaging.receive(by.hospital_id, received, "upload")
    async with database.system() as session:
        fresh = await session.get_one(Consultation, case.id)
        await share.attach(session, fresh, committed[0].study_id, by, same_patient=True)


def write_study(folder: Path, fetched: Path, demo: DemoCase, kind: str) -> list[Path]:
    """The files of one made-up visit with real pixels (or a phantom that says it is one)."""
    words = fold(demo.name).upper().split()
    born = [int(part) for part in reversed(demo.birth.split("/"))] + [1, 1]
    patient = Patient(
        name=f"{demo.name.split()[0].upper()}^{' '.join(demo.name.split()[1:])}",
        patient_id=demo.id_number or "-".join(words),
        birth_on=dt.date(born[0], born[1] if len(born) > 3 else 1, born[2] if len(born) > 4 else 1),
        sex={1: "M", 2: "F"}.get(demo.sex, "O"),
    )
    study = Study(
        uid=f"2.25.{int.from_bytes(fold(demo.name + kind).encode()[-15:], 'big')}",
        taken_at=dt.datetime.now() - dt.timedelta(hours=3),  # noqa: DTZ005  # DICOM writes local time
        description=WORDS[kind],
    )
    if kind == "ct":
        return ct_head_series(folder, patient, study, slices=CT_SLICES, matrix=fetch_head(fetched))
    return [write_sample(kind, folder, patient, study)]


async def fill(settings: Settings, say: Callable[[str], None], *, rows: bool, images: bool) -> None:
    await migrate(settings.database)
    database = Database(settings.database)
    if rows:
        await seed(settings, database)
    if images:
        await seed_images(settings, database, say)
    await database.close()
