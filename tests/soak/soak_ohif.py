"""OHIF as it is published reads what we give, and what a signed case leaves, from us and from the PACS it was sent to.

`make soak`; SOAK_PICTURE=1 writes docs/screens/ohif.png.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, expect
from pydicom import dcmread
from pydicom.dataset import Dataset

from server.commands.demo.cases import CASES
from server.commands.demo.images import CT_SLICES
from server.consultation.minutes import document
from tests import consulting
from tests.conftest import NewPage, pages
from tests.consulting import WIDE
from tests.dicom.dicomweb_site import a_multipart
from tests.dicom.reference import grey8
from tests.dicom.test_evidence import numbers
from tests.ohif import Ohif, fetched, ohif
from tests.product import PASSWORD, Site, hoichan
from tests.services import ROOT, Orthanc, Services

PICTURE = ROOT / "docs" / "screens" / "ohif.png"
BATCH = 24  # instances of one STOW-RS request
LONG_MS = 120_000  # OHIF is 30 MB of script
DEMO = CASES[0]  # with a CT, and a session that begins now
SLICE = 48  # Instance Number: the middle of the head
SIDE = 512  # rows and columns
LENGTH = [[131, 290], [393, 290]]
ELLIPSE = [[165, 300], [225, 345]]
NARROW = (40, 80)  # centre and width of the window that the file names first
SOME_GREY = 10  # standard deviation, of 255 levels
MAX_APART = 6  # grey levels on average: 3 by scaling alone, 15 to the next slice
# As our own pages ask: with the token that protects from forgery.
ASK = """async ([url, body]) => {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const answer = await fetch(url, {
    method: body ? "POST" : "GET",
    body: body && JSON.stringify(body),
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`);
  return answer.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : null;
}"""
# The red of every pixel that OHIF drew, row by row.
DRAWN = """() => {
  const canvas = document.querySelector("canvas.cornerstone-canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let at = 0; at < data.length; at += 4) text += String.fromCharCode(data[at]);
  return { width: canvas.width, height: canvas.height, red: btoa(text) };
}"""
# Width and height of the layer that OHIF draws measurements on, and the ends of its first line.
LINE = """() => {
  const layer = document.querySelector("[data-cy=viewport-pane] svg.svg-layer");
  const line = layer.querySelector("line");
  const { width, height } = layer.getBoundingClientRect();
  return [width, height, ...["x1", "y1", "x2", "y2"].map((name) => Number(line.getAttribute(name)))];
}"""
PDF = """async () => {
  const shown = await (await fetch(document.querySelector("object[type='application/pdf']").data)).arrayBuffer();
  let text = "";
  for (const byte of new Uint8Array(shown)) text += String.fromCharCode(byte);
  return btoa(text);
}"""


@dataclass(frozen=True)
class Signed:
    """A case of the demo, signed, in a service that runs."""

    site: Site
    app: Path  # OHIF's files
    study_uid: str
    image: Dataset  # on which was drawn
    left: list[Dataset]  # what the case left


@pytest.fixture(scope="module")
async def signed(services: Services, orthanc: Orthanc, browser: Browser) -> AsyncIterator[Signed]:
    app = await asyncio.to_thread(fetched, ROOT / "var" / "ohif")
    with hoichan(services.folder("ohif"), pacs_networks="127.0.0.0/8") as site:
        site.command("demo")
        images = [ds for ds in stored(site) if ds.PatientID == DEMO.id_number]
        image = next(ds for ds in images if ds.InstanceNumber == SLICE)
        async with pages(browser) as new_page:
            await connect(await consulting.signed_in(new_page, site, "quantri.huyen"), orthanc)
            await conclude(new_page, site, image)
        async with asyncio.timeout(LONG_MS / 1000):
            while [state for (state,) in rows(site, "SELECT state FROM deliveries")] != ["sent"]:
                await asyncio.sleep(0.5)
        await fill(orthanc, images)
        study = [ds for ds in stored(site) if ds.StudyInstanceUID == image.StudyInstanceUID]
        left = [ds for ds in study if ds.Modality != "CT"]
        assert sorted(ds.Modality for ds in left) == ["DOC", "KO", "PR", "SR", "SR"]
        yield Signed(site, app, image.StudyInstanceUID, image, left)


def rows(site: Site, asked: str, *values: object) -> list[Any]:
    with sqlite3.connect(f"file:{site.data / 'hoichan.db'}?mode=ro", uri=True) as database:
        return database.execute(asked, values).fetchall()


def stored(site: Site) -> list[Dataset]:
    """Everything in the archive, as its file has it."""
    return [
        dcmread(site.data / "store" / blob)
        for (blob,) in rows(site, "SELECT blob FROM instances ORDER BY id")
    ]


async def connect(administrator: Page, orthanc: Orthanc) -> None:
    """The hospital's own PACS, which takes what signed cases leave."""
    typed = {"name": "PACS chính", "way": "dicomweb", "root": orthanc.dicomweb_url, "takes_evidence": "1"}
    await administrator.evaluate(ASK, ["/pacs", typed])


async def fill(orthanc: Orthanc, images: list[Dataset]) -> None:
    """The CT lies in the hospital's PACS as well."""
    async with ClientSession() as http:
        for at in range(0, len(images), BATCH):
            files = [Path(ds.filename).read_bytes() for ds in images[at : at + BATCH]]
            body, content_type = a_multipart(files)
            headers = {"Content-Type": content_type, "Accept": "application/dicom+json"}
            async with http.post(
                f"{orthanc.dicomweb_url}/studies", data=io.BytesIO(body), headers=headers
            ) as answer:
                assert answer.status == 200, await answer.text()


async def conclude(new_page: NewPage, site: Site, image: Dataset) -> None:
    """The session is held; the doctor measures a length, the expert a region; a key image; both sign."""
    number, public_id = rows(
        site, "SELECT id, public_id FROM consultations WHERE patient_name = ?", DEMO.name
    )[0]
    questions = rows(site, "SELECT id FROM questions WHERE consultation_id = ?", number)
    [(study,)] = rows(site, "SELECT study_id FROM instances WHERE sop_uid = ?", image.SOPInstanceUID)
    doctor = await consulting.signed_in(new_page, site, "bacsi.huyen")
    expert = await consulting.signed_in(new_page, site, "chuyengia")

    async def ask(who: Page, path: str, body: dict[str, Any] | None = None) -> Any:
        return await who.evaluate(ASK, [f"/consultations/{public_id}{path}", body])

    for who in (doctor, expert):
        await ask(who, "/join", {})
    await ask(expert, "/end-session", {})
    shown = {"study": study, "sop": image.SOPInstanceUID, "frame": 1}
    mark = shown | {"rev": 1, "text": "", "removed": False}
    await ask(doctor, "/marks", mark | {"uid": "mark-0001", "tool": "length", "points": LENGTH})
    await ask(expert, "/marks", mark | {"uid": "mark-0002", "tool": "ellipse", "points": ELLIPSE})
    view = {"voi": [40, 80, 0], "view": [256, 256, 1, 0, 0, 0], "caption": "Đường giữa không lệch"}
    await ask(expert, "/minutes/key-images", shown | view)
    texts = {document.CONCLUSION: "Không thấy u.", document.NEXT_TREATMENT: "Theo dõi."}
    texts |= {document.answer_field(question): "Không." for (question,) in questions}
    update = base64.b64encode(document.begin(texts)).decode()
    await ask(expert, "/minutes/draft", {"update": update})
    for who, role in ((doctor, "secretary"), (expert, "chair")):
        digest = (await ask(who, "/minutes/form"))["digest"]
        await ask(who, "/minutes/sign", {"role": role, "password": PASSWORD, "digest": digest})


# --- in OHIF --------------------------------------------------------------------------------------


async def test_ohif_reads_our_archive(signed: Signed, new_page: NewPage) -> None:
    token = signed.site.command("token", "bacsi.huyen").strip()
    async with ohif(signed.app, f"{signed.site.url}/dicom-web", token) as viewer:
        page = await a_page(new_page, viewer)
        await lists_the_demo(page)
        await opens(page, signed)
        await draws_the_ct(page, signed)
        await draws_other_kinds(page, signed)
        await opens(page, signed)
        await reads_what_the_case_left(page, signed, picture="SOAK_PICTURE" in os.environ)
    assert [one for one in viewer.asked if one[1] != 200] == []
    asked = {path for path, _ in viewer.asked}
    for ds in signed.left:
        assert f"/dicom-web/studies/{signed.study_uid}/series/{ds.SeriesInstanceUID}/metadata" in asked


async def test_ohif_reads_what_was_sent_to_a_pacs(
    signed: Signed, orthanc: Orthanc, new_page: NewPage
) -> None:
    async with ohif(signed.app, orthanc.dicomweb_url) as viewer:
        page = await a_page(new_page, viewer)
        await opens(page, signed)
        await reads_what_the_case_left(page, signed)


async def a_page(new_page: NewPage, viewer: Ohif) -> Page:
    page = await new_page(base_url=viewer.url, viewport=WIDE)
    page.set_default_timeout(LONG_MS)
    return page


async def lists_the_demo(page: Page) -> None:
    await page.goto("/", wait_until="domcontentloaded")
    for case in CASES:
        family, _, given = case.name.partition(" ")
        is_ours = case.images and case.by == "bacsi.huyen"
        row = page.get_by_text(f"{family.upper()}, {given}")
        await expect(row).to_have_count(1 if is_ours else 0, timeout=LONG_MS)


async def opens(page: Page, signed: Signed) -> None:
    """The study browser names all that is there."""
    await show(page, signed.study_uid)
    listed = page.locator("[data-cy=study-browser-thumbnail-no-image]")
    await expect(listed).to_have_count(len(signed.left), timeout=LONG_MS)
    said = [text.split("\n")[:2] for text in await listed.all_inner_texts()]
    assert sorted(said) == sorted([ds.Modality, ds.SeriesDescription] for ds in signed.left)


async def show(page: Page, study_uid: str) -> None:
    await page.goto(f"/viewer?StudyInstanceUIDs={study_uid}", wait_until="domcontentloaded")
    if not await page.evaluate("localStorage.shownTours"):
        await page.get_by_text("Skip all").click()  # a tour of OHIF's own, once a browser


async def draws_other_kinds(page: Page, signed: Signed) -> None:
    """An X-ray, and an ultrasound cine in JPEG."""
    for ds in stored(signed.site):
        # Cornerstone draws nothing of pixels that are 0 mm wide, as the demo's chest X-ray has them.
        if ds.Modality in {"CR", "US"} and 0 not in ds.get("PixelSpacing", []):
            await show(page, ds.StudyInstanceUID)
            await page.wait_for_selector("canvas.cornerstone-canvas")
            async with asyncio.timeout(LONG_MS / 1000):
                while (await drawn(page)).std() < SOME_GREY:
                    await asyncio.sleep(0.5)


async def draws_the_ct(page: Page, signed: Signed) -> None:
    """Scroll from the vertex down; what is drawn is what pydicom makes of the file, as near as scaling lets it."""
    await page.locator("[data-cy=viewport-pane]").hover()
    corner = page.locator("[data-cy=viewport-overlay-bottom-right]")
    await expect(corner).to_contain_text(f"I:{CT_SLICES}", timeout=LONG_MS)
    for number in range(CT_SLICES - 1, SLICE - 1, -1):
        await page.mouse.wheel(0, 100)
        await expect(corner).to_contain_text(f"I:{number}", timeout=LONG_MS)
    expected = grey8(signed.image, signed.image.pixel_array, NARROW).astype(float)
    async with asyncio.timeout(LONG_MS / 1000):
        while np.abs(await drawn(page) - expected).mean() > MAX_APART:
            await asyncio.sleep(0.5)


async def drawn(page: Page) -> NDArray[np.float64]:
    """The grey that OHIF shows where each pixel of the image has its middle."""
    canvas = await page.evaluate(DRAWN)
    height, width = canvas["height"], canvas["width"]
    grey = np.frombuffer(base64.b64decode(canvas["red"]), np.uint8).reshape(height, width)
    middles = (np.arange(SIDE) + 0.5 - SIDE / 2) * min(height, width) / SIDE - 0.5
    y, x = (np.rint(middles + side / 2).astype(int).clip(0, side - 1) for side in (height, width))
    return grey[np.ix_(y, x)].astype(float)


async def line(page: Page) -> list[float]:
    """From where to where the length is drawn, in pixels of the image."""
    width, height, *ends = await page.evaluate(LINE)
    middle = np.array([width, height, width, height]) / 2
    found: list[float] = ((np.array(ends) - middle) * SIDE / min(width, height) + SIDE / 2).tolist()
    return found


async def reads_what_the_case_left(page: Page, signed: Signed, *, picture: bool = False) -> None:
    """The reports over their image and the minutes; of key images and presentation states OHIF has no view."""
    listed = page.locator("[data-cy=study-browser-thumbnail-no-image]")
    pane = page.locator("[data-cy=viewport-pane]")
    for report in sorted((ds for ds in signed.left if ds.Modality == "SR"), key=lambda ds: -len(numbers(ds))):
        await listed.filter(has_text=report.SeriesDescription).dblclick()
        for _, _, value, unit in numbers(report):
            await expect(pane).to_contain_text(f"{value:.2f} {unit}", timeout=LONG_MS)
        await expect(pane).to_contain_text(f"I:{SLICE}")
    assert await line(page) == pytest.approx(np.ravel(LENGTH), abs=0.5)
    if picture:
        await page.screenshot(path=PICTURE, animations="disabled")
    [minutes] = [ds for ds in signed.left if ds.Modality == "DOC"]
    await listed.filter(has_text=minutes.SeriesDescription).dblclick()
    await page.wait_for_selector("object[type='application/pdf']", state="attached")
    shown = base64.b64decode(await page.evaluate(PDF))
    assert shown.startswith(b"%PDF-")
    assert shown.rstrip(b"\0") == minutes.EncapsulatedDocument.rstrip(b"\0")
