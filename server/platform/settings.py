"""Every setting, with its safe default. Secrets come from the environment alone."""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

KEY_BYTES = 32  # of a root secret that is worth the name
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """Read from `HOICHAN_…`; the README's table is held against these fields by a test."""

    model_config = SettingsConfigDict(env_prefix="HOICHAN_", frozen=True, extra="ignore")

    listen: str = Field("127.0.0.1:8080", description="Địa chỉ:cổng của trang và API")
    data_dir: Path = Field(Path("var"), description="Nơi để cơ sở dữ liệu nhúng, ảnh gốc, tệp tạm")
    public_url: str = Field("", description="Địa chỉ mà người dùng gõ, ví dụ https://hoichan.benhvien.vn")
    database_url: SecretStr = Field(
        SecretStr(""), description="postgresql://…; để trống là SQLite trong data_dir"
    )
    redis_url: SecretStr = Field(
        SecretStr(""), description="redis://…; để trống là ổ cắm Unix trong data_dir"
    )
    store_url: str = Field("", description="file:///…; để trống là data_dir/store")
    secret_key: SecretStr = Field(
        SecretStr(""), description="Khóa gốc; để trống thì tạo một lần trong data_dir"
    )
    turn_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="turn:…, turns:…, stun:… cách nhau bằng dấu phẩy"
    )
    turn_secret: SecretStr = Field(SecretStr(""), description="static-auth-secret của coturn")
    dimse_listen: str = Field("127.0.0.1", description="Địa chỉ nghe của cổng DICOM (DIMSE)")
    dimse_port: int = Field(11112, ge=0, le=65535, description="Cổng DICOM (DIMSE)")
    dimse_tls_port: int = Field(
        0, ge=0, le=65535, description="Cổng DICOM mã hóa (TLS), thường là 2762; 0 là không mở"
    )
    dimse_tls_certificate: str = Field(
        "", description="Chứng thư (PEM) của hệ thống khi nói DICOM qua TLS; cần với HOICHAN_DIMSE_TLS_PORT"
    )
    dimse_tls_key: str = Field("", description="Khóa riêng (PEM, không mật khẩu) của chứng thư đó")
    dimse_tls_ca: str = Field(
        "", description="Chứng thư (PEM) của CA, hoặc của chính các máy, được gọi vào cổng TLS"
    )
    dimse_ae_title: str = Field(
        "HOICHAN",
        pattern=r"^[!-\[\]-~]{1,16}$",
        description="AE title của hệ thống, khi nhận và khi hỏi PACS",
    )
    pacs_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Mạng có PACS, ví dụ 192.168.1.0/24; để trống là mọi mạng trừ chính máy này"
    )
    upload_limit_bytes: int = Field(2 * 1024**3, gt=0, description="Cỡ lớn nhất của một tệp tải lên")
    frames_limit_bytes: int = Field(
        40 * 1024**3,
        gt=0,
        description="Chỗ nhiều nhất cho bản xem nhanh dựng từ ảnh; lâu không xem thì bỏ trước",
    )
    frames_days: int = Field(180, gt=0, description="Bản xem nhanh không ai xem sau chừng này ngày thì bỏ")
    session_idle_minutes: int = Field(60, gt=0, description="Không làm gì thì bị đăng xuất sau")
    session_hours: int = Field(12, gt=0, le=24, description="Một lần đăng nhập dài nhất")
    grant_days_after_outcome: int = Field(30, ge=0, description="Quyền xem ảnh còn sau khi biết kết quả")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Địa chỉ của proxy ngược mà X-Forwarded-For được tin"
    )
    demo: bool = Field(False, description="Dữ liệu mẫu, tài khoản mẫu; chỉ nghe trên máy này")

    @field_validator("turn_urls", "trusted_proxies", "pacs_networks", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @model_validator(mode="after")
    def _safe(self) -> "Settings":
        if self.demo and not {self.host, self.dimse_listen} <= LOOPBACK:
            raise ValueError("demo mode listens on this machine only: leave HOICHAN_LISTEN at 127.0.0.1")
        if self.turn_urls and any(url.startswith("turn") for url in self.turn_urls) and not self.turn_secret:
            raise ValueError("HOICHAN_TURN_URLS needs HOICHAN_TURN_SECRET")
        own = self.dimse_tls_certificate, self.dimse_tls_key
        if self.dimse_tls_port and not all((*own, self.dimse_tls_ca)):
            raise ValueError("HOICHAN_DIMSE_TLS_PORT needs HOICHAN_DIMSE_TLS_CERTIFICATE, _KEY and _CA")
        if any(own) and not all(own):
            raise ValueError("HOICHAN_DIMSE_TLS_CERTIFICATE and HOICHAN_DIMSE_TLS_KEY belong together")
        return self

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def origin(self) -> str:
        """What the browser calls us: scheme, host and port."""
        return self.public_url.rstrip("/") or f"http://{self.listen}"

    @property
    def is_https(self) -> bool:
        return self.origin.startswith("https://")

    @property
    def database(self) -> str:
        """The SQLAlchemy URL, with the async driver that we ship."""
        url = self.database_url.get_secret_value()
        if not url:
            return f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'hoichan.db'}"
        scheme, _, rest = url.partition("://")
        return f"{'sqlite+aiosqlite' if scheme.startswith('sqlite') else 'postgresql+asyncpg'}://{rest}"

    @property
    def store_dir(self) -> Path:
        return Path(self.store_url.removeprefix("file://")) if self.store_url else self.data_dir / "store"

    @property
    def anchors(self) -> Path:
        """Where the signed heads of the audit's chains are written, outside the database."""
        return self.data_dir / "audit" / "anchors.txt"

    @cached_property
    def key(self) -> bytes:
        """The root secret; other keys are derived from it (see `platform.keys`)."""
        given = self.secret_key.get_secret_value()
        if given:
            return given.encode()
        path = self.data_dir / "secret.key"
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
        if len(key) < KEY_BYTES:
            raise ValueError(f"{path} is no key: put it back from a backup")
        return key


def _make_key(path: Path) -> None:
    """Make a root secret that is whole on the disk before it has its name; the first of several makers wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(descriptor)
    try:
        path.hardlink_to(part)
    except FileExistsError:
        pass
    finally:
        part.unlink()
