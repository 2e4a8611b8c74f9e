"""Zip archives from strangers: walked within limits, copied member by member, names never used as paths."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, Final

from dicom.instance import BadInstance
from dicom.store import BlobWriter

MAX_ENTRIES: Final = 9_999
MAX_TOTAL_BYTES: Final = 8 << 30  # unpacked
MAX_RATIO: Final = 100  # of the whole archive; images of real life reach 10
_FREE_BYTES: Final = 64 << 20  # below this no ratio is looked at
_MAX_DIRECTORY_BYTES: Final = 16 << 20
_CHUNK_BYTES: Final = 1 << 20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_END = struct.Struct("<4s4H2LH")  # APPNOTE 4.3.16
_END64 = struct.Struct("<4sQ2H2L4Q")  # APPNOTE 4.3.14
_LOCATOR64 = struct.Struct("<4sLQL")  # APPNOTE 4.3.15
_MADE_BY_SYSTEMS = frozenset({"dicomdir", ".ds_store", "thumbs.db", "desktop.ini"})


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip archive; an instance may say so in its preamble."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06")) and head[128:132] != b"DICM"


@contextmanager
def opened(path: Path) -> Iterator[Zip]:
    """Open an archive. Raises BadInstance when the whole of it is refused."""
    with path.open("rb") as file:
        _check_directory(file)
        try:
            with zipfile.ZipFile(file) as archive:
                yield Zip(archive, path.stat().st_size)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise BadInstance("bad-archive") from error


class Zip:
    """An open archive whose directory was found harmless."""

    def __init__(self, archive: zipfile.ZipFile, size_bytes: int) -> None:
        self._archive = archive
        entries = archive.infolist()
        _check_entries(entries, size_bytes)
        self.members = [entry for entry in entries if not entry.is_dir() and not _is_of_no_interest(entry)]

    def copy(self, member: zipfile.ZipInfo, writer: BlobWriter) -> None:
        """Copy a member that may be an instance. Raises BadInstance for what is none."""
        try:
            with self._archive.open(member) as source:
                head = source.read(132)
                if reason := _no_instance(head):
                    writer.skip(head)
                    while chunk := source.read(_CHUNK_BYTES):
                        writer.skip(chunk)
                    raise BadInstance(reason)
                writer.write(head)
                while chunk := source.read(_CHUNK_BYTES):
                    writer.write(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise BadInstance("bad-archive") from error


def _no_instance(head: bytes) -> str:
    """Why a member that begins so is not looked into; "" for what may be an instance."""
    if is_zip(head):
        return "nested-archive"
    if head[128:] == b"DICM":
        return ""
    return "not-dicom" if head else "empty"


def name_of(member: zipfile.ZipInfo) -> str:
    """The last part of a member's name, to show to who sent it."""
    return PureWindowsPath(member.filename).name


def _check_directory(file: BinaryIO) -> None:
    """Look at what the end record says before a directory of any size is read into memory."""
    entries, directory_bytes = _end_record(file)
    if entries > MAX_ENTRIES:
        raise BadInstance("too-many-entries")
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise BadInstance("bad-archive")
    file.seek(0)


def _end_record(file: BinaryIO) -> tuple[int, int]:
    """Number of entries and bytes of the central directory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size - 0xFFFF - _LOCATOR64.size))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise BadInstance("bad-archive")
    _, _, _, _, entries, directory_bytes, _, _ = _END.unpack_from(tail, at)
    if at >= _LOCATOR64.size and tail.startswith(b"PK\x06\x07", at - _LOCATOR64.size):
        _, _, where, _ = _LOCATOR64.unpack_from(tail, at - _LOCATOR64.size)
        file.seek(min(where, size))
        record = file.read(_END64.size)
        if len(record) < _END64.size:
            raise BadInstance("bad-archive")
        _, _, _, _, _, _, _, entries, directory_bytes, _ = _END64.unpack(record)
    return entries, directory_bytes


def _check_entries(entries: list[zipfile.ZipInfo], size_bytes: int) -> None:
    if len(entries) > MAX_ENTRIES:
        raise BadInstance("too-many-entries")
    if any(not _is_safe(entry.filename) for entry in entries):
        raise BadInstance("unsafe-name")
    if any(entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS for entry in entries):
        raise BadInstance("bad-archive")
    total_bytes = sum(entry.file_size for entry in entries)
    if total_bytes > MAX_TOTAL_BYTES:
        raise BadInstance("too-large")
    if total_bytes > max(_FREE_BYTES, MAX_RATIO * size_bytes):
        raise BadInstance("too-costly")


def _is_safe(name: str) -> bool:
    """No way out of a folder, on any system. Names are no paths here, but an honest archive has none."""
    path = PureWindowsPath(name)
    return ".." not in path.parts and not path.drive and not path.root and "\0" not in name


def _is_of_no_interest(entry: zipfile.ZipInfo) -> bool:
    """Index files and what desktop systems add; the images are found by themselves."""
    parts = PureWindowsPath(entry.filename).parts
    return not parts or parts[-1].lower() in _MADE_BY_SYSTEMS or "__MACOSX" in parts
