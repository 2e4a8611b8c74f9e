"""The room in real browsers: pictures and voice on both sides, cuts that nobody has to repair."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from signaling.ice import IceConfig
from signaling.ports import Seat
from tests.conftest import NewPage
from tests.services import Turn
from tests.signaling.building import a_seat
from tests.signaling.cable import a_cable
from tests.signaling.roomhouse import RoomHouse, a_room_house
from tests.waiting import until_so

pytestmark = pytest.mark.timeout(300)

HUONG = a_seat("Hường")
HOA = a_seat("Hoa", "host", title="BSCKII.", hospital="BVĐK tỉnh", site="BVĐK tỉnh")
KHAC = a_seat("Khắc", hospital="BVĐK Lệ Ninh", site="Lệ Ninh")

# What getStats says of every connection of the page: frames decoded, packets of voice, the kind of way.
SUMMARIES = """async () => Promise.all([...window.hoichanCall.links.values()].map(async (link) => {
  const { framesDecoded, packetsHeard, localKind } = await link.measure();
  return { framesDecoded, packetsHeard, localKind };
}))"""
FLOWS = f"""async ([links, frames, packets]) => {{
  const all = await ({SUMMARIES})();
  return all.length === links && all.every((s) => s.framesDecoded > frames && s.packetsHeard > packets);
}}"""


@pytest.fixture
async def house() -> AsyncIterator[RoomHouse]:
    async with a_room_house() as house:
        yield house


async def enter(house: RoomHouse, new_page: NewPage, seat: Seat, port: int | None = None) -> Page:
    page = await new_page(viewport={"width": 1366, "height": 768})
    await page.goto(house.page_url(seat, port))
    await expect(page.locator("#room-banner")).to_be_hidden()
    return page


async def flows(page: Page, links: int = 1, frames: int = 20, packets: int = 50) -> None:
    """Wait until pictures and voice of all the others have come."""
    await until_so(page, FLOWS, [links, frames, packets])


async def goes_on(page: Page) -> None:
    """More frames are decoded than a moment ago."""
    [now] = await page.evaluate(SUMMARIES)
    await flows(page, frames=now["framesDecoded"] + 5, packets=now["packetsHeard"] + 10)


async def say(page: Page, text: str) -> None:
    await page.locator("#tab-chat").click()
    await page.locator(".chat-field").fill(text)
    await page.locator(".chat-field").press("Enter")


async def test_two_people_see_and_hear_each_other_and_write(house: RoomHouse, new_page: NewPage) -> None:
    huong = await enter(house, new_page, HUONG)
    hoa = await enter(house, new_page, HOA)
    await asyncio.gather(flows(huong), flows(hoa))
    await expect(huong.locator(".face-name")).to_have_text(["BS. Hường (bạn)", "BSCKII. Hoa"])
    await expect(huong.locator(".face-hospital").nth(1)).to_have_text("BVĐK tỉnh")
    await say(hoa, "Chào <b>bác sĩ</b>")
    await expect(huong.locator("#tab-chat")).to_have_attribute("data-new", "")
    await expect(huong.locator(".chat-text")).to_have_text("Chào <b>bác sĩ</b>")

    await huong.locator("#room-images").click(position={"x": 400, "y": 200})
    await huong.keyboard.press("m")
    await expect(huong.locator("#control-mic")).to_have_text("Bật tiếng")
    await expect(hoa.locator(".face-state", has_text="đã tắt tiếng")).to_be_visible()
    await huong.keyboard.press("c")
    await expect(hoa.locator(".face-state", has_text="không có hình")).to_be_visible()

    await hoa.locator("#control-lead").click()
    await expect(huong.locator(".face-hospital").nth(1)).to_have_text("BVĐK tỉnh · đang dẫn")
    await hoa.get_by_role("button", name="Trao quyền dẫn").click()
    await expect(hoa.locator(".face-hospital", has_text="BVĐK Lệ Thủy")).to_have_text(
        "BVĐK Lệ Thủy · đang dẫn"
    )

    await huong.locator("#control-leave").click()
    await huong.wait_for_url("**/left")
    await expect(hoa.locator(".face")).to_have_count(1)


async def test_minutes_that_do_not_load_leave_the_call_alone_and_say_what_to_do(
    house: RoomHouse, new_page: NewPage
) -> None:
    page = await new_page(viewport={"width": 1366, "height": 768})
    await page.route("**/assets/minutes-*", lambda route: route.abort())
    await page.goto(house.page_url(HUONG))
    await page.locator("#tab-minutes").click()
    panel = page.locator("#panel-minutes")
    await expect(panel).to_contain_text("Chưa tải được phần ghi biên bản")
    await expect(panel.get_by_role("link", name="Mở trang biên bản")).to_have_attribute("href", "/minutes")
    await expect(page.locator(".face")).to_have_count(1)
    await page.unroute("**/assets/minutes-*")
    await panel.get_by_role("button", name="Tải lại trang").click()
    await expect(panel).not_to_contain_text("Chưa tải được phần ghi biên bản")


async def test_a_reloaded_page_is_back_in_its_place(house: RoomHouse, new_page: NewPage) -> None:
    huong = await enter(house, new_page, HUONG)
    hoa = await enter(house, new_page, HOA)
    await flows(hoa)
    await say(hoa, "Trước khi tải lại")
    await huong.reload()
    await asyncio.gather(flows(huong), goes_on(hoa))
    await expect(huong.locator(".chat-text")).to_have_text("Trước khi tải lại")
    assert house.journal.types().count("joined") == 2  # the place was kept, not taken anew
    await expect(hoa.locator(".face")).to_have_count(2)


@pytest.mark.long
async def test_twenty_seconds_without_network_are_repaired_without_a_click(
    house: RoomHouse, new_page: NewPage
) -> None:
    async with a_cable(house.port) as cable:
        huong = await enter(house, new_page, HUONG, cable.port)
        hoa = await enter(house, new_page, HOA)
        await asyncio.gather(flows(huong), flows(hoa))
        cable.pull()
        await asyncio.sleep(0.2)
        await say(huong, "Viết lúc mất mạng")
        await expect(huong.locator("#room-banner")).to_have_text("Đang kết nối lại…")
        away = hoa.locator(".face-state", has_text="mất kết nối")
        await expect(away).to_be_visible()
        await expect(hoa.locator("#room-line")).to_have_text("Lệ Thủy mất kết nối")
        await goes_on(hoa)  # the voice has its own way
        await asyncio.sleep(20 - 5)
        cable.mend()
        await expect(huong.locator("#room-banner")).to_be_hidden(timeout=12_000)
        await expect(away).to_be_hidden()
        await expect(hoa.locator(".chat-text")).to_have_text("Viết lúc mất mạng")
        await asyncio.gather(goes_on(huong), goes_on(hoa))
        assert house.journal.types().count("joined") == 2
        assert house.journal.types().count("chatted") == 1


async def test_three_people_see_and_hear_each_other(house: RoomHouse, new_page: NewPage) -> None:
    pages = [await enter(house, new_page, seat) for seat in (HUONG, HOA, KHAC)]
    await asyncio.gather(*(flows(page, links=2) for page in pages))


async def test_one_who_waits_comes_in_when_the_host_says_so(house: RoomHouse, new_page: NewPage) -> None:
    hoa = await enter(house, new_page, HOA)
    lan = await enter(house, new_page, a_seat("Lan", "viewer", waits=True))
    await expect(lan.get_by_role("heading", name="Đang chờ bác sĩ chủ tọa cho vào")).to_be_visible()
    await hoa.get_by_role("button", name="Cho vào").click()
    await expect(lan.locator("#room-waiting")).to_be_hidden()
    await expect(hoa.locator("#room-door")).to_be_hidden()
    await asyncio.gather(flows(lan), flows(hoa))
    await hoa.locator("#control-end").click()
    await hoa.get_by_role("button", name="Kết thúc cho mọi người").click()
    for page in (hoa, lan):
        await expect(page.get_by_role("heading", name="Phiên hội chẩn đã kết thúc")).to_be_visible()


async def test_the_same_person_elsewhere_takes_the_place_over(house: RoomHouse, new_page: NewPage) -> None:
    first = await enter(house, new_page, HUONG)
    await enter(house, new_page, HUONG)
    await expect(first.get_by_role("button", name="Vào lại ở đây")).to_be_visible()


async def test_media_goes_through_the_relay_where_there_is_no_other_way(
    new_page: NewPage, turn: Turn
) -> None:
    async with a_room_house(IceConfig((turn.url,), turn.secret)) as house:
        house.extra["ice_policy"] = "relay"
        huong = await enter(house, new_page, HUONG)
        hoa = await enter(house, new_page, HOA)
        await asyncio.gather(flows(huong), flows(hoa))
        relayed = f"async () => (await ({SUMMARIES})()).every(({{ localKind }}) => localKind === 'relay')"
        await until_so(huong, relayed)


async def test_a_refused_camera_is_explained_and_the_room_works(house: RoomHouse, new_page: NewPage) -> None:
    page = await new_page(viewport={"width": 390, "height": 844})
    await page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
    )
    await page.goto(house.page_url(HUONG))
    hint = page.locator(".device-hint[data-kind=video]")
    await expect(hint).to_contain_text("Trình duyệt chưa được phép dùng camera.")
    await expect(hint.get_by_role("button", name="Thử lại")).to_be_visible()
    hoa = await enter(house, new_page, HOA)
    await say(hoa, "Nghe được không?")
    await expect(page.locator(".chat-text")).to_have_text("Nghe được không?")


async def test_the_check_shows_camera_voice_and_line_and_is_one_click_away_from_the_room(
    new_page: NewPage, turn: Turn
) -> None:
    async with a_room_house(IceConfig((turn.url,), turn.secret)) as house:
        page = await new_page(viewport={"width": 1366, "height": 768})
        await page.goto(house.page_url(HUONG, page="check"))
        await expect(page.locator("#check-camera-state")).to_contain_text("Camera tốt")
        await expect(page.locator("#check-mic-state")).to_contain_text("Micrô tốt")
        await expect(page.locator("#check-line-state")).to_contain_text("Đường truyền: ")
        await expect(page.locator("#check-line-figures")).to_contain_text("máy chủ trung chuyển: tới được")
        await page.locator("#check-tone").click()
        await expect(page.locator("#check-speaker-state")).to_contain_text("loa tốt")
        [report] = house.reports
        assert report["mic"] is report["camera"] is True
        assert report["line"]["downBitsPerSecond"] > 1e6
        await page.get_by_role("link", name="Bỏ qua kiểm tra, vào phòng ngay").click()
        await expect(page.locator("#room-banner")).to_be_hidden()


async def test_a_line_that_does_not_reach_us_is_named_with_what_to_do(
    house: RoomHouse, new_page: NewPage
) -> None:
    page = await new_page()
    house.extra["check_socket_path"] = "/nowhere"
    await page.goto(house.page_url(HUONG, page="check"))
    await expect(page.locator("#check-line-state")).to_contain_text("Không nối được tới máy chủ")
