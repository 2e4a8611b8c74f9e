"""The tables of studies, series and instances.

Times are integer milliseconds since 1970 (UTC). Text that is absent in the file is "", never null.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column that is INTEGER to the letter.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


studies = Table(
    "studies",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("owner_id", BigInteger, nullable=False),
    Column("study_uid", Text, nullable=False),
    _text("patient_id"),
    _text("patient_name"),
    _text("patient_name_key"),
    _text("patient_birth_date"),
    _text("patient_sex"),
    _text("study_date"),
    _text("study_time"),
    _text("accession_number"),
    _text("description"),
    _text("modalities"),
    _count("series_count"),
    _count("instance_count"),
    _count("other_patients"),  # instances that name somebody else than the study
    Column("source", Text, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Column("removed_at_ms", BigInteger),
    UniqueConstraint("owner_id", "study_uid"),
    Index(None, "owner_id", "patient_id"),
    Index(None, "owner_id", "patient_name_key"),
    Index(None, "owner_id", "study_date"),
    Index(None, "owner_id", "accession_number"),
    Index(None, "owner_id", "received_at_ms"),
)

series = Table(
    "series",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("study_id", ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    Column("series_uid", Text, nullable=False),
    _text("modality"),
    Column("number", Integer),
    _text("description"),
    _text("body_part"),
    _count("instance_count"),
    UniqueConstraint("study_id", "series_uid"),
)

instances = Table(
    "instances",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("study_id", ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    Column("series_id", ForeignKey("series.id", ondelete="CASCADE"), nullable=False),
    Column("sop_uid", Text, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("number", Integer),
    _count("frames"),
    Column("rows", Integer),
    Column("columns", Integer),
    _text("photometric"),
    Column("bits_allocated", Integer),
    Column("samples", Integer),
    Column("size_bytes", BigInteger, nullable=False),
    Column("blob", Text, nullable=False),
    Column("pixel_offset", BigInteger),
    Column("frame_bytes", BigInteger),
    Column("header", LargeBinary, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("frames_at_ms", BigInteger),
    Column("frames_refused", Text),
    UniqueConstraint("series_id", "sop_uid"),
    Index(None, "study_id", "sop_uid"),
    Index(None, "sop_uid"),  # storage commitment names nothing else
    Index(None, "blob"),
)
