"""The SELECTs of DICOMweb. None is without a study of the caller's scope: see `visible`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, literal_column, select

from dicom.index import instances, series, studies
from dicom.ports import Scope
from dicom.query.matching import INSTANCE, SERIES, Condition, Level

Statement: TypeAlias = Select[Any]

_STUDY = (
    studies.c.id.label("study_id"),
    studies.c.changed_at_ms,
    studies.c.description.label("study_description"),
    *(
        studies.c[name]
        for name in ("study_uid", "study_date", "study_time", "accession_number", "modalities")
    ),
    *(studies.c[name] for name in ("patient_name", "patient_id", "patient_birth_date", "patient_sex")),
    *(studies.c[name] for name in ("series_count", "instance_count")),
)
_SERIES = (
    series.c.id.label("series_id"),
    series.c.number.label("series_number"),
    series.c.description.label("series_description"),
    series.c.instance_count.label("series_instance_count"),
    *(series.c[name] for name in ("series_uid", "modality", "body_part")),
)
_INSTANCE = (
    instances.c.id.label("instance_id"),
    *(instances.c[name] for name in ("sop_uid", "sop_class_uid", "transfer_syntax_uid", "number")),
    *(instances.c[name] for name in ("frames", "rows", "columns", "bits_allocated")),
)


def visible(scope: Scope) -> Condition:
    """The studies that this caller may know of: the one place where rows of others are kept out."""
    return and_(_whose(scope), studies.c.removed_at_ms.is_(None))


def _whose(scope: Scope) -> Condition:
    if scope.study_ids is None:
        return studies.c.owner_id == scope.owner_id
    return studies.c.id.in_(sorted(scope.study_ids))


def _listed(level: Level, *, is_narrow: bool) -> Select[Any]:
    """All of a level, newest study first."""
    columns = list(_STUDY)
    # Without statistics SQLite walks all days in order rather than look for one patient: no index sorts this.
    day: ColumnElement[Any] = (
        studies.c.study_date + literal_column("''") if is_narrow else studies.c.study_date
    )
    order: list[ColumnElement[Any]] = [day.desc(), studies.c.id.desc()]
    source: FromClause = studies
    if level >= SERIES:
        columns += _SERIES
        order += [series.c.number.nulls_last(), series.c.id]
        source = source.join(series, series.c.study_id == studies.c.id)
    if level >= INSTANCE:
        columns += _INSTANCE
        order += [instances.c.number.nulls_last(), instances.c.id]
        source = source.join(instances, instances.c.series_id == series.c.id)
    return select(*columns).select_from(source).where(studies.c.removed_at_ms.is_(None)).order_by(*order)


# Building these takes longer than running them, so it is done once.
_ALL = {(level, narrow): _listed(level, is_narrow=narrow) for level in Level for narrow in (False, True)}


def search(level: Level, scope: Scope, where: Sequence[Condition], *, is_narrow: bool) -> Select[Any]:
    """List a level within a scope."""
    return _ALL[level, is_narrow].where(_whose(scope), *where)


def patients(scope: Scope, where: Sequence[Condition], after: str | None) -> Select[Any]:
    """The patients of a scope by ID, one row each, from behind the ID `after`: what one of their studies says."""
    said = ("patient_name", "patient_birth_date", "patient_sex")
    columns = [func.max(studies.c[name]).label(name) for name in said]
    found = (
        select(studies.c.patient_id, *columns, func.count().label("study_count"))
        .where(visible(scope), *where)
        .group_by(studies.c.patient_id)
        .order_by(studies.c.patient_id)
    )
    return found if after is None else found.where(studies.c.patient_id > after)


def of_instance_uids(scope: Scope, sop_uids: Sequence[str]) -> Select[Any]:
    """Where the instances of these UIDs lie; one may be in several studies."""
    columns = ("sop_uid", "sop_class_uid", "blob", "size_bytes")
    return (
        select(*(instances.c[name] for name in columns))
        .join(studies, studies.c.id == instances.c.study_id)
        .where(visible(scope), instances.c.sop_uid.in_(sop_uids))
    )


def study_of_uid(scope: Scope, study_uid: str) -> Select[Any]:
    """The study of this UID. Two hospitals may have sent one to a case: the one that came first answers."""
    found = select(studies.c.id, studies.c.received_at_ms, studies.c.changed_at_ms)
    return found.where(visible(scope), studies.c.study_uid == study_uid).order_by(studies.c.id).limit(1)


def is_in_study(scope: Scope, study_uid: str) -> Condition:
    """Of the study that `study_of_uid` finds."""
    return studies.c.id == study_of_uid(scope, study_uid).with_only_columns(studies.c.id).scalar_subquery()


def instances_of(study_id: int, series_uid: str | None) -> Select[Any]:
    """Where the instances of a study are, or those of one of its series, in the order they are shown in."""
    found = (
        select(series.c.series_uid, *(column for column in instances.c if column.name != "header"))
        .join_from(instances, series, instances.c.series_id == series.c.id)
        .where(instances.c.study_id == study_id)
        .order_by(series.c.number.nulls_last(), series.c.id, instances.c.number.nulls_last(), instances.c.id)
    )
    return found if series_uid is None else found.where(series.c.series_uid == series_uid)


def first_headers(level: Level, ids: Sequence[int]) -> Select[Any]:
    """The stored header of one instance of each of these studies, series or instances, as (id, header)."""
    parent = (instances.c.study_id, instances.c.series_id, instances.c.id)[level]
    first = select(func.min(instances.c.id)).where(parent.in_(ids)).group_by(parent)
    return select(parent, instances.c.header).where(instances.c.id.in_(first))


def headers_of(ids: Sequence[int]) -> Select[Any]:
    """The stored headers of these instances."""
    return select(instances.c.id, instances.c.header).where(instances.c.id.in_(ids))
