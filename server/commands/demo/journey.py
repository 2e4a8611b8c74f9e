"""People, hospitals and cases of the demo: each case walks the journey's own steps, as people would."""

import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.ingest import Quarantined
from server.commands.demo.cases import ANSWER, CASES, CONCLUSION, MORE_ASKED, NEXT_TREATMENT, DemoCase
from server.consultation import join, request, schedule, triage
from server.consultation.form import form as forms
from server.consultation.journey import Urgency
from server.consultation.minutes import document, draft
from server.consultation.minutes.compose import compose
from server.consultation.minutes.signing import sign
from server.consultation.model import Consultation
from server.consultation.views.lines import WHOLE
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
from server.platform.db import Database, now, today
from server.platform.policy import Principal
from server.platform.settings import Settings
from server.quarantine import record

SOON, TOMORROW = dt.timedelta(minutes=1), dt.timedelta(days=1)


async def seed(settings: Settings, database: Database) -> None:
    """People, hospitals and cases, once; a second start finds them there."""
    async with database.system(writes=False) as session:
        if await session.scalar(select(Hospital.id).limit(1)):
            return
    password_hash = await sign_in.Passwords().hash(DEMO_PASSWORD)
    async with database.system() as session:
        memberships = await _people(session, password_hash)
        people = {}
        for login, membership_id in memberships.items():
            found = await sign_in.principal_of(session, membership_id, "demo", settings)
            assert found is not None
            people[login] = found
        await _refused_files(session, people["quantri"].hospital_id)
        # The expert's hour is free again once a past session has ended: those first.
        for demo in sorted(CASES, key=lambda one: _Walk.hold not in WAYS[one.to]):
            walk = await _Walk.begin(session, demo, people)
            for deed in WAYS[demo.to]:
                await deed(walk)


async def _refused_files(session: AsyncSession, hospital_id: int) -> None:
    """What an administrator finds in the morning."""
    for way, sender, code, content in (
        ("c-store", "CT_CAPCUU", "truncated", b"a slice, cut off"),
        ("c-store", "CT_CAPCUU", "truncated", b"a slice, cut off"),
        ("pacs", "PACS chính", "malformed", b"an old scan"),
    ):
        digest = hashlib.sha256(content).hexdigest()
        await record.keep(session, hospital_id, [Quarantined(code, 526_400, digest)], way, sender)


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
        device = DicomPeer(hospital_id=hospitals[DISTRICT].id, ae_title=title, address="127.0.0.1")
        device.may_retrieve = True
        session.add(device)
    return found


@dataclass(frozen=True)
class _Walk:
    """One case on its way; each deed is a step of the journey by the person whose step it is."""

    session: AsyncSession
    demo: DemoCase
    case: Consultation
    doctor: Principal
    desk: Principal
    expert: Principal

    @classmethod
    async def begin(cls, session: AsyncSession, demo: DemoCase, people: Mapping[str, Principal]) -> Self:
        """The draft, as far as it was written."""
        doctor = people[demo.by]
        begun = await request.begin(session, doctor)
        case = await session.scalar(
            select(Consultation)
            .where(Consultation.id == begun.id)
            .options(*WHOLE)
            .execution_options(populate_existing=True)
        )
        assert case is not None
        target = await session.scalar(select(Hospital.id).where(Hospital.code == PROVINCIAL))
        await request.save(session, case, _draft(demo, target), doctor)
        return cls(session, demo, case, doctor, people["dieuphoi"], people["chuyengia"])

    async def send(self) -> None:
        await request.send(self.session, self.case, self.doctor)

    async def ask_more(self) -> None:
        await triage.ask_more(self.session, self.case, self.desk, MORE_ASKED)

    async def accept(self) -> None:
        await triage.accept(self.session, self.case, self.desk)

    async def book_now(self) -> None:
        await self._book(SOON)

    async def book_tomorrow(self) -> None:
        await self._book(TOMORROW)

    async def _book(self, ahead: dt.timedelta, minutes: int = 45, place: str = "Phòng hội chẩn 1") -> None:
        await schedule.schedule(
            self.session,
            self.case,
            self.desk,
            specialist_id=self.expert.person_id,
            starts_at=now() + ahead,
            minutes=minutes,
            place=place,
        )

    async def hold(self) -> None:
        """A session that was over some hours ago: the longer ago, the less far the case has come."""
        await self._book(-SOON, minutes=5, place="")
        await join.join(self.session, self.case, self.doctor)
        await self.session.refresh(self.case, ["sessions"])
        booked = await join.end_session(self.session, self.case, self.expert)
        booked.starts_at -= dt.timedelta(hours=1 if _Walk.sign in WAYS[self.demo.to] else 3)
        booked.ends_at = booked.starts_at + dt.timedelta(minutes=20)
        await self.session.flush()

    async def conclude(self) -> None:
        texts = {document.CONCLUSION: CONCLUSION, document.NEXT_TREATMENT: NEXT_TREATMENT}
        texts |= {document.answer_field(question.id): ANSWER for question in self.case.questions}
        await draft.write(self.session, self.case, document.begin(texts), self.expert)

    async def sign(self) -> None:
        signers: tuple[tuple[forms.Role, Principal], ...] = (
            ("secretary", self.doctor),
            ("chair", self.expert),
        )
        for role, who in signers:
            digest = forms.digest(*await compose(self.session, self.case))
            await sign(self.session, self.case, who, role=role, digest=digest)


_Deed = Callable[[_Walk], Awaitable[None]]
_TAKEN = (_Walk.send, _Walk.accept)
# The deeds that lead to each last step.
WAYS: Mapping[str, tuple[_Deed, ...]] = {
    "draft": (),
    "request": (_Walk.send,),
    "ask-more": (_Walk.send, _Walk.ask_more),
    "accept": _TAKEN,
    "schedule-now": (*_TAKEN, _Walk.book_now),
    "schedule-tomorrow": (*_TAKEN, _Walk.book_tomorrow),
    "end-session": (*_TAKEN, _Walk.hold),
    "sign": (*_TAKEN, _Walk.hold, _Walk.conclude, _Walk.sign),
}


def _draft(demo: DemoCase, target: int | None) -> request.Draft:
    return request.Draft(
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
        target_hospital_id=target,
        informed_how="family" if demo.urgency is Urgency.EMERGENCY else "patient",
        admitted_on=today() - dt.timedelta(days=2),
        questions=demo.questions,
        labs=tuple(request.LabDraft(name=name, value=value, unit=unit) for name, value, unit in demo.labs),
        **demo.extra,
    )
