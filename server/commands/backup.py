"""`backup` and `restore`: one folder that either database can be built from again, checked by hashes.

The rows are read in one snapshot while the service works; originals never change, so they are copied after
it, and a second backup into the same folder copies only what is new.
"""

import base64
import datetime as dt
import gzip
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, LargeBinary, MetaData, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

import dicom.index
import server.models
from dicom.store import BlobStore
from server.platform import keys
from server.platform.db import Base, Database, UTCDateTime, migrate
from server.platform.errors import Refusal, later
from server.platform.settings import Settings

FORMAT = 1
BATCH = 500
ROWS, MANIFEST, BLOBS, SECRET = "rows-{}.jsonl.gz", "manifest.json", "blobs", "secret.key"
METADATA: tuple[MetaData, ...] = (dicom.index.metadata, Base.metadata)


class NotABackup(Refusal):
    code = "not-a-backup"
    sentence = later("Thư mục này không phải bản sao lưu trọn vẹn: {what}.")


class NotEmpty(Refusal):
    code = "not-empty"
    sentence = later("Nơi phục hồi đã có dữ liệu. Hãy chọn HOICHAN_DATA_DIR và cơ sở dữ liệu trống.")


def tables() -> list[Table]:
    """Every table, those that others refer to first."""
    return [table for metadata in METADATA for table in metadata.sorted_tables]


async def backup(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write or renew a backup in `folder`. The manifest comes last: until then the one before is whole.

    An original that no longer has the bytes it was named for is listed as damaged, and an earlier good copy
    of it stays.
    """
    (folder / BLOBS).mkdir(parents=True, exist_ok=True)
    made_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    rows = folder / ROWS.format(secrets.token_hex(4))
    revision, counts, blobs = await _write_rows(settings, rows)
    store = BlobStore(settings.store_dir, keys.derive(settings.key, "store"))
    copied = {key: _copy(store, key, folder / BLOBS / _name(key)) for key in sorted(blobs)}
    manifest = {
        "format": FORMAT,
        "revision": revision,
        "made_at": made_at,
        "rows_file": rows.name,
        "rows": counts,
        "rows_sha256": _sha256(rows),
        "blobs": {key: sha256 for key, sha256 in copied.items() if sha256},
        "damaged": [key for key, sha256 in copied.items() if not sha256],
    }
    _write(folder / SECRET, settings.key)
    _write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    _keep_only(rows)
    return manifest


def _keep_only(rows: Path) -> None:
    for old in rows.parent.glob(ROWS.format("*")):
        if old != rows:
            old.unlink()


async def _write_rows(settings: Settings, path: Path) -> tuple[str, dict[str, int], set[str]]:
    """All rows of one moment, durably: the schema's revision, rows by table, and the blobs that are named."""
    database = Database(settings.database)
    counts: dict[str, int] = {}
    blobs: set[str] = set()
    try:
        async with database.engine.connect() as connection:
            if not database.is_sqlite:
                connection = await connection.execution_options(isolation_level="REPEATABLE READ")
            revision = str(await connection.scalar(text("SELECT version_num FROM alembic_version")))
            with gzip.open(path, "wt", encoding="utf-8") as out:
                async for table, row in _rows(connection):
                    counts[table.name] = counts.get(table.name, 0) + 1
                    if table in server.models.NAME_BLOBS:
                        blobs.add(row["blob"])
                    out.write(json.dumps([table.name, _plain(table, row)], ensure_ascii=False) + "\n")
    finally:
        await database.close()
    _flush(path)
    return revision, counts, blobs


async def restore(settings: Settings, folder: Path) -> dict[str, Any]:
    """Build database and store from a backup, into an empty place. Raises NotABackup, NotEmpty."""
    manifest = check(folder)
    if settings.key != (folder / SECRET).read_bytes():
        _take_key(settings, folder)
    await migrate(settings.database, str(manifest["revision"]))
    database = Database(settings.database)
    try:
        await _fill(database, folder / manifest["rows_file"])
    finally:
        await database.close()
    store = BlobStore(settings.store_dir, settings_key(folder))
    for key in manifest["blobs"]:
        _place(folder / BLOBS / _name(key), store.path(key))
    await migrate(settings.database)
    return manifest


async def _fill(database: Database, rows_file: Path) -> None:
    """All rows in one transaction, into empty tables."""
    by_name = {table.name: table for table in tables()}
    async with database.system() as session:
        for table in by_name.values():
            if await session.scalar(select(func.count()).select_from(table)):
                raise NotEmpty
        with gzip.open(rows_file, "rt", encoding="utf-8") as lines:
            for name, rows in _batches(lines):
                table = by_name[name]
                await session.execute(insert(table), [_typed(table, row) for row in rows])
        if not database.is_sqlite:
            await _renumber(await session.connection())


def settings_key(folder: Path) -> bytes:
    return keys.derive((folder / SECRET).read_bytes(), "store")


def _take_key(settings: Settings, folder: Path) -> None:
    """The embedded key comes with the backup; one from the environment must be the same."""
    if settings.secret_key.get_secret_value():
        raise NotABackup(what="HOICHAN_SECRET_KEY khác với khóa lúc sao lưu")
    path = settings.data_dir / "secret.key"
    _write(path, (folder / SECRET).read_bytes())


def check(folder: Path) -> dict[str, Any]:
    """Read the manifest and hold every file against its hash. Raises NotABackup."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        raise NotABackup(what=MANIFEST) from None
    if manifest.get("format") != FORMAT:
        raise NotABackup(what=MANIFEST)
    if _sha256(folder / manifest["rows_file"]) != manifest["rows_sha256"]:
        raise NotABackup(what=manifest["rows_file"])
    for key, sha256 in manifest["blobs"].items():
        if _sha256(folder / BLOBS / _name(key)) != sha256:
            raise NotABackup(what=_name(key))
    return manifest


async def _rows(connection: AsyncConnection) -> AsyncIterator[tuple[Table, dict[str, Any]]]:
    for table in tables():
        key = list(table.primary_key.columns)
        async for row in await connection.stream(select(table).order_by(*key)):
            yield table, dict(row._mapping)


def _plain(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in table.columns:
        value = row[column.name]
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        elif isinstance(value, dt.datetime | dt.date):
            value = value.isoformat()
        elif value is not None and not isinstance(column.type, JSON) and hasattr(value, "value"):
            value = value.value
        found[column.name] = value
    return found


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in table.columns:
        value = row[column.name]
        kind = column.type
        if value is not None and isinstance(kind, LargeBinary):
            value = base64.b64decode(value)
        elif value is not None and isinstance(kind, UTCDateTime):
            value = dt.datetime.fromisoformat(value)
        elif value is not None and not isinstance(kind, JSON) and kind.python_type is dt.date:
            value = dt.date.fromisoformat(value)
        elif value is not None and getattr(kind, "enum_class", None):
            value = kind.enum_class(value)  # type: ignore[attr-defined]
        found[column.name] = value
    return found


def _batches(lines: Iterable[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of one table together, at most BATCH at once."""
    name = ""
    rows: list[dict[str, Any]] = []
    for line in lines:
        table, row = json.loads(line)
        if rows and (table != name or len(rows) == BATCH):
            yield name, rows
            rows = []
        name = table
        rows.append(row)
    if rows:
        yield name, rows


async def _renumber(connection: AsyncConnection) -> None:
    """PostgreSQL counts on after the highest number that came back."""
    for table in tables():
        if "id" in table.columns and table.c.id.autoincrement:
            await connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608  # our own names
                    f"COALESCE((SELECT max(id) FROM {table.name}), 1), "
                    f"(SELECT count(*) > 0 FROM {table.name}))"
                )
            )


def _name(key: str) -> str:
    return key.replace("/", "_")


def _copy(store: BlobStore, key: str, target: Path) -> str:
    """Copy an original unless a good copy is there; the sha256 of its bytes, "" when they are damaged.

    A blob's name is made of its owner and its content, so the name says whether the bytes are still its own.
    """
    owner_id = int(key.partition("/")[0])

    def whole(path: Path) -> str:
        sha256 = _sha256(path)
        return sha256 if sha256 and store.name(owner_id, bytes.fromhex(sha256)) == key else ""

    if sha256 := whole(target):
        return sha256
    source = store.path(key)
    sha256 = whole(source)
    if sha256:
        _place(source, target)
    return sha256


def _place(source: Path, target: Path) -> None:
    """Copy a file, durably and whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, part)
    _flush(part)
    part.rename(target)
    _flush(target.parent)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    _flush(part)
    part.rename(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Bring a file, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


__all__ = ["backup", "check", "restore", "server"]
