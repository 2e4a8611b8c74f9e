"""Every address × everyone × every kind of object, against the oracle written by hand."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import func, select, update

from dicom.index import instances
from server.app import build_app
from server.consultation.model import Consultation, Grant, LiveSession
from server.pacs.model import PacsConnection, Retrieval
from server.people.model import DicomPeer, Membership, Person, SignIn
from server.platform import http, keys
from server.platform.db import now
from server.platform.errors import NotFound
from server.platform.events import Event, Notice
from server.platform.policy import Gap, Policy, Reach, Row
from server.platform.settings import Settings
from server.teaching.model import TeachingCopy, TeachingImage
from signaling.messages import MESSAGE_TYPES
from tests.conftest import DATABASES, Templates
from tests.server.house import PATHS, Answer, Caller, House, Walk, open_house, whole
from tests.server.oracle import (
    NOT_THERE,
    NOT_YOURS,
    OPEN,
    RULES,
    UNKNOWN,
    Someone,
    Thing,
    anyone_of_the_case,
)
from tests.services import Services

MISSING = "aaaaaaaaaaaa"
AT_ONCE = 6
# What a step without a body would change is tried only on signed cases: there every step is refused.
UNSAFE = frozenset({"POST", "PATCH", "DELETE"})
# Everyone asks for these kinds; for the others those ask whom their end, or their stage, shuts out. The rules are the
# same code on both databases: on PostgreSQL everyone asks for signed cases alone.
BY_EVERYONE = {"sqlite": frozenset({"requested", "signed"}), "postgresql": frozenset({"signed"})}
BY_SOME = frozenset({"coordinator.P", "specialist.P", "coordinator.Q", "doctor.T", "doctor.L"})


@dataclass
class World:
    """The objects, and who asks."""

    house: House
    people: dict[str, tuple[Someone, Caller]] = field(default_factory=dict)
    cases: dict[str, tuple[Thing, dict[str, str]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    asked: int = 0
    not_there: dict[tuple[str, bool, bool], Any] = field(default_factory=dict)

    async def populate(self) -> None:
        await self._cases()
        await self._people()

    async def _cases(self) -> None:
        at_p, at_q = frozenset("P"), frozenset("Q")
        booked = frozenset({"specialist.P"})
        kinds = {
            "draft": ("draft", Thing("draft", "L")),
            "requested": ("requested", Thing("requested", "L", at_p, images_open_to=frozenset())),
            "redirected": ("redirected", Thing("redirected", "L", at_q)),
            "declined": ("declined", Thing("declined", "L")),
            "cancelled": ("cancelled", Thing("cancelled", "L")),
            "signed": ("signed", Thing("signed", "L", at_p, booked, at_p)),
            "ended": ("outcome-known", Thing("ended", "L", at_p, booked)),
        }
        for kind, (stage, thing) in kinds.items():
            study = await self.house.a_study("L")
            walk = Walk(self.house, study_ids=(study,))
            for act in ("draft", "add_document", *PATHS[stage][1:]):
                await getattr(walk, act)()
            self.cases[kind] = thing, await self._names(walk, study)
        await self._end_images("ended")

    async def _end_images(self, kind: str) -> None:
        """The days after the outcome are over."""
        async with self.house.database.system() as session:
            case = await whole(session, self.cases[kind][1]["consultation"])
            over = update(Grant).where(Grant.consultation_id == case.id, Grant.study_id.is_not(None))
            await session.execute(over.values(until=now() - dt.timedelta(seconds=1)))

    async def _names(self, walk: Walk, study: int) -> dict[str, str]:
        """What stands in an address for this case, with a document of its own."""
        async with self.house.database.system(writes=False) as session:
            case = await whole(session, walk.id)
            room = await session.scalar(
                select(LiveSession.public_id).where(LiveSession.consultation_id == case.id)
            )
        return {
            "consultation": walk.id,
            "document": walk.document,
            "session": room or "none",
            "image": "1",
            **await self.images(study),
        }

    async def images(self, study: int) -> dict[str, str]:
        from dicom.index import instances, series, studies

        async with self.house.database.read() as connection:
            row = (
                await connection.execute(
                    select(studies.c.study_uid, series.c.series_uid, instances.c.sop_uid)
                    .join(series, series.c.study_id == studies.c.id)
                    .join(instances, instances.c.series_id == series.c.id)
                    .where(studies.c.id == study)
                )
            ).one()
            ids = (
                await connection.execute(
                    select(series.c.id, instances.c.id)
                    .join(instances, instances.c.series_id == series.c.id)
                    .where(series.c.study_id == study)
                )
            ).one()
        uids = {"study": row[0], "series": row[1], "instance": row[2], "frames": "1", "element": "7FE00010"}
        numbers = {"#study": str(study), "#series": str(ids[0]), "#instance": str(ids[1]), "#frame": "1"}
        return uids | numbers

    async def _people(self) -> None:
        house = self.house
        names = [
            *(name for name in house.people if not name.endswith(".T") or name == "doctor.T"),
            "coordinator.T",
        ]
        for name in names:
            who = house.people[name]
            letter = next(letter for letter, number in house.hospitals.items() if number == who.hospital_id)
            is_out = name in {"suspended.L", "leaver.L"}
            someone = Someone(name, frozenset(role.value for role in who.roles), letter, is_out)
            self.people[name] = someone, await house.a_browser(name)
        self.people["nobody"] = Someone("nobody", frozenset(), "", is_out=True), Caller(house)
        for name in ("doctor.L", "specialist.P"):
            someone = self.people[name][0]
            scripted = Someone(f"{name}:script", someone.roles, someone.hospital, is_script=True)
            self.people[scripted.name] = scripted, await house.a_script(name)
        async with house.database.system() as session:
            out = house.people["suspended.L"].person_id, house.people["leaver.L"].membership_id
            await session.execute(update(Person).where(Person.id == out[0]).values(suspended_at=now()))
            await session.execute(update(Membership).where(Membership.id == out[1]).values(left_at=now()))
        house.forget()

    # --- asking ---

    async def cells(self, what: str, askers: Iterable[str], thing: Thing, names: dict[str, str]) -> None:
        """One address and object, asked for by many, AT_ONCE of them at a time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> None:
            async with gate:
                await self.cell(what, name, thing, names)

        await asyncio.gather(*map(one, askers))

    async def cell(self, what: str, name: str, thing: Thing, names: dict[str, str]) -> Answer | None:
        """Ask once, and note where the answer is not the oracle's."""
        who, caller = self.people[name]
        expected = RULES[what].expects(who, thing)
        method, pattern = what.split(" ", 1)
        if expected == OPEN and what == "POST /sign-out":
            caller = await self.house.a_browser(name)
        got = await caller.ask(method, address(pattern, names), **body_of(what))
        self.asked += 1
        if not agrees(expected, got):
            self.wrong.append(f"{what} as {name} on {thing.kind}: {expected}, but {got.status} {got.code}")
        if expected == NOT_THERE and got.status == NOT_THERE and "json" in got.headers["Content-Type"]:
            body = {key: value for key, value in got.json.items() if key != "reference"}
            # Of a case that one sees, images that one does not see are missing in other words.
            is_of_images = "/images" in pattern or "/dicom-web" in pattern
            alike = (pattern.split("/")[1], anyone_of_the_case(who, thing), is_of_images)
            if body != self.not_there.setdefault(alike, body):
                self.wrong.append(f"{what} as {name} on {thing.kind}: another body than a missing one has")
        return got


def address(pattern: str, names: dict[str, str]) -> str:
    """`pattern` with the names of one object; the viewer counts by our numbers, DICOMweb by UIDs."""

    def name(match: re.Match[str]) -> str:
        word = match[1]
        return names.get(f"#{word}" if "/images" in pattern else word) or names.get(word) or "0"

    return re.sub(r"\{(\w+)\}", name, pattern)


def body_of(what: str) -> dict[str, Any]:
    """A body that no handler takes: whoever passes the guard is refused without a change."""
    if what.endswith("/documents") or "/dicom-web" in what or "/uploads" in what:
        return {"data": b"", "headers": {"Tus-Resumable": "1.0.0"}} if what.split()[0] in UNSAFE else {}
    if what.split()[0] in {"POST", "PATCH"}:
        return {"json": {}}
    return {}


def agrees(expected: str | int, got: Answer) -> bool:
    if got.status >= 500:
        return False
    if expected == OPEN:
        is_refused_by_policy = got.code in {"not-allowed", "sign-in-needed", "foreign-origin"}
        return not is_refused_by_policy and got.status not in {UNKNOWN, NOT_THERE}
    return got.status == expected


@pytest.fixture(scope="module", params=DATABASES)
async def world(
    request: pytest.FixtureRequest,
    services: Services,
    templates: Templates,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("matrix")
    is_sqlite = request.param == "sqlite"
    url = await (templates.sqlite(folder) if is_sqlite else templates.postgresql(f"matrix_{id(request)}"))
    async with open_house(url, folder) as house:
        made = World(house)
        await made.populate()
        yield made


def test_the_oracle_speaks_of_every_address_and_of_no_other(tmp_path: Path) -> None:
    assert http.routes_of(build_app(Settings(data_dir=tmp_path))) == set(RULES)


def of_cases() -> list[str]:
    return sorted(what for what in RULES if "{consultation}" in what)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_cases_answer_as_the_oracle_says(world: World) -> None:
    before = await state_of(world)
    for kind, (thing, names) in world.cases.items():
        for what in of_cases():
            askers = [name for name in world.people if is_tried(world, what, kind, name)]
            await world.cells(what, askers, thing, names)
    assert world.wrong == [], f"{len(world.wrong)} of {world.asked}"
    assert await state_of(world) == before, "something changed"


def is_tried(world: World, what: str, kind: str, name: str) -> bool:
    """Whether this cell can tell more than another one."""
    expected = RULES[what].expects(world.people[name][0], world.cases[kind][0])
    if kind not in BY_EVERYONE[world.house.database.engine.dialect.name] and name not in BY_SOME:
        return False
    if expected in {UNKNOWN, NOT_YOURS}:  # refused before the object is looked at: one kind is enough
        return kind == "requested" or RULES[what].never
    if expected != OPEN:
        return True
    if what.split()[0] in UNSAFE and kind != "signed":
        return False
    if what.startswith("DELETE") and "/documents/" in what:
        return False  # has a test of its own
    return kind in {"signed", "ended"} or not needs_a_room(what)


def needs_a_room(what: str) -> bool:
    return what.endswith(("/check", "/room", "/calendar.ics", "/join"))


async def state_of(world: World) -> object:
    async with world.house.database.system(writes=False) as session:
        cases = await session.execute(
            select(Consultation.id, Consultation.stage, Consultation.version)
            .where(Consultation.public_id.in_(names["consultation"] for _, names in world.cases.values()))
            .order_by(Consultation.id)
        )
        return cases.all(), await session.scalar(select(func.count()).select_from(Event))


async def test_a_missing_case_looks_like_a_foreign_one(world: World) -> None:
    thing = Thing("missing")
    names = {**world.cases["signed"][1], "consultation": MISSING}
    for what in of_cases():
        shut_out = [
            name for name in BY_SOME if RULES[what].expects(world.people[name][0], thing) == NOT_THERE
        ]
        await world.cells(what, shut_out, thing, names)
    assert world.wrong == []


async def test_pages_of_foreign_and_missing_cases_are_the_same_to_the_letter(world: World) -> None:
    _, caller = world.people["doctor.T"]
    seen = set()
    for public_id in (world.cases["signed"][1]["consultation"], MISSING):
        page = await caller.get(f"/consultations/{public_id}", headers={"Accept": "text/html"})
        assert page.status == 404
        seen.add(
            re.sub(r"[a-z2-9]{8}(?=<)|/consultations/\w+|%2Fconsultations%2F\w+|[0-9a-f]{128}", "", page.text)
        )
    assert len(seen) == 1


@pytest.mark.long
async def test_other_addresses_answer_as_the_oracle_says(world: World) -> None:
    for what in sorted(what for what in RULES if "{consultation}" not in what and "{" not in what):
        await world.cells(what, world.people, Thing("none"), {})
    assert world.wrong == []


async def test_rows_of_people_are_theirs_alone(world: World) -> None:
    """Notices, sign-ins and uploads of one person; members of one hospital."""
    house = world.house
    for name in ("doctor.L", "specialist.P"):
        names = await own_rows(world, name)
        for what in RULES:
            if re.search(r"\{(notice|sign_in|upload)\}", what):
                thing = Thing("row", owner=name)
                await world.cells(
                    what, [other for other in world.people if other.split(":")[0] != name], thing, names
                )
                for own in (name, f"{name}:script"):  # last, for it may be gone after that
                    if not (what.startswith("DELETE") and own.endswith(":script")):
                        await world.cell(what, own, thing, names)
    for letter in "LP":
        spare = await house.a_person(f"spare.{letter}", {letter: "doctor"})
        for what in sorted(what for what in RULES if "{member}" in what):
            thing = Thing("member", owner=letter)
            await world.cells(what, world.people, thing, {"member": str(spare.membership_id)})
    for what in RULES:
        if re.search(r"\{(notice|sign_in|upload|member)\}", what):
            for far in ("999999", "99999999999", "4294967297", "²", "-1", "0x1"):
                rows = dict.fromkeys(("notice", "sign_in", "upload", "member"), far)
                some = ("doctor.L", "administrator.P", "nobody")
                await world.cells(what, some, Thing("row", owner="nobody at all"), rows)
    assert world.wrong == []


async def test_a_hospitals_pacs_is_its_own(world: World) -> None:
    for what in sorted(what for what in RULES if re.search(r"\{(connection|retrieval|device)\}", what)):
        names = await a_pacs(world, "L")  # each its own: some of them remove it
        await world.cells(what, world.people, Thing("pacs", owner="L"), names)
        for far in ("999999", "99999999999", "²", "-1"):
            rows = dict.fromkeys(("connection", "retrieval", "device"), far)
            await world.cells(what, ("doctor.L", "administrator.L"), Thing("pacs", owner="nobody"), rows)
    assert world.wrong == []


async def a_pacs(world: World, letter: str) -> dict[str, str]:
    """A device, a connection and a retrieval from it; where it leads, nobody connects to."""
    hospital = world.house.hospitals[letter]
    async with world.house.database.system() as session:
        connection = PacsConnection(
            hospital_id=hospital, name="PACS", way="c-get", host="0.0.0.0", port=104, ae_title="PACS"
        )
        session.add(connection)
        await session.flush()
        person = world.house.people[f"doctor.{letter}"].person_id
        retrieval = Retrieval(
            hospital_id=hospital,
            connection_id=connection.id,
            person_id=person,
            study_uid="2.25.1",
            title="",
            state="cancelled",
        )
        device = DicomPeer(
            hospital_id=hospital, ae_title="CT", address=f"10.9.{connection.id // 250}.{connection.id % 250}"
        )
        session.add_all([retrieval, device])
        await session.flush()
        return {
            "connection": str(connection.id),
            "retrieval": str(retrieval.id),
            "device": str(device.id),
        }


async def test_a_copy_for_teaching_is_its_makers_and_then_its_hospitals(world: World) -> None:
    for is_released in (False, True):
        for what in sorted(what for what in RULES if "{copy}" in what):
            names = await a_copy(world, is_released=is_released)
            shown_to = frozenset("L" if is_released else "")
            thing = Thing("copy", owner="doctor.L", images_open_to=shown_to)
            if what.endswith("/zip") and not is_released:
                continue  # not there for its maker either, until it is released: tests/server/test_teaching.py
            if "/pictures/" in what and is_released:
                names["picture"] = "0"  # a released copy has no drafts: what its maker is told is 404 too
                thing = Thing("copy", owner="nobody")
            await world.cells(what, world.people, thing, names)
    for what in sorted(what for what in RULES if "{copy}" in what):
        await world.cells(what, ("doctor.L", "doctor.T", "nobody"), Thing("copy"), {"copy": MISSING})
    assert world.wrong == []


async def a_copy(world: World, *, is_released: bool) -> dict[str, str]:
    """A copy of a study of L by its doctor, with one image that waits for a person, or released."""
    study = await world.house.a_study("L")
    names = await world.images(study)
    async with world.house.database.system() as session:
        case = await whole(session, world.cases["signed"][1]["consultation"])
        blob = await session.scalar(select(instances.c.blob).where(instances.c.study_id == study))
        copy = TeachingCopy(
            public_id=keys.opaque(),
            hospital_id=world.house.hospitals["L"],
            consultation_id=case.id,
            study_id=study,
            asked_by_id=world.house.people["doctor.L"].person_id,
            state="released" if is_released else "checking",
            released_study_id=study if is_released else None,
        )
        session.add(copy)
        await session.flush()
        image = TeachingImage(
            copy_id=copy.id, instance_id=1, series_id=1, position=0, frames=1, rows=64, columns=64,
            must_look=True, blob=blob,
        )  # fmt: skip
        session.add(image)
        await session.flush()
        return {**names, "copy": copy.public_id, "picture": str(image.id), "frame": "1"}


async def own_rows(world: World, name: str) -> dict[str, str]:
    house = world.house
    person_id = house.people[name].person_id
    await house.a_browser(name)
    async with house.database.system() as session:
        notice = Notice(person_id=person_id, consultation_id=1, kind="accepted")
        session.add(notice)
        await session.flush()
        newest = await session.scalar(select(func.max(SignIn.id)).where(SignIn.person_id == person_id))
        made = {"notice": str(notice.id), "sign_in": str(newest)}
    upload = await world.people[name][1].ask(
        "POST", "/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
    )
    assert upload.status == 201
    return made | {"upload": upload.headers["Location"].rpartition("/")[2]}


async def test_images_of_a_hospital_are_its_own(world: World) -> None:
    study = await world.house.a_study("L")
    names = await world.images(study)
    for what in sorted(RULES):
        if what.startswith(("GET /dicom-web/studies/", "GET /images/studies/")):
            await world.cells(what, world.people, Thing("study", owner="L"), names)
    assert world.wrong == []


async def test_searches_show_nothing_of_others(world: World) -> None:
    """Own root: the own hospital's. A case's root: what the case shows, and nothing once that has ended."""
    uids = {kind: names["study"] for kind, (_, names) in world.cases.items()}
    for name, expected in (("doctor.L", set(uids.values())), ("doctor.T", set()), ("specialist.P", set())):
        seen = uids_of(await world.people[name][1].get("/dicom-web/studies"))
        assert seen >= expected
        assert expected or not seen & set(uids.values())
    for kind, name, sees in (
        ("signed", "specialist.P", True),
        ("signed", "coordinator.P", True),
        ("signed", "doctor.L", True),
        ("ended", "doctor.L", True),
        ("ended", "specialist.P", False),
        ("requested", "coordinator.P", False),
    ):
        root = f"/consultations/{world.cases[kind][1]['consultation']}"
        searched = await world.people[name][1].get(f"{root}/dicom-web/studies")
        listed = await world.people[name][1].get(f"{root}/images/studies")
        assert uids_of(searched) == ({uids[kind]} if sees else set()), (kind, name)
        assert bool(listed.json["studies"]) is sees, (kind, name)


def uids_of(found: Answer) -> set[str]:
    return {row["0020000D"]["Value"][0] for row in found.json} if found.body else set()


async def test_the_asking_hospital_alone_removes_a_document(world: World) -> None:
    names = world.cases["draft"][1]
    path = f"/consultations/{names['consultation']}/documents/{names['document']}"
    assert (await world.people["doctor.T"][1].ask("DELETE", path)).status == 404
    assert (await world.people["colleague.L"][1].ask("DELETE", path)).status == 204
    assert (await world.people["colleague.L"][1].get(path)).status == 404


# --- the table itself ---


@pytest.mark.parametrize("kind", ["a route", "a row", "twice"])
def test_the_service_does_not_start_with_a_gap(kind: str) -> None:
    table = Policy.join([Row("GET /healthz", Reach.ANYONE)])
    app = web.Application()

    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_get("/healthz", handler)
    table.must_cover(http.routes_of(app))
    if kind == "a route":
        app.router.add_post("/planted", handler)
        with pytest.raises(Gap, match="POST /planted"):
            table.must_cover(http.routes_of(app))
    elif kind == "a row":
        with pytest.raises(Gap, match="GET /idle"):
            Policy.join([Row("GET /idle", Reach.ANYONE)], table.rows.values()).must_cover(http.routes_of(app))
    else:
        with pytest.raises(Gap, match="two policy rows"):
            Policy.join(table.rows.values(), table.rows.values())


def test_a_planted_route_stops_the_whole_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from server.platform import health

    planted = web.RouteTableDef()

    @planted.get("/planted")
    async def get_planted(_request: web.Request) -> web.Response:
        return web.Response()

    monkeypatch.setattr(health, "routes", [*health.routes, *planted])
    with pytest.raises(Gap, match="GET /planted"):
        build_app(Settings(data_dir=tmp_path))


def test_a_message_type_without_a_row_stops_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.app.MESSAGE_TYPES", MESSAGE_TYPES | {"planted"})
    with pytest.raises(Gap, match="ws planted"):
        build_app(Settings(data_dir=tmp_path))


def test_the_json_of_a_refusal_says_what_to_do() -> None:
    refusal = NotFound()
    assert json.dumps(refusal.text(str), ensure_ascii=False).endswith('về trang chính."')
