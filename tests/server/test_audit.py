"""What leaves a row in the audit: each deed, and each look once a person, object and sitting."""

from __future__ import annotations

from sqlalchemy import select

from server.people import sign_in
from server.people.routes.edge import REFUSED
from server.platform.events import Audit
from tests.server.house import Caller, House


class Ledger:
    """The rows since this was made."""

    def __init__(self, house: House, last: int) -> None:
        self.house, self.last = house, last

    @classmethod
    async def now(cls, house: House) -> Ledger:
        ledger = cls(house, 0)
        rows = await ledger.rows()
        return cls(house, rows[-1].id if rows else 0)

    async def rows(self) -> list[Audit]:
        async with self.house.database.system(writes=False) as session:
            query = select(Audit).where(Audit.id > self.last).order_by(Audit.id)
            return list(await session.scalars(query))

    async def told(self) -> list[tuple[str, str]]:
        return [(row.action, row.object) for row in await self.rows()]


async def test_listing_patients_is_told_once_a_sitting(house: House) -> None:
    case = await house.a_consultation("scheduled")
    browser = await house.a_browser("doctor.L")
    ledger = await Ledger.now(house)
    for _ in range(2):
        for path in ("/", "/consultations", "/agenda", "/inbox"):
            assert (await browser.get(path)).status == 200
        for path in ("/dicom-web/studies", "/images/studies", f"/consultations/{case}/images/studies"):
            assert (await browser.get(path)).status == 200
    lists = [("list", f"GET {path}") for path in ("/", "/consultations", "/agenda", "/inbox")]
    studies = [("list-studies", f"hospital:{house.hospitals['L']}"), ("list-studies", f"consultation:{case}")]
    assert await ledger.told() == lists + studies
    again = await house.a_browser("doctor.L")
    later = await Ledger.now(house)
    assert (await again.get("/consultations")).status == 200
    assert await later.told() == [("list", "GET /consultations")], "another sign-in is another sitting"


async def test_looking_at_a_case_is_told_once_a_sitting_and_each_print_of_it(house: House) -> None:
    case = await house.a_consultation("signed")
    browser = await house.a_browser("doctor.L")
    ledger = await Ledger.now(house)
    for path in ("", "", "/minutes", "/minutes/pdf", "/minutes/pdf"):
        assert (await browser.get(f"/consultations/{case}{path}")).status == 200
    thing = f"consultation:{case}"
    assert await ledger.told() == [("view", thing), ("print", thing), ("print", thing)]


async def test_a_look_that_failed_is_told_when_it_succeeds(house: House) -> None:
    case = await house.a_consultation("requested")
    stranger, own = await house.a_browser("doctor.T"), await house.a_browser("doctor.L")
    ledger = await Ledger.now(house)
    assert (await stranger.get(f"/consultations/{case}")).status == 404
    assert (await own.get(f"/consultations/{case}")).status == 200
    assert await ledger.told() == [("view", f"consultation:{case}")]


async def test_documents_and_changes_of_a_sent_request_are_told(house: House) -> None:
    case = await house.a_consultation("draft")
    doctor = await house.by("doctor.L")
    path, thing = f"/consultations/{case}", f"consultation:{case}"
    ledger = await Ledger.now(house)
    assert (await doctor.ask("PATCH", f"{path}/request", json={"bed": "7"})).status == 200
    assert await ledger.told() == [], "a draft is kept as one types"
    assert (await doctor.post(f"{path}/request")).status in {200, 303}
    sent = await Ledger.now(house)
    assert (await doctor.ask("PATCH", f"{path}/request", json={"bed": "8"})).status == 200
    added = await doctor.ask("POST", f"{path}/documents", data=b"%PDF-1.7 and so on")
    document = added.json["id"]
    assert (await doctor.ask("DELETE", f"{path}/documents/{document}")).status == 204
    assert await sent.told() == [
        ("edit", thing),
        ("add-document", f"{thing} document:{document}"),
        ("remove-document", f"{thing} document:{document}"),
    ]


async def test_key_images_are_told(house: House) -> None:
    uid = f"2.25.98{next(house.numbers)}"
    study = await house.a_study("L", uid)
    case = await house.a_consultation("minutes-open", study_ids=(study,))
    doctor, root = await house.by("doctor.L"), f"/consultations/{case}/minutes/key-images"
    ledger = await Ledger.now(house)
    command = {
        "study": study,
        "sop": f"{uid}.1.1",
        "frame": 1,
        "voi": [40, 400, 0],
        "view": [0, 0, 1, 0, 0, 0],
    }
    added = await doctor.post(root, command)
    assert added.status == 201, added.text
    image = added.json["id"]
    assert (await doctor.ask("DELETE", f"{root}/{image}")).status == 204
    assert (await doctor.post(f"{root}/{image}/restore")).status == 200
    thing = f"consultation:{case}"
    assert await ledger.told() == [
        ("add-key-image", thing),
        ("remove-key-image", f"{thing} image:{image}"),
        ("restore-key-image", f"{thing} image:{image}"),
    ]


async def test_failed_sign_ins_and_new_passwords_are_told(own_house: House) -> None:
    house = own_house  # what others did is told there too
    name = f"nguoi{next(house.numbers)}"
    person = (await house.a_person(name, {"L": "doctor"})).person_id
    nobody, ledger = Caller(house), await Ledger.now(house)
    for login in (name, name, name, "mat-khau-go-nham-o"):
        assert (await nobody.post("/sign-in", {"login": login, "password": "sai"})).status == 422
    await house.app[REFUSED].close()  # tells the rest at once
    rows = await ledger.rows()
    assert [(row.action, row.object, row.hospital_id, row.facts["times"]) for row in rows] == [
        ("sign-in-refused", f"person:{person}", house.hospitals["L"], 1),
        ("sign-in-refused", "nobody", 0, 1),
        ("sign-in-refused", f"person:{person}", house.hospitals["L"], 2),
    ]
    assert "mat-khau" not in str([row.facts for row in rows])
    assert {row.facts["reason"] for row in rows} == {"wrong-password"}

    async with house.database.system() as session:
        word = await sign_in.make_link(session, person)
    later = await Ledger.now(house)
    sent = {"word": word, "password": "mat-khau-moi", "again": "mat-khau-moi"}
    assert (await nobody.post("/password", sent)).status == 303
    assert await later.told() == [("set-password", f"person:{person}")]
