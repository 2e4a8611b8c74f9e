"""A PACS by DIMSE: what the child (`__main__.py`) is told, and what is believed of what it says."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from dicom import uid
from dicom.pacs.failures import WHEN_STORING, PacsFailure
from dicom.pacs.found import (
    MAX_ASKED,
    MAX_INSTANCES,
    Arrived,
    Event,
    Found,
    Listed,
    Moved,
    Outgoing,
    Question,
    chosen,
    patterns,
)
from dicom.pacs.network import Limits, Networks
from dicom.sandbox import environment
from dicom.tls import Security

_ROOT: Final = Path(__file__).resolve().parents[2]
_MAX_LINE_BYTES: Final = 64 << 10
_GRACE_S: Final = 5


class Way(StrEnum):
    """How images come: on our own association, or on one that the PACS opens to our gateway."""

    GET = "get"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a PACS listens and how the two call each other; with C-MOVE, `calling` is our gateway's title too."""

    host: str
    port: int
    called: str
    calling: str
    way: Way = Way.GET
    security: Security | None = None  # TLS


@dataclass(frozen=True, slots=True)
class Dimse:
    """One PACS, each call a child process of its own: to cancel is to kill."""

    peer: Peer
    networks: Networks = field(default_factory=Networks)
    limits: Limits = field(default_factory=Limits)

    async def test(self) -> None:
        async with self._child({"do": "test"}, self.limits.answer_s) as lines:
            async for _ in lines:
                pass

    async def search(self, question: Question) -> list[Found]:
        """A name is asked in several dresses (`patterns`)."""
        names = patterns(question.name) or [""]
        order = {"do": "find", "names": names, "id": question.patient_id, "dates": question.dates}
        found: list[Found] = []
        async with self._child(order, self.limits.answer_s) as lines:
            async for line in lines:
                match line:
                    case {"study": dict(values)} if len(found) < MAX_ASKED * len(names):
                        if (one := Found.read(values)) is not None:
                            found.append(one)
                    case _:
                        pass
        return chosen(question, found)

    async def retrieve(self, study_uid: str, have: Set[str], folder: Path) -> AsyncGenerator[Event, None]:
        order = {"do": "retrieve", "study": study_uid, "have": sorted(have)}
        listed: set[str] = set()
        async with self._child(order, self.limits.retrieval_s, folder) as lines:
            async for line in lines:
                match line:
                    case {"listed": list(uids)} if len(listed) < MAX_INSTANCES:
                        listed |= {one for one in map(str, uids) if uid.is_acceptable(one)}
                    case {"all": True}:
                        yield Listed(frozenset(listed))
                    case {"file": int(number)}:
                        path = lines.folder / f"{number}.dcm"
                        yield Arrived(path)
                        await asyncio.to_thread(path.unlink, missing_ok=True)
                        lines.taken()
                    case {"moved": int(count)}:
                        yield Moved(min(max(count, 0), MAX_INSTANCES))
                    case _:
                        pass

    async def store(self, outgoing: Sequence[Outgoing]) -> None:
        names = {f"{number}.out": one for number, one in enumerate(outgoing)}
        order = {"do": "store", "outgoing": {name: one.sop_class_uid for name, one in names.items()}}
        files = {name: one.path for name, one in names.items()}
        stored: set[str] = set()
        try:
            async with self._child(order, self.limits.store_s, files=files) as lines:
                async for line in lines:
                    match line:
                        case {"stored": str(name)}:
                            stored.add(name)
                        case _:
                            pass
        except PacsFailure as failure:
            raise PacsFailure(WHEN_STORING.get(failure.code, failure.code)) from failure
        if stored != names.keys():
            raise PacsFailure("store-broken")

    @asynccontextmanager
    async def _child(
        self,
        order: dict[str, Any],
        longest_s: float,
        folder: Path | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> AsyncIterator[_Lines]:
        """`files`: what is put into the child's folder first, by name there."""
        peer, limits = self.peer, self.limits
        address = await self.networks.address(peer.host, peer.port)
        # A folder of the child's own: a file cut short in it goes with it.
        with tempfile.TemporaryDirectory(prefix="hoichan-pacs-", dir=folder) as where:
            for name, path in (files or {}).items():
                await asyncio.to_thread(shutil.copyfile, path, Path(where, name))
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "dicom.pacs",
                cwd=_ROOT,
                env=environment() | {"TMPDIR": where},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                limit=_MAX_LINE_BYTES,
            )
            told = {
                **order,
                "host": address,
                "port": peer.port,
                "called": peer.called,
                "calling": peer.calling,
                "way": peer.way,
                "security": asdict(peer.security) if peer.security else None,
                "folder": where,
                "idle_s": limits.idle_s,
                "longest_s": longest_s,
                "bytes": limits.retrieval_bytes,
                "instance_bytes": limits.instance_bytes,
            }
            lines = _Lines(process, Path(where))
            try:
                async with asyncio.timeout(longest_s + _GRACE_S):
                    lines.say(json.dumps(told))
                    yield lines
            except TimeoutError as error:
                raise PacsFailure("silent") from error
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()


class _Lines:
    """What the child says, line by line, until it is done. Raises PacsFailure, the child's own or for its end."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.folder = folder
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout

    def say(self, line: str) -> None:
        if not self._to.is_closing():  # it may have said all and ended: uvloop takes no word to it any more
            self._to.write(line.encode() + b"\n")

    def taken(self) -> None:
        """A file was taken in: the child may fetch one more."""
        self.say("")

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while line := await self._line():
            match line:
                case {"failed": str(code)}:
                    raise PacsFailure(code)
                case {"done": True}:
                    return
                case _:
                    yield line
        raise PacsFailure("too-costly")  # a limit of the system ended it

    async def _line(self) -> dict[str, Any]:
        try:
            text = await self._from.readline()
            value = json.loads(text) if text else {}
        except (ValueError, RecursionError) as error:
            raise PacsFailure("too-costly") from error
        return value if isinstance(value, dict) else {}
