"""The viewer on a page of the case, in a real browser: what was drawn is there, what is drawn is kept."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.conftest import NewPage
from tests.server.house import House, sign
from tests.signaling.test_room_marks import draw, listed

pytestmark = pytest.mark.timeout(300)


async def open_reading(house: House, new_page: NewPage, name: str, case: str) -> Page:
    page = await new_page(viewport={"width": 1366, "height": 768})
    cookies = (await house.by(name)).cookies.items()
    await page.context.add_cookies(
        [{"name": key, "value": value, "url": house.url} for key, value in cookies]
    )
    await page.goto(f"{house.url}/consultations/{case}")
    await page.get_by_role("link", name="Xem ảnh").click()
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    return page


async def test_what_one_draws_on_the_page_the_other_finds_and_after_a_signature_nobody_draws(
    own_house: House, new_page: NewPage
) -> None:
    house = own_house
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    header = {element.keyword: element.value for element in ds if element.keyword and not element.is_private}
    study = await house.a_study("L", **{key: value for key, value in header.items() if "UID" not in key})
    case = await house.a_consultation("concluded", study_ids=(study,))
    doctor = await open_reading(house, new_page, "doctor.L", case)
    await draw(doctor, "e", (-60, -50), (70, 40))
    [mine] = await listed(doctor, 1)
    assert "HU" in mine
    expert = await open_reading(house, new_page, "specialist.P", case)
    assert await listed(expert, 1) == [mine]
    await expert.locator(".viewer-marks li button").first.click()  # jump there
    await sign(house, case, "secretary", "doctor.L")
    await draw(expert, "l", (-90, 60), (-20, 90))
    await expect(
        expert.locator(".toast, [role=status]", has_text="Biên bản đã có chữ ký").first
    ).to_be_visible()
    assert await listed(expert, 1) == [mine]
