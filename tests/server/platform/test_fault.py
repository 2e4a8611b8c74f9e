"""A fault of ours: said in plain words with a way on and a reference, and nothing of what is inside."""

import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.server.house import House


async def test_a_fault_says_what_to_do_and_gives_its_reference_alone(
    own_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    doctor = await own_house.a_browser("doctor.L")
    async with own_house.database.system() as session:
        await session.execute(text("ALTER TABLE consultations RENAME TO elsewhere"))
    with caplog.at_level(logging.ERROR):
        page = await doctor.ask("GET", "/", headers={"Accept": "text/html"})
        answer = await doctor.ask("GET", "/", headers={"Accept": "application/json"})
    assert (page.status, answer.status) == (500, 500)
    for words in ("Hệ thống gặp lỗi", "Tải lại trang", "Về việc của tôi"):
        assert words in page.text
    assert answer.code == "fault"
    logged = [record.__dict__["reference"] for record in caplog.records if record.message == "fault"]
    assert answer.json["reference"] == logged[1]
    assert logged[0] in page.text
    for inside in ("consultations.id", "Traceback", "sqlalchemy", "SELECT"):
        assert inside not in page.text + answer.text


async def test_an_error_of_the_database_names_no_value(own_house: House) -> None:
    with pytest.raises(DBAPIError) as error:
        async with own_house.database.system() as session:
            await session.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "TRẦN THỊ B"})
    assert "TRẦN THỊ B" not in str(error.value)
