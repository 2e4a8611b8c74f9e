"""A made-up patient walks the whole journey; their name and numbers stay where patients belong."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.people.names import fold
from server.platform import http
from server.platform.logs import JsonLines
from tests.server.house import PASSWORD, House, sign

NAME = "Quách Thị Hoàng Yến Mai"
NUMBER = "044167900083"
INSURANCE = "DN4440167900083"
WORDS = "xanhngocbich"  # in every free text
CANARIES = (NAME, NAME.upper(), fold(NAME), "QUACH^THI", NUMBER, INSURANCE, WORDS)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Every line that the service writes to its log, as it writes it."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonLines().format(record))

    keep, root = Keep(level=logging.DEBUG), logging.getLogger()
    before = root.level
    root.addHandler(keep)
    root.setLevel(logging.INFO)
    yield lines
    root.removeHandler(keep)
    root.setLevel(before)


def leaks(text: str) -> list[str]:
    """The canaries in `text`, also where JSON wrote them with escapes."""
    plain = text.encode().decode("unicode_escape", errors="replace") if "\\u" in text else text
    return [canary for canary in CANARIES if canary in text or canary in plain]


async def test_a_patient_is_seen_by_those_who_treat_them_alone(own_house: House, log: list[str]) -> None:
    house = own_house
    study = await house.a_study("L", PatientName="QUACH^THI HOANG YEN MAI", PatientID=NUMBER)
    facts = {
        "birth_text": "17/06/1967",
        "sex": 2,
        "id_number": NUMBER,
        "insurance": INSURANCE,
        "summary": f"Bệnh sử {WORDS}",
        "diagnosis": f"Chẩn đoán {WORDS}",
        "address": f"Xóm {WORDS}",
        "questions": (f"Hỏi {WORDS}?",),
    }
    case = await house.a_consultation("concluded", study_ids=(study,), patient=NAME, facts=facts)
    doctor = await house.by("doctor.L")
    path = f"/consultations/{case}"
    photo = await doctor.ask(
        "POST", f"{path}/documents", data=b"%PDF-1.7", headers={"X-Title": f"Giay {WORDS}"}
    )
    assert photo.status == 201
    await sign(house, case, "secretary", "doctor.L")
    await sign(house, case, "chair", "specialist.P")
    added = {"text": f"Phụ lục {WORDS}", "password": PASSWORD}
    assert (await doctor.post(f"{path}/minutes/addenda", added)).status == 200
    told = {"kind": "changed", "reason": f"Vì {WORDS}"}
    assert (await doctor.post(f"{path}/outcome", told)).status == 200
    assert leaks((await doctor.get(path)).text), "the canary sings where it should"
    assert (await doctor.get(f"{path}/minutes/pdf")).status == 200
    assert (await doctor.post("/consultations/search", {"q": WORDS})).status == 200

    await refused_texts(house, case, study)
    await everything_oversight_sees(house, case, study)
    await doctor.get(f"/{NUMBER}/{WORDS}")
    metrics = await (await house.by("")).get("/metrics")
    assert "hoichan_requests" in metrics.text
    assert leaks(metrics.text) == []
    assert log
    assert [line for line in log if leaks(line)] == []
    names = [
        str(file.relative_to(house.settings.data_dir)) for file in Path(house.settings.data_dir).rglob("*")
    ]
    assert names
    assert [name for name in names if leaks(name) or "2.25" in name] == []


async def everything_oversight_sees(house: House, case: str, study: int) -> None:
    oversight = await house.by("oversight")
    figures = await oversight.get("/oversight")
    assert figures.status == 200
    assert "BV L" in figures.text
    for what in sorted(http.routes_of(house.app)):
        method, pattern = what.split(" ", 1)
        if method not in {"GET", "POST"} or pattern in {"/sign-out", "/signal"}:
            continue
        path = pattern.replace("{consultation}", case).replace("{study}", str(study))
        path = path.replace("{", "").replace("}", "")
        for accept in ("text/html", "application/json"):
            got = await oversight.ask(
                method, path, headers={"Accept": accept}, **({"json": {}} if method == "POST" else {})
            )
            assert got.status < 500, what
            assert leaks(got.text) == [], what


async def refused_texts(house: House, case: str, study: int) -> None:
    """Refusals and faults echo nothing of what was sent or held."""
    doctor, foreign = await house.by("doctor.L"), await house.by("doctor.T")
    path = f"/consultations/{case}"
    sent = {"patient_name": NAME, "id_number": NUMBER, "sex": WORDS, WORDS: NAME}
    got = await doctor.ask("PATCH", f"{path}/request", json=sent)
    assert got.status == 422
    other = (await doctor.post("/consultations")).json["href"]
    await doctor.ask("PATCH", other, json={"patient_name": "Lê Văn Khác", "id_number": "044060900011"})
    unlike = await doctor.post(f"{other.removesuffix('/request')}/studies", {"study_id": study})
    refused = [
        await foreign.get(path),
        await foreign.get(f"{path}/images/studies/{study}"),
        await doctor.post(f"{path}/outcome", {"kind": WORDS}),
        await doctor.post(f"{path}/accept", {"reason": NAME}),
        unlike,
    ]
    for answer in refused:
        assert answer.status >= 400, answer.text
        assert leaks(answer.text) == []
    kept = {key: value for key, value in got.json["fields"].items() if key != WORDS}
    assert leaks(json.dumps({**got.json, "fields": kept}, ensure_ascii=False)) == []
