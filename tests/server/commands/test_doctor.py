"""`doctor` is green where the service can work, and red with what to do where it cannot."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dicom.gateway import Gateway
from server.commands import doctor
from server.imaging import Imaging
from server.peers import Peers
from server.platform.db import Database, now
from server.platform.events import Audit, audit
from server.platform.settings import Settings
from tests import certificates
from tests.conftest import Templates
from tests.server.house import House
from tests.services import Turn, free_ports

HOST = "127.0.0.1"
WHAT = [what for what, _, _ in doctor.LOOKS]


async def found(what: str, settings: Settings) -> doctor.Finding:
    return next(one for one in await doctor.examine(settings) if one.what == what)


def a_place(folder: Path, **more: Any) -> Settings:
    """Settings of a service on free ports; its database is not there yet."""
    web, dimse = free_ports(2)
    values: dict[str, Any] = {
        "listen": f"{HOST}:{web}",
        "dimse_port": dimse,
        "data_dir": folder / "data",
        "secret_key": "k" * 32,
    }
    return Settings(**{**values, **more})


async def test_a_place_that_works_is_green(
    database_url: str, tmp_path: Path, redis_url: str, turn: Turn
) -> None:
    chosen = a_place(
        tmp_path,
        database_url=database_url,
        redis_url=redis_url,
        turn_urls=(turn.url, f"turn:{HOST}:{turn.port}?transport=tcp"),
        turn_secret=turn.secret,
    )
    findings = await doctor.examine(chosen)
    assert [one.what for one in findings] == WHAT
    assert [one for one in findings if not one.is_good] == []


async def test_an_old_database_is_red_and_names_the_command(templates: Templates, tmp_path: Path) -> None:
    from server.platform.db import migrate

    (tmp_path / "data").mkdir()
    chosen = Settings(data_dir=tmp_path / "data")
    new = await found("Cơ sở dữ liệu", chosen)
    await migrate(chosen.database, "0001")
    old = await found("Cơ sở dữ liệu", chosen)
    for one in (new, old):
        assert not one.is_good
        assert "python -m server migrate" in one.words


async def test_a_database_that_is_away_is_red(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    chosen = a_place(tmp_path, database_url=f"postgresql://nobody@{HOST}:{port}/none")
    for what in ("Cơ sở dữ liệu", "Đồng hồ"):
        one = await found(what, chosen)
        assert not one.is_good
    assert "HOICHAN_DATABASE_URL" in (await found("Cơ sở dữ liệu", chosen)).words


async def test_a_clock_behind_the_journal_is_red(database_url: str, tmp_path: Path) -> None:
    chosen = a_place(tmp_path, database_url=database_url)
    database = Database(chosen.database)
    async with database.system() as session:
        await audit(session, "later", "test:1", by=None, hospital_id=0)
    assert (await found("Đồng hồ", chosen)).is_good
    async with database.system() as session:  # as written while the clock was ten minutes ahead
        words = {"action": "later", "object": "test:2", "previous": "0" * 64, "digest": "0" * 64}
        session.add(Audit(hospital_id=0, seq=2, at=now() + dt.timedelta(minutes=10), **words))
    await database.close()
    one = await found("Đồng hồ", chosen)
    assert not one.is_good
    assert "NTP" in one.words


async def test_a_disk_that_is_full_or_no_folder_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    one = await found("Ổ đĩa", a_place(tmp_path, data_dir=tmp_path / "file" / "data"))
    assert not one.is_good
    assert "HOICHAN_DATA_DIR" in one.words
    assert (await found("Ổ đĩa", a_place(tmp_path))).is_good
    monkeypatch.setattr(doctor, "FREE_BYTES", shutil.disk_usage(tmp_path).total + 1)
    assert "thêm đĩa" in (await found("Ổ đĩa", a_place(tmp_path))).words


async def test_redis_that_is_away_is_red(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    one = await found("Redis", a_place(tmp_path, redis_url=f"redis://{HOST}:{port}/0"))
    assert not one.is_good
    assert "HOICHAN_REDIS_URL" in one.words


@asynccontextmanager
async def somebody_else() -> AsyncIterator[int]:
    """A program that takes connections and says something of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 somebody else\r\n")
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_ports_of_the_service_itself_are_green_and_of_others_red(own_house: House) -> None:
    imaging = Imaging(own_house.settings, own_house.database)
    async with imaging.sandbox, somebody_else() as taken:
        gateway = Gateway(0, "HOICHAN", Peers(own_house.settings, imaging, own_house.database))
        await gateway.start()
        ours = own_house.settings.model_copy(update={"dimse_port": gateway.port})
        assert (await found("Cổng", ours)).is_good
        for changes in ({"listen": f"{HOST}:{taken}"}, {"dimse_port": taken}):
            one = await found("Cổng", ours.model_copy(update=changes))
            assert not one.is_good
            assert str(taken) in one.words
        await gateway.stop()


async def test_missing_fonts_and_pages_are_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FONTS", tmp_path)
    monkeypatch.setattr(doctor, "PAGES", tmp_path / "manifest.json")
    findings = {one.what: one for one in await doctor.examine(a_place(tmp_path))}
    for what, word in (("Phông chữ PDF", "tải lại"), ("Trang web", "make run")):
        assert not findings[what].is_good
        assert word in findings[what].words


async def test_a_relay_with_another_secret_or_none_at_all_is_red(
    tmp_path: Path, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await found("TURN", a_place(tmp_path, turn_urls=(turn.url,), turn_secret="another"))
    assert not one.is_good
    assert "HOICHAN_TURN_SECRET" in one.words
    monkeypatch.setattr(doctor, "PATIENCE_S", 1.0)
    (port,) = free_ports(1)
    for transport in ("udp", "tcp"):
        one = await found(
            "TURN",
            a_place(tmp_path, turn_urls=(f"turn:{HOST}:{port}?transport={transport}",), turn_secret="s"),
        )
        assert not one.is_good
        assert "tường lửa" in one.words


def a_certificate(folder: Path, days: int) -> Path:
    """One that signs itself, for localhost."""
    file = folder / f"{days}.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-days", str(days), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(file), "-out", str(folder / "part")),
        ],
        check=True,
        capture_output=True,
    )
    with file.open("a") as out:
        out.write((folder / "part").read_text())
    return file


@pytest.mark.parametrize(
    ("days", "is_trusted", "word"), [(90, True, ""), (3, True, "gia hạn"), (90, False, "SSL_CERT_FILE")]
)
async def test_a_certificate_is_red_when_it_ends_soon_or_nobody_trusts_it(
    days: int, is_trusted: bool, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_certificate(tmp_path, days)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file if is_trusted else tmp_path / "none.pem"))
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "localhost", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        one = await found("Chứng thư", Settings(data_dir=tmp_path, public_url=f"https://localhost:{port}"))
    assert one.is_good is (word == "")
    assert word in one.words


async def test_a_camera_without_https_and_a_short_key_are_red(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path, listen="192.0.2.1:8080", secret_key="short")
    findings = {one.what: one for one in await doctor.examine(chosen)}
    assert "HOICHAN_PUBLIC_URL" in findings["Chứng thư"].words
    assert "openssl rand" in findings["Khóa"].words
    assert not findings["Chứng thư"].is_good
    assert not findings["Khóa"].is_good


@pytest.mark.parametrize(
    ("days", "other_key", "word"), [(90, False, ""), (3, False, "gia hạn"), (90, True, "không dùng được")]
)
async def test_dicom_tls_is_red_when_its_certificate_ends_or_is_not_its_own(
    days: int, other_key: bool, word: str, tmp_path: Path
) -> None:
    ca = certificates.authority(tmp_path, "ca")
    own, other = (certificates.signed(ca, name, days) for name in ("hoichan", "other"))
    chosen = a_place(
        tmp_path,
        dimse_tls_port=free_ports(1)[0],
        dimse_tls_certificate=str(own.certificate),
        dimse_tls_key=str((other if other_key else own).key),
        dimse_tls_ca=str(ca.certificate),
    )
    one = await found("DICOM TLS", chosen)
    assert one.is_good == (not word)
    assert word in one.words
