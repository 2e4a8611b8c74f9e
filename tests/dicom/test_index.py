"""Rows of received instances: once each, counted right, whoever else is writing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from dicom import index
from server.platform.db import end
from tests.dicom.builders import a_received


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Every test runs on both databases, migrated as the product migrates them."""
    is_sqlite = database_url.startswith("sqlite")
    engine = create_async_engine(database_url, connect_args={"timeout": 30} if is_sqlite else {})
    yield engine
    await end(engine)


async def test_an_instance_makes_its_study_and_series(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        committed = await index.add(connection, 7, a_received(), "upload")
        study = (await connection.execute(select(index.studies))).one()
    assert committed.is_new
    assert (study.id, study.owner_id, study.source) == (committed.study_id, 7, "upload")
    assert (study.series_count, study.instance_count, study.modalities) == (1, 1, "CT")
    assert study.patient_name_key == "nguyen van thu"


async def test_the_same_instance_again_is_not_new_and_not_counted(engine: AsyncEngine) -> None:
    for expected in (True, False):
        async with engine.begin() as connection:
            committed = await index.add(connection, 7, a_received(), "upload")
        assert (committed.is_new, committed.differs) == (expected, False)
    async with engine.begin() as connection:
        assert (await connection.execute(select(index.studies.c.instance_count))).scalar_one() == 1


async def test_other_bytes_under_a_known_uid_keep_the_first(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        first = await index.add(connection, 7, a_received(b"first"), "upload")
        second = await index.add(connection, 7, a_received(b"second"), "stow")
        blob = (await connection.execute(select(index.instances.c.blob))).scalar_one()
    assert (second.instance_id, second.is_new, second.differs) == (first.instance_id, False, True)
    assert blob == a_received(b"first").blob


async def test_the_same_uid_from_two_hospitals_is_two_studies(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        ours = await index.add(connection, 7, a_received(), "upload")
        theirs = await index.add(connection, 8, a_received(), "upload")
    assert ours.study_id != theirs.study_id
    assert theirs.is_new


async def test_a_batch_counts_series_instances_and_modalities_and_answers_in_order(
    engine: AsyncEngine,
) -> None:
    batch = [
        a_received(b"c", series_uid="2.25.1.2", sop_uid="2.25.1.2.1", modality="SR"),
        a_received(b"b", sop_uid="2.25.1.1.2"),
        a_received(b"a", sop_uid="2.25.1.1.1"),
        a_received(b"a", sop_uid="2.25.1.1.1"),
    ]
    async with AsyncSession(engine, info={"principal": None}) as session, session.begin():
        committed = await index.add_all(session, 7, batch, "c-store")
        study = (await session.execute(select(index.studies))).one()
        series = (await session.execute(select(index.series).order_by(index.series.c.modality))).all()
    assert [one.is_new for one in committed] == [True, True, True, False]
    assert committed[2].instance_id == committed[3].instance_id
    assert committed[0].series_id != committed[1].series_id == committed[2].series_id
    assert (study.series_count, study.instance_count, study.modalities) == (2, 3, "CT\\SR")
    assert [(row.modality, row.instance_count) for row in series] == [("CT", 2), ("SR", 1)]


async def test_later_instances_fill_in_what_the_first_left_blank(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await index.add(connection, 7, a_received(b"1", sop_uid="2.25.9.1", patient_name=""), "upload")
        await index.add(connection, 7, a_received(b"2", sop_uid="2.25.9.2", patient_id="BN0002"), "upload")
        study = (await connection.execute(select(index.studies))).one()
    assert study.patient_name == "NGUYỄN^Văn Thử"
    assert study.patient_id == "BN0001"


async def test_a_removed_study_that_is_sent_again_is_there_again(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await index.add(connection, 7, a_received(), "upload")
        await connection.execute(update(index.studies).values(removed_at_ms=1))
        await index.add(connection, 7, a_received(), "c-store")
        assert (await connection.execute(select(index.studies.c.removed_at_ms))).scalar_one() is None


async def test_many_writers_of_one_study_lose_no_count(engine: AsyncEngine) -> None:
    async def add(first: int) -> None:
        batch = [
            a_received(b"%d" % n, sop_uid=f"2.25.3.{n}", series_uid=f"2.25.3.0.{n % 3}")
            for n in range(first, first + 10)
        ]
        async with engine.begin() as connection:
            await index.add_all(connection, 7, batch, "c-store")

    await asyncio.gather(*(add(first) for first in (0, 5, 10, 15, 20, 0, 10)))
    async with engine.begin() as connection:
        study = (await connection.execute(select(index.studies))).one()
        rows = (await connection.execute(select(index.instances.c.id))).all()
        counts = (await connection.execute(select(index.series.c.instance_count))).scalars().all()
    assert study.instance_count == len(rows) == 30
    assert (study.series_count, sorted(counts)) == (3, [10, 10, 10])


async def test_writers_of_the_same_studies_in_other_orders_do_not_block_each_other(
    engine: AsyncEngine,
) -> None:
    async def add(order: list[int]) -> None:
        batch = [a_received(b"%d" % n, study_uid=f"2.25.4.{n}", sop_uid=f"2.25.4.{n}.1") for n in order]
        for _ in range(5):
            async with engine.begin() as connection:
                await index.add_all(connection, 7, batch, "c-store")

    order = list(range(8))
    await asyncio.gather(*(add(order[n:] + order[:n]) for n in range(4)), add(order[::-1]))
    async with engine.begin() as connection:
        assert len((await connection.execute(select(index.studies.c.id))).all()) == 8


@pytest.mark.parametrize(
    ("changes", "others"),
    [
        ({}, 0),
        ({"patient_id": "", "patient_name": "", "patient_sex": "", "patient_birth_date": ""}, 0),
        ({"patient_name": "NGUYỄN^Văn Thử=阮文試"}, 0),
        ({"patient_name": "nguyen^van  thu"}, 0),
        ({"patient_sex": "O", "patient_birth_date": "1958"}, 0),
        ({"patient_name": "LÊ^Thị Khác"}, 1),
        ({"patient_id": "BN-KHAC"}, 1),
        ({"patient_birth_date": "19990101"}, 1),
        ({"patient_sex": "F"}, 1),
    ],
)
async def test_images_that_name_another_patient_than_their_study_are_counted(
    changes: dict[str, str], others: int, engine: AsyncEngine
) -> None:
    first = {"patient_id": "BN1", "patient_birth_date": "19580304", "patient_sex": "M"}
    for content, named, uid in ((b"1", first, "2.25.1.1.1"), (b"2", first | changes, "2.25.1.1.2")):
        async with engine.begin() as connection:
            await index.add(connection, 7, a_received(content, sop_uid=uid, **named), "upload")
            await index.add(connection, 7, a_received(content, sop_uid=uid, **named), "upload")
    async with engine.begin() as connection:
        found = (await connection.execute(select(index.studies))).one()
    assert (found.instance_count, found.other_patients) == (2, others)
