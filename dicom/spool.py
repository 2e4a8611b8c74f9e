"""Uploads under way, as files: what was acknowledged is still there after a crash.

Each upload has a folder with its bytes and a small record. The record's offset is only moved on when the bytes
before it are on the disk; what lies behind it is forgotten.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final

from dicom.ingest import Outcome, RefusedFile

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
MAX_AGE_S: Final = 2 * 24 * 3600


class State(StrEnum):
    RECEIVING = "receiving"
    CHECKING = "checking"  # all bytes are here
    DONE = "done"
    REFUSED = "refused"  # nothing of it was kept


@dataclass(slots=True)
class Upload:
    """One upload's record. `name`, the last part of the file's name, may be a patient's: never logged."""

    id: str
    owner_id: int
    person: str
    name: str
    length: int
    offset: int = 0
    state: State = State.RECEIVING
    instances: int = 0
    studies: list[int] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    refused_count: int = 0

    def conclude(self, outcome: Outcome) -> None:
        """Note what became of it."""
        self.state = State.DONE if outcome.instances else State.REFUSED
        self.instances = outcome.instances
        self.studies = sorted(outcome.study_ids)
        self.refused = [_told(file) for file in outcome.refused]
        self.refused_count = outcome.refused_count


def _told(file: RefusedFile) -> dict[str, str]:
    return {"name": file.name, "code": file.code, "sentence": file.sentence}


def new_upload(owner_id: int, person: str, name: str, length: int) -> Upload:
    return Upload(secrets.token_urlsafe(16), owner_id, person, name, length)


class Spool:
    """The folder of all uploads. Its methods take the disk's time: for a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, upload: Upload) -> None:
        """Make room for an upload, durably."""
        folder = self._root / upload.id
        folder.mkdir(mode=0o700)
        self.data_path(upload).touch(mode=0o600)
        self.save(upload)
        _flush_folder(self._root)

    def note(self, upload: Upload) -> None:
        """Keep the record of an upload that is over already; nothing depends on it."""
        (self._root / upload.id).mkdir(mode=0o700)
        self._write(upload, is_durable=False)

    def find(self, upload_id: str) -> Upload | None:
        if _ID.fullmatch(upload_id) is None:
            return None
        try:
            return _loaded((self._root / upload_id / "record.json").read_bytes())
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def data_path(self, upload: Upload) -> Path:
        return self._root / upload.id / "data"

    def opened(self, upload: Upload) -> BinaryIO:
        """The bytes, for writing from the offset on."""
        file = self.data_path(upload).open("r+b")
        file.truncate(upload.offset)
        file.seek(upload.offset)
        return file

    def advance(self, upload: Upload, file: BinaryIO, offset: int) -> None:
        """Acknowledge the bytes before `offset`."""
        file.flush()
        os.fsync(file.fileno())
        upload.offset = offset
        if offset == upload.length:
            upload.state = State.CHECKING
        self.save(upload)

    def save(self, upload: Upload) -> None:
        self._write(upload, is_durable=True)

    def conclude(self, upload: Upload, outcome: Outcome) -> None:
        """Keep what became of an upload; its bytes are in the store now, or refused."""
        upload.conclude(outcome)
        self.save(upload)
        self.data_path(upload).unlink(missing_ok=True)

    def remove(self, upload: Upload) -> None:
        shutil.rmtree(self._root / upload.id, ignore_errors=True)

    def unchecked(self) -> list[Upload]:
        """Those that are complete and were not checked to the end, when the process ended."""
        found = (self.find(folder.name) for folder in self._folders())
        return [upload for upload in found if upload is not None and upload.state is State.CHECKING]

    def remove_old(self) -> None:
        """Forget what nobody has touched for two days, but never what is complete and unchecked."""
        oldest = time.time() - MAX_AGE_S
        for folder in list(self._folders()):
            record = folder / "record.json"
            if (record if record.exists() else folder).stat().st_mtime >= oldest:
                continue
            upload = self.find(folder.name)
            if upload is None or upload.state is not State.CHECKING:
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> Iterator[Path]:
        return (folder for folder in self._root.iterdir() if _ID.fullmatch(folder.name))

    def _write(self, upload: Upload, *, is_durable: bool) -> None:
        folder = self._root / upload.id
        new = folder / f"record.{secrets.token_hex(4)}"
        with new.open("x") as file:
            json.dump(asdict(upload), file)
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
        new.replace(folder / "record.json")
        if is_durable:
            _flush_folder(folder)


def _loaded(content: bytes) -> Upload:
    values: dict[str, Any] = json.loads(content)
    return Upload(**{**values, "state": State(values["state"])})


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
