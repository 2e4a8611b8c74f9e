"""Adding received instances: once each, counted right, whoever else is writing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from dicom.index.tables import instances, series, studies
from dicom.ingest import Committed, Received
from dicom.instance import Named, Summary

Executor: TypeAlias = AsyncConnection | AsyncSession

# Columns of a study and the fields of a Summary that describe it.
_DESCRIBED: Final = {
    "patient_id": "patient_id",
    "patient_name": "patient_name",
    "patient_name_key": "patient_name_key",
    "patient_birth_date": "patient_birth_date",
    "patient_sex": "patient_sex",
    "study_date": "study_date",
    "study_time": "study_time",
    "accession_number": "accession_number",
    "description": "study_description",
}
_WHO: Final = ("patient_id", "patient_name", "patient_birth_date", "patient_sex")  # as `Named` has them
# Columns of an instance that are fields of its Summary.
_COPIED: Final = [
    "sop_uid",
    "sop_class_uid",
    "transfer_syntax_uid",
    "number",
    "frames",
    "rows",
    "columns",
    "photometric",
    "bits_allocated",
    "samples",
    "pixel_offset",
    "frame_bytes",
    "header",
]


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


@dataclass(frozen=True, slots=True)
class _Statements:
    """What adding says to one kind of database, put together once."""

    study: Any
    series: Any
    instance: Any


@cache
def _statements(dialect: str) -> _Statements:
    """Both databases have INSERT … ON CONFLICT; SQLAlchemy names it by dialect."""
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    study = insert(studies)
    # The first instance describes the study; later ones only fill in what it left blank.
    filled = {
        name: case((studies.c[name] == "", study.excluded[name]), else_=studies.c[name])
        for name in _DESCRIBED
    }
    study = study.on_conflict_do_update(
        index_elements=[studies.c.owner_id, studies.c.study_uid], set_={**filled, "removed_at_ms": None}
    )
    one_series = insert(series).on_conflict_do_update(
        index_elements=[series.c.study_id, series.c.series_uid], set_={"modality": series.c.modality}
    )
    instance = insert(instances).on_conflict_do_nothing(
        index_elements=[instances.c.series_id, instances.c.sop_uid]
    )
    return _Statements(
        study.returning(studies.c.id, *(studies.c[name] for name in _WHO)),
        one_series.returning(series.c.id, series.c.instance_count),
        instance.returning(instances.c.id),
    )


_known_instance = select(instances.c.id, instances.c.blob).where(
    instances.c.series_id == bindparam("in_series"), instances.c.sop_uid == bindparam("named")
)
_count_series = (
    update(series)
    .where(series.c.id == bindparam("of_series"))
    .values(instance_count=series.c.instance_count + bindparam("new"))
)
_count_study = (
    update(studies)
    .where(studies.c.id == bindparam("of_study"))
    .values(
        instance_count=studies.c.instance_count + bindparam("new"),
        other_patients=studies.c.other_patients + bindparam("others"),
        changed_at_ms=bindparam("now"),
    )
)


class _Adding:
    """One call of `add_all`: what was seen so far, and what is to be counted at its end."""

    def __init__(self, connection: Executor, owner_id: int, source: str, now_ms: int) -> None:
        self._connection = connection
        bind = connection if isinstance(connection, AsyncConnection) else connection.get_bind()
        self._say = _statements(bind.dialect.name)
        self._owner_id = owner_id
        self._source = source
        self._now_ms = now_ms
        self._study_ids: dict[str, int] = {}
        self._named: dict[int, Named] = {}
        self._others: Counter[int] = Counter()
        self._series_ids: dict[tuple[int, str], int] = {}
        self._new_instances: dict[tuple[int, int], int] = {}
        self._with_new_series: set[int] = set()

    async def instance(self, received: Received) -> Committed:
        summary = received.summary
        study_id = self._study_ids.get(summary.study_uid)
        if study_id is None:
            study_id = self._study_ids[summary.study_uid] = await self._study(summary)
        series_id = self._series_ids.get((study_id, summary.series_uid))
        if series_id is None:
            series_id = self._series_ids[study_id, summary.series_uid] = await self._series(study_id, summary)
        return await self._instance(study_id, series_id, received)

    async def _study(self, summary: Summary) -> int:
        values = {
            "owner_id": self._owner_id,
            "study_uid": summary.study_uid,
            **{column: getattr(summary, name) for column, name in _DESCRIBED.items()},
            "source": self._source,
            "received_at_ms": self._now_ms,
            "changed_at_ms": self._now_ms,
        }
        study_id, *who = (await self._connection.execute(self._say.study, values)).one()
        self._named[study_id] = Named(*who)
        return int(study_id)

    async def _series(self, study_id: int, summary: Summary) -> int:
        values = {
            "study_id": study_id,
            "series_uid": summary.series_uid,
            "modality": summary.modality,
            "number": summary.series_number,
            "description": summary.series_description,
            "body_part": summary.body_part,
        }
        series_id, count = (await self._connection.execute(self._say.series, values)).one()
        if count == 0:
            self._with_new_series.add(study_id)
        return int(series_id)

    async def _instance(self, study_id: int, series_id: int, received: Received) -> Committed:
        summary = received.summary
        values = {
            "study_id": study_id,
            "series_id": series_id,
            **{name: getattr(summary, name) for name in _COPIED},
            "size_bytes": received.size_bytes,
            "blob": received.blob,
            "received_at_ms": self._now_ms,
        }
        instance_id = (await self._connection.execute(self._say.instance, values)).scalar_one_or_none()
        if instance_id is not None:
            key = study_id, series_id
            self._new_instances[key] = self._new_instances.get(key, 0) + 1
            who = Named(*(getattr(summary, name) for name in _WHO))
            self._others[study_id] += who.differs_from(self._named[study_id])
            return Committed(study_id, series_id, instance_id, is_new=True)
        which = {"in_series": series_id, "named": summary.sop_uid}
        instance_id, blob = (await self._connection.execute(_known_instance, which)).one()
        return Committed(study_id, series_id, instance_id, is_new=False, differs=blob != received.blob)

    async def count(self) -> None:
        """Bring counts and modalities of what got new instances up to date.

        The study's row is locked since `_study`, so nobody adds to its series meanwhile.
        """
        in_study: Counter[int] = Counter()
        for (study_id, series_id), new in self._new_instances.items():
            in_study[study_id] += new
            await self._connection.execute(_count_series, {"of_series": series_id, "new": new})
        for study_id, new in in_study.items():
            which = {
                "of_study": study_id,
                "new": new,
                "others": self._others[study_id],
                "now": self._now_ms,
            }
            await self._connection.execute(_count_study, which)
        for study_id in self._with_new_series & in_study.keys():
            await self._describe_series(study_id)

    async def _describe_series(self, study_id: int) -> None:
        modalities = (
            await self._connection.execute(select(series.c.modality).where(series.c.study_id == study_id))
        ).scalars()
        named = list(modalities)
        await self._connection.execute(
            update(studies)
            .where(studies.c.id == study_id)
            .values(series_count=len(named), modalities="\\".join(sorted({one for one in named if one})))
        )
