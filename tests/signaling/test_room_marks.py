"""Marks in real browsers: what one draws the other sees, and of two who draw at once nobody loses anything."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from pydicom.data import get_testdata_file

from dicom.sandbox import Sandbox
from dicom.web.viewer import viewer_routes
from signaling.ports import Seat
from tests.conftest import NewPage
from tests.dicom.viewer_site import a_site
from tests.signaling.building import a_seat
from tests.signaling.roomhouse import RoomHouse, a_room_house

pytestmark = pytest.mark.timeout(300)

HUONG = a_seat("Hường")
HOA = a_seat("Hoa", "host", title="BSCKII.", hospital="BVĐK tỉnh", site="BVĐK tỉnh")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[RoomHouse]:
    """A room with one CT image to read."""
    async with Sandbox(children=1, wall_s=15) as sandbox, a_site(tmp_path, sandbox) as site:
        await site.put(Path(get_testdata_file("CT_small.dcm")))
        async with a_room_house(images=viewer_routes("/images", site)) as house:
            yield house


async def enter(house: RoomHouse, new_page: NewPage, seat: Seat) -> Page:
    page = await new_page(viewport={"width": 1366, "height": 768})
    await page.goto(house.page_url(seat))
    await expect(page.locator("#room-banner")).to_be_hidden()
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    return page


async def draw(page: Page, key: str, *way: tuple[float, float]) -> None:
    """With the tool of a key, along a way from the middle of the image, in CSS pixels."""
    box = await page.locator(".viewer-stage").bounding_box()
    assert box is not None
    await page.locator(".viewer-stage").focus()
    await page.keyboard.press(key)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x + way[0][0], y + way[0][1])
    await page.mouse.down()
    for dx, dy in way[1:]:
        await page.mouse.move(x + dx, y + dy, steps=4)
    await page.mouse.up()


async def listed(page: Page, count: int) -> list[str]:
    """The rows of the list of marks, once there are so many."""
    if not await page.locator(".viewer-marks").is_visible():
        await page.keyboard.press("j")
    found = page.locator(".viewer-marks li strong")
    await expect(found).to_have_count(count)
    return sorted(await found.all_inner_texts())


async def test_a_mark_of_one_appears_at_the_other_and_goes_again(house: RoomHouse, new_page: NewPage) -> None:
    huong, hoa = await enter(house, new_page, HUONG), await enter(house, new_page, HOA)
    await draw(hoa, "e", (-60, -50), (70, 40))
    [mine] = await listed(hoa, 1)
    assert "HU" in mine
    assert await listed(huong, 1) == [mine]  # the same words from the same pixels
    author = huong.locator(".viewer-marks li span")
    await expect(author).to_contain_text("BSCKII. Hoa")
    await expect(huong.locator(".viewer-marks li").get_by_role("button", name="Xóa")).to_have_count(0)
    await hoa.keyboard.press("Delete")
    await expect(huong.locator(".viewer-marks li")).to_have_count(0)
    await hoa.keyboard.press("Control+z")
    assert await listed(huong, 1) == [mine]


async def test_the_host_may_take_away_what_another_drew(house: RoomHouse, new_page: NewPage) -> None:
    huong, hoa = await enter(house, new_page, HUONG), await enter(house, new_page, HOA)
    await draw(huong, "l", (-60, -50), (70, 40))
    await listed(huong, 1)
    await listed(hoa, 1)
    await hoa.locator(".viewer-marks li").get_by_role("button", name="Xóa").click()
    await expect(huong.locator(".viewer-marks li")).to_have_count(0)
    await huong.keyboard.press("Control+z")  # it is the host's now
    await expect(huong.locator("#room-note")).to_contain_text("do người khác vẽ")
    await expect(huong.locator(".viewer-marks li")).to_have_count(0)


async def test_a_mark_that_is_refused_leaves_the_screen_with_a_sentence(
    house: RoomHouse, new_page: NewPage
) -> None:
    hoa = await enter(house, new_page, HOA)
    await draw(hoa, "l", (-60, -50), (70, 40))
    before = await listed(hoa, 1)
    house.journal.refuses = "minutes-signed"
    await draw(hoa, "e", (-90, 20), (-20, 70))
    await expect(hoa.locator("#room-note")).to_contain_text("Biên bản đã có chữ ký")
    assert await listed(hoa, 1) == before


async def test_two_who_draw_at_once_lose_nothing_and_one_who_reloads_finds_all(
    house: RoomHouse, new_page: NewPage
) -> None:
    huong, hoa = await enter(house, new_page, HUONG), await enter(house, new_page, HOA)
    await asyncio.gather(
        draw(huong, "l", (-80, -60), (40, -60)),
        draw(hoa, "u", (-50, 0), (50, 60)),
    )
    await asyncio.gather(
        draw(huong, "d", (-90, 80)),
        draw(hoa, "n", (20, 90), (60, 90), (60, 110)),
    )
    seen = await listed(huong, 4)
    assert await listed(hoa, 4) == seen
    assert [row.partition(":")[0] for row in seen] == ["Chữ nhật", "Trị số", "Vẽ tay", "Độ dài"]
    await huong.reload()
    await huong.wait_for_selector('.viewer[data-loaded="full"]')
    assert await listed(huong, 4) == seen
    own = huong.locator(".viewer-marks li", has=huong.get_by_role("button", name="Xóa"))
    await expect(own).to_have_count(2)  # still this person's
    assert house.journal.types().count("marked") == 4
