"""Studies, series and instances as rows. Functions take the caller's connection and its transaction.

Times are integer milliseconds since 1970 (UTC). Text that is absent in the file is "", never null.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeAlias

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
    case,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from dicom.ingest import Committed, Received

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
    Index(None, "blob"),
)


Executor: TypeAlias = AsyncConnection | AsyncSession


async def add(connection: Executor, owner_id: int, received: Received, source: str) -> Committed:
    """Add one instance. See `add_all`."""
    return (await add_all(connection, owner_id, [received], source))[0]


async def add_all(
    connection: Executor, owner_id: int, received: Sequence[Received], source: str
) -> list[Committed]:
    """Add instances, in the caller's transaction; the answer is in the order of the question.

    Adding one again changes nothing. Other bytes under a known SOP Instance UID: the first stay, `differs`
    says so. A removed study comes back: what was acknowledged must be there. The study's row is locked from
    its first instance on, always in the order of the UIDs, so that transactions of several processes wait
    for each other instead of blocking each other.
    """
    in_order = sorted(range(len(received)), key=lambda i: _order(received[i]))
    committed: dict[int, Committed] = {}
    adding = _Adding(connection, owner_id, source, int(time.time() * 1000))
    for i in in_order:
        committed[i] = await adding.instance(received[i])
    await adding.count()
    return [committed[i] for i in range(len(received))]


def _order(received: Received) -> tuple[str, str, str]:
    summary = received.summary
    return summary.study_uid, summary.series_uid, summary.sop_uid


class _Adding:
    """One call of `add_all`: what was seen so far, and what is to be counted at its end."""

    def __init__(self, connection: Executor, owner_id: int, source: str, now_ms: int) -> None:
        self._connection = connection
        self._owner_id = owner_id
        self._source = source
        self._now_ms = now_ms
        self._study_ids: dict[str, int] = {}
        self._series_ids: dict[tuple[int, str], int] = {}
        self._new_instances: dict[tuple[int, int], int] = {}

    async def instance(self, received: Received) -> Committed:
        summary = received.summary
        study_id = self._study_ids.get(summary.study_uid)
        if study_id is None:
            study_id = self._study_ids[summary.study_uid] = await self._study(received)
        series_id = self._series_ids.get((study_id, summary.series_uid))
        if series_id is None:
            series_id = await self._series(study_id, received)
            self._series_ids[study_id, summary.series_uid] = series_id
        return await self._instance(study_id, series_id, received)

    async def _study(self, received: Received) -> int:
        summary = received.summary
        described = {
            "patient_id": summary.patient_id,
            "patient_name": summary.patient_name,
            "patient_name_key": summary.patient_name_key,
            "patient_birth_date": summary.patient_birth_date,
            "patient_sex": summary.patient_sex,
            "study_date": summary.study_date,
            "study_time": summary.study_time,
            "accession_number": summary.accession_number,
            "description": summary.study_description,
        }
        statement = self._insert(studies).values(
            owner_id=self._owner_id,
            study_uid=summary.study_uid,
            **described,
            source=self._source,
            received_at_ms=self._now_ms,
            changed_at_ms=self._now_ms,
        )
        # The first instance describes the study; later ones only fill in what it left blank.
        filled = {
            name: case((studies.c[name] == "", statement.excluded[name]), else_=studies.c[name])
            for name in described
        }
        statement = statement.on_conflict_do_update(
            index_elements=[studies.c.owner_id, studies.c.study_uid], set_={**filled, "removed_at_ms": None}
        )
        return await self._one(statement.returning(studies.c.id))

    async def _series(self, study_id: int, received: Received) -> int:
        summary = received.summary
        statement = self._insert(series).values(
            study_id=study_id,
            series_uid=summary.series_uid,
            modality=summary.modality,
            number=summary.series_number,
            description=summary.series_description,
            body_part=summary.body_part,
        )
        statement = statement.on_conflict_do_update(
            index_elements=[series.c.study_id, series.c.series_uid], set_={"modality": series.c.modality}
        )
        return await self._one(statement.returning(series.c.id))

    async def _instance(self, study_id: int, series_id: int, received: Received) -> Committed:
        summary = received.summary
        statement = (
            self._insert(instances)
            .values(
                study_id=study_id,
                series_id=series_id,
                sop_uid=summary.sop_uid,
                sop_class_uid=summary.sop_class_uid,
                transfer_syntax_uid=summary.transfer_syntax_uid,
                number=summary.number,
                frames=summary.frames,
                rows=summary.rows,
                columns=summary.columns,
                photometric=summary.photometric,
                bits_allocated=summary.bits_allocated,
                samples=summary.samples,
                size_bytes=received.size_bytes,
                blob=received.blob,
                pixel_offset=summary.pixel_offset,
                frame_bytes=summary.frame_bytes,
                header=summary.header,
                received_at_ms=self._now_ms,
            )
            .on_conflict_do_nothing(index_elements=[instances.c.series_id, instances.c.sop_uid])
        )
        result = await self._connection.execute(statement.returning(instances.c.id))
        instance_id = result.scalar_one_or_none()
        if instance_id is not None:
            key = study_id, series_id
            self._new_instances[key] = self._new_instances.get(key, 0) + 1
            return Committed(study_id, series_id, instance_id, is_new=True)
        known = select(instances.c.id, instances.c.blob).where(
            instances.c.series_id == series_id, instances.c.sop_uid == summary.sop_uid
        )
        instance_id, blob = (await self._connection.execute(known)).one()
        return Committed(study_id, series_id, instance_id, is_new=False, differs=blob != received.blob)

    async def count(self) -> None:
        """Bring counts and modalities of what got new instances up to date."""
        for (_, series_id), new in self._new_instances.items():
            await self._connection.execute(
                update(series)
                .where(series.c.id == series_id)
                .values(instance_count=series.c.instance_count + new)
            )
        for study_id in {study_id for study_id, _ in self._new_instances}:
            await self._count_study(study_id)

    async def _count_study(self, study_id: int) -> None:
        # The study's row is locked since _study, so nobody adds to its series meanwhile.
        rows = (
            await self._connection.execute(
                select(series.c.modality, series.c.instance_count).where(series.c.study_id == study_id)
            )
        ).all()
        await self._connection.execute(
            update(studies)
            .where(studies.c.id == study_id)
            .values(
                series_count=len(rows),
                instance_count=sum(count for _, count in rows),
                modalities="\\".join(sorted({modality for modality, _ in rows if modality})),
                changed_at_ms=self._now_ms,
            )
        )

    def _insert(self, table: Table) -> Any:
        """An INSERT that knows ON CONFLICT; both databases have it, SQLAlchemy names it by dialect."""
        bind = (
            self._connection if isinstance(self._connection, AsyncConnection) else self._connection.get_bind()
        )
        return postgresql.insert(table) if bind.dialect.name == "postgresql" else sqlite.insert(table)

    async def _one(self, statement: Any) -> int:
        return int((await self._connection.execute(statement)).scalar_one())
