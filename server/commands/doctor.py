"""`doctor`: a green and red list of what the service stands on, each red line with what to do."""

import asyncio
import shutil
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import text

from server.platform.db import Database, alembic_config
from server.platform.settings import Settings

FREE_BYTES = 10 * 1024**3
CERTIFICATE_DAYS = 14
CLOCK_S = 5.0
FONTS = Path(__file__).parents[2] / "web" / "fonts" / "pdf"
PAGES = Path(__file__).parents[2] / "web" / "dist" / ".vite" / "manifest.json"


@dataclass(frozen=True)
class Finding:
    what: str
    is_good: bool
    words: str


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; one that cannot be looked at is red, never silent."""
    found = []
    for what, look in LOOKS:
        try:
            is_good, words = await look(settings)
        except Exception as fault:  # whatever is wrong with it is the finding
            is_good, words = False, f"không kiểm tra được ({type(fault).__name__})"
        found.append(Finding(what, is_good, words))
    return found


async def _database(settings: Settings) -> tuple[bool, str]:
    from alembic.script import ScriptDirectory

    database = Database(settings.database)
    try:
        async with database.read() as connection:
            here = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    finally:
        await database.close()
    head = ScriptDirectory.from_config(alembic_config(settings.database)).get_current_head()
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    return here == head, kind if here == head else f"{kind}: chạy `python -m server migrate`"


async def _clock(settings: Settings) -> tuple[bool, str]:
    """Against the database's clock, where that is another machine's."""
    database = Database(settings.database)
    if database.is_sqlite:
        await database.close()
        year = time.gmtime().tm_year
        return year >= 2026, "giờ máy này" if year >= 2026 else "đồng hồ máy sai năm: bật NTP"
    async with database.read() as connection:
        there = await connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())"))
    await database.close()
    apart = abs(time.time() - float(there or 0))
    return apart < CLOCK_S, f"lệch {apart:.1f} giây" + (
        "" if apart < CLOCK_S else ": bật NTP trên cả hai máy"
    )


async def _disk(settings: Settings) -> tuple[bool, str]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    probe = settings.data_dir / ".doctor"
    probe.write_bytes(b"x")
    probe.unlink()
    free = shutil.disk_usage(settings.data_dir).free
    words = f"còn {free / 1024**3:.0f} GB"
    return free > FREE_BYTES, words if free > FREE_BYTES else f"{words}: cần hơn 10 GB, dọn hoặc thêm đĩa"


async def _redis(settings: Settings) -> tuple[bool, str]:
    from server.platform.bus import make_bus

    if not settings.redis_url.get_secret_value():
        return True, "không dùng (một máy)"
    async with asyncio.timeout(5), make_bus(settings) as bus:
        await bus.publish("doctor", "{}")
    return True, "trả lời"


async def _ports(settings: Settings) -> tuple[bool, str]:
    """Each port is ours (the service answers) or free."""
    wrong = []
    for host, port in ((settings.host, settings.port), (settings.dimse_listen, settings.dimse_port)):
        if not _is_free(host, port) and not await _answers(host, port):
            wrong.append(str(port))
    return (
        not wrong,
        "dùng được" if not wrong else f"cổng {', '.join(wrong)} bị chương trình khác giữ: đổi cổng",
    )


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def _answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return True


async def _fonts(_settings: Settings) -> tuple[bool, str]:
    found = list(FONTS.glob("*.ttf"))
    return bool(found), f"{len(found)} tệp" if found else "thiếu web/fonts/pdf: tải lại bản phát hành"


async def _pages(_settings: Settings) -> tuple[bool, str]:
    return PAGES.exists(), "đã dựng" if PAGES.exists() else "chưa dựng: chạy `make run` một lần"


async def _turn(settings: Settings) -> tuple[bool, str]:
    servers = [url for url in settings.turn_urls if url.startswith(("turn:", "turns:"))]
    if not servers:
        return True, "không dùng: chỉ gọi được khi hai bên nối thẳng với nhau"
    dead = []
    for url in servers:
        host, _, port = url.split(":", 1)[1].partition("?")[0].partition(":")
        if not await _answers(host, int(port or (5349 if url.startswith("turns") else 3478))):
            dead.append(url)
    return not dead, "trả lời" if not dead else f"không trả lời: {', '.join(dead)}; mở cổng trên tường lửa"


async def _certificate(settings: Settings) -> tuple[bool, str]:
    if not settings.is_https:
        is_local = settings.host in {"127.0.0.1", "localhost", "::1"}
        words = (
            "không cần trên máy này" if is_local else "camera cần HTTPS: đặt HOICHAN_PUBLIC_URL và chứng thư"
        )
        return is_local, words
    parts = urlsplit(settings.origin)
    context = ssl.create_default_context()
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_connection(
            parts.hostname, parts.port or 443, ssl=context, server_hostname=parts.hostname
        )
    found = writer.get_extra_info("peercert")
    writer.close()
    days = (ssl.cert_time_to_seconds(found["notAfter"]) - time.time()) / 86400
    return days > CERTIFICATE_DAYS, f"còn {days:.0f} ngày"


async def _secrets(settings: Settings) -> tuple[bool, str]:
    given = settings.secret_key.get_secret_value()
    if settings.database_url.get_secret_value() and not given:
        return False, "đặt HOICHAN_SECRET_KEY khi chạy nhiều máy"
    if given and len(given) < 32:
        return False, "HOICHAN_SECRET_KEY cần ít nhất 32 ký tự"
    return True, "có"


Look = Callable[[Settings], Awaitable[tuple[bool, str]]]
LOOKS: tuple[tuple[str, Look], ...] = (
    ("Cơ sở dữ liệu", _database),
    ("Đồng hồ", _clock),
    ("Ổ đĩa", _disk),
    ("Redis", _redis),
    ("Cổng", _ports),
    ("Phông chữ PDF", _fonts),
    ("Trang web", _pages),
    ("TURN", _turn),
    ("Chứng thư", _certificate),
    ("Khóa", _secrets),
)
