"""A running service with made-up people: two hospitals that ask, two that support, a health department.

People have names such as "doctor.L": their role and the letter of their hospital.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dicom.index import studies
from server.app import build_app
from server.consultation import join, outcome, request, schedule, share, triage
from server.consultation.form import form as forms
from server.consultation.journey import Urgency
from server.consultation.minutes import document, draft, signing
from server.consultation.minutes.compose import compose
from server.consultation.model import Consultation, LiveSession
from server.consultation.views.lines import WHOLE
from server.people import sign_in
from server.people.model import Hospital, Membership, Person
from server.people.names import fold
from server.platform import http, keys
from server.platform.db import Database, now
from server.platform.policy import Principal
from server.platform.settings import Settings
from tests.dicom.builders import a_dataset, a_file
from tests.services import free_ports

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
PASSWORD = "mat-khau-de-thu"
HOSPITALS = {  # letter: (code, name, tier, is host)
    "L": ("97011", "Bệnh viện Đa khoa huyện L (thử)", "district", False),
    "T": ("97012", "Bệnh viện Đa khoa huyện T (thử)", "district", False),
    "P": ("97001", "Bệnh viện Đa khoa tỉnh P (thử)", "provincial", True),
    "Q": ("97002", "Bệnh viện Chuyên khoa Q (thử)", "provincial", False),
    "S": ("97000", "Sở Y tế (thử)", "department", False),
}
ROLES = ("doctor", "specialist", "coordinator", "administrator")
# Who is there: everyone's roles, by hospital. "two" works in two hospitals, "many" in two roles.
PEOPLE: dict[str, dict[str, str]] = {
    **{f"{role}.{letter}": {letter: role} for letter in "LTPQ" for role in ROLES},
    "colleague.L": {"L": "doctor"},
    "unbooked.P": {"P": "specialist"},
    "many.P": {"P": "coordinator doctor specialist"},
    "two": {"T": "doctor", "L": "doctor"},
    "suspended.L": {"L": "doctor"},
    "leaver.L": {"L": "doctor"},
    "oversight": {"S": "oversight"},
}
NOT_FOUND = 404


@cache
def password_hash() -> str:
    return sign_in.hasher().hash(PASSWORD)


@dataclass(frozen=True)
class Answer:
    """What came back, read to the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: Mapping[str, str]
    set_cookie: list[str]

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a refusal, "" for anything else."""
        if not self.headers.get("Content-Type", "").startswith("application/problem+json"):
            return ""
        return str(self.json["code"])


@dataclass
class Caller:
    """A browser or a script as one person: what it sends with every request."""

    house: House
    who: Principal | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Ask as our own pages do: with the origin and the token that protect from forgery."""
        headers = {"Origin": self.house.url, **self.headers, **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with self.house.http.request(
            method, f"{self.house.url}{path}", headers=headers, allow_redirects=False, **options
        ) as got:
            body = await got.read()
            return Answer(
                got.status,
                got.headers,
                body,
                {name: morsel.value for name, morsel in got.cookies.items()},
                got.headers.getall("Set-Cookie", []),
            )

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, data: Any = None, **options: Any) -> Answer:
        return await self.ask("POST", path, json={} if data is None else data, **options)

    async def patch(self, path: str, data: Any, **options: Any) -> Answer:
        return await self.ask("PATCH", path, json=data, **options)


@dataclass
class House:
    """The service in this process, its database and its people."""

    settings: Settings
    database: Database
    app: Any
    url: str
    http: aiohttp.ClientSession
    hospitals: dict[str, int] = field(default_factory=dict)
    people: dict[str, Principal] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    # --- people ---

    async def found(self) -> None:
        """Hospitals and people, as an administrator's forms would leave them."""
        async with self.database.system() as session:
            for letter, (code, name, tier, is_host) in HOSPITALS.items():
                hospital = Hospital(
                    code=code,
                    name=name,
                    short_name=f"BV {letter}",
                    parent_name="Sở Y tế (thử)",
                    tier=tier,
                    technical_level="basic",
                    is_host=is_host,
                )
                session.add(hospital)
                await session.flush()
                self.hospitals[letter] = hospital.id
        for name, places in PEOPLE.items():
            await self.a_person(name, places)

    async def a_person(self, name: str, places: Mapping[str, str]) -> Principal:
        """Somebody with a place in each of these hospitals; known by `name` from here on."""
        async with self.database.system() as session:
            words = f"Người {name.replace('.', ' ')}"
            person = Person(
                login=name.lower(),
                name=words,
                name_key=fold(words),
                title="BS",
                password_hash=password_hash(),
            )
            session.add(person)
            await session.flush()
            for letter, roles in places.items():
                session.add(
                    Membership(person_id=person.id, hospital_id=self.hospitals[letter], role_words=roles)
                )
            await session.flush()
            place = (await sign_in.places(session, person.id))[0]
            found = await sign_in.principal_of(session, place.id, "none", self.settings)
        assert found is not None
        self.people[name] = found
        return found

    async def by(self, name: str) -> Caller:
        """The browser of somebody who signed in; "" is nobody."""
        if name not in self.callers:
            self.callers[name] = await self.a_browser(name)
        return self.callers[name]

    async def a_browser(self, name: str) -> Caller:
        """A new sign-in of its own."""
        if not name:
            return Caller(self)
        async with self.database.system() as session:
            person = await session.get_one(Person, self.people[name].person_id)
            entered = await sign_in.enter(
                session, person, self.settings, browser_name="Firefox, Linux", browser=None
            )
            who = await sign_in.principal_of_cookie(session, entered.cookie, self.settings)
        assert who is not None
        token = keys.masked(keys.mac(keys.derive(self.settings.key, "csrf"), who.sign_in))
        return Caller(self, who, {"hoichan": entered.cookie}, {"X-CSRF-Token": token})

    async def a_script(self, name: str) -> Caller:
        """A program with a token of this person."""
        async with self.database.system() as session:
            place = await session.get_one(Membership, self.people[name].membership_id)
            token = await sign_in.make_token(session, place, "thử")
        return Caller(self, self.people[name], {}, {"Authorization": f"Bearer {token}"})

    def forget(self) -> None:
        """Let go of what the service remembers for a second."""
        self.app[http.AUTHENTICATE].forget()

    # --- cases ---

    @asynccontextmanager
    async def acting(self, name: str, public_id: str) -> AsyncIterator[tuple[AsyncSession, Consultation]]:
        """A transaction of this person about this case, as the HTTP edge opens it."""
        async with self.database.session(self.people[name]) as session:
            yield session, await whole(session, public_id)

    async def case(self, public_id: str) -> Consultation:
        """The case as it stands, seen by the service itself."""
        async with self.database.system(writes=False) as session:
            return await whole(session, public_id)

    async def a_consultation(self, stage: str = "draft", **facts: Any) -> str:
        """The public id of a new case that walked to `stage` by the journey's own steps."""
        walk = Walk(self, **facts)
        for act in PATHS[stage]:
            await getattr(walk, act)()
        return walk.id

    async def a_study(self, owner: str, uid: str = "", **header: Any) -> int:
        """The id of a study that a doctor of this hospital stored by STOW-RS."""
        n = next(self.numbers)
        uid = uid or f"2.25.97{n}"
        ds = a_dataset(
            **{
                "StudyInstanceUID": uid,
                "SeriesInstanceUID": f"{uid}.1",
                "SOPInstanceUID": f"{uid}.1.1",
                "PatientID": "",
                "PatientName": "",
                **header,
            }
        )
        part = b"--part\r\nContent-Type: application/dicom\r\n\r\n" + a_file(ds) + b"\r\n--part--\r\n"
        stored = await (await self.by(f"doctor.{owner}")).ask(
            "POST",
            "/dicom-web/studies",
            data=part,
            headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=part'},
        )
        assert stored.status == 200, stored.text
        async with self.database.read() as connection:
            query = select(studies.c.id).where(
                studies.c.owner_id == self.hospitals[owner], studies.c.study_uid == uid
            )
            return int((await connection.execute(query)).scalar_one())


async def whole(session: AsyncSession, public_id: str) -> Consultation:
    query = select(Consultation).where(Consultation.public_id == public_id).options(*WHOLE)
    found = await session.scalar(query.execution_options(populate_existing=True))
    assert found is not None, "this person does not see the case"
    return found


@dataclass
class Walk:
    """One case on its way, each act by the one whose step it is."""

    house: House
    doctor: str = "doctor.L"
    desk: str = "coordinator.P"
    specialist: str = "specialist.P"
    urgency: Urgency = Urgency.ROUTINE
    study_ids: tuple[int, ...] = ()
    patient: str = "Trần Văn Thử"
    facts: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    document: str = ""  # the public id of the last one

    async def draft(self) -> None:
        who = self.house.people[self.doctor]
        async with self.house.database.session(who) as session:
            self.id = (await request.begin(session, who)).public_id
        async with self.house.acting(self.doctor, self.id) as (session, case):
            await request.save(session, case, self.form(), who)
        for study_id in self.study_ids:
            async with self.house.acting(self.doctor, self.id) as (session, case):
                await share.attach(session, case, study_id, who, same_patient=True)

    def form(self) -> request.Draft:
        """What the doctor types."""
        return request.Draft(
            **{
                "patient_name": self.patient,
                "birth_text": "1960",
                "sex": 1,
                "id_kind": "cccd",
                "id_number": "044060900011",
                "diagnosis": "Đau ngực",
                "summary": "Đau ngực ba giờ.",
                "specialty": "cardiology",
                "urgency": self.urgency,
                "target_hospital_id": self.house.people[self.desk].hospital_id,
                "informed_how": "patient",
                "questions": ("Có cần chuyển không?", "Dùng thuốc gì?"),
                **self.facts,
            }
        )

    async def add_document(self) -> None:
        doctor = await self.house.by(self.doctor)
        added = await doctor.ask("POST", f"/consultations/{self.id}/documents", data=PNG)
        assert added.status == 201, added.text
        self.document = added.json["id"]

    async def send(self) -> None:
        async with self.house.acting(self.doctor, self.id) as (session, case):
            await request.send(session, case, self.house.people[self.doctor])

    async def accept(self) -> None:
        async with self.house.acting(self.desk, self.id) as (session, case):
            await triage.accept(session, case, self.house.people[self.desk])

    async def ask_more(self) -> None:
        async with self.house.acting(self.desk, self.id) as (session, case):
            await triage.ask_more(session, case, self.house.people[self.desk], "Điện tim thế nào?")

    async def decline(self) -> None:
        async with self.house.acting(self.desk, self.id) as (session, case):
            await triage.decline(session, case, self.house.people[self.desk], "Ngoài khả năng")

    async def redirect(self) -> None:
        """From P to Q."""
        async with self.house.acting(self.desk, self.id) as (session, case):
            await triage.redirect(
                session,
                case,
                self.house.people[self.desk],
                hospital_id=self.house.hospitals["Q"],
                specialty="",
                reason="Q có chuyên khoa này",
            )

    async def book(self, kind: str = "live") -> None:
        """Tomorrow, at a time that nobody else has."""
        starts_at = now() + dt.timedelta(days=1, minutes=10 * next(self.house.numbers))
        async with self.house.acting(self.desk, self.id) as (session, case):
            await schedule.schedule(
                session,
                case,
                self.house.people[self.desk],
                specialist_id=self.house.people[self.specialist].person_id,
                starts_at=starts_at,
                minutes=10,
                kind=kind,
            )

    async def book_in_writing(self) -> None:
        await self.book("written")

    async def come(self) -> None:
        """Its time has come: the booked interval lies behind us, at a time that nobody else has."""
        starts_at = now() - dt.timedelta(days=2, minutes=10 * next(self.house.numbers))
        async with self.house.database.system() as session:
            case = await whole(session, self.id)
            await session.execute(
                update(LiveSession)
                .where(LiveSession.consultation_id == case.id, LiveSession.cancelled_at.is_(None))
                .values(starts_at=starts_at, ends_at=starts_at + dt.timedelta(minutes=9))
            )

    async def join(self) -> None:
        async with self.house.acting(self.doctor, self.id) as (session, case):
            await join.join(session, case, self.house.people[self.doctor])

    async def end(self) -> None:
        async with self.house.acting(self.specialist, self.id) as (session, case):
            await join.end_session(session, case, self.house.people[self.specialist])

    async def answer(self) -> None:
        async with self.house.acting(self.specialist, self.id) as (session, case):
            await signing.answer(session, case, self.house.people[self.specialist])

    async def conclude(self) -> None:
        """Every question answered, the form filled, as the live draft would hold it."""
        async with self.house.acting(self.specialist, self.id) as (session, case):
            texts = {document.CONCLUSION: "Theo dõi tại chỗ.", document.NEXT_TREATMENT: "Aspirin 81 mg."}
            texts |= {document.answer_field(question.id): "Không cần." for question in case.questions}
            await draft.write(session, case, document.begin(texts), self.house.people[self.specialist])

    async def sign_one(self) -> None:
        await sign(self.house, self.id, "secretary", self.doctor)

    async def sign_two(self) -> None:
        await sign(self.house, self.id, "chair", self.specialist)

    async def follow(self) -> None:
        async with self.house.acting(self.doctor, self.id) as (session, case):
            await outcome.note_outcome(
                session,
                case,
                self.house.people[self.doctor],
                self.house.settings,
                kind="transfer-avoided",
                reason="",
            )

    async def cancel(self) -> None:
        async with self.house.acting(self.doctor, self.id) as (session, case):
            await schedule.cancel(session, case, self.house.people[self.doctor], "Không cần nữa")

    async def reopen(self) -> None:
        async with self.house.acting(self.doctor, self.id) as (session, case):
            await schedule.reopen(session, case, self.house.people[self.doctor])


async def sign(house: House, public_id: str, role: forms.Role, name: str) -> None:
    """Put one signature under what stands there now."""
    async with house.acting(name, public_id) as (session, case):
        form, annex = await compose(session, case)
        digest = forms.digest(form, annex)
        await signing.sign(session, case, house.people[name], role=role, digest=digest)


_SENT = ("draft", "send")
_BOOKED = (*_SENT, "accept", "book")
_HELD = (*_BOOKED, "come", "join", "end")
_SIGNED = (*_HELD, "conclude", "sign_one", "sign_two")
PATHS: dict[str, tuple[str, ...]] = {
    "draft": ("draft",),
    "requested": _SENT,
    "needs-more": (*_SENT, "ask_more"),
    "declined": (*_SENT, "decline"),
    "redirected": (*_SENT, "redirect"),
    "accepted": (*_SENT, "accept"),
    "scheduled": _BOOKED,
    "in-session": (*_BOOKED, "come", "join"),
    "answered": (*_SENT, "accept", "book_in_writing", "answer"),
    "minutes-open": _HELD,
    "concluded": (*_HELD, "conclude"),
    "signed": _SIGNED,
    "outcome-known": (*_SIGNED, "follow"),
    "cancelled": (*_BOOKED, "cancel"),
    "reopened": (*_SENT, "decline", "reopen"),
}


@asynccontextmanager
async def open_house(database_url: str, folder: Path, **settings: Any) -> AsyncIterator[House]:
    """Serve on a free port until the end of the block; people are founded first."""
    (port,) = free_ports(1)
    chosen = Settings(
        listen=f"127.0.0.1:{port}", data_dir=folder / "data", database_url=database_url, **settings
    )
    app = build_app(chosen)
    server = TestServer(app, host="127.0.0.1", port=port)
    jar = aiohttp.DummyCookieJar()
    await server.start_server(access_log=None)  # as the web role does: its lines would hold paths
    async with server, aiohttp.ClientSession(cookie_jar=jar) as client:
        house = House(chosen, app[http.DATABASE], app, f"http://127.0.0.1:{port}", client)
        await house.found()
        yield house
