"""From received bytes to instances that are checked, durable and in the index.

The way is the same for every door (upload, STOW-RS, C-STORE): into the store's temporary file, checked
in the sandbox, flushed to the disk and named, and then committed by the caller's transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from dicom import zipped
from dicom.instance import BadInstance, Summary
from dicom.sandbox import Sandbox
from dicom.store import BlobKey, BlobStore, BlobWriter

_AT_ONCE: Final = 4  # members of an archive being checked at the same time
_BATCH: Final = 64  # instances a transaction
_MAX_LISTED: Final = 200  # refusals told one by one
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """An instance that was checked in the sandbox and lies durably in the store, not yet in the index."""

    blob: BlobKey
    size_bytes: int
    sha256: str  # hexadecimal, of the stored bytes
    summary: Summary


@dataclass(frozen=True, slots=True)
class Committed:
    """Where a received instance is in the index. Not new: it was there already."""

    study_id: int
    series_id: int
    instance_id: int
    is_new: bool
    differs: bool = False  # there already with other bytes: the first are kept, these are not


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that is not kept, as it is written down: nothing of it but what finds it again at the sender's."""

    code: str
    size_bytes: int
    sha256: str  # hexadecimal; "" for what was refused before it came


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that is not kept: its last name, for who sent it alone, and the reason."""

    name: str
    code: str
    sentence: str


Verdict: TypeAlias = "tuple[str, Received | BadInstance, int, str]"  # name, what it is, size, SHA-256
Commit: TypeAlias = Callable[[Sequence[Received]], Awaitable[list[Committed]]]


@dataclass(slots=True)
class Outcome:
    """What became of one upload."""

    instances: int = 0
    study_ids: set[int] = field(default_factory=set)
    refused: list[RefusedFile] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)  # all that were refused
    was_unavailable: bool = False  # a file was refused for a fault of ours, not of its own

    @property
    def refused_count(self) -> int:
        return len(self.quarantined)

    def refuse(self, name: str, reason: BadInstance, size_bytes: int = 0, sha256: str = "") -> None:
        self.quarantined.append(Quarantined(reason.code, size_bytes, sha256))
        self.was_unavailable |= reason.code == "unavailable"
        if len(self.refused) < _MAX_LISTED:
            self.refused.append(RefusedFile(name, reason.code, reason.sentence))


async def check(writer: BlobWriter, sandbox: Sandbox, named: tuple[str, str] | None = None) -> Received:
    """Check what was written and make it durable. Raises BadInstance; then nothing is kept.

    `named`: the SOP class and instance that the sender says it is.
    """
    # The disk works while the child reads.
    summary, flushed = await asyncio.gather(
        sandbox.summarise(writer.path), asyncio.to_thread(writer.flush), return_exceptions=True
    )
    if isinstance(summary, BaseException):
        raise summary
    if flushed is not None:
        raise flushed
    if named is not None and named != (summary.sop_class_uid, summary.sop_uid):
        raise BadInstance("bad-identifiers")
    blob = await writer.commit()
    return Received(blob, writer.size_bytes, writer.sha256, summary)


async def receive(
    path: Path, name: str, owner_id: int, store: BlobStore, sandbox: Sandbox, commit: Commit
) -> Outcome:
    """Take one file, an instance or a zip of them; the file itself stays. Refusals are in the outcome."""
    outcome = Outcome()
    batch: list[tuple[str, Received]] = []
    try:
        async for member, found, size_bytes, sha256 in _instances(path, name, owner_id, store, sandbox):
            if isinstance(found, BadInstance):
                outcome.refuse(member, found, size_bytes, sha256)
                continue
            batch.append((member, found))
            if len(batch) == _BATCH:
                await _commit(batch, store, commit, outcome)
                batch.clear()
    except BadInstance as refused:
        outcome.refuse(name, refused, *await asyncio.to_thread(_size_and_hash, path))
    await _commit(batch, store, commit, outcome)
    return outcome


async def _commit(
    batch: Sequence[tuple[str, Received]], store: BlobStore, commit: Commit, outcome: Outcome
) -> None:
    if not batch:
        return
    committed = await commit([received for _, received in batch])
    for (name, received), where in zip(batch, committed, strict=True):
        await settle(where, received, name, store, outcome)


async def settle(where: Committed, received: Received, name: str, store: BlobStore, outcome: Outcome) -> None:
    """Note what the index says of an instance; bytes that it does not keep are removed."""
    if where.differs:
        outcome.refuse(name, BadInstance("instance-differs"), received.size_bytes, received.sha256)
        await asyncio.to_thread(store.delete, received.blob)
    else:
        outcome.instances += 1
        outcome.study_ids.add(where.study_id)


async def _instances(
    path: Path, name: str, owner_id: int, store: BlobStore, sandbox: Sandbox
) -> AsyncIterator[Verdict]:
    """The instances in a file, each with its verdict. Raises BadInstance for the whole file."""
    if not zipped.is_zip(await asyncio.to_thread(_head, path)):
        with store.new(owner_id) as writer:
            await asyncio.to_thread(_copy, path, writer)
            yield name, await check(writer, sandbox), writer.size_bytes, writer.sha256
        return
    with ExitStack() as stack:
        archive = await asyncio.to_thread(stack.enter_context, zipped.opened(path))

        async def member_of(member: zipfile.ZipInfo) -> Verdict:
            with store.new(owner_id) as writer:
                found: Received | BadInstance
                try:
                    await asyncio.to_thread(archive.copy, member, writer)
                    found = await check(writer, sandbox)
                except BadInstance as refused:
                    found = refused
                return zipped.name_of(member), found, writer.size_bytes, writer.sha256

        if not archive.members:
            raise BadInstance("empty")
        for start in range(0, len(archive.members), _AT_ONCE):
            for verdict in await asyncio.gather(*map(member_of, archive.members[start : start + _AT_ONCE])):
                yield verdict


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(132)


def _size_and_hash(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), sha256


def _copy(path: Path, writer: BlobWriter) -> None:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            writer.write(chunk)
