"""What the database must do on both kinds: migrations there and back, the audit chain, jobs, tenancy."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter

import pytest
from alembic import command
from sqlalchemy import inspect, select, text, update

from server.consultation.model import Consultation
from server.people.model import Membership
from server.platform.db import Database, DatabaseClosed, ForeignWrite, Scoped, alembic_config, migrate, now
from server.platform.events import audit, broken_links
from server.platform.jobs import Job, claim, enqueue, enqueue_once, work_once
from tests.server.house import House, whole


async def test_migrations_go_to_the_head_back_to_nothing_and_to_the_head(database_url: str) -> None:
    async def tables() -> set[str]:
        database = Database(database_url)
        async with database.engine.connect() as connection:
            found = set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
        await database.close()
        return found - {"alembic_version"}

    full = await tables()
    assert {"consultations", "studies", "audit"} <= full
    await migrate(database_url, "base")
    assert await tables() == set()
    await migrate(database_url)
    assert await tables() == full
    await asyncio.to_thread(command.check, alembic_config(database_url))


TAMPERING = {
    "edit": "UPDATE audit SET action = 'read' WHERE hospital_id = 7 AND seq = 3",
    "edit of who": "UPDATE audit SET person_id = 99 WHERE hospital_id = 7 AND seq = 3",
    "edit of facts": "UPDATE audit SET facts = '{\"n\": 8}' WHERE hospital_id = 7 AND seq = 3",
    "delete": "DELETE FROM audit WHERE hospital_id = 7 AND seq = 3",
    "reorder": "UPDATE audit SET seq = 13 - seq WHERE hospital_id = 7 AND seq IN (6, 7)",
    "truncated tail": "DELETE FROM audit WHERE hospital_id = 7 AND seq > 9",
    "everything": "DELETE FROM audit WHERE hospital_id = 7",
}


@pytest.mark.parametrize("how", TAMPERING)
async def test_the_audit_chain_shows_tampering(database_url: str, how: str) -> None:
    database = Database(database_url)
    for number in range(12):
        async with database.system() as session:
            await audit(session, "view", f"consultation:{number}", by=None, hospital_id=7, n=number)
            await audit(session, "view", f"consultation:{number}", by=None, hospital_id=8)
    async with database.system() as session:
        assert await broken_links(session) == []
    async with database.engine.begin() as connection:  # as one who owns the database would
        await connection.execute(
            text(
                "DROP TRIGGER fixed_audit ON audit"
                if not database.is_sqlite
                else "DROP TRIGGER fixed_audit_update"
            )
        )
        if database.is_sqlite:
            await connection.execute(text("DROP TRIGGER fixed_audit_delete"))
        if how == "reorder":
            for statement in (
                "100 + seq WHERE hospital_id = 7 AND seq IN (6, 7)",
                "113 - seq WHERE hospital_id = 7 AND seq > 100",
            ):
                await connection.execute(text(f"UPDATE audit SET seq = {statement}"))
        else:
            await connection.execute(text(TAMPERING[how]))
    async with database.system() as session:
        found = await broken_links(session)
    await database.close()
    assert found
    assert all("hospital 7" in line for line in found)


async def test_many_audit_at_once_and_the_chain_holds(database_url: str) -> None:
    database = Database(database_url)

    async def one(number: int) -> None:
        async with database.system() as session:
            await audit(session, "view", f"consultation:{number}", by=None, hospital_id=7)

    await asyncio.gather(*(one(number) for number in range(40)))
    async with database.system() as session:
        assert await broken_links(session) == []
        assert await session.scalar(text("SELECT max(seq) FROM audit")) == 40
    await database.close()


async def test_two_hundred_jobs_are_done_once_each_by_four_workers(database_url: str) -> None:
    database = Database(database_url)
    done: Counter[int] = Counter()

    async def note(number: int) -> None:
        done[number] += 1

    async with database.system() as session:
        for number in range(200):
            enqueue(session, "note", number=number)

    async def worker() -> None:
        own = Database(database_url)  # as a process of its own has
        while await work_once(own, {"note": note}) or sum(done.values()) < 200:
            pass
        await own.close()

    async with asyncio.timeout(90):
        await asyncio.gather(*(worker() for _ in range(4)))
    assert done == Counter(range(200))
    await database.close()


async def test_a_job_that_fails_comes_again_and_says_no_text(database_url: str) -> None:
    database = Database(database_url)

    async def fail() -> None:
        raise ValueError("Nguyễn Văn An")

    async with database.system() as session:
        enqueue(session, "fail")
    assert await work_once(database, {"fail": fail})
    assert not await work_once(database, {"fail": fail}), "not at once"
    async with database.system() as session:
        job = (await session.scalars(select(Job))).one()
        assert (job.attempts, job.failure, job.done_at) == (1, "ValueError", None)
    await database.close()


async def test_a_job_that_waits_is_not_written_down_twice(database_url: str) -> None:
    database = Database(database_url)

    async def ask(number: int) -> None:
        async with database.system() as session:
            await enqueue_once(session, "note", run_at=now(), number=number)

    for number in (1, 2, 1, 2):
        await ask(number)
    claimed = await claim(database)
    assert claimed is not None
    assert claimed.arguments == {"number": 1}
    await ask(1)  # the one at work may have looked already
    async with database.system(writes=False) as session:
        jobs = await session.scalars(select(Job.arguments).order_by(Job.id))
        assert [job["number"] for job in jobs] == [1, 2, 1]
    await database.close()


async def test_closing_waits_for_what_runs_and_leaves_no_connection_open(database_url: str) -> None:
    database = Database(database_url)
    begun = asyncio.Event()

    async def long(database: Database) -> None:
        async with database.system() as session:
            await session.execute(text("SELECT 1"))
            begun.set()
            await asyncio.sleep(0.05)
            await session.execute(text("SELECT 2"))

    running = asyncio.create_task(long(database))
    await begun.wait()
    await database.close()
    assert running.done(), "it ended first"
    await running
    with pytest.raises(DatabaseClosed):
        async with database.system():
            pass
    del running, database
    gc.collect()  # a connection that is still open warns, and a warning fails the test


# --- tenancy ---


async def test_a_session_sees_what_its_principal_may(house: House) -> None:
    case = await house.a_consultation("requested")
    seen_by = {"doctor.L", "colleague.L", "coordinator.P", "many.P", "two@L"}
    for name in ("doctor.L", "colleague.L", "doctor.T", "coordinator.P", "specialist.P", "coordinator.Q",
                 "administrator.L", "oversight", "many.P", "two"):  # fmt: skip
        async with house.database.session(house.people[name]) as session:
            found = await session.scalar(select(Consultation.id).where(Consultation.public_id == case))
        assert (found is not None) is (name in seen_by), name
    async with house.database.session(None) as session:
        assert await session.scalar(select(Consultation.id)) is None
        assert await session.scalar(select(Membership.id)) is None


async def test_rows_of_others_cannot_be_written_even_when_held(house: House) -> None:
    public_id = await house.a_consultation("requested")
    case = await house.case(public_id)
    async with house.database.session(house.people["doctor.T"]) as session:
        held = await session.merge(case, load=False)
        held.summary = "khác"
        with pytest.raises(ForeignWrite):
            await session.flush()
        await session.rollback()
    async with house.database.session(house.people["administrator.L"]) as session:
        person = house.people["doctor.T"].person_id
        session.add(
            Membership(person_id=person, hospital_id=house.hospitals["T"], role_words="administrator")
        )
        with pytest.raises(ForeignWrite):
            await session.flush()
        await session.rollback()
    assert (await house.case(public_id)).summary == "Đau ngực ba giờ."


def test_every_table_of_a_hospital_is_scoped_by_hand() -> None:
    """A new table with a hospital in it has to say who sees it, or be reached by its case alone."""
    from server.platform.db import Base

    by_case = {"deliveries", "documents", "grants", "sessions"}  # loaded through their consultation
    of_the_service = {"events", "audit", "audit_heads", "dicom_peers", "earlier_codes"}
    scoped = {
        mapper.local_table.name  # type: ignore[attr-defined]
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Scoped)
    }
    with_hospital = {table.name for table in Base.metadata.sorted_tables if "hospital_id" in table.columns}
    assert with_hospital == scoped | by_case | of_the_service


async def test_the_same_study_uid_in_two_hospitals_is_two_studies(house: House) -> None:
    uid = f"2.25.4711{next(house.numbers)}"
    first = await house.a_study("L", uid, PatientName="MOT^An")
    second = await house.a_study("T", uid, PatientName="HAI^Binh")
    assert first != second
    for letter, mine, other in (("L", "MOT", "HAI"), ("T", "HAI", "MOT")):
        got = await (await house.by(f"doctor.{letter}")).get(f"/dicom-web/studies/{uid}/metadata")
        assert mine in got.text
        assert other not in got.text
    got = await (await house.by("doctor.T")).get(f"/images/studies/{first}")
    assert got.status == 404


ENDS = ("redirect", "decline", "cancel", "detach", "outcome")


@pytest.mark.parametrize("end", ENDS)
async def test_images_shown_to_another_hospital_end_with_the_reason_for_it(house: House, end: str) -> None:
    study = await house.a_study("L")
    stage = {"redirect": "accepted", "decline": "accepted", "cancel": "accepted", "detach": "accepted"}
    case = await house.a_consultation(stage.get(end, "signed"), study_ids=(study,))
    desk, doctor = await house.by("coordinator.P"), await house.by("doctor.L")
    root = f"/consultations/{case}"
    address = f"{root}/images/studies/{study}"
    assert (await desk.get(address)).status == 200
    match end:
        case "redirect":
            sent = {"hospital_id": house.hospitals["Q"], "reason": "Q có chuyên khoa"}
            assert (await desk.post(f"{root}/redirect", sent)).status == 200
        case "decline":
            assert (await desk.post(f"{root}/decline", {"reason": "Ngoài khả năng"})).status == 200
        case "cancel":
            assert (await doctor.post(f"{root}/cancel", {"reason": "Đã ổn"})).status == 200
        case "detach":
            assert (await doctor.post(f"{root}/studies/remove", {"study_id": study})).status == 200
        case "outcome":
            assert (await doctor.post(f"{root}/outcome", {"kind": "followed"})).status == 200
            from server.consultation.model import Grant

            async with house.database.system() as session:
                row = await whole(session, root.rpartition("/")[2])
                until = select(Grant.until).where(Grant.consultation_id == row.id, Grant.study_id == study)
                ends_at = await session.scalar(until)
                assert ends_at is not None
                over = update(Grant).where(Grant.consultation_id == row.id, Grant.study_id == study)
                await session.execute(over.values(until=Grant.made_at))
        case _:
            pytest.fail(f"no such end: {end}")
    await asyncio.sleep(1.05)  # for so long a scope may be remembered
    assert (await desk.get(address)).status == 404
    assert (await doctor.get(address)).status == (404 if end == "detach" else 200)
    assert (await doctor.get(f"/images/studies/{study}")).status == 200
