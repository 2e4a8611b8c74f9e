"""The room of the product where the network is not kind: relay alone, cuts of every sort, three sites."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from dicom.sampledata import Patient, ct_head_series
from tests import consulting
from tests.conftest import NewPage, chromium_flags, pages
from tests.consulting import BUSY_MS
from tests.place import Place, another_place
from tests.product import Site
from tests.services import NotInstalled

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]

AWAY_S = 20
# As a hospital's firewall would have it: no way but the TURN server's.
RELAY_ALONE = """
const Direct = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Direct {
  constructor(settings) { super({ ...settings, iceTransportPolicy: "relay" }); }
  setConfiguration(settings) { super.setConfiguration({ ...settings, iceTransportPolicy: "relay" }); }
};
"""
USERNAMES = """() => window.calls.flatMap((call) =>
  call.getConfiguration().iceServers.map(({ username }) => username))"""


@pytest.fixture(scope="module")
async def case(site: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The demo's case whose room is open now, with a CT that its doctor sends."""
    patient = Patient("TRẦN^Thị Bình", "044171900017", date(1971, 3, 12), "F")
    study = consulting.a_study("2.25.20261122080800", "CT sọ não")
    images = ct_head_series(tmp_path_factory.mktemp("images"), patient, study, slices=6)
    async with pages(browser) as new_page:
        doctor = await consulting.signed_in(new_page, site, "bacsi.huyen")
        check = await doctor.locator("a[href$='/check']").first.get_attribute("href")
        assert check is not None, "no room of the demo is open now"
        found = check.removesuffix("/check")
        await doctor.goto(found)
        await doctor.locator("#upload input[type=file]").first.set_input_files(images)
        await expect(doctor.locator(".studies .study")).to_contain_text("CT sọ não", timeout=60_000)
        return found


@pytest.fixture
async def place(site: Site, tmp_path: Path) -> AsyncIterator[Place]:
    try:
        async with another_place(tmp_path, urlsplit(site.url).port or 0, chromium_flags()) as found:
            yield found
    except NotInstalled as missing:
        pytest.skip(str(missing))


async def enter(new_page: NewPage, site: Site, login: str, case: str, script: str = "") -> Page:
    page = await consulting.signed_in(new_page, site, login)
    await page.add_init_script(script)
    await page.goto(f"{case}/room")
    await expect(page.locator(".face[data-me]")).to_be_visible()
    return page


def said_in_rooms(site: Site, type: str) -> int:
    """How many facts of this type the journals of all rooms hold."""
    with sqlite3.connect(f"file:{site.data / 'hoichan.db'}?mode=ro", uri=True) as database:
        [[count]] = database.execute("SELECT count(*) FROM room_events WHERE type = ?", [type])
        return int(count)


async def test_media_goes_through_a_relay_with_short_credentials_where_there_is_no_other_way(
    site: Site, case: str, new_page: NewPage
) -> None:
    doctor = await enter(new_page, site, "bacsi.huyen", case, RELAY_ALONE)
    expert = await enter(new_page, site, "chuyengia", case, RELAY_ALONE)
    await consulting.see_and_hear(doctor, expert)

    for page in (doctor, expert):
        assert await consulting.ways(page) == {"relay"}
        for username in await page.evaluate(USERNAMES):
            assert 0 < int(username.partition(":")[0]) - time.time() <= 600
    for page in (doctor, expert):
        await consulting.leave(page)


async def test_a_page_loaded_anew_a_broken_socket_and_a_pulled_link_need_no_click(
    site: Site, case: str, new_page: NewPage, place: Place
) -> None:
    async with pages(place.browser) as far_page:
        entered = said_in_rooms(site, "joined") + 2
        doctor = await enter(far_page, site, "bacsi.huyen", case)
        expert = await enter(new_page, site, "chuyengia", case)
        await consulting.see_and_hear(doctor, expert)
        assert await consulting.ways(doctor) == {"host"}  # over the link, past every server
        await consulting.images_come(doctor, expert)
        await consulting.lead(expert)

        await doctor.reload()
        await is_back(doctor, expert)

        await place.break_sockets()
        await expect(doctor.locator("#room-banner")).to_be_visible()
        await is_back(doctor, expert)

        await lose_the_link(place, doctor, expert)
        await is_back(doctor, expert)

        assert said_in_rooms(site, "joined") == entered  # places were kept, not taken anew
        await expect(expert.locator(".face")).to_have_count(2)
        for page in (doctor, expert):
            await consulting.leave(page)


async def lose_the_link(place: Place, doctor: Page, expert: Page) -> None:
    """No packet for 20 s; the expert reads on meanwhile, and nothing of the doctor's comes."""
    place.pull()
    await expect(doctor.locator("#room-banner")).to_have_text("Đang kết nối lại…")
    await expect(expert.locator(".face-state", has_text="mất kết nối")).to_be_visible()
    before = await expert.evaluate(consulting.CALLS)
    await expert.locator(".viewer-stage").click()
    for key in ("ArrowDown", "ArrowDown", "+", "r"):
        await expert.keyboard.press(key)
    await asyncio.sleep(AWAY_S - 6)
    after = await expert.evaluate(consulting.CALLS)
    assert all(call in before for call in after), "pictures or voice came through the cut"
    place.mend()


async def is_back(doctor: Page, expert: Page) -> None:
    """Connected, seen, heard, and before the same image in the same window and zoom."""
    await expect(doctor.locator("#room-banner")).to_be_hidden(timeout=BUSY_MS)
    await expect(expert.locator(".face-state", has_text="mất kết nối")).to_be_hidden(
        timeout=consulting.BUSY_MS
    )
    await consulting.see_and_hear(doctor, expert)
    await consulting.images_come(doctor)
    await consulting.same_picture(expert, doctor)


async def test_three_see_and_hear_each_other_once_the_third_is_let_in(
    site: Site, case: str, new_page: NewPage
) -> None:
    doctor = await enter(new_page, site, "bacsi.huyen", case)
    expert = await enter(new_page, site, "chuyengia", case)
    coordinator = await consulting.signed_in(new_page, site, "dieuphoi")
    await coordinator.goto(f"{case}/room")
    await expert.get_by_role("button", name="Cho vào").click()
    people = (doctor, expert, coordinator)
    for page in people:
        await expect(page.locator(".face")).to_have_count(3)
    await consulting.see_and_hear(*people)
    for page in people:
        await consulting.leave(page)
