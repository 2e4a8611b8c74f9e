"""Hospitals, people and how they sign in."""

import datetime as dt

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server.platform.db import Base, Scoped, now, other_rows
from server.platform.policy import Principal, Role


class Hospital(Base):
    """A tenant: a place that asks, supports, or oversees."""

    __tablename__ = "hospitals"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)  # mã cơ sở KCB, 5 characters, leading zeros kept
    name: Mapped[str]
    short_name: Mapped[str]
    parent_name: Mapped[str]  # cơ quan chủ quản, head of form 27/BV2
    tier: Mapped[str]  # district | provincial | central | private | department
    technical_level: Mapped[str]  # initial | basic | specialised | none
    specialties: Mapped[str] = mapped_column(default="")  # codes it supports with, space between
    is_host: Mapped[bool] = mapped_column(default=False)  # its administrators add hospitals
    cases_begun: Mapped[int] = mapped_column(default=0)  # the number in the code of its last case
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    closed_at: Mapped[dt.datetime | None]


class Person(Base):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(index=True)
    title: Mapped[str] = mapped_column(default="")  # "BSCKII.", apart from the name
    licence: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]
    suspended_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now)

    @property
    def full_name(self) -> str:
        return f"{self.title} {self.name}".strip()


class Membership(Scoped, Base):
    """One person's place in one hospital; a leaver's ends, the person stays in old minutes."""

    __tablename__ = "memberships"
    __table_args__ = (
        UniqueConstraint("person_id", "hospital_id"),
        Index("ix_memberships_hospital_id", "hospital_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))
    role_words: Mapped[str]  # space between
    department: Mapped[str] = mapped_column(default="")
    specialty: Mapped[str] = mapped_column(default="")
    since: Mapped[dt.datetime] = mapped_column(default=now)
    left_at: Mapped[dt.datetime | None]

    person: Mapped[Person] = relationship(lazy="raise")
    hospital: Mapped[Hospital] = relationship(lazy="raise")

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(Role(word) for word in self.role_words.split())

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        table = other_rows(cls)
        mine = select(table.c.id).where(table.c.person_id == principal.person_id)
        return or_(cls.hospital_id == principal.hospital_id, cls.id.in_(mine))

    def is_writable_by(self, principal: Principal) -> bool:
        return self.hospital_id == principal.hospital_id or principal.is_host


class SignIn(Base):
    """A browser that is signed in: the cookie's hash, never the cookie."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    membership_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))
    browser: Mapped[str] = mapped_column(default="")  # "Chrome, Windows"
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    seen_at: Mapped[dt.datetime] = mapped_column(default=now)
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class Token(Base):
    """A key for scripts (DICOMweb, API): shown once, kept as a hash."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    membership_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"), index=True)
    name: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class Link(Base):
    """A one-time link to set a password, handed over by an administrator: no mail needed."""

    __tablename__ = "links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]


class KnownBrowser(Base):
    """A browser in which this person signed in before, others too where a PC is shared: strangers' wrong
    guesses do not lock it out.
    """

    __tablename__ = "known_browsers"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    seen_at: Mapped[dt.datetime] = mapped_column(default=now)


class DicomPeer(Scoped, Base):
    """A calling AE title and address of a hospital's modality or PACS."""

    __tablename__ = "dicom_peers"
    __table_args__ = (UniqueConstraint("ae_title", "address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))
    ae_title: Mapped[str]
    address: Mapped[str]
    may_retrieve: Mapped[bool] = mapped_column(
        default=False
    )  # an AE title is no secret: sending is all by default
    name: Mapped[str] = mapped_column(default="")  # as people of the hospital say it
    certificate: Mapped[str] = mapped_column(default="")  # its fingerprint; then it calls by TLS alone
    certificate_until: Mapped[dt.datetime | None]
    seen_at: Mapped[dt.datetime | None]  # the last association that was taken, to the minute
    refused_at: Mapped[dt.datetime | None]
    refused_why: Mapped[str] = mapped_column(default="")  # of the last that was not: a code, and what came
    refused_what: Mapped[str] = mapped_column(default="")
    created_at: Mapped[dt.datetime] = mapped_column(default=now)

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        return cls.hospital_id == principal.hospital_id

    def is_writable_by(self, principal: Principal) -> bool:
        return self.hospital_id == principal.hospital_id
