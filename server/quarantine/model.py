"""Files that were refused at one of a hospital's doors: what an administrator looks into."""

import datetime as dt

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.platform.db import Base, Scoped, now
from server.platform.policy import Principal


class RefusedFile(Scoped, Base):
    """One file, as often as it came the same way from the same sender and was refused for the same reason.

    Neither its name nor anything in it is kept: both may name a patient. The hash finds it again at the sender's.
    """

    __tablename__ = "refused_files"
    __table_args__ = (
        UniqueConstraint("hospital_id", "way", "sender", "code", "sha256", "size_bytes"),
        Index("ix_refused_files_hospital_id_last_at", "hospital_id", "last_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospitals.id"))
    way: Mapped[str]  # upload, stow, c-store, pacs
    sender: Mapped[str]  # "membership:12", an AE title, or the name of a PACS connection
    code: Mapped[str]  # of dicom.instance.REASONS
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]  # hexadecimal; "" for what was refused before it came
    times: Mapped[int] = mapped_column(default=1)
    first_at: Mapped[dt.datetime] = mapped_column(default=now)
    last_at: Mapped[dt.datetime] = mapped_column(default=now)

    @classmethod
    def visible_to(cls, principal: Principal) -> ColumnElement[bool]:
        return cls.hospital_id == principal.hospital_id

    def is_writable_by(self, principal: Principal) -> bool:
        return False  # written by the doors alone
