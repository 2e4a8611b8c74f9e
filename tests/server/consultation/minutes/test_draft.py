"""The draft as rows of the database: numbered, folded when many, refused when locked."""

import base64

import pytest
from pycrdt import Doc, Text

from server.consultation.minutes import draft
from tests.server.house import PASSWORD, Caller, House


class Browser:
    """A document that sends each of its changes, as a page does."""

    def __init__(self, caller: Caller, case: str) -> None:
        self.caller, self.path = caller, f"/consultations/{case}/minutes/draft"
        self.doc: Doc[Text] = Doc()
        self.seq = 0

    async def pull(self) -> None:
        answer = (await self.caller.get(f"{self.path}?since={self.seq}")).json
        for update in answer["updates"]:
            self.doc.apply_update(base64.b64decode(update))
        self.seq = answer["seq"]

    def write(self, field: str, text: str) -> str:
        """The update of adding `text` at the end, in base64."""
        before = self.doc.get_state()
        self.doc.get(field, type=Text).insert(len(self.text(field).encode()), text)
        return base64.b64encode(self.doc.get_update(before)).decode()

    def text(self, field: str) -> str:
        return str(self.doc.get(field, type=Text))


async def test_many_changes_are_folded_to_one_and_everybody_keeps_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft, "FOLD_AT", 20)
    case = await house.a_consultation("minutes-open")
    writer = Browser(await house.by("doctor.L"), case)
    reader = Browser(await house.by("specialist.P"), case)
    await writer.pull()
    await reader.pull()
    count = draft.FOLD_AT + 5
    async with house.acting("doctor.L", case) as (session, found):
        for number in range(count):
            update = base64.b64decode(writer.write("conclusion", f"câu {number}. "))
            await draft.write(session, found, update, house.people["doctor.L"])
        _, rows = await draft.updates_since(session, found, 0)
    assert len(rows) < 10
    late = Browser(await house.by("specialist.P"), case)
    await late.pull()
    await reader.pull()
    assert late.text("conclusion") == reader.text("conclusion") == writer.text("conclusion")
    assert late.seq == reader.seq == count + 1

    answer = await reader.caller.post(reader.path, {"update": reader.write("conclusion", "Hết.")})
    assert answer.json == {"seq": count + 2}


async def test_a_change_that_is_no_text_is_refused_and_changes_nothing(house: House) -> None:
    case = await house.a_consultation("minutes-open")
    writer = Browser(await house.by("doctor.L"), case)
    await writer.pull()
    for update, status in (("AAAA", 422), ("?", 422), (writer.write("patient_name", "x"), 422), ("", 422)):
        assert (await writer.caller.post(writer.path, {"update": update})).status == status
    too_large = base64.b64encode(bytes(70_000)).decode()
    assert (await writer.caller.post(writer.path, {"update": too_large})).status == 413
    again = Browser(writer.caller, case)
    await again.pull()
    assert again.seq == 1


async def test_nothing_is_written_after_a_signature(house: House) -> None:
    case = await house.a_consultation("concluded")
    writer = Browser(await house.by("doctor.L"), case)
    await writer.pull()
    form = (await writer.caller.get(f"/consultations/{case}/minutes/form")).json
    signed = await writer.caller.post(
        f"/consultations/{case}/minutes/sign",
        {"role": "secretary", "password": PASSWORD, "digest": form["digest"]},
        headers={"Accept": "application/json"},
    )
    assert signed.status == 200, signed.text
    refused = await writer.caller.post(writer.path, {"update": writer.write("conclusion", "muộn")})
    assert (refused.status, refused.code) == (409, "draft-locked")
