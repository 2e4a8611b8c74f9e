"""A large study by browser: 2,000 slices, with the network gone and the page loaded anew on the way.

`make soak`; SOAK_SLICES says how many (2,000 when it does not).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from pathlib import Path

import numpy as np
from playwright.async_api import Browser, Page, expect

from tests import consulting
from tests.conftest import pages
from tests.dicom.builders import a_dataset, a_file
from tests.product import Site, hoichan

SLICES = int(os.environ.get("SOAK_SLICES", "2000"))
UID = "2.25.20261122210000"
LONG_MS = 20 * 60_000


def slices(folder: Path) -> dict[str, str]:
    """Files of one study, each another noise: SHA-256 by SOP Instance UID."""
    chance, found = np.random.default_rng(1), {}
    for number in range(1, SLICES + 1):
        sop = f"{UID}.1.{number}"
        pixels = chance.integers(0, 4096, 64 * 64, dtype=np.uint16).tobytes()
        names = {"StudyInstanceUID": UID, "SeriesInstanceUID": f"{UID}.1", "SOPInstanceUID": sop}
        content = a_file(a_dataset(**names, InstanceNumber=number, PixelData=pixels))
        (folder / f"{number:05}.dcm").write_bytes(content)
        found[sop] = hashlib.sha256(content).hexdigest()
    return found


async def test_two_thousand_slices_come_once_each_and_whole(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "CT"
    folder.mkdir()
    sent = slices(folder)
    (tmp_path / "site").mkdir()
    with hoichan(tmp_path / "site") as site:
        async with pages(browser) as new_page:
            doctor = await consulting.signed_in(new_page, site, "bacsi.huyen")
            await choose(doctor, folder)
            await until_there(site, SLICES // 4)
            await doctor.context.set_offline(True)
            await asyncio.sleep(5)
            await doctor.context.set_offline(False)
            await until_there(site, SLICES // 2)
            doctor.on(
                "dialog", lambda dialog: asyncio.ensure_future(dialog.accept())
            )  # files are on their way
            await doctor.reload()
            await choose(doctor, folder)
            await expect(doctor.locator(".upload-status")).to_contain_text(f"{SLICES}", timeout=LONG_MS)
            await until_there(site, SLICES)
            await expect(doctor.locator(".upload-refused li")).to_have_count(0)
        assert hashes(site) == sent


async def choose(page: Page, folder: Path) -> None:
    await page.goto("/inbox")
    await page.locator("input[type=file][webkitdirectory]").set_input_files(folder)


async def until_there(site: Site, count: int) -> None:
    async with asyncio.timeout(LONG_MS / 1000):
        while len(rows(site)) < count:
            await asyncio.sleep(0.5)


def rows(site: Site) -> list[tuple[str, str]]:
    """SOP Instance UID and blob of what is in the index."""
    asked = "SELECT sop_uid, blob FROM instances WHERE sop_uid LIKE ?"
    with sqlite3.connect(f"file:{site.data / 'hoichan.db'}?mode=ro", uri=True) as database:
        return database.execute(asked, (f"{UID}.%",)).fetchall()


def hashes(site: Site) -> dict[str, str]:
    return {
        sop: hashlib.sha256((site.data / "store" / blob).read_bytes()).hexdigest() for sop, blob in rows(site)
    }
