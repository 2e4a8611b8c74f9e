"""DICOM over TLS, both ways: who calls us shows a certificate, and whom we call shows the one we trust."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel

from dicom import tls
from dicom.gateway import Gateway, Limits, Secure, commitment
from dicom.gateway.calling import CallFailed
from dicom.gateway.commitment import Report
from dicom.pacs.dimse import Dimse, Peer
from dicom.pacs.failures import PacsFailure
from dicom.pacs.found import Arrived, Question
from dicom.pacs.network import Destination
from dicom.tls import Security
from tests.certificates import Certificate, authority, signed
from tests.dicom.builders import a_dataset, a_file
from tests.dicom.gateway_site import Hospital, dcmtk, told
from tests.dicom.pacs_site import HERE, TITLE, storescp
from tests.services import HOST, Server, program, started

DEVICE = "STORESCU"


@dataclass(frozen=True)
class Papers:
    """Certificates of a hospital: its authority's, ours, a device's, another device's; and a stranger's."""

    ca: Certificate
    ours: Certificate
    device: Certificate
    other: Certificate
    stranger: Certificate


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    ca = authority(folder, "ca")
    names = ("hoichan", "ct", "mr")
    ours, device, other = (signed(ca, name) for name in names)
    return Papers(ca, ours, device, other, signed(authority(folder, "theirs"), "stranger"))


@pytest.fixture
async def door(hospital: Hospital, papers: Papers) -> AsyncIterator[Gateway]:
    """A gateway with both ports; DEVICE is known by its certificate, ECHOSCU has none."""
    hospital.certificates[DEVICE] = papers.device.fingerprint
    context = tls.server_context(papers.ours.certificate, papers.ours.key, papers.ca.certificate)
    gateway = Gateway(0, "HOICHAN", hospital, limits=Limits(negotiation_s=2), secure=Secure(0, context))
    await gateway.start()
    yield gateway
    await gateway.stop()


def shows(papers: Papers, certificate: Certificate) -> list[str]:
    """Options of dcmtk."""
    own = ["+tls", str(certificate.key), str(certificate.certificate)]
    return [*own, "+cf", str(papers.ca.certificate)]


async def called(program: str, port: int, *words: str | Path) -> int:
    """The exit code of a client of dcmtk."""
    files = words[-1:] if program == "storescu" else ()
    options = [str(one) for one in words[: len(words) - len(files)]]
    process = await asyncio.create_subprocess_exec(
        *(f"/usr/bin/{program}", "-aec", "HOICHAN", *options, HOST, str(port), *map(str, files)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "TCP_NODELAY": "1"},
    )
    return await process.wait()


def a_ct(folder: Path, number: int = 1, side: int = 64) -> Path:
    uid = f"2.25.77{number}"
    names = {"StudyInstanceUID": uid, "SeriesInstanceUID": f"{uid}.1", "SOPInstanceUID": f"{uid}.1.1"}
    path = folder / f"{number}.dcm"
    path.write_bytes(
        a_file(a_dataset(Rows=side, Columns=side, PixelData=os.urandom(side * side * 2), **names))
    )
    return path


# --- who calls us ------------------------------------------------------------------------------


async def test_a_device_with_its_certificate_stores(
    door: Gateway, hospital: Hospital, papers: Papers, tmp_path: Path
) -> None:
    large = a_ct(tmp_path, side=2000)  # many times what is read ahead
    assert await called("storescu", door.secure_port, *shows(papers, papers.device), large) == 0
    [row] = await hospital.rows()
    assert hospital.store.path(row.blob).read_bytes()[-8_000_000:] == large.read_bytes()[-8_000_000:]


async def test_whoever_cannot_show_the_devices_certificate_is_turned_away(
    door: Gateway, hospital: Hospital, papers: Papers, tmp_path: Path
) -> None:
    one, ca = a_ct(tmp_path), ["+cf", str(papers.ca.certificate)]
    plain, secure = door.port, door.secure_port
    tried = {
        "another's certificate": await called("storescu", secure, *shows(papers, papers.other), one),
        "of another authority": await called("storescu", secure, *shows(papers, papers.stranger), one),
        "none": await called("storescu", secure, "+tla", *ca, one),
        "without TLS at the port for it": await called("storescu", secure, one),
        "at the plain port": await called("storescu", plain, one),
        "a device that has none": await called("echoscu", secure, *shows(papers, papers.device)),
    }
    assert [what for what, code in tried.items() if code == 0] == []
    assert await hospital.rows() == []
    assert hospital.turned_away == [
        (DEVICE, HOST, "certificate"),
        ("", HOST, "certificate"),
        ("", HOST, "certificate"),
        ("", HOST, "tls"),
        (DEVICE, HOST, "certificate"),
        ("ECHOSCU", HOST, "certificate"),
    ]
    assert await dcmtk("echoscu", door) == (0, "")


async def test_old_tls_and_weak_suites_are_refused(door: Gateway, papers: Papers) -> None:
    async def negotiated(version: ssl.TLSVersion, suites: str) -> str | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(papers.device.certificate, papers.device.key)
        context.set_ciphers(suites)
        context.minimum_version = context.maximum_version = version
        try:
            _, writer = await asyncio.open_connection(HOST, door.secure_port, ssl=context)
        except (OSError, ssl.SSLError):
            return None
        writer.close()
        return str(writer.get_extra_info("ssl_object").version())

    assert await negotiated(ssl.TLSVersion.TLSv1_2, "ECDHE+AESGCM") == "TLSv1.2"
    assert await negotiated(ssl.TLSVersion.TLSv1_3, "ECDHE+AESGCM") == "TLSv1.3"
    assert await negotiated(ssl.TLSVersion.TLSv1_2, "ECDHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0") is None
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        assert await negotiated(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0") is None


async def test_silent_connections_do_not_keep_devices_out(
    door: Gateway, papers: Papers, tmp_path: Path
) -> None:
    idle = [await asyncio.open_connection(HOST, door.secure_port) for _ in range(200)]
    async with asyncio.timeout(20):
        assert await called("storescu", door.secure_port, *shows(papers, papers.device), a_ct(tmp_path)) == 0
        for reader, writer in idle:
            assert await reader.read() == b""  # each is ended
            writer.close()


# --- whom we call ------------------------------------------------------------------------------


async def test_images_are_moved_by_tls_to_who_has_the_trusted_certificate(
    door: Gateway, hospital: Hospital, papers: Papers, tmp_path: Path
) -> None:
    secure = door.secure_port
    assert await called("storescu", secure, *shows(papers, papers.device), a_ct(tmp_path)) == 0
    keys = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=2.25.771", "-aem", TITLE]
    ours = (str(papers.ours.certificate), str(papers.ours.key))
    options = shows(papers, papers.other)
    with storescp(tmp_path / "pacs", *options, "+xa") as port:
        for trusted, count in ((papers.stranger.pem, 0), (papers.other.pem, 1), (papers.ca.pem, 1)):
            security = Security(trusted, *ours)
            hospital.destinations[3, TITLE] = Destination(HOST, port, TITLE, security)
            await called("movescu", door.port, *keys)  # dcmtk's own knows no TLS
            assert len(list((tmp_path / "pacs" / "received").iterdir())) == count, trusted


async def test_a_report_is_given_to_who_has_the_trusted_certificate(papers: Papers) -> None:
    reports: list[Dataset] = []

    def taken(event: evt.Event) -> tuple[int, None]:
        reports.append(event.event_information)
        return 0, None

    context = tls.server_context(papers.device.certificate, papers.device.key, papers.ca.certificate)
    ae = AE(ae_title="COMMIT")
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    server = ae.start_server(
        (HOST, 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, taken)], ssl_context=context
    )
    assert server is not None
    ours, what = (str(papers.ours.certificate), str(papers.ours.key)), Report("2.25.5", (), ())
    port = server.server_address[1]
    try:
        good = Destination(HOST, port, "COMMIT", Security(papers.device.pem, *ours))
        assert await commitment.report(good, "HOICHAN", Limits(), what)
        bad = Destination(HOST, port, "COMMIT", Security(papers.stranger.pem, *ours))
        with pytest.raises(CallFailed, match="tls"):
            await commitment.report(bad, "HOICHAN", Limits(), what)
    finally:
        server.shutdown()
    assert [told(one)[0] for one in reports] == ["2.25.5"]


def an_orthanc(folder: Path, papers: Papers) -> Server:
    """Orthanc with TLS for whoever shows a certificate of the authority."""
    path = program("Orthanc", "/usr/sbin/Orthanc")

    def command(ports: list[int]) -> list[str]:
        settings = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "index"),
            "HttpServerEnabled": False,
            "DicomAet": "ORTHANC",
            "DicomPort": ports[0],
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(papers.other.certificate),
            "DicomTlsPrivateKey": str(papers.other.key),
            "DicomTlsTrustedCertificates": str(papers.ca.certificate),
            "DicomModalities": {"ours": ["HOICHAN", HOST, 1]},
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))
        return [path, str(folder / "orthanc.json")]

    return Server(command, folder, env={"TCP_NODELAY": "1"})


@pytest.mark.long
async def test_a_pacs_is_searched_and_pulled_from_by_tls(papers: Papers, tmp_path: Path) -> None:
    (tmp_path / "orthanc").mkdir()
    ours = (str(papers.ours.certificate), str(papers.ours.key))
    with started(an_orthanc(tmp_path / "orthanc", papers)) as (port,):
        sent = ["/usr/bin/storescu", *shows(papers, papers.device), "-aec", "ORTHANC", HOST, str(port)]
        subprocess.run([*sent, str(a_ct(tmp_path))], check=True, env={**os.environ, "TCP_NODELAY": "1"})

        def pacs(security: Security | None) -> Dimse:
            return Dimse(Peer(HOST, port, "ORTHANC", "HOICHAN", security=security), HERE)

        good = pacs(Security(papers.other.pem, *ours))
        await good.test()
        assert [one.study_uid for one in await good.search(Question())] == ["2.25.771"]
        arrived = [
            one async for one in good.retrieve("2.25.771", set(), tmp_path) if isinstance(one, Arrived)
        ]
        assert len(arrived) == 1
        for wrong in (Security(papers.stranger.pem, *ours), Security(papers.ca.pem)):
            with pytest.raises(PacsFailure) as failed:
                await pacs(wrong).test()
            assert failed.value.code == "tls"
        with pytest.raises(PacsFailure):
            await pacs(None).test()
