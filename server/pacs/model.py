"""A hospital's connections to its PACS, and what its doctors pull from there."""

import datetime as dt
import enum

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from server.platform.db import Base, Scoped, now
from server.platform.policy import Principal


class Way(enum.StrEnum):
    """How a PACS is spoken with."""

    GET = "c-get"
    MOVE = "c-move"
    WEB = "dicomweb"


class State(enum.StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PacsConnection(Scoped, Base):
    __tablename__ = "pacs_connections"
    __table_args__ = (Index("ix_pacs_connections_hospital_id", "hospital_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))
    name: Mapped[str]
    way: Mapped[Way]
    host: Mapped[str] = mapped_column(default="")
    port: Mapped[int] = mapped_column(default=0)
    ae_title: Mapped[str] = mapped_column(default="")  # the PACS's own
    trusted: Mapped[str] = mapped_column(default="")  # PEM: with certificates, DIMSE goes by TLS
    root: Mapped[str] = mapped_column(default="")  # of DICOMweb
    takes_evidence: Mapped[bool] = mapped_column(default=False)  # what signed cases leave is sent there
    sealed: Mapped[str] = mapped_column(default="")  # the Authorization header's value, `keys.seal`
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    removed_at: Mapped[dt.datetime | None]

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        return cls.hospital_id == principal.hospital_id

    def is_writable_by(self, principal: Principal) -> bool:
        return self.hospital_id == principal.hospital_id


class Retrieval(Scoped, Base):
    """One study on its way from a PACS. The table is the worker's queue: a claim runs out when it is not renewed."""

    __tablename__ = "retrievals"
    __table_args__ = (
        Index("ix_retrievals_hospital_id_begun_at", "hospital_id", "begun_at"),
        Index("ix_retrievals_state", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))
    connection_id: Mapped[int] = mapped_column(ForeignKey("pacs_connections.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    study_uid: Mapped[str]
    title: Mapped[str]  # as the search showed it
    state: Mapped[State] = mapped_column(default=State.WAITING)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str] = mapped_column(default="")  # a code of dicom.pacs.failures
    study_id: Mapped[int | None]  # in the index, once done
    claim: Mapped[str] = mapped_column(default="")  # of the worker that runs it now
    claimed_until: Mapped[dt.datetime | None]
    begun_at: Mapped[dt.datetime] = mapped_column(default=now)

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        return cls.hospital_id == principal.hospital_id

    def is_writable_by(self, principal: Principal) -> bool:
        return self.hospital_id == principal.hospital_id


class StorageCommitment(Scoped, Base):
    """A device asked whether its instances are kept: written before it is answered, until the report was taken."""

    __tablename__ = "storage_commitments"
    __table_args__ = (Index("ix_storage_commitments_hospital_id_reported_at", "hospital_id", "reported_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))
    calling: Mapped[str]  # AE title of the device
    transaction_uid: Mapped[str]
    references: Mapped[list[list[str]]] = mapped_column(JSON)  # SOP Class UID and SOP Instance UID
    asked_at: Mapped[dt.datetime] = mapped_column(default=now)
    reported_at: Mapped[dt.datetime | None]

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        return cls.hospital_id == principal.hospital_id

    def is_writable_by(self, principal: Principal) -> bool:
        return self.hospital_id == principal.hospital_id
