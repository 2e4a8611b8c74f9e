"""A copy of a study on its way to teaching, and its images until it is released."""

import datetime as dt
import enum
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, UniqueConstraint, or_
from sqlalchemy.orm import Mapped, mapped_column

from server.platform.db import Base, Scoped, now
from server.platform.policy import Principal


class CopyState(enum.StrEnum):
    MAKING = "making"
    CHECKING = "checking"  # waits for a person
    RELEASING = "releasing"
    RELEASED = "released"
    DISCARDED = "discarded"
    FAILED = "failed"


UNDER_WAY = frozenset({CopyState.MAKING, CopyState.RELEASING})
OPEN = UNDER_WAY | {CopyState.CHECKING}


class TeachingCopy(Scoped, Base):
    """Until it is released only who asked for it sees it. A second person's release would be a column more."""

    __tablename__ = "teaching_copies"
    __table_args__ = (Index("ix_teaching_copies_hospital_id_state", "hospital_id", "state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))  # of who asked; whose copy it is
    consultation_id: Mapped[int] = mapped_column(ForeignKey("consultations.id"))
    study_id: Mapped[int]  # the original, in the index
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    asked_at: Mapped[dt.datetime] = mapped_column(default=now)
    state: Mapped[CopyState] = mapped_column(default=CopyState.MAKING)
    failure: Mapped[str] = mapped_column(default="")  # a code of dicom.instance.REASONS
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    record: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # what was done, `making.record_of`
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    released_at: Mapped[dt.datetime | None]
    released_study_id: Mapped[int | None]  # the copy, in the index

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        return (cls.hospital_id == principal.hospital_id) & or_(
            cls.state == CopyState.RELEASED, cls.asked_by_id == principal.person_id
        )

    def is_writable_by(self, principal: Principal) -> bool:
        return self.hospital_id == principal.hospital_id and self.asked_by_id == principal.person_id


class TeachingImage(Base):
    """One image of a copy that is not released yet; reached by way of its copy alone."""

    __tablename__ = "teaching_images"
    __table_args__ = (UniqueConstraint("copy_id", "instance_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    copy_id: Mapped[int] = mapped_column(ForeignKey("teaching_copies.id", ondelete="CASCADE"))
    instance_id: Mapped[int]  # the original
    series_id: Mapped[int]  # of the original
    position: Mapped[int]
    frames: Mapped[int]
    rows: Mapped[int]
    columns: Mapped[int]
    must_look: Mapped[bool]
    blank: Mapped[list[list[int]]] = mapped_column(JSON, default=list)  # dicom.deidentify.pixels.Rect
    is_made: Mapped[bool] = mapped_column(default=True)  # with these rectangles
    blob: Mapped[str]
    done: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # counts, texts, methods of this image
