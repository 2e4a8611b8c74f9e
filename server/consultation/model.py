"""The tables of a consultation: the case, what was asked, who may see it, when it happens, what came of it."""

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    and_,
    false,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dicom.index import studies
from server.consultation.journey import Side, Stage, Urgency
from server.people.birth import BirthDate, Precision
from server.people.model import Hospital, Person
from server.platform.db import Base, Scoped, now, other_rows
from server.platform.policy import Principal, Role


class Consultation(Scoped, Base):
    """One case (ca hội chẩn), from the request to what became of the patient."""

    __tablename__ = "consultations"
    __table_args__ = (
        UniqueConstraint("hospital_id", "code"),
        Index("ix_consultations_hospital_id_stage", "hospital_id", "stage"),
        Index("ix_consultations_target_hospital_id_stage", "target_hospital_id", "stage"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    code: Mapped[str]  # short, for the phone: "LT-0012"
    version: Mapped[int] = mapped_column(default=1)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))
    target_hospital_id: Mapped[int | None] = mapped_column(ForeignKey("hospitals.id"))
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    stage: Mapped[Stage]
    urgency: Mapped[Urgency] = mapped_column(default=Urgency.ROUTINE)
    specialty: Mapped[str] = mapped_column(default="")

    # The patient, as DOMAIN's identifiers have it.
    patient_name: Mapped[str] = mapped_column(default="")
    patient_name_key: Mapped[str] = mapped_column(default="")
    birth_text: Mapped[str] = mapped_column(default="")  # as typed: "1958", "12/03/1958"
    birth_on: Mapped[dt.date | None]  # its first possible day, null while it cannot be read
    birth_precision: Mapped[str] = mapped_column(default="day")  # year | month | day
    sex: Mapped[int] = mapped_column(default=3)  # 1 nam, 2 nữ, 3 chưa xác định
    id_kind: Mapped[str] = mapped_column(default="cccd")  # cccd | cmnd | passport | none
    id_number: Mapped[str] = mapped_column(default="")
    insurance: Mapped[str] = mapped_column(default="")  # BHYT
    address: Mapped[str] = mapped_column(default="")

    # Admission facts of form 27/BV2.
    admission_number: Mapped[str] = mapped_column(default="")  # số vào viện
    department: Mapped[str] = mapped_column(default="")
    room: Mapped[str] = mapped_column(default="")
    bed: Mapped[str] = mapped_column(default="")
    admitted_on: Mapped[dt.date | None]
    treated_until: Mapped[dt.date | None]

    summary: Mapped[str] = mapped_column(default="")  # tóm tắt bệnh án
    course: Mapped[str] = mapped_column(default="")  # diễn biến
    treatment: Mapped[str] = mapped_column(default="")
    diagnosis: Mapped[str] = mapped_column(default="")
    icd10: Mapped[str] = mapped_column(default="")  # the main code, then secondary ones, space between
    informed_at: Mapped[dt.datetime | None]
    informed_how: Mapped[str] = mapped_column(default="")
    informed_by: Mapped[str] = mapped_column(default="")
    contract: Mapped[str] = mapped_column(default="")
    contract_reason: Mapped[str] = mapped_column(default="")

    desk_question: Mapped[str] = mapped_column(default="")  # what the desk wants to know, or why not
    desk_answer: Mapped[str] = mapped_column(default="")
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    changed_at: Mapped[dt.datetime] = mapped_column(default=now)
    sent_at: Mapped[dt.datetime | None]
    taken_at: Mapped[dt.datetime | None]  # somebody at the desk took it
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    answered_at: Mapped[dt.datetime | None]  # the desk's first answer

    hospital: Mapped[Hospital] = relationship(foreign_keys=[hospital_id], lazy="raise")
    target_hospital: Mapped[Hospital | None] = relationship(foreign_keys=[target_hospital_id], lazy="raise")
    requested_by: Mapped[Person] = relationship(foreign_keys=[requested_by_id], lazy="raise")
    questions: Mapped[list["Question"]] = relationship(
        lazy="raise", order_by="Question.number", cascade="all, delete-orphan"
    )
    labs: Mapped[list["LabValue"]] = relationship(
        lazy="raise", order_by="LabValue.id", cascade="all, delete-orphan"
    )
    sessions: Mapped[list["LiveSession"]] = relationship(lazy="raise", order_by="LiveSession.starts_at")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy's own way to say it

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        """Doctors: their hospital's. Desk: granted to their hospital. Specialists: granted and booked on it."""
        at_home = cls.hospital_id == principal.hospital_id if principal.has(Role.DOCTOR) else false()
        grant, booked = other_rows(Grant), other_rows(LiveSession)
        granted = (
            select(grant.c.consultation_id)
            .where(grant.c.hospital_id == principal.hospital_id, grant.c.study_id.is_(None))
            .where(grant.c.ended_at.is_(None), or_(grant.c.until.is_(None), grant.c.until > now()))
        )
        if principal.has(Role.COORDINATOR):
            return or_(at_home, cls.id.in_(granted))
        if principal.has(Role.SPECIALIST):
            mine = select(booked.c.consultation_id).where(
                booked.c.specialist_id == principal.person_id, booked.c.cancelled_at.is_(None)
            )
            return or_(at_home, and_(cls.id.in_(granted), cls.id.in_(mine)))
        return at_home

    def is_writable_by(self, principal: Principal) -> bool:
        return principal.hospital_id in {self.hospital_id, self.target_hospital_id, self.redirected_from}

    redirected_from: Mapped[int | None]  # the hospital that last passed it on

    @property
    def birth(self) -> BirthDate | None:
        return BirthDate(self.birth_on, Precision(self.birth_precision)) if self.birth_on else None

    def side_of(self, principal: Principal) -> Side:
        return Side.ASKING if principal.hospital_id == self.hospital_id else Side.SUPPORTING


class Question(Base):
    """A numbered question; each needs a conclusion, or a reason why not, before the minutes are signed."""

    __tablename__ = "questions"
    __table_args__ = (UniqueConstraint("consultation_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"))
    number: Mapped[int]
    text: Mapped[str]


class LabValue(Base):
    __tablename__ = "lab_values"

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), index=True)
    name: Mapped[str]
    value: Mapped[str]
    unit: Mapped[str] = mapped_column(default="")
    taken_on: Mapped[dt.date | None]


class Document(Base):
    """A PDF or photo of the case; the bytes lie in the store under a keyed name."""

    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), index=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))
    title: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    blob: Mapped[str]
    added_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    added_at: Mapped[dt.datetime] = mapped_column(default=now)
    removed_at: Mapped[dt.datetime | None]


class SharedStudy(Base):
    """A study tied to a case by its hospital; removing is a fact too, so that it can be undone."""

    __tablename__ = "shared_studies"
    __table_args__ = (UniqueConstraint("consultation_id", "study_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"))
    study_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(studies.c.id), index=True)
    added_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    added_at: Mapped[dt.datetime] = mapped_column(default=now)
    removed_at: Mapped[dt.datetime | None]
    differences: Mapped[list[str]] = mapped_column(JSON, default=list)  # kinds: name, id, birth, sex
    accepted_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))  # who said: the same patient


class Arrival(Base):
    """How many frames of a study a person's browser has fetched ahead of a session: a number, and when it was told."""

    __tablename__ = "arrivals"
    __table_args__ = (UniqueConstraint("person_id", "study_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    study_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(studies.c.id), index=True)
    frames: Mapped[int]
    at: Mapped[dt.datetime] = mapped_column(default=now)


class Grant(Base):
    """Leave for another hospital to see the case (study_id null) or one study of it."""

    __tablename__ = "grants"
    __table_args__ = (Index("ix_grants_hospital_id_ended_at", "hospital_id", "ended_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), index=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))  # to whom
    study_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey(studies.c.id), index=True)
    made_at: Mapped[dt.datetime] = mapped_column(default=now)
    until: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    ended_why: Mapped[str | None]


class LiveSession(Base):
    """A booked session: a specialist, an interval, a room; or an answer in writing until a time."""

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="interval"),
        Index("ix_sessions_starts_at", "starts_at"),
        Index("ix_sessions_specialist_id_starts_at", "specialist_id", "starts_at"),
        Index("ix_sessions_hospital_id_starts_at", "hospital_id", "starts_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)  # the room's name on the wire
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), index=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))  # supporting
    kind: Mapped[str] = mapped_column(default="live")  # live | written
    specialist_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    place: Mapped[str] = mapped_column(default="")  # "Phòng hội chẩn 1"
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    revision: Mapped[int] = mapped_column(default=0)  # SEQUENCE of the calendar file
    booked_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    begun_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    cancelled_at: Mapped[dt.datetime | None]

    specialist: Mapped[Person] = relationship(foreign_keys=[specialist_id], lazy="raise")

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None or self.cancelled_at is not None


class Ticket(Base):
    """Leave to sit down in a room: a minute, one person, one room, once."""

    __tablename__ = "tickets"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"))
    membership_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))
    sign_in: Mapped[str]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class RoomEvent(Base):
    """What must not be lost in a room, numbered by its owner."""

    __tablename__ = "room_events"

    room: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type: Mapped[str]
    sender: Mapped[int | None]  # the person; null for the server itself
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[dt.datetime] = mapped_column(default=now)


class MarkOperation(Base):
    """One accepted version of a mark on an image; rows never change, the highest `rev` of a `uid` stands."""

    __tablename__ = "mark_operations"
    __table_args__ = (UniqueConstraint("consultation_id", "uid", "rev"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"))
    uid: Mapped[str]
    rev: Mapped[int] = mapped_column(BigInteger)
    room: Mapped[str] = mapped_column(default="")  # where it was drawn; "" on a page of the case
    study_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(studies.c.id))
    sop_uid: Mapped[str]
    frame: Mapped[int]
    removed: Mapped[bool]
    mark: Mapped[dict[str, Any]] = mapped_column(JSON)  # as on the wire: PROTOCOL.md, mark
    by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    person: Mapped[dict[str, Any]] = mapped_column(JSON)  # name, title and hospital as they were then
    at: Mapped[dt.datetime] = mapped_column(default=now)


class DraftUpdate(Base):
    """One change to the live draft of the minutes (a Yjs update), in order."""

    __tablename__ = "draft_updates"

    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    update: Mapped[bytes] = mapped_column(LargeBinary)
    by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    at: Mapped[dt.datetime] = mapped_column(default=now)


class KeyImage(Base):
    """An image worth keeping, with the window it was seen in."""

    __tablename__ = "key_images"

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), index=True)
    study_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(studies.c.id))
    sop_uid: Mapped[str]
    frame: Mapped[int]
    voi: Mapped[list[float]] = mapped_column(JSON)
    view: Mapped[list[float]] = mapped_column(JSON)
    caption: Mapped[str] = mapped_column(default="")
    study: Mapped[str] = mapped_column(default="")  # words for the annex: "CT ngực 21/11/2026"
    study_uid: Mapped[str] = mapped_column(default="")
    series: Mapped[str] = mapped_column(default="")
    image: Mapped[str] = mapped_column(default="")
    picture: Mapped[bytes] = mapped_column(LargeBinary, default=b"")  # a small JPEG, as it was seen
    by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    at: Mapped[dt.datetime] = mapped_column(default=now)
    removed_at: Mapped[dt.datetime | None]


class Evidence(Base):
    """A DICOM object that the signed case left: a report, a selection, a presentation state, the minutes."""

    __tablename__ = "evidence"
    __table_args__ = (UniqueConstraint("consultation_id", "sop_uid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"))
    study_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(studies.c.id))
    kind: Mapped[str]  # report | selection | presentation | minutes
    sop_uid: Mapped[str]
    made_at: Mapped[dt.datetime] = mapped_column(default=now)


class Delivery(Base):
    """What a signed case leaves, on its way into one PACS."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("consultation_id", "connection_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"))
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))  # whose PACS it is
    connection_id: Mapped[int] = mapped_column(ForeignKey("pacs_connections.id"))
    place: Mapped[str]  # the PACS as it is shown: "PACS chính, BVĐK Lệ Thủy"
    state: Mapped[str] = mapped_column(default="waiting")  # waiting | sent | failed
    failure: Mapped[str] = mapped_column(default="")  # a code of dicom.pacs.failures, of the last attempt
    attempts: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[dt.datetime] = mapped_column(default=now)


class Minutes(Base):
    """The text that is being signed: the canonical form, annex and digest. Signed rows never change."""

    __tablename__ = "minutes"

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), unique=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)  # canonical JSON of form and annex
    digest: Mapped[str]
    secretary_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    secretary_at: Mapped[dt.datetime | None]
    chair_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    chair_at: Mapped[dt.datetime | None]
    signed_at: Mapped[dt.datetime | None]  # both have signed: from here on the database refuses changes


class Addendum(Base):
    """What was added after the signatures; itself signed and never changed."""

    __tablename__ = "addenda"

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), index=True)
    number: Mapped[int]
    text: Mapped[str]
    by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    at: Mapped[dt.datetime] = mapped_column(default=now)
    digest: Mapped[str]


class Outcome(Base):
    """What became of the patient, said by the asking side; may be said again as time goes."""

    __tablename__ = "outcomes"

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"), index=True)
    kind: Mapped[str]  # followed | changed | transferred | transfer-avoided
    reason: Mapped[str] = mapped_column(default="")
    by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    at: Mapped[dt.datetime] = mapped_column(default=now)


class EarlierCode(Base):
    """ICD-10 choices of a hospital, so that the next search finds them first."""

    __tablename__ = "earlier_codes"

    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(primary_key=True)
    uses: Mapped[int] = mapped_column(default=1)
