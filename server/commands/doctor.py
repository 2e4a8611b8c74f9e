"""`doctor`: a green and red list of what the service stands on, each red line with what to do."""

import asyncio
import contextlib
import datetime as dt
import shutil
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select, text

from dicom import tls
from server.people.model import DicomPeer
from server.platform import bus
from server.platform.db import Database, alembic_config, now
from server.platform.events import Audit
from server.platform.jobs import given_up
from server.platform.keys import Certificate
from server.platform.settings import LOOPBACK, Settings
from signaling.ice import IceConfig

FREE_BYTES = 10 * 1024**3
CERTIFICATE_DAYS = 14
CLOCK_S = 5.0
PATIENCE_S = 5.0
KEY_CHARACTERS = 32
WEB = Path(__file__).parents[2] / "web"
FONTS = WEB / "fonts" / "pdf"
PAGES = WEB / "dist" / ".vite" / "manifest.json"
NOT_A_PDU = bytes([0x0F, 0, 0, 0, 0, 0])  # what speaks DICOM answers it with A-ABORT (PS3.8 9.2, AA-1)
ABORT = 0x07


@dataclass(frozen=True)
class Finding:
    what: str
    is_good: bool
    words: str


class Wrong(Exception):
    """What is so and what to do, for the red line."""


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; one that cannot be looked at is red, never silent."""
    found = []
    for what, look, remedy in LOOKS:
        try:
            async with asyncio.timeout(4 * PATIENCE_S):
                found.append(Finding(what, True, await look(settings)))
        except Wrong as wrong:
            found.append(Finding(what, False, str(wrong)))
        except Exception as fault:  # whatever is wrong with it is the finding
            found.append(Finding(what, False, f"không kiểm tra được ({type(fault).__name__}): {remedy}"))
    return found


# --- database and clock ------------------------------------------------------------------------


def _is_founded(settings: Settings) -> bool:
    """Not on looking: SQLite would found the file."""
    return bool(settings.database_url.get_secret_value()) or (settings.data_dir / "hoichan.db").exists()


async def _database(settings: Settings) -> str:
    from alembic.script import ScriptDirectory

    if not _is_founded(settings):
        raise Wrong("chưa có: chạy `python -m server migrate`")
    database = Database(settings.database)
    try:
        async with asyncio.timeout(PATIENCE_S), database.read() as connection:
            here = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    finally:
        await database.close()
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    if here != ScriptDirectory.from_config(alembic_config(settings.database)).get_current_head():
        raise Wrong(f"{kind} chưa ở phiên bản này: chạy `python -m server migrate`")
    return kind


async def _clock(settings: Settings) -> str:
    """Not behind what was written already, and not apart from the clock of a database elsewhere."""
    if not _is_founded(settings):
        return "giờ máy này"
    database = Database(settings.database)
    there: float | None = None
    try:
        async with asyncio.timeout(PATIENCE_S), database.read() as connection:
            newest: dt.datetime | None = await connection.scalar(select(func.max(Audit.at)))
            if not database.is_sqlite:
                there = float(
                    await connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0
                )
    finally:
        await database.close()
    if newest is not None and (newest - now()).total_seconds() > CLOCK_S:
        raise Wrong("đồng hồ máy này chậm hơn nhật ký đã ghi: bật đồng bộ giờ (NTP)")
    if there is None:
        return "giờ máy này"
    apart = abs(time.time() - there)
    if apart > CLOCK_S:
        raise Wrong(f"lệch {apart:.0f} giây với máy cơ sở dữ liệu: bật NTP trên cả hai máy")
    return f"lệch {apart:.1f} giây với máy cơ sở dữ liệu"


async def _jobs(settings: Settings) -> str:
    if not _is_founded(settings):
        return "chưa có"
    database = Database(settings.database)
    try:
        async with asyncio.timeout(PATIENCE_S), database.system(writes=False) as session:
            dead = await given_up(session)
    finally:
        await database.close()
    if dead:
        counts = ", ".join(f"{kind}: {count}" for kind, count in dead.items())
        raise Wrong(
            f"đã bỏ sau nhiều lần lỗi ({counts}): xem nhật ký, rồi chạy `python -m server jobs retry`"
        )
    return "không việc nào bị bỏ"


# --- this machine ------------------------------------------------------------------------------


async def _disk(settings: Settings) -> str:
    free = min(_free(settings.data_dir), _free(settings.store_dir))
    words = f"còn {free / 1024**3:.0f} GB"
    if free < FREE_BYTES:
        raise Wrong(f"{words}: cần hơn {FREE_BYTES / 1024**3:.0f} GB, hãy dọn hoặc thêm đĩa")
    return words


def _free(folder: Path) -> int:
    """Free bytes where a file was really written."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".doctor"
    probe.write_bytes(b"x")
    probe.unlink()
    return shutil.disk_usage(folder).free


async def _ports(settings: Settings) -> str:
    """Each port is free, or the service itself answers there."""
    asked = (
        (settings.host, settings.port, _is_our_web),
        (settings.dimse_listen, settings.dimse_port, _speaks_dicom),
    )
    taken = [
        str(port) for host, port, is_ours in asked if not (_is_free(host, port) or await is_ours(host, port))
    ]
    if taken:
        raise Wrong(
            f"cổng {', '.join(taken)} bị chương trình khác giữ: tắt nó, hoặc đổi HOICHAN_LISTEN, HOICHAN_DIMSE_PORT"
        )
    return f"{settings.port}, {settings.dimse_port}"


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def _is_our_web(host: str, port: int) -> bool:
    said = await _said(host, port, b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
    return said.startswith(b"HTTP/1.") and said.endswith(b"\r\n\r\nok\n")


async def _speaks_dicom(host: str, port: int) -> bool:
    return (await _said(host, port, NOT_A_PDU))[:1] == bytes([ABORT])


async def _said(host: str, port: int, asked: bytes) -> bytes:
    """What a server answers until it closes; nothing where it does not."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(host, port)
            with contextlib.closing(writer):
                writer.write(asked)
                return await reader.read(65536)
    return b""


async def _fonts(_settings: Settings) -> str:
    found = list(FONTS.glob("*.ttf"))
    if not found:
        raise Wrong("thiếu web/fonts/pdf: tải lại bản phát hành")
    return f"{len(found)} tệp"


async def _pages(_settings: Settings) -> str:
    if not PAGES.exists():
        raise Wrong("chưa dựng: chạy `make run` một lần")
    return "đã dựng"


async def _key(settings: Settings) -> str:
    given = settings.secret_key.get_secret_value()
    if settings.database_url.get_secret_value() and not given:
        raise Wrong("đặt HOICHAN_SECRET_KEY (openssl rand -hex 32) khi chạy với PostgreSQL")
    if given and len(given) < KEY_CHARACTERS:
        raise Wrong(f"HOICHAN_SECRET_KEY cần ít nhất {KEY_CHARACTERS} ký tự: openssl rand -hex 32")
    return "có"


# --- other machines ----------------------------------------------------------------------------


async def _redis(settings: Settings) -> str:
    url = settings.redis_url.get_secret_value()
    if not url:
        return "không dùng (một máy)"
    async with asyncio.timeout(PATIENCE_S):
        await bus.ping(url)
    return "trả lời"


async def _turn(settings: Settings) -> str:
    """Ask each server for a relay, as a browser would, with credentials of ours."""
    ice = IceConfig(settings.turn_urls, settings.turn_secret.get_secret_value())
    servers = [server for server in ice.servers("doctor", "doctor") if server.username]
    if not servers:
        return "không dùng: chỉ gọi được khi hai bên nối thẳng với nhau"
    for server in servers:
        for url in server.urls:
            await _allocate(url, server.username or "", server.credential or "")
    return f"cấp được đường chuyển tiếp: {', '.join(url for server in servers for url in server.urls)}"


async def _allocate(url: str, username: str, credential: str) -> None:
    from aioice.stun import TransactionError, TransactionFailed
    from aioice.turn import create_turn_endpoint

    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    host, _, port = place.rpartition(":") if place.rpartition(":")[2].isdigit() else (place, "", "")
    is_tls = scheme == "turns"
    try:
        async with asyncio.timeout(PATIENCE_S):
            transport, _protocol = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                (host.strip("[]"), int(port or (5349 if is_tls else 3478))),
                username=username,
                password=credential,
                ssl=is_tls or None,
                transport="udp" if "transport=udp" in query or not (is_tls or query) else "tcp",
            )
    except TransactionFailed:
        raise Wrong(f"{url} từ chối: HOICHAN_TURN_SECRET phải giống static-auth-secret của coturn") from None
    except (TransactionError, TimeoutError, OSError):
        raise Wrong(f"{url} không trả lời: bật coturn, mở cổng trên tường lửa") from None
    transport.close()
    await asyncio.sleep(0.05)  # until it has said that it needs the relay no more


async def _certificate(settings: Settings) -> str:
    if not settings.is_https:
        if settings.host in LOOPBACK:
            return "không cần trên máy này"
        raise Wrong("trình duyệt chỉ mở camera qua HTTPS: đặt HOICHAN_PUBLIC_URL và chứng thư")
    parts = urlsplit(settings.origin)
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(
                parts.hostname,
                parts.port or 443,
                ssl=ssl.create_default_context(),
                server_hostname=parts.hostname,
            )
    except ssl.SSLCertVerificationError as refused:
        raise Wrong(
            f"máy này không tin ({refused.verify_message}): thay chứng thư; với CA riêng, đặt SSL_CERT_FILE=root.crt "
            "rồi thử lại, và cài root.crt vào máy của người dùng"
        ) from None
    found = writer.get_extra_info("peercert")
    writer.close()
    days = (ssl.cert_time_to_seconds(found["notAfter"]) - time.time()) / 86400
    if days < CERTIFICATE_DAYS:
        raise Wrong(f"còn {days:.0f} ngày: gia hạn chứng thư ngay")
    return f"còn {days:.0f} ngày"


async def _dimse_tls(settings: Settings) -> str:
    """Ours, and those of the devices: who renews one has to enter it anew."""
    certificate, key, ca = settings.dimse_tls_certificate, settings.dimse_tls_key, settings.dimse_tls_ca
    if not (settings.dimse_tls_port and certificate and key and ca):
        return "không mở cổng"
    try:
        tls.server_context(Path(certificate), Path(key), Path(ca))
        own = await asyncio.to_thread(Path(certificate).read_bytes)
        days = (Certificate.read(own).until - now()).total_seconds() / 86400
    except OSError as fault:
        raise Wrong(
            f"chứng thư, khóa hoặc CA không dùng được ({fault.strerror or type(fault).__name__}): "
            "xem HOICHAN_DIMSE_TLS_CERTIFICATE, HOICHAN_DIMSE_TLS_KEY, HOICHAN_DIMSE_TLS_CA"
        ) from None
    if days < CERTIFICATE_DAYS:
        raise Wrong(f"chứng thư còn {days:.0f} ngày: gia hạn, rồi chạy lại gateway")
    if ending := await _devices_ending(settings):
        raise Wrong(f"chứng thư của {ending} sắp hết hạn: xin chứng thư mới, khai lại ở trang Máy gửi ảnh")
    return f"cổng {settings.dimse_tls_port}, chứng thư còn {days:.0f} ngày"


async def _devices_ending(settings: Settings) -> str:
    """The AE titles of devices whose certificates end soon."""
    if not _is_founded(settings):
        return ""
    soon = now() + dt.timedelta(days=CERTIFICATE_DAYS)
    database = Database(settings.database)
    try:
        async with asyncio.timeout(PATIENCE_S), database.system(writes=False) as session:
            query = select(DicomPeer.ae_title).where(DicomPeer.certificate_until < soon)
            return ", ".join(await session.scalars(query.order_by(DicomPeer.ae_title).limit(10)))
    finally:
        await database.close()


Look = Callable[[Settings], Awaitable[str]]
# What, how to look, and what to do where that is not possible.
LOOKS: tuple[tuple[str, Look, str], ...] = (
    (
        "Cơ sở dữ liệu",
        _database,
        "xem HOICHAN_DATABASE_URL và máy chủ PostgreSQL; lần đầu chạy `python -m server migrate`",
    ),
    ("Đồng hồ", _clock, "chữa cơ sở dữ liệu trước"),
    ("Việc nền", _jobs, "chữa cơ sở dữ liệu trước"),
    ("Ổ đĩa", _disk, "HOICHAN_DATA_DIR phải là thư mục mà dịch vụ ghi được"),
    ("Redis", _redis, "xem HOICHAN_REDIS_URL, mật khẩu và máy chủ Redis"),
    ("Cổng", _ports, "xem HOICHAN_LISTEN và HOICHAN_DIMSE_PORT"),
    ("Phông chữ PDF", _fonts, "tải lại bản phát hành"),
    ("Trang web", _pages, "chạy `make run` một lần"),
    ("TURN", _turn, "xem HOICHAN_TURN_URLS"),
    ("DICOM TLS", _dimse_tls, "xem HOICHAN_DIMSE_TLS_PORT và ba tệp của nó"),
    ("Chứng thư", _certificate, "xem HOICHAN_PUBLIC_URL và proxy HTTPS (Caddy)"),
    ("Khóa", _key, "xem HOICHAN_SECRET_KEY"),
)
