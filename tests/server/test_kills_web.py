"""Power cuts while images come by STOW-RS and by upload: what was answered is there, and uploads go on."""

from __future__ import annotations

import http.client
import random
from pathlib import Path
from typing import Final

import pytest

from dicom.gateway.part10 import data_set_offset
from tests.dicom.builders import a_dataset, a_file
from tests.kills import Archive
from tests.nursery import Nursery, Seam
from tests.product import command, demo_alone
from tests.services import HOST

STOWED: Final = (
    Seam("dicom.store:BlobWriter.flush", "after", 2),
    Seam("dicom.ingest:check", "after", 3),
    Seam("dicom.index:add_all", "after", 1),
    Seam("server.imaging:Imaging.receive", "after", 1),
)
# In the middle of a large file, complete but unchecked, checked but not noted, noted.
UPLOADED: Final = (
    Seam("dicom.spool:Spool.advance", "after", 2),
    Seam("dicom.spool:Spool.advance", "after", 1),
    Seam("server.imaging:Imaging.receive", "after", 1),
    Seam("dicom.spool:Spool.conclude", "after", 1),
)
ROWS, COLUMNS = 2048, 4096  # 16 MiB: above what is taken in one go
PIECE_BYTES: Final = 10 << 20


class Browser:
    """Asks with a token; a connection that breaks is an answer that never came."""

    def __init__(self, nursery: Nursery, token: str) -> None:
        self.nursery, self._headers = nursery, {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
        self._line = http.client.HTTPConnection(HOST)

    def start(self, seam: Seam | None = None) -> None:
        self._line.close()
        self._line = http.client.HTTPConnection(HOST, self.nursery.start(seam), timeout=30)

    def end(self) -> None:
        """At once, behind the last answer."""
        self.nursery.kill()
        self._line.close()

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, http.client.HTTPMessage] | None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._line.request(method, path, body, self._headers | named)
            with self._line.getresponse() as answer:
                answer.read()
                return answer.status, answer.headers
        except (OSError, http.client.HTTPException):
            return None


def files(count: int) -> dict[str, bytes]:
    """Files of one study by SOP Instance UID."""
    study = f"2.25.{random.getrandbits(100)}"
    made = {}
    for number in range(count):
        pixels = random.randbytes(64 * 64 * 2)
        names = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
        made[f"{study}.{number + 2}"] = a_file(
            a_dataset(SOPInstanceUID=f"{study}.{number + 2}", PixelData=pixels, **names)
        )
    return made


def data_sets(files: dict[str, bytes]) -> dict[str, bytes]:
    return {uid: content[data_set_offset(content) :] for uid, content in files.items()}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return demo_alone(tmp_path)


@pytest.fixture
def token(settings: dict[str, str]) -> str:
    return command(settings, "token", "bacsi.huyen").strip()


@pytest.mark.long
def test_what_was_stored_or_uploaded_outlives_a_power_cut(
    tmp_path: Path, settings: dict[str, str], token: str
) -> None:
    acknowledged: dict[str, bytes] = {}
    with Nursery("web", settings, tmp_path / "log") as nursery:
        browser = Browser(nursery, token)
        for seam in STOWED:
            acknowledged |= data_sets(stowed(browser, seam))
        for seam in UPLOADED:
            acknowledged |= data_sets(uploaded(browser, seam))
    assert Archive(tmp_path / "data").faults(acknowledged) == []


def stowed(browser: Browser, seam: Seam) -> dict[str, bytes]:
    """A study that is answered, one that is cut and sent again: all that was acknowledged in the end."""
    made = files(4)
    body = b"".join(
        b"--frontier\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in made.values()
    )
    more = {"Content_Type": 'multipart/related; type="application/dicom"; boundary=frontier'}
    body += b"--frontier--\r\n"
    browser.start(seam)
    assert browser.ask("POST", "/dicom-web/studies", body, **more) is None
    browser.nursery.ended()
    browser.start()
    answer = browser.ask("POST", "/dicom-web/studies", body, **more)
    browser.end()
    assert answer is not None
    assert answer[0] == 200
    return made


def uploaded(browser: Browser, seam: Seam) -> dict[str, bytes]:
    """A large file that is cut, and goes on from where it was acknowledged until it is in the index."""
    uid = f"2.25.{random.getrandbits(100)}"
    names = {"StudyInstanceUID": f"{uid}.1", "SeriesInstanceUID": f"{uid}.2", "SOPInstanceUID": uid}
    pixels = random.randbytes(ROWS * COLUMNS * 2)
    content = a_file(a_dataset(Rows=ROWS, Columns=COLUMNS, PixelData=pixels, **names))
    browser.start(seam)
    begun = browser.ask("POST", "/uploads", Upload_Length=str(len(content)))
    assert begun is not None
    where, offset, is_cut = begun[1]["Location"], 0, False
    while True:
        answer = browser.ask(
            "PATCH",
            where,
            content[offset : offset + PIECE_BYTES],
            Upload_Offset=str(offset),
            Content_Type="application/offset+octet-stream",
        )
        if answer is None:
            assert not is_cut
            is_cut = True
            browser.nursery.ended()
            browser.start()
            told = browser.ask("HEAD", where)
            assert told is not None
            assert int(told[1]["Upload-Offset"]) >= offset  # nothing acknowledged is to be sent again
            offset = int(told[1]["Upload-Offset"])
            state = told[1]["Upload-State"]
        else:
            assert answer[0] == 204
            offset, state = int(answer[1]["Upload-Offset"]), answer[1]["Upload-State"]
        if offset == len(content):
            break
    assert is_cut
    while state == "checking":  # also what was complete when the power went
        told = browser.ask("HEAD", where)
        assert told is not None
        state = told[1]["Upload-State"]
    assert state == "done"
    browser.end()
    return {uid: content}
