"""OHIF as it is published reads what we give, and what a signed case leaves, from us and from the PACS it was sent to.

`make soak`; SOAK_PICTURE=1 writes docs/screens/ohif.png.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import re
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
from server.consultation.minutes import document
from tests import consulting
from tests.conftest import NewPage, pages
from tests.consulting import WIDE
from tests.dicom.dicomweb_site import a_multipart
from tests.dicom.reference import grey8
from tests.ohif import Ohif, fetched, ohif
from tests.product import PASSWORD, Site, hoichan
from tests.services import ROOT, Orthanc, Services

PICTURE = ROOT / "docs" / "screens" / "ohif.png"
BATCH = 24  # instances of one STOW-RS request
LONG_MS = 120_000  # OHIF is 30 MB of script
DEMO = CASES[0]  # with a CT, and a session that begins now
SLICE = 48  # Instance Number: the middle of the head
LENGTH = [[150, 230], [330, 250]]
RECTANGLE = [[180, 290], [250, 350]]
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
PDF = """async () => {
  const shown = await (await fetch(document.querySelector("object[type='application/pdf']").data)).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", shown));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}"""


@dataclass(frozen=True)
class Signed:
    """A case of the demo, signed, in a service that runs."""

    site: Site
    app: Path  # OHIF's files
    study_uid: str
    image: Dataset  # on which was drawn
    left: dict[str, list[Dataset]]  # what the case left, by Modality


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
        left: dict[str, list[Dataset]] = {}
        for ds in stored(site):
            if ds.StudyInstanceUID == image.StudyInstanceUID and ds.Modality != "CT":
                left.setdefault(ds.Modality, []).append(ds)
        yield Signed(site, app, image.StudyInstanceUID, image, left)


def rows(site: Site, asked: str, *values: object) -> list[Any]:
    with sqlite3.connect(f"file:{site.data / 'hoichan.db'}?mode=ro", uri=True) as database:
        return database.execute(asked, values).fetchall()


def stored(site: Site) -> list[Dataset]:
    """Everything in the archive, as its file has it."""
    return [
        dcmread(site.data / "store" / blob) for (blob,) in rows(site, "SELECT blob FROM instances ORDER BY id")
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
            async with http.post(f"{orthanc.dicomweb_url}/studies", data=io.BytesIO(body), headers=headers) as answer:
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
    await ask(expert, "/marks", mark | {"uid": "mark-0002", "tool": "rectangle", "points": RECTANGLE})
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
        page = await new_page(base_url=viewer.url, viewport=WIDE)
        page.set_default_timeout(LONG_MS)
        await lists_the_demo(page)
        await opens(page, signed)
        await draws_the_ct(page, signed)
        await reads_what_the_case_left(page, signed)
    assert [one for one in viewer.asked if one[1] != 200] == []


async def lists_the_demo(page: Page) -> None:
    await page.goto("/", wait_until="domcontentloaded")
    for case in CASES:
        family, _, given = case.name.partition(" ")
        row = page.get_by_text(f"{family.upper()}, {given}")
        await expect(row).to_have_count(1 if case.images and case.by == "bacsi.huyen" else 0, timeout=LONG_MS)


async def opens(page: Page, signed: Signed) -> None:
    await page.goto(f"/viewer?StudyInstanceUIDs={signed.study_uid}", wait_until="domcontentloaded")
    await page.get_by_text("Skip all").click()  # a tour of OHIF's own
    await page.screenshot(path="/tmp/ohifpk/u_open.png")


async def draws_the_ct(page: Page, signed: Signed) -> None:
    await page.locator("[data-cy=viewport-pane]").hover()
    corner = page.locator("[data-cy=viewport-overlay-bottom-right]")
    for number in range(96, SLICE, -1):
        await page.mouse.wheel(0, 100)
        await expect(corner).to_contain_text(re.compile(rf"\b{number - 1}\b"), timeout=LONG_MS)
    await page.screenshot(path="/tmp/ohifpk/u_ct.png")
    drawn = await page.evaluate(DRAWN)
    np.save("/tmp/ohifpk/drawn.npy", np.frombuffer(base64.b64decode(drawn["red"]), np.uint8).reshape(drawn["height"], drawn["width"]))
    signed.image.save_as("/tmp/ohifpk/image.dcm")


async def reads_what_the_case_left(page: Page, signed: Signed) -> None:
    listed = page.locator("[data-cy=study-browser-thumbnail-no-image]")
    print(await listed.all_inner_texts())
    for n, i in enumerate((3,4)):
        await listed.nth(i).dblclick()
        await page.wait_for_timeout(8000)
        await page.screenshot(path=f"/tmp/ohifpk/u_sr{n}.png")
        print(await page.locator("[data-cy=viewport-pane]").inner_text())
        print(await page.evaluate("() => [...document.querySelectorAll('[data-cy]')].map(e => e.dataset.cy)"))
