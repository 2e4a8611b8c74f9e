"""What ends, ends within a second, also under a load that keeps the answers of a moment ago young."""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import update

from server.consultation import share
from server.people.model import SignIn, Token
from server.platform.db import now
from tests.server.house import Caller, House

BY_THEN_S = 1.0  # PRINCIPAL_KEPT_S, SCOPE_KEPT_S and TRUST_S
SLACK_S = 1.5  # for one answer of a busy machine


async def status_after(caller: Caller, path: str, first: int) -> tuple[int, float]:
    """Ask again and again until the answer is another one: its status, and when it was asked for."""
    began = time.monotonic()
    while True:
        asked_s = time.monotonic() - began
        got = (await caller.get(path)).status
        if got != first or asked_s > BY_THEN_S + SLACK_S:
            return got, asked_s
        await asyncio.sleep(0.02)


async def warmed(caller: Caller, path: str) -> None:
    """Past half of a second: from then on what is known is looked up anew behind the answer."""
    until = time.monotonic() + 0.7 * BY_THEN_S
    while time.monotonic() < until:
        assert (await caller.get(path)).status == 200
        await asyncio.sleep(0.02)


async def test_a_sign_in_that_ended_gets_no_frame_a_second_later(house: House) -> None:
    study_id = await house.a_study("L")
    browser = await house.a_browser("doctor.L")
    await warmed(browser, f"/images/studies/{study_id}")
    assert browser.who

    async with house.database.system() as session:
        ended = update(SignIn).where(SignIn.id == int(browser.who.sign_in[1:])).values(ended_at=now())
        await session.execute(ended)

    got, asked_s = await status_after(browser, f"/images/studies/{study_id}", 200)
    assert got == 401
    assert asked_s < BY_THEN_S + SLACK_S


async def test_a_token_that_ended_is_refused_a_second_later(house: House) -> None:
    script = await house.a_script("doctor.L")
    assert script.who
    await warmed(script, "/dicom-web/studies")

    async with house.database.system() as session:
        mine = Token.membership_id == script.who.membership_id
        await session.execute(update(Token).where(mine).values(ended_at=now()))

    got, asked_s = await status_after(script, "/dicom-web/studies", 200)
    assert got == 401
    assert asked_s < BY_THEN_S + SLACK_S


async def test_a_grant_that_ended_shows_nothing_a_second_later(house: House) -> None:
    study_id = await house.a_study("L", "2.25.970001")
    case_id = await house.a_consultation("scheduled", study_ids=(study_id,))
    browser = await house.a_browser("specialist.P")
    path = f"/consultations/{case_id}/dicom-web/studies/2.25.970001/series/2.25.970001.1/metadata"
    await warmed(browser, path)

    async with house.acting("doctor.L", case_id) as (session, case):
        await share.detach(session, case, study_id, house.people["doctor.L"])

    got, asked_s = await status_after(browser, path, 200)
    assert got == 404
    assert asked_s < BY_THEN_S + SLACK_S
